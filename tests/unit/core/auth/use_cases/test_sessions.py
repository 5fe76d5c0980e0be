from datetime import timedelta

import pytest

from core.auth.errors import NoActiveMembership, RefreshInvalid, SessionEnded, TokenInvalid
from core.auth.model import REPLAY_GRACE
from core.kernel.errors import ReferenceNotFound
from core.kernel.actor import Actor, Role
from tests.builders.office import Office

SECOND = timedelta(seconds=1)


class Device:
    """A device that has signed in."""

    def __init__(self, office: Office, actor: Actor, token: str) -> None:
        self.office, self.actor, self.token = office, actor, token

    @staticmethod
    async def of(office: Office, email: str = "ann@example.com") -> "Device":
        signed_in = await office.register(email)
        return Device(office, office.auth.actor_of(signed_in.access_token), signed_in.refresh_token)

    async def refresh(self, token: str | None = None, *, cookie: bool = True, company_id: object = None) -> object:
        return await self.office.auth.refresh(token or self.token, company_id=company_id, from_cookie=cookie)

    @property
    def is_open(self) -> bool:
        session = self.office.world.tables.sessions[self.actor.session_id]
        return session.is_open(at=self.office.clock.now())


@pytest.fixture
async def device(office: Office) -> Device:
    return await Device.of(office)


