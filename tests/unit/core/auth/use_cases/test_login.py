from dataclasses import replace
from datetime import timedelta

import pytest

from core.auth.errors import InvalidCredentials, NoActiveMembership, PasswordChangeRequired
from core.users.errors import PasswordTooWeak
from core.auth.model import Account
from core.auth.use_cases.credentials import Credentials
from core.kernel.actor import Actor, Visitor
from core.kernel.errors import Invalid
from tests.builders.office import PASSWORD, Office

NEW = "another long secret"
VISITOR = Visitor(agent="Firefox", address="192.0.2.1")


async def login(office: Office, **given: object) -> object:
    return await office.auth.login(VISITOR, Credentials(**{"password": PASSWORD, **given}))


async def registered(office: Office) -> Actor:
    signed_in = await office.register("ann@example.com", company_name="First")
    return office.auth.actor_of(signed_in.access_token)


class TestLoggingIn:
    async def test_an_address_in_any_case_and_a_password_sign_in(self, office: Office) -> None:
        ann = await registered(office)
        office.clock.advance(timedelta(hours=1))
        signed_in = await login(office, email=" ANN@example.com")
        actor = office.auth.actor_of(signed_in.access_token)
        assert (actor.user_id, actor.company_id) == (ann.user_id, ann.company_id)
        assert actor.session_id != ann.session_id
        assert signed_in.user.last_login_at is not None
        profile, _ = await office.auth.me(actor)
        assert profile.user.last_login_at == office.clock.now()

    async def test_the_session_remembers_the_device(self, office: Office) -> None:
        await registered(office)
        signed_in = await login(office, email="ann@example.com")
        session = office.world.tables.sessions[office.auth.actor_of(signed_in.access_token).session_id]
        assert (session.agent, session.address) == ("Firefox", "192.0.2.1")

    @pytest.mark.parametrize("by", ["company", "company_id"])
    async def test_a_username_signs_in_with_its_company(self, office: Office, by: str) -> None:
        ann = await registered(office)
        company = {"company": "first"} if by == "company" else {"company_id": ann.company_id}
        signed_in = await login(office, username="ANN", **company)
        assert signed_in.user.id == ann.user_id

    async def test_a_company_may_be_named_else_it_is_the_one_used_last(self, office: Office) -> None:
        ann = await registered(office)
        office.clock.advance(timedelta(minutes=1))
        there = await office.world.joins(ann, office.olga.company_id)
        assert (await login(office, email="ann@example.com")).company.id == ann.company_id
        office.clock.advance(timedelta(minutes=1))
        for named in ({"company": "acme"}, {"company_id": there.company_id}):
            assert (await login(office, email="ann@example.com", **named)).company.id == there.company_id
        assert (await login(office, email="ann@example.com")).company.id == there.company_id

    @pytest.mark.parametrize(
        "given",
        [
            {"email": "ann@example.com", "password": "another secret"},
            {"email": "ann@example.com", "password": ""},
            {"email": "nobody@example.com"},
            {"email": "no address"},
            {"username": "ann", "company": "acme"},
            {"username": "nobody", "company": "first"},
        ],
    )
    async def test_whatever_is_wrong_is_refused_alike_at_the_same_effort(
        self, office: Office, given: dict[str, str]
    ) -> None:
        await registered(office)
        before, effort = office.world.snapshot(), office.passwords.effort
        with pytest.raises(InvalidCredentials) as refused:
            await login(office, **given)
        assert refused.value.detail == InvalidCredentials.title
        assert office.passwords.effort == effort + 1
        assert office.world.tables == before

    async def test_an_account_without_password_is_not_opened_by_any(self, office: Office) -> None:
        account = office.world.tables.accounts[office.mia.account_id]
        assert account.password_hash is None
        with pytest.raises(InvalidCredentials):
            await login(office, email=account.email, password="")

    @pytest.mark.parametrize("named", [{}, {"company": "acme"}, {"company": "first"}])
    async def test_who_belongs_nowhere_signs_in_nowhere(self, office: Office, named: dict[str, str]) -> None:
        ann = await registered(office)
        await office.world.deactivate(ann)
        before = office.world.snapshot()
        with pytest.raises(NoActiveMembership):
            await login(office, email="ann@example.com", **named)
        assert office.world.tables == before

    async def test_no_membership_is_told_to_who_does_not_know_the_password(self, office: Office) -> None:
        await office.world.deactivate(await registered(office))
        with pytest.raises(InvalidCredentials):
            await login(office, email="ann@example.com", password="a wrong guess")

    @pytest.mark.parametrize("named", [{}, {"company": "acme"}, {"company_id": True}])
    async def test_a_membership_that_was_not_accepted_opens_nothing(
        self, office: Office, named: dict[str, object]
    ) -> None:
        ann = await registered(office)
        there = await office.world.joins(ann, office.olga.company_id)
        await office.world.take_acceptance_back(there)
        if "company_id" in named:
            named = {"company_id": there.company_id}
        if named:
            with pytest.raises(NoActiveMembership):
                await login(office, email="ann@example.com", **named)
            with pytest.raises(InvalidCredentials):
                await login(office, username=office.stored.people[there.user_id].user.username, **named)
        else:
            assert (await login(office, email="ann@example.com")).company.id == ann.company_id


