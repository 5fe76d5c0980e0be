from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from core.auth.errors import CodeInvalid, InvalidCredentials, TooManyFailures
from core.auth.model import LoginSession
from core.auth.read_models import SignedIn
from core.auth.use_cases.credentials import Credentials
from core.kernel.actor import Actor, Visitor
from core.kernel.audit import AuditType
from core.kernel.errors import Busy
from core.kernel.limits import network
from tests.builders.office import PASSWORD, Office
from tests.fakes.identity import InMemoryIdentityUnitOfWork

HERE, NEARBY, ELSEWHERE = (Visitor(address=address) for address in ("192.0.2.1", "192.0.2.77", "198.51.100.1"))


async def login(office: Office, visitor: Visitor = HERE, **given: Any) -> SignedIn:
    fields = given or {"email": "ann@example.com"}
    return await office.auth.login(visitor, Credentials(**{"password": PASSWORD, **fields}))


async def fail(office: Office, visitor: Visitor = HERE, *, times: int = 5, **given: Any) -> None:
    fields = {"email": "ann@example.com", "password": "a wrong guess", **given}
    if "username" in given:
        del fields["email"]
    for _ in range(times):
        with pytest.raises(InvalidCredentials):
            await login(office, visitor, **fields)


async def refused(office: Office, visitor: Visitor = HERE, **given: Any) -> TooManyFailures:
    with pytest.raises(TooManyFailures) as refused:
        await login(office, visitor, **given)
    return refused.value


class TestTooManyFailures:
    async def test_after_five_not_even_the_right_password_is_looked_at(self, office: Office) -> None:
        await office.register()
        await fail(office)
        effort = office.passwords.effort
        assert (await refused(office)).retry_after == 15 * 60
        assert office.passwords.effort == effort

    async def test_they_are_past_after_fifteen_minutes(self, office: Office) -> None:
        await office.register()
        await fail(office, times=4)
        office.clock.advance(timedelta(minutes=10))
        await fail(office, times=1)
        assert (await refused(office)).retry_after == 5 * 60
        office.clock.advance(timedelta(minutes=5))
        assert (await login(office)).user.email == "ann@example.com"

    async def test_a_success_forgets_those_before(self, office: Office) -> None:
        await office.register()
        for _ in range(3):
            await fail(office, times=4)
            await login(office)

    async def test_an_address_that_nobody_has_is_answered_alike(self, office: Office) -> None:
        await office.register()
        effort = office.passwords.effort
        await fail(office)
        known = await refused(office)
        spent, effort = office.passwords.effort - effort, office.passwords.effort
        await fail(office, email="nobody@example.com")
        unknown = await refused(office, email="nobody@example.com")
        assert (unknown.detail, unknown.retry_after) == (known.detail, known.retry_after)
        assert office.passwords.effort - effort == spent

    @pytest.mark.parametrize("spelling", [" ANN@Example.com", "ann@EXAMPLE.com "])
    async def test_an_address_is_one_in_any_spelling(self, office: Office, spelling: str) -> None:
        await office.register()
        await fail(office, email=spelling)
        await refused(office)

    async def test_a_username_is_one_in_any_spelling_and_counted_within_its_company(self, office: Office) -> None:
        await office.register(company_name="First")
        await fail(office, username="ann", company="first", times=3)
        await fail(office, username="ANN", company="first", times=2)
        await refused(office, username="Ann", company="first")
        await fail(office, username="ann", company="acme", times=1)

    async def test_a_company_is_one_by_its_code_and_by_its_id(self, office: Office) -> None:
        company_id = (await office.register(company_name="First")).company.id
        await fail(office, username="ann", company="first", times=3)
        await fail(office, username="ann", company_id=company_id, times=2)
        for company in ({"company": "first"}, {"company_id": company_id}):
            await refused(office, username="ann", **company)

    async def test_what_only_the_database_would_take_for_a_username_names_nobody(self, office: Office) -> None:
        """There, the capital I with a dot is an i in small letters; here, it is an i and the dot."""
        await office.register(username="ian", company_name="First")
        for username in ("\u0130an", "ian\x00", "\u212aian", "ian ian", "x" * 51):
            with pytest.MonkeyPatch.context() as patch:
                patch.delattr(InMemoryIdentityUnitOfWork, "account_by_username")
                await fail(office, username=username, company="first")
                await refused(office, username=username, company="first")

    async def test_what_was_never_looked_at_is_no_failure(self, office: Office) -> None:
        """Whoever keeps the hashing busy locks nobody out."""
        await office.register()
        await fail(office, times=4)

        async def too_many() -> None:
            raise Busy

        for _ in range(10):
            office.passwords.meanwhile = too_many
            with pytest.raises(Busy):
                await login(office)
        await login(office)

    async def test_another_address_is_another_count(self, office: Office) -> None:
        await office.register()
        await fail(office, email="nobody@example.com")
        await login(office)

    async def test_the_whole_network_is_one_count(self, office: Office) -> None:
        await office.register()
        await fail(office, NEARBY)
        await refused(office, HERE)

    async def test_nobody_is_locked_out_from_another_network(self, office: Office) -> None:
        await office.register()
        await fail(office, ELSEWHERE)
        await login(office, HERE)

    async def test_open_sessions_go_on(self, office: Office) -> None:
        signed_in = await office.register()
        await fail(office)
        await office.auth.me(office.auth.actor_of(signed_in.access_token))
        await office.auth.refresh(signed_in.refresh_token, company_id=None, from_cookie=True)