class TestRefreshing:
    @pytest.mark.parametrize("cookie", [True, False])
    async def test_each_token_gives_a_successor_within_the_same_session(
        self, office: Office, device: Device, cookie: bool
    ) -> None:
        tokens = [device.token]
        for _ in range(3):
            office.clock.advance(timedelta(days=1))
            signed_in = await device.refresh(tokens[-1], cookie=cookie)
            assert office.auth.actor_of(signed_in.access_token) == device.actor
            tokens.append(signed_in.refresh_token)
        assert len(set(tokens)) == 4
        assert device.is_open

    async def test_by_cookie_the_token_just_replaced_gives_the_same_successor_for_ten_seconds(
        self, office: Office, device: Device
    ) -> None:
        first = await device.refresh()
        office.clock.advance(REPLAY_GRACE)
        again = await device.refresh()
        assert again.refresh_token == first.refresh_token
        assert (await device.refresh(again.refresh_token)).refresh_token not in (None, first.refresh_token)
        assert device.is_open

    async def test_a_repeat_does_not_prolong_the_grace(self, office: Office, device: Device) -> None:
        await device.refresh()
        office.clock.advance(REPLAY_GRACE)
        await device.refresh()
        office.clock.advance(SECOND)
        with pytest.raises(RefreshInvalid):
            await device.refresh()

    async def test_a_token_of_the_body_used_again_ends_the_session_at_once(self, device: Device) -> None:
        successor = (await device.refresh(cookie=False)).refresh_token
        with pytest.raises(RefreshInvalid):
            await device.refresh(cookie=False)
        assert not device.is_open
        with pytest.raises(RefreshInvalid):
            await device.refresh(successor, cookie=False)

    async def test_a_cookie_used_again_after_the_grace_ends_the_session(self, office: Office, device: Device) -> None:
        await device.refresh()
        office.clock.advance(REPLAY_GRACE + SECOND)
        with pytest.raises(RefreshInvalid):
            await device.refresh()
        assert not device.is_open

    async def test_an_older_token_ends_the_session_within_the_grace_too(self, device: Device) -> None:
        following = (await device.refresh()).refresh_token
        await device.refresh(following)
        with pytest.raises(RefreshInvalid):
            await device.refresh()
        assert not device.is_open

    async def test_an_ended_session_opens_nothing_and_access_stops_at_once(
        self, office: Office, device: Device
    ) -> None:
        access = (await device.refresh(cookie=False)).access_token
        with pytest.raises(RefreshInvalid):
            await device.refresh(cookie=False)
        with pytest.raises(SessionEnded):
            await office.auth.me(office.auth.actor_of(access))

    async def test_one_sessions_reuse_leaves_other_devices_alone(self, office: Office, device: Device) -> None:
        other = await Device.of(office, "bob@example.com")
        await device.refresh(cookie=False)
        with pytest.raises(RefreshInvalid):
            await device.refresh(cookie=False)
        assert other.is_open

    @pytest.mark.parametrize("forged", ["", "nonsense", "{}.1.guessed", "{}.7.nonce1x"])
    async def test_a_forged_token_is_refused_and_ends_nothing(self, device: Device, forged: str) -> None:
        with pytest.raises(RefreshInvalid):
            await device.refresh(forged.format(device.actor.session_id) or "x")
        assert device.is_open

    async def test_no_token_is_refused(self, office: Office) -> None:
        with pytest.raises(RefreshInvalid):
            await office.auth.refresh(None, company_id=None, from_cookie=True)

    async def test_an_unused_session_ends_after_seven_days(self, office: Office, device: Device) -> None:
        office.clock.advance(timedelta(days=7))
        with pytest.raises(RefreshInvalid):
            await device.refresh()

    async def test_a_session_in_use_ends_after_ninety_days(self, office: Office, device: Device) -> None:
        token = device.token
        for _ in range(14):
            office.clock.advance(timedelta(days=6))
            token = (await device.refresh(token)).refresh_token
        office.clock.advance(timedelta(days=6) - SECOND)
        last = await device.refresh(token)
        assert office.world.tables.sessions[device.actor.session_id].last_used_at == office.clock.now()
        office.clock.advance(SECOND)
        with pytest.raises(RefreshInvalid):
            await device.refresh(last.refresh_token)
        with pytest.raises(SessionEnded):
            await office.auth.me(office.auth.actor_of(last.access_token))

    async def test_only_refreshing_is_use(self, office: Office, device: Device) -> None:
        office.clock.advance(timedelta(minutes=20))
        await office.auth.me(device.actor)
        await office.auth.switch_company(device.actor, device.actor.company_id)
        session = office.world.tables.sessions[device.actor.session_id]
        assert session.last_used_at == session.created_at

    async def test_a_membership_that_was_not_accepted_is_not_refreshed_into(
        self, office: Office, device: Device
    ) -> None:
        there = await office.world.joins(device.actor, office.olga.company_id)
        token = (await device.refresh(company_id=there.company_id)).refresh_token
        await office.world.take_acceptance_back(there)
        before = office.world.snapshot()
        with pytest.raises(NoActiveMembership):
            await device.refresh(token, company_id=there.company_id)
        assert office.world.tables == before
        assert (await device.refresh(token)).company.id == device.actor.company_id

    async def test_who_is_left_nowhere_gets_nothing_and_the_token_stays_good(
        self, office: Office, device: Device
    ) -> None:
        await office.world.take_acceptance_back(device.actor)
        before = office.world.snapshot()
        with pytest.raises(NoActiveMembership):
            await device.refresh()
        assert office.world.tables == before

    async def test_a_company_may_be_named(self, office: Office, device: Device) -> None:
        there = await office.world.joins(device.actor, office.olga.company_id, role=Role.ADMIN)
        signed_in = await device.refresh(company_id=there.company_id)
        assert office.auth.actor_of(signed_in.access_token) == there

    async def test_a_company_of_others_is_refused_and_the_token_stays_good(
        self, office: Office, device: Device
    ) -> None:
        before = office.world.snapshot()
        with pytest.raises(NoActiveMembership):
            await device.refresh(company_id=office.olga.company_id)
        assert office.world.tables == before
        await device.refresh()


