"""What somebody else does while a request is under way: it must find out, and must not do half of what it was asked."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from core.auth.errors import (
    InvalidCredentials,
    NoActiveMembership,
    SessionEnded,
    SessionNotFound,
    SignInFirst,
)
from core.auth.use_cases.credentials import Credentials
from core.auth.use_cases.signing_in import Registration
from core.kernel.actor import Actor, System, Visitor
from core.users.errors import EmailTaken, InvitationForAnother, UsernameTaken
from core.users.use_cases.users import NewUser
from tests.builders.office import PASSWORD, Office
from tests.fakes.meanwhile import Overtaken

ANN = "ann@example.com"
NEW = "another long secret"
Verb = Callable[[Office, Actor], Awaitable[object]]


@pytest.fixture
async def ann(office: Office) -> Actor:
    return office.auth.actor_of((await office.register(ANN)).access_token)


def overtake(office: Office, use_cases: Any, before: str, meanwhile: Callable[[], object], *, later: int = 0) -> None:
    async def act() -> None:
        meanwhile()

    use_cases._identity = Overtaken(office.world.identity_unit_of_work, before, act, later=later)


def forget_account(office: Office, actor: Actor) -> None:
    del office.world.tables.accounts[actor.account_id]


def forget_session(office: Office, actor: Actor) -> None:
    del office.world.tables.sessions[actor.session_id]


class TestTheAccountIsGone:
    """Nothing of the product deletes an account; whoever does it by hand gets no half-done work."""

    VERBS: dict[str, tuple[str, Verb]] = {
        "step up": ("sessions", lambda office, ann: office.sessions.step_up(ann, password=PASSWORD)),
        "change the password": (
            "sessions",
            lambda office, ann: office.sessions.change_password(ann, current_password=PASSWORD, new_password=NEW),
        ),
        "enable a factor": ("factors", lambda office, ann: office.factors.enable(ann)),
        "confirm a factor": ("factors", lambda office, ann: office.factors.confirm(ann, code="000000")),
        "change the address": ("email", lambda office, ann: office.email.change(ann, email="new@example.com")),
        "prove the address": ("email", lambda office, ann: office.email.resend(ann)),
    }

    @pytest.mark.parametrize("said", VERBS)
    async def test_what_is_asked_of_it_ends(self, office: Office, ann: Actor, said: str) -> None:
        use_cases, verb = self.VERBS[said]
        before = office.world.snapshot()
        overtake(office, getattr(office, use_cases), "account", lambda: forget_account(office, ann))
        with pytest.raises(SessionEnded):
            await verb(office, ann)
        assert replace(office.world.tables, accounts=before.accounts) == before

    async def test_a_password_that_was_right_proves_nothing(self, office: Office, ann: Actor) -> None:
        async def gone() -> None:
            forget_account(office, ann)

        office.passwords.meanwhile = gone
        with pytest.raises(InvalidCredentials):
            await office.sessions.step_up(ann, password=PASSWORD)

    async def test_nor_does_it_open_another_company(self, office: Office, ann: Actor) -> None:
        await office.world.deactivate(ann)
        overtake(office, office.auth, "account", lambda: forget_account(office, ann))
        with pytest.raises(EmailTaken):
            await office.register(ANN)


class TestTheSessionIsEnded:
    async def test_while_it_steps_up(self, office: Office, ann: Actor) -> None:
        async def signed_out() -> None:
            await office.world.sign_out(ann)

        office.sessions._identity = Overtaken(office.world.identity_unit_of_work, "session", signed_out)
        before = office.world.tables.sessions[ann.session_id]
        with pytest.raises(SessionEnded):
            await office.sessions.step_up(ann, password=PASSWORD)
        assert office.world.tables.sessions[ann.session_id].authenticated_at == before.authenticated_at

    async def test_while_it_signs_another_one_out(self, office: Office, ann: Actor) -> None:
        signed_in = await office.auth.login(Visitor(), Credentials(email=ANN, password=PASSWORD))
        other = office.auth.actor_of(signed_in.access_token)
        overtake(office, office.sessions, "glance", lambda: forget_session(office, ann))
        with pytest.raises(SessionNotFound):
            await office.sessions.revoke(ann, other.session_id)
        await office.auth.me(other)

    async def test_while_it_confirms_a_factor(self, office: Office, ann: Actor) -> None:
        secret, _ = await office.factors.enable(ann)
        overtake(office, office.factors, "session", lambda: forget_session(office, ann))
        with pytest.raises(SessionEnded):
            await office.factors.confirm(ann, code=office.code(secret))
        assert not office.world.tables.accounts[ann.account_id].has_second_factor


class TestTheMembershipEnds:
    async def test_while_somebody_signs_in(self, office: Office, ann: Actor) -> None:
        count = len(office.world.tables.sessions)

        async def left() -> None:
            await office.world.deactivate(ann)

        office.auth._identity = Overtaken(office.world.identity_unit_of_work, "membership", left)
        with pytest.raises(NoActiveMembership):
            await office.auth.login(Visitor(), Credentials(email=ANN, password=PASSWORD))
        assert len(office.world.tables.sessions) == count

    async def test_while_somebody_joins(self, office: Office) -> None:
        given = await office.invited(ANN)

        def closed() -> None:
            office.stored.company = replace(office.stored.company, is_active=False)

        overtake(office, office.acceptance, "membership", closed)
        with pytest.raises(NoActiveMembership):
            await office.acceptance.accept(Visitor(), given, actor=None)


class TestThePasswordChanges:
    async def reset(self, office: Office) -> None:
        await office.operator.reset_password(System(), ANN, temporary_password="temporary secret")

    async def test_while_it_is_verified_at_an_invitation(self, office: Office, ann: Actor) -> None:
        given = await office.invited(ANN)
        office.passwords.meanwhile = lambda: self.reset(office)
        with pytest.raises(SignInFirst):
            await office.acceptance.accept(Visitor(), given, actor=None)
        assert office.stored.people.keys() == {each.user_id for each in self.everybody(office)}

    async def test_while_it_opens_another_company(self, office: Office, ann: Actor) -> None:
        await office.world.deactivate(ann)
        count = len(office.world.tables.companies)
        office.passwords.meanwhile = lambda: self.reset(office)
        with pytest.raises(EmailTaken):
            await office.register(ANN)
        assert len(office.world.tables.companies) == count

    async def test_a_temporary_one_opens_no_company(self, office: Office, ann: Actor) -> None:
        await office.world.deactivate(ann)
        await self.reset(office)
        with pytest.raises(EmailTaken):
            await office.register(ANN, password="temporary secret")

    @staticmethod
    def everybody(office: Office) -> tuple[Actor, ...]:
        return office.olga, office.adam, office.mia, office.max, office.nora


class TestInvitations:
    async def test_one_that_is_for_another_address_by_now_is_not_joined_by(self, office: Office, ann: Actor) -> None:
        given = await office.invited(ANN)
        (invitation,) = office.stored.invitations.values()

        async def readdressed() -> None:
            office.stored.invitations[invitation.id] = replace(invitation, email="bea@example.com")

        office.passwords.meanwhile = readdressed
        with pytest.raises(InvitationForAnother):
            await office.acceptance.accept(Visitor(), given, actor=None)

    async def test_of_two_who_open_an_account_for_one_address_one_alone_does(self, office: Office) -> None:
        given = await office.invited(ANN)

        async def quicker() -> None:
            await office.auth.register(Visitor(), Registration(email=ANN, password=NEW, name="Ann"))

        office.acceptance._identity = Overtaken(office.world.identity_unit_of_work, "add_account", quicker)
        with pytest.raises(SignInFirst):
            await office.acceptance.accept(Visitor(), given, actor=None)
        (account,) = (each for each in office.world.tables.accounts.values() if each.email == ANN)
        assert account.password_hash == f"turned:{NEW[::-1]}"

    async def test_no_letter_proves_an_address_that_is_proved(self, office: Office) -> None:
        made, _ = await office.users.create(office.adam, NewUser(name="Ann", email=ANN))
        office.change_account(ANN, email_verified_at=office.clock.now())
        given = replace(await office.invited("x@example.com"), token=made.token or "")
        await office.acceptance.accept(Visitor(), given, actor=None)
        assert [each.subject for each in await office.mailed(ANN) if "Confirm" in each.subject] == []

    async def test_a_username_is_looked_for_beyond_the_first_hundred(self, office: Office) -> None:
        mia = office.stored.people[office.mia.user_id]
        for number in range(1, 101):
            username = "ann" if number == 1 else f"ann.{number}"
            user = replace(mia.user, id=office.world.ids.new(), account_id=None, username=username)
            office.stored.people[user.id] = replace(mia, user=user)
        done = await office.acceptance.accept(Visitor(), await office.invited(ANN), actor=None)
        assert done.user.username == "ann.101"

    async def test_where_none_is_free_whoever_joins_has_to_choose(self, office: Office, ann: Actor) -> None:
        given = await office.invited(ANN)

        class Full(type(office.world.identity_unit_of_work())):
            async def free_username(self, company_id: object, candidates: list[str]) -> str | None:
                return None

        office.acceptance._identity = lambda: Full(office.world.store)
        with pytest.raises(UsernameTaken):
            await office.acceptance.accept(Visitor(), given, actor=None)


async def test_whoever_proved_their_address_gets_no_letter_with_their_next_company(office: Office, ann: Actor) -> None:
    await office.world.deactivate(ann)
    office.change_account(ANN, email_verified_at=office.clock.now())
    before = len(await office.mailed(ANN))
    assert (await office.register(ANN)).company.id != ann.company_id
    assert len(await office.mailed(ANN)) == before