class TestABrowserThatIsKnown:
    async def test_it_has_its_own_count(self, office: Office) -> None:
        signed_in = await office.register()
        await fail(office)
        known = Visitor(address=HERE.address, device=signed_in.device_token)
        await login(office, known)
        await fail(office, known)
        await refused(office, known)

    async def test_its_failures_are_not_those_of_its_network(self, office: Office) -> None:
        signed_in = await office.register()
        await fail(office, Visitor(address=HERE.address, device=signed_in.device_token))
        await login(office, HERE)

    async def test_it_stays_who_it_is(self, office: Office) -> None:
        signed_in = await office.register()
        known = Visitor(address=HERE.address, device=signed_in.device_token)
        assert (await login(office, known)).device_token == signed_in.device_token
        assert (await login(office, HERE)).device_token not in (None, signed_in.device_token)

    @pytest.mark.parametrize("device", ["nonsense", "device", ""])
    async def test_what_is_no_token_is_nobody(self, office: Office, device: str) -> None:
        await office.register()
        await fail(office)
        await refused(office, Visitor(address=HERE.address, device=device))

    async def test_it_is_known_for_its_own_account_alone(self, office: Office) -> None:
        await office.register()
        other = await office.register("bob@example.com", name="Bob")
        await fail(office)
        stranger = Visitor(address=HERE.address, device=other.device_token)
        await refused(office, stranger)
        assert (await login(office, Visitor(device=other.device_token))).device_token != other.device_token

    async def test_it_is_known_no_longer_than_the_password_stays(self, office: Office) -> None:
        signed_in = await office.register()
        known = Visitor(address=HERE.address, device=signed_in.device_token)
        own = office.auth.actor_of(signed_in.access_token)
        await office.sessions.change_password(own, current_password=PASSWORD, new_password="another long secret")
        await fail(office)
        await refused(office, known)

    async def test_it_is_known_still_once_the_same_password_was_hashed_anew(self, office: Office) -> None:
        await office.register()
        office.change_account(password_hash=f"older:{PASSWORD}")
        known = Visitor(address=HERE.address, device=(await login(office)).device_token)
        await fail(office)
        await login(office, known)

    async def test_however_many_there_are_they_have_no_more_than_all_networks(self, office: Office) -> None:
        await office.register()
        devices = [(await login(office)).device_token for _ in range(30)]
        tried = 0
        with pytest.raises(TooManyFailures):
            for device in devices:
                for _ in range(5):
                    with pytest.raises(InvalidCredentials):
                        await login(
                            office, Visitor(address=HERE.address, device=device), email="ann@example.com", password="x"
                        )
                    tried += 1
        assert tried == 100
        # Whoever comes without one is counted apart, and so is what goes on elsewhere.
        await login(office)
        office.clock.advance(timedelta(hours=1))
        await login(office, Visitor(address=HERE.address, device=devices[0]))