class TestTemporaryPasswords:
    """An admin or the operator chose it, so it is good for choosing another, and for nothing else."""

    @pytest.fixture
    async def ann(self, office: Office) -> Actor:
        ann = await registered(office)
        office.change_account(password_is_temporary=True, claimed_at=None)
        return ann

    async def test_alone_it_signs_nobody_in(self, office: Office, ann: Actor) -> None:
        before = office.world.snapshot()
        with pytest.raises(PasswordChangeRequired):
            await login(office, email="ann@example.com")
        assert office.world.tables == before

    async def test_with_a_password_of_ones_own_it_signs_in_and_is_replaced(self, office: Office, ann: Actor) -> None:
        office.clock.advance(timedelta(hours=1))
        signed_in = await login(office, email="ann@example.com", new_password=NEW)
        assert signed_in.user.id == ann.user_id
        account = office.world.tables.accounts[ann.account_id]
        assert (account.password_is_temporary, account.claimed_at) == (False, office.clock.now())
        with pytest.raises(InvalidCredentials):
            await login(office, email="ann@example.com")
        await login(office, email="ann@example.com", password=NEW)

    async def test_sessions_from_before_end_with_it(self, office: Office, ann: Actor) -> None:
        signed_in = await login(office, email="ann@example.com", new_password=NEW)
        assert office.world.tables.sessions[ann.session_id].revoked_at == office.clock.now()
        await office.auth.me(office.auth.actor_of(signed_in.access_token))

    async def test_only_who_knows_it_is_told_that_it_is_temporary(self, office: Office, ann: Actor) -> None:
        for new_password in (None, NEW, "short"):
            with pytest.raises(InvalidCredentials):
                await login(office, email="ann@example.com", password="a wrong guess", new_password=new_password)

    @pytest.mark.parametrize("weak", ["short", "password1234", "Xy7!miller99x", PASSWORD])
    async def test_a_weak_one_does_not_replace_it_nor_does_the_same(
        self, office: Office, ann: Actor, weak: str
    ) -> None:
        before = office.world.snapshot()
        with pytest.raises(PasswordTooWeak) as refused:
            await login(office, email="ann@example.com", new_password=weak)
        assert [fault.pointer for fault in refused.value.faults] == ["/new_password"]
        assert office.world.tables == before

    async def test_who_belongs_nowhere_replaces_nothing(self, office: Office, ann: Actor) -> None:
        await office.world.deactivate(ann)
        before = office.world.snapshot()
        with pytest.raises(NoActiveMembership):
            await login(office, email="ann@example.com", new_password=NEW)
        assert office.world.tables == before

    async def test_a_password_of_ones_own_is_not_replaced_by_signing_in(self, office: Office) -> None:
        await registered(office)
        before = office.world.snapshot()
        with pytest.raises(Invalid) as refused:
            await login(office, email="ann@example.com", new_password=NEW)
        assert [fault.pointer for fault in refused.value.faults] == ["/new_password"]
        assert office.world.tables == before


class TestHashesOfAnOlderSystem:
    @pytest.fixture
    async def ann(self, office: Office) -> Actor:
        ann = await registered(office)
        office.change_account(password_hash=f"older:{PASSWORD}")
        return ann

    def account(self, office: Office, ann: Actor) -> Account:
        return office.world.tables.accounts[ann.account_id]

    async def test_signing_in_makes_a_hash_of_today_and_changes_nothing_else(self, office: Office, ann: Actor) -> None:
        before = self.account(office, ann)
        await login(office, email="ann@example.com")
        after = self.account(office, ann)
        assert after == replace(before, password_hash=await office.passwords.hash(PASSWORD))
        await login(office, email="ann@example.com")
        assert self.account(office, ann) == after

    async def test_a_wrong_password_makes_none(self, office: Office, ann: Actor) -> None:
        before = office.world.snapshot()
        with pytest.raises(InvalidCredentials):
            await login(office, email="ann@example.com", password="a wrong guess")
        assert office.world.tables == before

    async def test_of_two_devices_at_once_both_sign_in(self, office: Office, ann: Actor) -> None:
        office.passwords.meanwhile = lambda: login(office, email="ann@example.com")
        await login(office, email="ann@example.com")
        assert self.account(office, ann).password_hash == await office.passwords.hash(PASSWORD)