class TestLoggingOut:
    async def test_the_device_is_signed_out(self, office: Office, device: Device) -> None:
        await office.auth.logout(device.actor, refresh_token=None, everywhere=False)
        assert not device.is_open
        with pytest.raises(RefreshInvalid):
            await device.refresh()

    async def test_the_refresh_token_alone_will_do(self, office: Office, device: Device) -> None:
        await office.auth.logout(None, refresh_token=device.token, everywhere=False)
        assert not device.is_open

    @pytest.mark.parametrize("with_actor", [True, False])
    async def test_everywhere_means_all_devices_of_the_account(
        self, office: Office, device: Device, with_actor: bool
    ) -> None:
        from_elsewhere = office.mia
        again = await office.world.joins(device.actor, office.olga.company_id)
        stranger = await Device.of(office, "bob@example.com")
        if with_actor:
            await office.auth.logout(again, refresh_token=None, everywhere=True)
        else:
            await office.auth.logout(None, refresh_token=device.token, everywhere=True)
        sessions = office.world.tables.sessions.values()
        assert all(each.revoked_at for each in sessions if each.account_id == device.actor.account_id)
        assert stranger.is_open
        assert office.world.tables.sessions[from_elsewhere.session_id].revoked_at is None

    @pytest.mark.parametrize("token", [None, "nonsense", "{}.1.guessed", "00000000-0000-7000-8000-000000000000.1.n"])
    async def test_who_is_not_signed_in_is_signed_out_already(
        self, office: Office, device: Device, token: str | None
    ) -> None:
        before = office.world.snapshot()
        given = token.format(device.actor.session_id) if token else None
        await office.auth.logout(None, refresh_token=given, everywhere=True)
        assert office.world.tables == before

    async def test_twice_is_as_good_as_once(self, office: Office, device: Device) -> None:
        await office.auth.logout(device.actor, refresh_token=None, everywhere=False)
        before = office.world.snapshot()
        await office.auth.logout(device.actor, refresh_token=device.token, everywhere=False)
        assert office.world.tables == before


class TestSwitchingCompany:
    async def test_it_gives_an_access_token_within_the_same_session(self, office: Office, device: Device) -> None:
        there = await office.world.joins(device.actor, office.olga.company_id, role=Role.ADMIN)
        office.clock.advance(SECOND)
        signed_in = await office.auth.switch_company(device.actor, there.company_id)
        assert office.auth.actor_of(signed_in.access_token) == there
        assert signed_in.refresh_token is None
        assert (await device.refresh()).company.id == there.company_id

    async def test_companies_of_others_and_inactive_memberships_are_refused(
        self, office: Office, device: Device
    ) -> None:
        with pytest.raises(ReferenceNotFound):
            await office.auth.switch_company(device.actor, office.olga.company_id)
        there = await office.world.joins(device.actor, office.olga.company_id)
        await office.world.deactivate(there)
        with pytest.raises(ReferenceNotFound):
            await office.auth.switch_company(device.actor, office.olga.company_id)

    async def test_a_membership_that_was_not_accepted_is_refused(self, office: Office, device: Device) -> None:
        there = await office.world.joins(device.actor, office.olga.company_id)
        await office.world.take_acceptance_back(there)
        with pytest.raises(ReferenceNotFound):
            await office.auth.switch_company(device.actor, there.company_id)

    async def test_an_ended_session_switches_nowhere(self, office: Office, device: Device) -> None:
        await office.world.sign_out(device.actor)
        with pytest.raises(SessionEnded):
            await office.auth.switch_company(device.actor, device.actor.company_id)


class TestAccess:
    async def test_a_token_says_who_until_it_expires(self, office: Office, device: Device) -> None:
        token = (await device.refresh()).access_token
        office.clock.advance(timedelta(minutes=30) - SECOND)
        assert office.auth.actor_of(token) == device.actor
        office.clock.advance(SECOND)
        with pytest.raises(TokenInvalid):
            office.auth.actor_of(token)

    async def test_a_membership_that_was_not_accepted_lets_no_token_in_and_is_not_listed(
        self, office: Office, device: Device
    ) -> None:
        there = await office.world.joins(device.actor, office.olga.company_id)
        await office.auth.me(there)
        await office.world.take_acceptance_back(there)
        with pytest.raises(SessionEnded):
            await office.auth.me(there)
        profile, _ = await office.auth.me(device.actor)
        assert [each.company_id for each in profile.companies] == [device.actor.company_id]

    async def test_me_is_answered_in_the_present_role_though_the_token_hints_at_another(self, office: Office) -> None:
        await office.world.change_role(office.adam, Role.MEMBER)
        profile, _ = await office.auth.me(office.adam)
        assert (profile.user.id, profile.user.role) == (office.adam.user_id, Role.MEMBER)