class TestStuffing:
    """Passwords from elsewhere, tried from a thousand networks."""

    NETWORKS = [Visitor(address=f"10.{number // 250}.{number % 250}.1") for number in range(1000)]

    async def test_one_name_is_closed_to_all_of_them_and_the_others_go_on(self, office: Office) -> None:
        signed_in = await office.register()
        await office.register("bob@example.com", name="Bob")
        refused = 0
        for visitor in self.NETWORKS:
            try:
                await fail(office, visitor, times=1)
            except TooManyFailures as failures:
                assert 0 < failures.retry_after <= 60 * 60
                refused += 1
        assert refused == 900
        # What is refused costs no hash.
        effort = office.passwords.effort
        await self.refused_everywhere(office)
        assert office.passwords.effort == effort
        await login(office, email="bob@example.com")
        # Nor is whoever is at home there kept out, by what they have open or by the browser that they use.
        await office.auth.me(office.auth.actor_of(signed_in.access_token))
        await login(office, Visitor(address="10.0.0.1", device=signed_in.device_token))

    async def test_many_names_from_one_network_each_are_each_refused_by_themselves(self, office: Office) -> None:
        await office.register()
        for number in range(200):
            await fail(office, self.NETWORKS[number], email=f"nobody{number}@example.com")
            await refused(office, self.NETWORKS[number], email=f"nobody{number}@example.com")
        await login(office)

    async def test_what_is_kept_of_unknown_names_is_bounded_and_of_known_ones_whole(self, office: Office) -> None:
        await office.register()
        notes = office.world.tables.notes
        for minute in range(2):
            for number in range(100):
                await fail(office, self.NETWORKS[number], email=f"nobody{minute}.{number}@example.com", times=1)
            office.clock.advance(timedelta(minutes=1))
        await self.fail_for_known(office, 20)
        told = [each for each in office.world.tables.notes[len(notes) :] if each.note.type is AuditType.LOGIN_FAILED]
        of_nobody = [each for each in told if each.company_id is None]
        assert 2 <= len(of_nobody) <= 2 * 8
        assert len({network(each.origin.address) for each in of_nobody}) > 1
        assert len(told) - len(of_nobody) == 20

    async def test_one_network_hides_no_other_for_long(self, office: Office) -> None:
        """Whoever floods the record from one place leaves room for what comes from others."""
        for number in range(30):
            await fail(office, HERE, email=f"nobody{number}@example.com", times=1)
        before = len(office.world.tables.notes)
        for visitor in self.NETWORKS[:20]:
            await fail(office, visitor, email="another@example.com", times=1)
        assert len(office.world.tables.notes) > before

    async def test_locking_unknown_names_is_kept_within_bounds_too(self, office: Office) -> None:
        before = len(office.world.tables.notes)
        for number in range(50):
            await fail(office, email=f"nobody{number}@example.com")
            await refused(office, email=f"nobody{number}@example.com")
        types = [each.note.type for each in office.world.tables.notes[before:]]
        assert types == [AuditType.LOGIN_FAILED, AuditType.LOCKED]

    async def fail_for_known(self, office: Office, times: int) -> None:
        for visitor in self.NETWORKS[:times]:
            await fail(office, visitor, times=1)

    async def test_a_success_opens_the_name_again(self, office: Office) -> None:
        signed_in = await office.register()
        for visitor in self.NETWORKS[:99]:
            await fail(office, visitor, times=1)
        await login(office)
        for visitor in self.NETWORKS[:99]:
            await fail(office, visitor, times=1)
        assert signed_in

    async def refused_everywhere(self, office: Office) -> None:
        for visitor in self.NETWORKS[900:910]:
            await refused(office, visitor)


