"""What a signed-in person does about their own devices and password: SessionUseCases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.auth.errors import InvalidCredentials, RefreshInvalid, SessionEnded, SessionNotFound
from core.users.errors import PasswordTooWeak
from core.auth.read_models import SessionView, SignedIn, SteppedUp
from core.auth.use_cases.credentials import Credentials
from core.kernel.actor import Actor, Visitor
from core.kernel.paging import Page, PageRequest, Sort
from core.kernel.step_up import StepUpRequired, ensure_stepped_up
from tests.builders.office import PASSWORD, Office

SECOND = timedelta(seconds=1)
NEW = "another long secret"


class Ann:
    """Somebody with a password, and the devices that they sign in on."""

    def __init__(self, office: Office) -> None:
        self.office = office

    async def device(self, agent: str = "Firefox", *, password: str = PASSWORD) -> tuple[Actor, str]:
        visitor = Visitor(agent=agent, address="192.0.2.1")
        return self._signed_in(
            await self.office.auth.login(visitor, Credentials(email="ann@example.com", password=password))
        )

    def _signed_in(self, signed_in: SignedIn) -> tuple[Actor, str]:
        return self.office.auth.actor_of(signed_in.access_token), signed_in.refresh_token

    def is_open(self, actor: Actor) -> bool:
        return self.office.world.tables.sessions[actor.session_id].is_open(at=self.office.clock.now())

    async def list(self, actor: Actor, **page: object) -> Page[SessionView]:
        found, _ = await self.office.sessions.list(
            actor, sort=Sort(field="last_used_at", descending=True), page=PageRequest(**page)
        )
        return found

    async def now(self, actor: Actor) -> Actor:
        async with self.office.world.identity_unit_of_work() as uow:
            return await uow.caller(actor)


@pytest.fixture
async def ann(office: Office) -> Ann:
    await office.register()
    return Ann(office)


class TestListing:
    async def test_the_one_used_last_comes_first_and_says_where_and_what_it_is(self, office: Office, ann: Ann) -> None:
        phone, token = await ann.device("Phone")
        office.clock.advance(timedelta(minutes=1))
        desk, _ = await ann.device("Desk")
        signed_in_at = office.clock.now()
        first, second, third = (await ann.list(desk)).items
        assert (first.id, second.id) == (desk.session_id, phone.session_id)
        assert (first.agent, first.address, first.current) == ("Desk", "192.0.2.1", True)
        assert [each.current for each in (second, third)] == [False, False]
        assert first.last_used_at == first.created_at == first.authenticated_at == signed_in_at
        assert first.expires_at == signed_in_at + timedelta(days=7)
        assert (first.current_company_id, first.current_company_name) == (desk.company_id, "Ann Miller's company")

        office.clock.advance(timedelta(minutes=1))
        await office.auth.refresh(token, company_id=None, from_cookie=True)
        first, second, _ = (await ann.list(desk)).items
        assert (first.id, first.last_used_at) == (phone.session_id, office.clock.now())
        assert first.created_at < first.last_used_at
        assert second.current

    async def test_those_that_ended_and_those_of_others_are_not_there(self, office: Office, ann: Ann) -> None:
        gone, _ = await ann.device()
        await office.world.sign_out(gone)
        idle, _ = await ann.device()
        office.clock.advance(timedelta(days=7))
        present, _ = await ann.device()
        assert [each.id for each in (await ann.list(present)).items] == [present.session_id]
        assert office.world.tables.sessions.keys() > {gone.session_id, idle.session_id, office.mia.session_id}

    async def test_a_company_that_the_account_left_is_not_named(self, office: Office, ann: Ann) -> None:
        home, _ = await ann.device()
        there = await office.world.joins(home, office.olga.company_id)
        await office.auth.switch_company(home, there.company_id)
        assert (await ann.list(there)).items[0].current_company_name == "Acme"
        await office.world.deactivate(there)
        (mine,) = (each for each in (await ann.list(home)).items if each.current)
        assert (mine.current_company_id, mine.current_company_name) == (None, None)

    async def test_it_comes_in_pages(self, office: Office, ann: Ann) -> None:
        devices = []
        for _ in range(4):
            office.clock.advance(SECOND)
            devices.append((await ann.device())[0])
        seen, position = [], None
        for _ in range(3):
            page = await ann.list(devices[0], limit=2, position=position, include_total=True)
            assert page.total == 5
            seen += [each.id for each in page.items]
            position = page.next_position
        assert position is None
        assert len(seen) == len(set(seen)) == 5
        assert seen[:4] == [device.session_id for device in reversed(devices)]


class TestRevoking:
    async def test_another_device_is_signed_out_and_this_one_stays(self, office: Office, ann: Ann) -> None:
        phone, token = await ann.device()
        desk, _ = await ann.device()
        await office.sessions.revoke(desk, phone.session_id)
        assert (ann.is_open(phone), ann.is_open(desk)) == (False, True)
        with pytest.raises(RefreshInvalid):
            await office.auth.refresh(token, company_id=None, from_cookie=False)
        with pytest.raises(SessionEnded):
            await office.auth.me(phone)

    async def test_the_present_device_may_be_ended_too(self, office: Office, ann: Ann) -> None:
        desk, _ = await ann.device()
        await office.sessions.revoke(desk, desk.session_id)
        assert not ann.is_open(desk)

    async def test_what_a_companys_own_provider_began_ends_nothing_else(self, office: Office, ann: Ann) -> None:
        desk, _ = await ann.device()
        vouched, _ = await ann.device()
        sessions = office.world.tables.sessions
        sessions[vouched.session_id] = replace(
            sessions[vouched.session_id], general_at=None, sso_company_ids=(vouched.company_id,)
        )
        with pytest.raises(SessionNotFound):
            await office.sessions.revoke(vouched, desk.session_id)
        assert ann.is_open(desk)
        await office.sessions.revoke(desk, vouched.session_id)
        assert not ann.is_open(vouched)

    @pytest.mark.parametrize("whose", ["another's", "nobody's", "ended", "expired"])
    async def test_what_is_not_an_open_session_of_the_account_is_not_there(
        self, office: Office, ann: Ann, whose: str
    ) -> None:
        gone, _ = await ann.device()
        if whose == "expired":
            office.clock.advance(timedelta(days=7))
        desk, _ = await ann.device()
        if whose == "ended":
            await office.sessions.revoke(desk, gone.session_id)
        wanted = {"another's": office.mia.session_id, "nobody's": office.world.ids.new()}.get(whose, gone.session_id)
        before = office.world.snapshot()
        with pytest.raises(SessionNotFound):
            await office.sessions.revoke(desk, wanted)
        assert office.world.tables == before


class TestSteppingUp:
    async def test_it_counts_for_ten_minutes_in_this_session_alone(self, office: Office, ann: Ann) -> None:
        other, _ = await ann.device()
        desk, token = await ann.device()
        office.clock.advance(timedelta(hours=1))
        done = await office.sessions.step_up(desk, password=PASSWORD)
        at = office.clock.now()
        assert done == SteppedUp(authenticated_at=at, valid_until=at + timedelta(minutes=10))
        ensure_stepped_up(await ann.now(desk), at=at)
        with pytest.raises(StepUpRequired):
            ensure_stepped_up(await ann.now(other), at=at)
        await office.auth.refresh(token, company_id=None, from_cookie=True)
        assert (await ann.now(desk)).authenticated_at == at
        with pytest.raises(StepUpRequired):
            ensure_stepped_up(await ann.now(desk), at=done.valid_until)

    async def test_it_does_not_keep_the_session_open_any_longer(self, office: Office, ann: Ann) -> None:
        desk, _ = await ann.device()
        office.clock.advance(timedelta(days=6))
        await office.sessions.step_up(desk, password=PASSWORD)
        office.clock.advance(timedelta(days=1))
        assert not ann.is_open(desk)

    async def test_a_fresh_login_counts_and_a_refresh_does_not(self, office: Office, ann: Ann) -> None:
        desk, token = await ann.device()
        ensure_stepped_up(await ann.now(desk), at=office.clock.now())
        office.clock.advance(timedelta(minutes=10))
        await office.auth.refresh(token, company_id=None, from_cookie=True)
        with pytest.raises(StepUpRequired):
            ensure_stepped_up(await ann.now(desk), at=office.clock.now())

    async def test_a_wrong_password_proves_nothing_and_ends_nothing(self, office: Office, ann: Ann) -> None:
        desk, _ = await ann.device()
        before = office.world.snapshot()
        with pytest.raises(InvalidCredentials):
            await office.sessions.step_up(desk, password="a wrong guess")
        assert office.world.tables == before

    async def test_who_has_no_password_cannot_prove_it(self, office: Office) -> None:
        effort = office.passwords.effort
        with pytest.raises(InvalidCredentials):
            await office.sessions.step_up(office.mia, password="")
        assert office.passwords.effort == effort + 1


class TestChangingThePassword:
    async def test_it_ends_all_other_devices_and_no_one_elses(self, office: Office, ann: Ann) -> None:
        phone, _ = await ann.device()
        desk, token = await ann.device()
        await office.sessions.change_password(desk, current_password=None, new_password=NEW)
        assert (ann.is_open(phone), ann.is_open(desk), ann.is_open(office.mia)) == (False, True, True)
        await office.auth.refresh(token, company_id=None, from_cookie=True)
        with pytest.raises(InvalidCredentials):
            await ann.device()
        await ann.device(password=NEW)

    async def test_it_is_kept_as_a_hash_and_as_ones_own(self, office: Office, ann: Ann) -> None:
        desk, _ = await ann.device()
        before = office.world.tables.accounts[desk.account_id]
        office.clock.advance(SECOND)
        await office.sessions.change_password(desk, current_password=None, new_password=NEW)
        account = office.world.tables.accounts[desk.account_id]
        assert account.password_hash == await office.passwords.hash(NEW)
        assert (account.version, account.updated_at) == (before.version + 1, office.clock.now())
        assert (account.claimed_at, account.password_is_temporary) == (before.claimed_at, False)

    async def test_it_needs_a_fresh_proof(self, office: Office, ann: Ann) -> None:
        desk, _ = await ann.device()
        office.clock.advance(timedelta(minutes=10))
        before = office.world.snapshot()
        with pytest.raises(StepUpRequired):
            await office.sessions.change_password(desk, current_password=None, new_password=NEW)
        assert office.world.tables == before
        await office.sessions.step_up(desk, password=PASSWORD)
        await office.sessions.change_password(desk, current_password=None, new_password=NEW)

    async def test_the_present_password_is_such_a_proof(self, office: Office, ann: Ann) -> None:
        desk, _ = await ann.device()
        office.clock.advance(timedelta(hours=1))
        await office.sessions.change_password(desk, current_password=PASSWORD, new_password=NEW)
        assert (await ann.now(desk)).authenticated_at == office.clock.now()

    async def test_a_wrong_present_password_is_refused_though_the_login_was_fresh(
        self, office: Office, ann: Ann
    ) -> None:
        desk, _ = await ann.device()
        before = office.world.snapshot()
        with pytest.raises(InvalidCredentials):
            await office.sessions.change_password(desk, current_password="a wrong guess", new_password=NEW)
        assert office.world.tables == before

    @pytest.mark.parametrize("weak", ["short", "password1234", "Xy7!miller99x", PASSWORD])
    async def test_a_weak_one_is_refused_and_so_is_the_present_one(self, office: Office, ann: Ann, weak: str) -> None:
        desk, _ = await ann.device()
        before = office.world.snapshot()
        with pytest.raises(PasswordTooWeak) as refused:
            await office.sessions.change_password(desk, current_password=None, new_password=weak)
        assert [fault.pointer for fault in refused.value.faults] == ["/new_password"]
        assert office.world.tables == before

    async def test_a_weak_one_is_told_before_a_missing_proof(self, office: Office, ann: Ann) -> None:
        desk, _ = await ann.device()
        office.clock.advance(timedelta(hours=1))
        with pytest.raises(PasswordTooWeak):
            await office.sessions.change_password(desk, current_password=None, new_password="short")


class TestMeanwhile:
    """What is changed by another device while a hash is computed, between two transactions."""

    async def test_a_session_that_was_ended_changes_no_password(self, office: Office, ann: Ann) -> None:
        desk, _ = await ann.device()
        phone, _ = await ann.device()
        office.passwords.meanwhile = lambda: office.sessions.revoke(phone, desk.session_id)
        with pytest.raises(SessionEnded):
            await office.sessions.change_password(desk, current_password=None, new_password=NEW)
        await ann.device()

    async def test_a_password_that_was_replaced_is_no_proof(self, office: Office, ann: Ann) -> None:
        desk, _ = await ann.device()
        office.passwords.meanwhile = lambda: office.sessions.change_password(
            desk, current_password=None, new_password=NEW
        )
        with pytest.raises(InvalidCredentials):
            await office.sessions.step_up(desk, password=PASSWORD)

    async def test_a_password_that_was_replaced_does_not_replace_the_new_one(self, office: Office, ann: Ann) -> None:
        desk, _ = await ann.device()
        office.passwords.meanwhile = lambda: office.sessions.change_password(
            desk, current_password=None, new_password=NEW
        )
        with pytest.raises(InvalidCredentials):
            await office.sessions.change_password(desk, current_password=PASSWORD, new_password=f"{PASSWORD}, a third")
        await ann.device(password=NEW)

    async def test_a_password_that_was_replaced_signs_nobody_in(self, office: Office, ann: Ann) -> None:
        """Else whoever knew it would have a session that the change did not end."""
        desk, _ = await ann.device()
        office.passwords.meanwhile = lambda: office.sessions.change_password(
            desk, current_password=None, new_password=NEW
        )
        with pytest.raises(InvalidCredentials):
            await ann.device()
        assert [each.id for each in (await ann.list(desk)).items] == [desk.session_id]
