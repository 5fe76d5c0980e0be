"""Signing in where a password is not enough, by every door that takes a password."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.auth.errors import (
    CodeInvalid,
    InvalidCredentials,
    NoActiveMembership,
    SecondFactorRequired,
    SignInFirst,
    TicketInvalid,
    TooManyFailures,
)
from core.auth.read_models import SecondFactorAsked, SignedIn
from core.auth.use_cases.credentials import Credentials
from core.auth.use_cases.signing_in import Registration
from core.kernel.actor import System, Visitor
from core.kernel.step_up import ensure_stepped_up
from core.users.errors import EmailTaken
from tests.builders.office import PASSWORD, Office

ANN = "ann@example.com"
HERE, NEARBY, ELSEWHERE = (Visitor(address=address) for address in ("192.0.2.1", "192.0.2.77", "198.51.100.1"))
NEW = "another long secret"


class Ann:
    """Somebody with a second factor, and what they know and have."""

    def __init__(self, office: Office, signed_in: SignedIn) -> None:
        self.office = office
        self.actor = office.auth.actor_of(signed_in.access_token)
        self.device = signed_in.device_token
        self.secret = ""
        self.codes: tuple[str, ...] = ()

    async def asked(self, visitor: Visitor = HERE, **given: object) -> SecondFactorAsked:
        fields = {"email": ANN, "password": PASSWORD, **given}
        asked = await self.office.auth.login(visitor, Credentials(**fields))
        assert isinstance(asked, SecondFactorAsked)
        return asked

    async def shows(self, asked: SecondFactorAsked, code: str | None = None, visitor: Visitor = HERE) -> SignedIn:
        """Signs in with the ticket and a code, by default that of the authenticator, a step after the last one."""
        if code is None:
            self.office.clock.advance(timedelta(seconds=30))
            code = self.office.code(self.secret)
        return await self.office.second_step.login(visitor, ticket=asked.ticket, code=code)

    async def fails(self, asked: SecondFactorAsked, visitor: Visitor = HERE, *, times: int = 5) -> None:
        for _ in range(times):
            with pytest.raises(CodeInvalid):
                await self.shows(asked, "000000", visitor)


@pytest.fixture
async def ann(office: Office) -> Ann:
    found = Ann(office, await office.register(ANN))
    found.secret, found.codes = await office.enable_factor(found.actor)
    return found


def sessions(office: Office, ann: Ann) -> int:
    return sum(each.account_id == ann.actor.account_id for each in office.world.tables.sessions.values())


class TestTheFirstStep:
    async def test_it_gives_a_ticket_and_nothing_else(self, office: Office, ann: Ann) -> None:
        before = office.world.snapshot()
        asked = await ann.asked()
        assert asked.expires_in == 300
        assert office.world.tables == before

    async def test_a_wrong_password_is_refused_as_ever(self, office: Office, ann: Ann) -> None:
        with pytest.raises(InvalidCredentials):
            await ann.asked(password="a wrong guess")

    async def test_a_factor_that_was_enabled_while_the_password_is_verified_is_asked_for(self, office: Office) -> None:
        ann = Ann(office, await office.register(ANN))

        async def enables() -> None:
            ann.secret, _ = await office.enable_factor(ann.actor)

        office.passwords.meanwhile = enables
        count = sessions(office, ann)
        assert await ann.shows(await ann.asked())
        assert sessions(office, ann) == count + 1


class TestTheSecondStep:
    @pytest.mark.parametrize("kind", ["of the authenticator", "to write down"])
    async def test_a_code_signs_in(self, office: Office, ann: Ann, kind: str) -> None:
        asked = await ann.asked()
        done = await ann.shows(asked, None if kind == "of the authenticator" else ann.codes[3])
        assert done.user.email == ANN and done.refresh_token and done.device_token
        actor = office.auth.actor_of(done.access_token)
        async with office.world.identity_unit_of_work() as uow:
            ensure_stepped_up(await uow.caller(actor), at=office.clock.now())

    async def test_into_the_company_that_was_named_first(self, office: Office, ann: Ann) -> None:
        there = await office.world.joins(ann.actor, office.olga.company_id)
        for named in ({"company_id": there.company_id}, {"company": "acme"}):
            assert (await ann.shows(await ann.asked(**named))).company.id == there.company_id
        own = await ann.shows(await ann.asked(company_id=ann.actor.company_id))
        assert own.company.id == ann.actor.company_id
        # The one signed in to last, if none was named.
        assert (await ann.shows(await ann.asked())).company.id == ann.actor.company_id

    async def test_a_code_is_good_once(self, office: Office, ann: Ann) -> None:
        first, second = await ann.asked(), await ann.asked()
        code = office.code(ann.secret, later=1)
        await ann.shows(first, code)
        for asked in (first, second):
            with pytest.raises(CodeInvalid):
                await ann.shows(asked, code)
        await ann.shows(first, ann.codes[0])
        with pytest.raises(CodeInvalid):
            await ann.shows(second, ann.codes[0])

    async def test_nor_is_one_that_is_older_than_one_that_was_used(self, office: Office, ann: Ann) -> None:
        office.clock.advance(timedelta(minutes=2))
        asked = await ann.asked()
        older = office.code(ann.secret)
        await ann.shows(asked, office.code(ann.secret, later=1))
        with pytest.raises(CodeInvalid):
            await ann.shows(asked, older)

    async def test_a_ticket_lasts_five_minutes(self, office: Office, ann: Ann) -> None:
        asked = await ann.asked()
        office.clock.advance(timedelta(minutes=5))
        with pytest.raises(TicketInvalid):
            await ann.shows(asked, office.code(ann.secret))

    async def test_a_ticket_is_of_the_password_that_was_proved(self, office: Office, ann: Ann) -> None:
        asked = await ann.asked()
        await office.sessions.change_password(ann.actor, current_password=PASSWORD, new_password=NEW)
        with pytest.raises(TicketInvalid):
            await ann.shows(asked)

    async def test_and_of_the_factor(self, office: Office, ann: Ann) -> None:
        asked = await ann.asked()
        await office.factors.disable(ann.actor, code=ann.codes[0])
        with pytest.raises(TicketInvalid):
            await ann.shows(asked)
        secret, _ = await office.enable_factor(ann.actor)
        with pytest.raises(TicketInvalid):
            await ann.shows(asked, office.code(secret, later=1))

    async def test_a_ticket_of_an_account_that_is_gone_is_none(self, office: Office, ann: Ann) -> None:
        asked = await ann.asked()
        del office.world.tables.accounts[ann.actor.account_id]
        with pytest.raises(TicketInvalid):
            await ann.shows(asked, "000000")

    async def test_an_outdated_hash_is_replaced_once_all_is_proved(self, office: Office, ann: Ann) -> None:
        older = f"older:{PASSWORD}"
        office.change_account(password_hash=older)
        asked, again = await ann.asked(), await ann.asked()
        assert office.world.tables.accounts[ann.actor.account_id].password_hash == older
        await ann.shows(asked)
        assert office.world.tables.accounts[ann.actor.account_id].password_hash != older
        await ann.shows(again)


class TestATemporaryPassword:
    @pytest.fixture
    async def temporary(self, office: Office, ann: Ann) -> str:
        await office.operator.reset_password(System(), ANN, temporary_password="temporary secret")
        return "temporary secret"

    async def test_it_is_replaced_once_the_code_was_right_and_not_before(
        self, office: Office, ann: Ann, temporary: str
    ) -> None:
        before = office.world.snapshot()
        asked = await ann.asked(password=temporary, new_password=NEW)
        await ann.fails(asked, times=1)
        assert office.world.tables == before
        await ann.shows(asked)
        with pytest.raises(InvalidCredentials):
            await ann.asked(password=temporary)
        assert await ann.asked(password=NEW)

    async def test_its_ticket_is_good_no_more_afterwards(self, office: Office, ann: Ann, temporary: str) -> None:
        asked = await ann.asked(password=temporary, new_password=NEW)
        await ann.shows(asked)
        with pytest.raises(TicketInvalid):
            await ann.shows(asked)


class TestGuessingCodes:
    async def test_after_five_none_is_looked_at_in_that_network(self, office: Office, ann: Ann) -> None:
        asked = await ann.asked()
        await ann.fails(asked)
        for visitor in (HERE, NEARBY):
            with pytest.raises(TooManyFailures) as refused:
                await ann.shows(asked, ann.codes[0], visitor)
            assert refused.value.retry_after == 15 * 60
        await ann.shows(asked, ann.codes[0], ELSEWHERE)

    async def test_neither_another_ticket_nor_the_password_helps(self, office: Office, ann: Ann) -> None:
        await ann.fails(await ann.asked())
        with pytest.raises(TooManyFailures):
            await ann.shows(await ann.asked())

    async def test_all_networks_together_have_fifty_a_day(self, office: Office, ann: Ann) -> None:
        for number in range(10):
            asked = await ann.asked(Visitor(address=f"203.0.{number}.1"))
            await ann.fails(asked, Visitor(address=f"203.0.{number}.1"))
        with pytest.raises(TooManyFailures):
            await ann.shows(asked, ann.codes[0], HERE)
        office.clock.advance(timedelta(hours=23))
        with pytest.raises(TooManyFailures):
            await ann.shows(await ann.asked(), ann.codes[0], HERE)
        office.clock.advance(timedelta(hours=1))
        await ann.shows(await ann.asked(), ann.codes[0], HERE)

    async def test_nobody_locks_the_holders_browser_out(self, office: Office, ann: Ann) -> None:
        await ann.fails(await ann.asked())
        known = replace(HERE, device=ann.device)
        done = await ann.shows(await ann.asked(known), visitor=known)
        assert done.device_token == ann.device
        await ann.fails(await ann.asked(known), known)
        with pytest.raises(TooManyFailures):
            await ann.shows(await ann.asked(known), visitor=known)

    async def test_whoever_changes_the_password_shakes_them_off(self, office: Office, ann: Ann) -> None:
        await ann.fails(await ann.asked())
        await office.sessions.change_password(ann.actor, current_password=PASSWORD, new_password=NEW)
        await ann.shows(await ann.asked(password=NEW))

    async def test_open_sessions_go_on(self, office: Office, ann: Ann) -> None:
        await ann.fails(await ann.asked())
        office.clock.advance(timedelta(seconds=30))
        await office.sessions.step_up(ann.actor, code=office.code(ann.secret))


class TestOtherDoors:
    """No door that takes a password opens to it alone."""

    async def test_accepting_an_invitation_takes_a_code(self, office: Office, ann: Ann) -> None:
        given = await office.invited(ANN)
        count = sessions(office, ann)
        with pytest.raises(SignInFirst):
            await office.acceptance.accept(
                HERE, replace(given, password="a wrong guess", code=ann.codes[0]), actor=None
            )
        with pytest.raises(SecondFactorRequired):
            await office.acceptance.accept(HERE, given, actor=None)
        with pytest.raises(CodeInvalid):
            await office.acceptance.accept(HERE, replace(given, code="000000"), actor=None)
        assert sessions(office, ann) == count
        done = await office.acceptance.accept(HERE, replace(given, code=ann.codes[0]), actor=None)
        assert done.company.id == office.olga.company_id
        with pytest.raises(CodeInvalid):
            await ann.shows(await ann.asked(), ann.codes[0])

    async def test_accepting_with_a_temporary_password_replaces_it_only_with_a_code(
        self, office: Office, ann: Ann
    ) -> None:
        await office.operator.reset_password(System(), ANN, temporary_password="temporary secret")
        given = replace(await office.invited(ANN), password="temporary secret", new_password=NEW)
        before = office.world.snapshot()
        for code, kind in ((None, SecondFactorRequired), ("000000", CodeInvalid)):
            with pytest.raises(kind):
                await office.acceptance.accept(HERE, replace(given, code=code), actor=None)
        assert office.world.tables == before
        await office.acceptance.accept(HERE, replace(given, code=ann.codes[0]), actor=None)
        assert await ann.asked(password=NEW)

    async def test_codes_that_were_wrong_there_count(self, office: Office, ann: Ann) -> None:
        given = replace(await office.invited(ANN), code="000000")
        for _ in range(5):
            with pytest.raises(CodeInvalid):
                await office.acceptance.accept(HERE, given, actor=None)
        with pytest.raises(TooManyFailures):
            await office.acceptance.accept(HERE, replace(given, code=ann.codes[0]), actor=None)
        with pytest.raises(TooManyFailures):
            await ann.shows(await ann.asked())

    async def test_opening_another_company_takes_a_code(self, office: Office, ann: Ann) -> None:
        await office.world.deactivate(ann.actor)
        given = Registration(email=ANN, password=PASSWORD, name="Ann Miller")
        count = sessions(office, ann)
        for code, kind in ((None, SecondFactorRequired), ("000000", CodeInvalid)):
            with pytest.raises(kind):
                await office.auth.register(HERE, replace(given, code=code))
        with pytest.raises(EmailTaken):
            await office.auth.register(HERE, replace(given, password="a wrong guess", code=ann.codes[0]))
        assert sessions(office, ann) == count
        done = await office.auth.register(HERE, replace(given, code=ann.codes[0]))
        assert done.company.name == "Ann Miller's company"

    async def test_codes_that_were_wrong_there_count_too(self, office: Office, ann: Ann) -> None:
        await office.world.deactivate(ann.actor)
        given = Registration(email=ANN, password=PASSWORD, name="Ann Miller", code="000000")
        for _ in range(5):
            with pytest.raises(CodeInvalid):
                await office.auth.register(HERE, given)
        with pytest.raises(TooManyFailures):
            await office.auth.register(HERE, replace(given, code=ann.codes[0]))

    @pytest.mark.parametrize("door", ["register", "accept"])
    async def test_an_account_without_password_is_not_taken_over_if_it_has_a_factor(
        self, office: Office, ann: Ann, door: str
    ) -> None:
        office.change_account(password_hash=None, claimed_at=None)
        await office.world.deactivate(ann.actor)
        if door == "register":
            with pytest.raises(EmailTaken):
                await office.auth.register(HERE, Registration(email=ANN, password=NEW, name="Ann"))
        else:
            with pytest.raises(SignInFirst):
                await office.acceptance.accept(HERE, replace(await office.invited(ANN), password=NEW), actor=None)

    async def test_a_company_that_was_left_meanwhile_is_not_entered(self, office: Office, ann: Ann) -> None:
        asked = await ann.asked()
        await office.world.deactivate(ann.actor)
        count = sessions(office, ann)
        with pytest.raises(NoActiveMembership):
            await ann.shows(asked)
        assert sessions(office, ann) == count