class TestWhatACompanysOwnProviderBegan:
    """Its sessions are as many as the provider likes, so they share one count for each account and company."""

    @staticmethod
    async def session(office: Office, company_id: UUID) -> Actor:
        """One more session of Ann's account that the company's own provider vouched for."""
        account = next(each for each in office.world.tables.accounts.values() if each.email == "ann@example.com")
        people = office.world.tables.companies[company_id].people.values()
        user = next(each.user for each in people if each.user.account_id == account.id)
        session = LoginSession.begin(
            id=office.world.ids.new(),
            account_id=account.id,
            nonce=b"n",
            agent=None,
            address=None,
            at=office.clock.now(),
            by_provider_of=company_id,
        )
        office.world.tables.sessions[session.id] = session
        return Actor(
            company_id=company_id, user_id=user.id, account_id=account.id, session_id=session.id, role=user.role
        )

    @staticmethod
    async def guess(office: Office, actor: Actor, how: str) -> None:
        if how == "step-up":
            await office.sessions.step_up(actor, password="a wrong guess")
        else:
            await office.sessions.change_password(
                actor, current_password="a wrong guess", new_password="another long secret"
            )

    @pytest.mark.parametrize("how", ["step-up", "change"])
    async def test_another_session_is_no_other_count(self, office: Office, how: str) -> None:
        signed_in = await office.register()
        company_id = signed_in.company.id
        for _ in range(5):
            with pytest.raises(InvalidCredentials):
                await self.guess(office, await self.session(office, company_id), how)
        effort = office.passwords.effort
        with pytest.raises(TooManyFailures):
            await self.guess(office, await self.session(office, company_id), how)
        assert office.passwords.effort == effort

    async def test_the_holders_own_sessions_and_other_companies_are_not_locked(self, office: Office) -> None:
        own = office.auth.actor_of((await office.register()).access_token)
        await office.world.joins(own, office.olga.company_id)
        for _ in range(6):
            with pytest.raises((InvalidCredentials, TooManyFailures)):
                await self.guess(office, await self.session(office, office.olga.company_id), "step-up")
        await office.sessions.step_up(own, password=PASSWORD)
        await office.sessions.step_up(await self.session(office, own.company_id), password=PASSWORD)
        with pytest.raises(TooManyFailures):
            await office.sessions.step_up(await self.session(office, office.olga.company_id), password=PASSWORD)

    async def test_a_session_of_the_account_has_its_own_count(self, office: Office) -> None:
        own = office.auth.actor_of((await office.register()).access_token)
        for _ in range(5):
            with pytest.raises(InvalidCredentials):
                await self.guess(office, own, "step-up")
        with pytest.raises(TooManyFailures):
            await office.sessions.step_up(own, password=PASSWORD)
        another = office.auth.actor_of((await login(office)).access_token)
        await office.sessions.step_up(another, password=PASSWORD)


class TestWhoeverHasManySessions:
    """A provider of the installation begins sessions of the account itself, and as many as one likes."""

    @staticmethod
    async def begun(office: Office, own: Actor) -> Actor:
        """One more session of the account, without a code."""
        assert own.account_id is not None
        session = LoginSession.begin(
            id=office.world.ids.new(), account_id=own.account_id, nonce=b"n", agent=None, address=None,
            at=office.clock.now(),
        )  # fmt: skip
        office.world.tables.sessions[session.id] = session
        return replace(own, session_id=session.id)

    async def test_a_hundred_codes_an_hour_are_looked_at_and_no_more(self, office: Office) -> None:
        own = office.auth.actor_of((await office.register()).access_token)
        secret, _ = await office.enable_factor(own)
        for _ in range(20):
            session = await self.begun(office, own)
            for _ in range(5):
                with pytest.raises(CodeInvalid):
                    await office.factors.disable(session, code="000000")
        for how in (office.factors.disable, office.sessions.step_up):
            with pytest.raises(TooManyFailures):
                await how(await self.begun(office, own), code=office.code(secret, later=1))
        # Whatever else is open goes on, and signing in does too.
        await office.auth.me(own)
        await office.auth.login(HERE, Credentials(email="ann@example.com", password=PASSWORD))
        office.clock.advance(timedelta(hours=1))
        await office.sessions.step_up(own, code=office.code(secret))

    async def test_nor_are_more_passwords(self, office: Office) -> None:
        own = office.auth.actor_of((await office.register()).access_token)
        for _ in range(20):
            session = await self.begun(office, own)
            for _ in range(5):
                with pytest.raises(InvalidCredentials):
                    await office.sessions.step_up(session, password="a wrong guess")
        with pytest.raises(TooManyFailures):
            await office.sessions.step_up(await self.begun(office, own), password=PASSWORD)

    async def test_a_few_failures_elsewhere_lock_no_session(self, office: Office) -> None:
        own = office.auth.actor_of((await office.register()).access_token)
        for _ in range(15):
            session = await self.begun(office, own)
            for _ in range(6):
                with pytest.raises((InvalidCredentials, TooManyFailures)):
                    await office.sessions.step_up(session, password="a wrong guess")
        await office.sessions.step_up(own, password=PASSWORD)

    async def test_whoever_knows_the_password_gets_no_more_codes_by_showing_it(self, office: Office) -> None:
        own = office.auth.actor_of((await office.register()).access_token)
        await office.enable_factor(own)
        for _ in range(5):
            with pytest.raises(CodeInvalid):
                await office.sessions.step_up(own, code="000000")
        await office.sessions.change_password(own, current_password=PASSWORD, new_password="another long secret")
        with pytest.raises(TooManyFailures):
            await office.sessions.step_up(own, code="000000")
