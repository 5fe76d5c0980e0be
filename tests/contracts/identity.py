"""The contract of IdentityUnitOfWork: accounts, login sessions, and opening companies from outside of any.

The subclass provides the fixture `world`; see `tests.contracts.world`. Of it this contract uses `company`, `person`,
`joins`, `change_role`, `deactivate`, `take_acceptance_back`, `sign_out`, the identity unit of work, the readers of
events and login sessions, the clock and the ids.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from core.users.errors import EmailTaken
from core.auth.errors import SessionEnded
from core.auth.model import IDLE, Account, LoginSession
from core.companies.model import Company
from core.kernel.actor import Actor, Role
from core.kernel.events import Fact
from core.kernel.paging import PageRequest, Sort
from core.realtime.policy import audible_events
from core.users.model import User
from tests.contracts.world import ContractWorld


NEWEST_USE = Sort(field="last_used_at", descending=True)


class AccountContract:
    """Of accounts and what they belong to."""

    async def test_an_account_is_found_by_its_address(self, world: ContractWorld) -> None:
        account = await self._added(world)
        async with world.identity_unit_of_work() as uow:
            assert await uow.account_by_email(account.email) == account
            assert await uow.account_by_email("nobody." + account.email) is None

    async def test_an_address_belongs_to_one_account(self, world: ContractWorld) -> None:
        account = await self._added(world)
        with pytest.raises(EmailTaken):
            async with world.identity_unit_of_work() as uow:
                await uow.add_account(replace(account, id=world.ids.new()))
                await uow.commit()
        async with world.identity_unit_of_work() as uow:
            assert await uow.account_by_email(account.email) == account

    async def test_an_account_that_was_not_committed_was_never_there(self, world: ContractWorld) -> None:
        account = _account(world)
        async with world.identity_unit_of_work() as uow:
            await uow.add_account(account)
            assert await uow.account_by_email(account.email) == account
        async with world.identity_unit_of_work() as uow:
            assert await uow.account_by_email(account.email) is None

    async def test_a_username_names_an_account_within_a_company(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        ann = await world.person(here.company_id)
        user, company = await self._membership(world, ann)
        async with world.identity_unit_of_work() as uow:
            for username in (user.username, user.username.upper()):
                by_id = await uow.account_by_username(username, company_id=here.company_id, company_code=None)
                by_code = await uow.account_by_username(username, company_id=None, company_code=company.code)
                assert by_id[1] is not None and by_id[1].id == ann.account_id
                assert by_code == by_id
            found = uow.account_by_username
            assert await found(user.username, company_id=there.company_id, company_code=None) == (
                there.company_id,
                None,
            )
            # Nobody is found, and still the company that was named.
            assert await found("nobody", company_id=None, company_code=company.code) == (here.company_id, None)
            assert await found("nobody", company_id=None, company_code="no such code") == (None, None)
            assert await found(user.username, company_id=there.company_id, company_code=company.code) == (None, None)

    async def test_the_username_of_an_inactive_user_names_nobody(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        user, _ = await self._membership(world, ann)
        await world.deactivate(ann)
        async with world.identity_unit_of_work() as uow:
            found = await uow.account_by_username(user.username, company_id=owner.company_id, company_code=None)
            assert found == (owner.company_id, None)

    async def test_memberships_begin_with_the_company_signed_in_to_last(self, world: ContractWorld) -> None:
        one, two, three = [await world.company(name) for name in ("One", "Two", "Three")]
        ann = await world.person(one.company_id)
        in_two = await world.joins(ann, two.company_id, role=Role.ADMIN)
        in_three = await world.joins(ann, three.company_id)
        # Later than ann's own, who signed in when she was made.
        at = world.clock.now() + timedelta(seconds=1)
        async with world.identity_unit_of_work() as uow:
            await uow.note_login(in_two.user_id, two.company_id, at=at)
            await uow.note_login(in_three.user_id, three.company_id, at=at + timedelta(seconds=1))
            await uow.commit()
        async with world.identity_unit_of_work() as uow:
            found = await uow.memberships(ann.account_id)
        assert [each.company_id for each in found] == [three.company_id, two.company_id, one.company_id]
        assert [each.user_id for each in found] == [in_three.user_id, in_two.user_id, ann.user_id]
        assert [each.role for each in found] == [Role.MEMBER, Role.ADMIN, Role.MEMBER]
        assert [each.company_name for each in found] == ["Three", "Two", "One"]

    async def test_an_inactive_membership_is_none(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        await world.deactivate(ann)
        async with world.identity_unit_of_work() as uow:
            assert await uow.memberships(ann.account_id) == ()
            assert await uow.membership(ann.account_id, owner.company_id) is None

    async def test_a_membership_that_was_not_accepted_is_none(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        user, _ = await self._membership(world, ann)
        await world.take_acceptance_back(ann)
        async with world.identity_unit_of_work() as uow:
            assert await uow.memberships(ann.account_id) == ()
            assert await uow.membership(ann.account_id, owner.company_id) is None
            found = await uow.account_by_username(user.username, company_id=owner.company_id, company_code=None)
            assert found == (owner.company_id, None)
            with pytest.raises(SessionEnded):
                await uow.caller(ann)

    async def test_an_account_is_kept_as_it_was_saved(self, world: ContractWorld) -> None:
        account, other = await self._added(world), await self._added(world)
        at = account.created_at + timedelta(hours=1)
        async with world.identity_unit_of_work() as uow:
            found = await uow.account(account.id)
            assert found == account
            found.choose_password("another hash", at=at)
            found.email_verified_at, found.name, found.password_is_temporary = at, "Ann Reed", True
            found.propose_totp(b"sealed", at=at)
            assert found.use_totp_step(59_000_000)
            found.enable_totp((b"one", b"another", b"third"), at=at)
            found.use_recovery_code(1)
            await uow.save_account(found)
            assert await uow.account(account.id) == found != account
            await uow.commit()
        async with world.identity_unit_of_work() as uow:
            assert await uow.account_by_email(account.email) == found
            assert found.has_second_factor and found.recovery_digests == (b"one", b"", b"third")
            assert await uow.account(other.id) == other
            assert await uow.account(world.ids.new()) is None

    async def test_an_account_that_was_saved_and_not_committed_is_as_it_was(self, world: ContractWorld) -> None:
        account = await self._added(world)
        async with world.identity_unit_of_work() as uow:
            await uow.save_account(replace(account, password_hash="another hash"))
        async with world.identity_unit_of_work() as uow:
            assert await uow.account(account.id) == account

    async def test_a_membership_shows_the_user_and_the_company(self, world: ContractWorld) -> None:
        owner, other = await world.company("Acme"), await world.company("Other")
        ann = await world.person(owner.company_id, name="Ann Miller")
        await world.change_role(ann, Role.ADMIN)
        at = world.clock.now()
        async with world.identity_unit_of_work() as uow:
            await uow.note_login(ann.user_id, owner.company_id, at=at)
            await uow.commit()
        user, company = await self._membership(world, ann)
        assert (user.id, user.name, user.role, user.is_active) == (ann.user_id, "Ann Miller", Role.ADMIN, True)
        assert user.last_login_at == at
        assert (company.id, company.name, company.role) == (owner.company_id, "Acme", Role.ADMIN)
        async with world.identity_unit_of_work() as uow:
            assert await uow.membership(ann.account_id, other.company_id) is None
            assert await uow.membership(world.ids.new(), owner.company_id) is None

    async def _added(self, world: ContractWorld) -> Account:
        account = _account(world)
        async with world.identity_unit_of_work() as uow:
            await uow.add_account(account)
            await uow.commit()
        return account

    async def _membership(self, world: ContractWorld, actor: Actor) -> tuple[object, object]:
        async with world.identity_unit_of_work() as uow:
            found = await uow.membership(actor.account_id, actor.company_id)
        assert found is not None
        return found


class LoginSessionContract:
    """Of login sessions."""

    async def test_a_session_is_found_as_it_was_added(self, world: ContractWorld) -> None:
        session = await self._begun(world)
        async with world.identity_unit_of_work() as uow:
            assert await uow.session(session.id) == session
            assert await uow.session(world.ids.new()) is None

    async def test_what_was_loaded_is_nobody_elses_until_it_is_saved(self, world: ContractWorld) -> None:
        session = await self._begun(world)
        async with world.identity_unit_of_work() as uow:
            loaded = await uow.session(session.id)
            assert loaded is not None
            loaded.rotate(at=world.clock.now())
        async with world.identity_unit_of_work() as uow:
            assert await uow.session(session.id) == session

    async def test_a_change_is_kept(self, world: ContractWorld) -> None:
        session = await self._begun(world)
        session.rotate(at=session.created_at + timedelta(hours=1))
        session.revoke(at=session.created_at + timedelta(hours=2))
        async with world.identity_unit_of_work() as uow:
            await uow.save_session(session)
            await uow.commit()
        async with world.identity_unit_of_work() as uow:
            assert await uow.session(session.id) == session

    async def test_revoking_all_ends_the_open_sessions_of_one_account(self, world: ContractWorld) -> None:
        one = await self._begun(world)
        two = await self._begun(world, account=one)
        ended = await self._begun(world, account=one)
        stranger = await self._begun(world)
        ended.revoke(at=ended.created_at)
        at = world.clock.now() + timedelta(seconds=1)
        async with world.identity_unit_of_work() as uow:
            await uow.save_session(ended)
            await uow.revoke_sessions(one.account_id, at=at)
            await uow.commit()
        async with world.identity_unit_of_work() as uow:
            revoked = [await uow.session(each.id) for each in (one, two, ended, stranger)]
        assert [session.revoked_at for session in revoked if session] == [at, at, ended.created_at, None]

    async def test_all_but_one_may_be_revoked(self, world: ContractWorld) -> None:
        one = await self._begun(world)
        two, three = [await self._begun(world, account=one) for _ in range(2)]
        at = world.clock.now() + timedelta(seconds=1)
        async with world.identity_unit_of_work() as uow:
            await uow.revoke_sessions(one.account_id, at=at, but=two.id)
            await uow.commit()
        async with world.identity_unit_of_work() as uow:
            found = [await uow.session(each.id) for each in (one, two, three)]
        assert [session.revoked_at for session in found if session] == [at, None, at]

    async def test_the_caller_is_found_as_they_are_now(self, world: ContractWorld) -> None:
        ann = await world.person((await world.company()).company_id)
        await world.change_role(ann, Role.ADMIN)
        at = world.clock.now() - timedelta(minutes=1)
        async with world.identity_unit_of_work() as uow:
            session = await uow.session(ann.session_id)
            assert session is not None
            session.step_up(at=at)
            await uow.save_session(session)
            await uow.commit()
        async with world.identity_unit_of_work() as uow:
            found = await uow.caller(ann)
        assert found == replace(ann, role=Role.ADMIN)
        assert found.authenticated_at == at

    async def test_who_signed_out_or_does_not_belong_there_is_no_caller(self, world: ContractWorld) -> None:
        ann, other = await world.person((await world.company()).company_id), await world.company()
        left = await world.joins(ann, other.company_id)
        await world.deactivate(left)
        for nobody in (replace(ann, company_id=world.ids.new()), replace(ann, session_id=world.ids.new()), left):
            async with world.identity_unit_of_work() as uow:
                with pytest.raises(SessionEnded):
                    await uow.caller(nobody)
        await world.sign_out(ann)
        async with world.identity_unit_of_work() as uow:
            with pytest.raises(SessionEnded):
                await uow.caller(ann)

    async def _begun(self, world: ContractWorld, *, account: LoginSession | None = None) -> LoginSession:
        async with world.identity_unit_of_work() as uow:
            if account is None:
                new = _account(world)
                await uow.add_account(new)
            session = LoginSession.begin(
                id=world.ids.new(),
                account_id=account.account_id if account else new.id,
                nonce=b"\x00nonce\xff",
                agent="Firefox",
                address="192.0.2.1",
                at=world.clock.now(),
            )
            await uow.add_session(session)
            await uow.commit()
        assert session.expires_at == session.created_at + IDLE
        return session


class OpenSessionsContract:
    """Of SessionReader."""

    async def test_the_open_sessions_of_the_account_are_listed_the_one_used_last_first(
        self, world: ContractWorld
    ) -> None:
        ann = await world.person((await world.company("Acme")).company_id)
        await world.person(ann.company_id)
        used = [
            await self._device(world, ann, used=timedelta(hours=-hours), company_id=where)
            for hours, where in ((3, ann.company_id), (1, None), (2, None))
        ]
        await self._device(world, ann, used=-IDLE - timedelta(seconds=1))
        await self._device(world, ann, used=timedelta(), revoked=True)
        page, seq = await world.session_reader.open_sessions(ann, sort=NEWEST_USE, page=PageRequest(include_total=True))
        assert [each.id for each in page.items] == [ann.session_id, used[1].id, used[2].id, used[0].id]
        assert [each.current for each in page.items] == [True, False, False, False]
        assert (page.next_position, page.total) == (None, 4)
        assert seq >= 2
        oldest, session = page.items[-1], used[0]
        assert (oldest.agent, oldest.address) == ("Firefox", "192.0.2.1")
        assert (oldest.created_at, oldest.last_used_at) == (session.created_at, session.last_used_at)
        assert (oldest.expires_at, oldest.authenticated_at) == (session.expires_at, session.authenticated_at)
        assert (oldest.current_company_id, oldest.current_company_name) == (ann.company_id, "Acme")
        assert (page.items[1].current_company_id, page.items[1].current_company_name) == (None, None)

    async def test_a_company_that_the_account_is_not_of_is_not_named(self, world: ContractWorld) -> None:
        ann, other = await world.person((await world.company()).company_id), await world.company("Other")
        strange = await self._device(world, ann, used=timedelta(hours=-1), company_id=other.company_id)
        for step in ("a stranger", "a user", "one who has not accepted", "inactive"):
            if step == "a user":
                there = await world.joins(ann, other.company_id)
            elif step == "one who has not accepted":
                await world.take_acceptance_back(there)
            elif step == "inactive":
                await world.deactivate(there)
            page, _ = await world.session_reader.open_sessions(ann, sort=NEWEST_USE, page=PageRequest())
            (found,) = (each for each in page.items if each.id == strange.id)
            named = (other.company_id, "Other") if step == "a user" else (None, None)
            assert (found.current_company_id, found.current_company_name) == named, step

    @pytest.mark.parametrize("descending", [False, True], ids=["up", "down"])
    @pytest.mark.parametrize("field", ["last_used_at", "created_at", "expires_at"])
    async def test_sessions_come_in_pages_also_those_used_at_once(
        self, world: ContractWorld, field: str, descending: bool
    ) -> None:
        ann, sort = await world.person((await world.company()).company_id), Sort(field=field, descending=descending)
        for hours in (1, 1, 1, 2, 3):
            await self._device(world, ann, used=timedelta(hours=-hours))
        whole, _ = await world.session_reader.open_sessions(ann, sort=sort, page=PageRequest())
        assert len(whole.items) == 6
        assert whole.items == sorted(
            whole.items, key=lambda view: (getattr(view, field), view.id), reverse=sort.descending
        )
        seen, position = [], None
        for _ in range(3):
            page, _ = await world.session_reader.open_sessions(
                ann, sort=sort, page=PageRequest(limit=2, position=position)
            )
            seen, position = seen + page.items, page.next_position
        assert position is None
        assert seen == whole.items
        skipped, _ = await world.session_reader.open_sessions(ann, sort=sort, page=PageRequest(limit=2, skip=3))
        assert skipped.items == whole.items[3:5]

    async def test_who_signed_out_sees_none(self, world: ContractWorld) -> None:
        ann = await world.person((await world.company()).company_id)
        await world.sign_out(ann)
        with pytest.raises(SessionEnded):
            await world.session_reader.open_sessions(ann, sort=NEWEST_USE, page=PageRequest())

    async def _device(
        self,
        world: ContractWorld,
        actor: Actor,
        *,
        used: timedelta,
        company_id: UUID | None = None,
        revoked: bool = False,
    ) -> LoginSession:
        """One more device of an account, used at that distance from now."""
        at = world.clock.now() + used
        session = LoginSession.begin(
            id=world.ids.new(),
            account_id=actor.account_id,
            nonce=b"n",
            agent="Firefox",
            address="192.0.2.1",
            at=at - timedelta(days=1),
        )
        session.rotate(at=at)
        session.current_company_id = company_id
        if revoked:
            session.revoke(at=at)
        async with world.identity_unit_of_work() as uow:
            await uow.add_session(session)
            await uow.commit()
        return session


class FoundingContract:
    """Of opening companies."""

    async def test_a_company_opens_with_its_owner_and_a_log_of_its_own(self, world: ContractWorld) -> None:
        actor, seq = await self._founded(world, "Acme Works")
        assert seq == 2
        log, head = await world.event_reader.after(actor, audible=audible_events(actor), position=0, types=(), limit=10)
        assert [event.event for event in log.events] == ["company_created", "user_created"]
        assert {event.actor_id for event in log.events} == {actor.user_id}
        assert head == 2
        async with world.identity_unit_of_work() as uow:
            (membership,) = await uow.memberships(actor.account_id)
        assert (membership.company_name, membership.role) == ("Acme Works", Role.OWNER)

    async def test_a_code_that_is_taken_gets_a_suffix(self, world: ContractWorld) -> None:
        name = f"Twin {world.ids.new().hex[-20:]}{world.ids.new().hex[:12]}"
        codes = []
        for _ in range(3):
            actor, _ = await self._founded(world, name)
            async with world.identity_unit_of_work() as uow:
                (membership,) = await uow.memberships(actor.account_id)
            codes.append(membership.company_code)
        assert len(set(codes)) == 3
        assert all(code.startswith(codes[0]) for code in codes)

    async def test_the_company_is_told_the_code_that_it_got(self, world: ContractWorld) -> None:
        await self._founded(world, "Same name")
        account = _account(world)
        company, owner, facts = _company(world, account, "Same name")
        async with world.identity_unit_of_work() as uow:
            await uow.add_account(account)
            await uow.add_company(company, owner, facts, at=company.created_at)
            found = await uow.membership(account.id, company.id)
        assert found is not None
        assert found[1].code == company.code

    async def test_a_company_that_was_not_committed_was_never_there(self, world: ContractWorld) -> None:
        account = _account(world)
        company, owner, facts = _company(world, account, "Never")
        async with world.identity_unit_of_work() as uow:
            await uow.add_account(account)
            await uow.add_company(company, owner, facts, at=company.created_at)
            assert await uow.membership(account.id, company.id) is not None
        async with world.identity_unit_of_work() as uow:
            assert await uow.membership(account.id, company.id) is None

    async def _founded(self, world: ContractWorld, name: str) -> tuple[Actor, int]:
        account = _account(world)
        company, owner, facts = _company(world, account, name)
        at = world.clock.now()
        session = LoginSession.begin(
            id=world.ids.new(), account_id=account.id, nonce=b"n", agent=None, address=None, at=at
        )
        async with world.identity_unit_of_work() as uow:
            await uow.add_account(account)
            await uow.add_session(session)
            seq = await uow.add_company(company, owner, facts, at=at)
            await uow.note_login(owner.id, company.id, at=at)
            await uow.commit()
        actor = Actor(
            company_id=company.id,
            user_id=owner.id,
            account_id=account.id,
            session_id=session.id,
            role=Role.OWNER,
        )
        return actor, seq


class IdentityContract(AccountContract, LoginSessionContract, OpenSessionsContract, FoundingContract):
    """Of IdentityUnitOfWork as a whole, and of the reader of what it writes."""


def _account(world: ContractWorld) -> Account:
    account_id, at = world.ids.new(), world.clock.now()
    return Account(
        id=account_id,
        email=f"{account_id}@example.com",
        name="Ann Miller",
        password_hash="a hash",
        created_at=at,
        updated_at=at,
    )


def _company(world: ContractWorld, account: Account, name: str) -> tuple[Company, User, Callable[[], tuple[Fact, ...]]]:
    at, owner_id = world.clock.now(), world.ids.new()
    company = Company.found(id=world.ids.new(), name=name, contact_email=account.email, at=at)
    owner, user_created = User.join(
        id=owner_id,
        account_id=account.id,
        name=account.name,
        email=account.email,
        username="ann",
        role=Role.OWNER,
        at=at,
    )
    return company, owner, lambda: (company.founded(by=owner_id), user_created)
