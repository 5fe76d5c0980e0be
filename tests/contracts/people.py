"""The contract of PeopleUnitOfWork: users, invitations, and the accounts behind them; and of CompanyUnitOfWork.

The subclass provides the fixture `world`; see `tests.contracts.world`. What waits for a lock is shown on PostgreSQL
alone.
"""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from core.auth.model import Account, LoginSession
from core.companies.errors import CompanyCodeTaken
from core.companies.model import CompanySettings
from core.kernel.actor import Actor, Role
from core.kernel.errors import Conflict
from core.users.errors import AlreadyUser, EmailTaken, UsernameTaken
from core.users.model import Invitation, User, UserKind
from tests.contracts.steps import open_project
from tests.contracts.world import ContractWorld


def an_address(world: ContractWorld) -> str:
    return f"{world.ids.new()}@example.com"


def a_user_of(world: ContractWorld, account_id: UUID | None, **fields: object) -> User:
    """A user of that account who is not written yet; a service without one."""
    user_id = world.ids.new()
    user, _ = User.join(
        id=user_id,
        account_id=account_id,
        name="Bea",
        email=an_address(world) if account_id else None,
        username=f"u{user_id}",
        role=Role.MEMBER,
        at=world.clock.now(),
    )
    return replace(user, **fields)


def an_invitation(world: ContractWorld, by: Actor, **fields: object) -> Invitation:
    """An invitation that is not written yet."""
    invitation, _ = Invitation.send(
        id=world.ids.new(),
        email=an_address(world),
        role=Role.ADMIN,
        user_id=None,
        token_digest=world.ids.new().bytes,
        invited_by=by.user_id,
        at=world.clock.now(),
    )
    return replace(invitation, **fields)


async def add_user(world: ContractWorld, by: Actor, account_id: UUID | None, **fields: object) -> User:
    user = a_user_of(world, account_id, **fields)
    async with world.people_unit_of_work(by) as uow:
        uow.users.add(user)
        await uow.commit()
    return user


async def save_user(world: ContractWorld, by: Actor, user: User) -> None:
    async with world.people_unit_of_work(by) as uow:
        uow.users.save(user)
        await uow.commit()


async def loaded_user(world: ContractWorld, by: Actor, user_id: UUID) -> User:
    async with world.people_unit_of_work(by) as uow:
        loaded = await uow.users.load(user_id, for_user=by.user_id)
    assert loaded is not None
    return loaded.user


async def invite(world: ContractWorld, by: Actor, **fields: object) -> Invitation:
    invitation = an_invitation(world, by, **fields)
    async with world.people_unit_of_work(by) as uow:
        uow.invitations.add(invitation)
        await uow.commit()
    return invitation


async def open_account(world: ContractWorld, by: Actor, *, password_hash: str | None = None) -> Account:
    email = an_address(world)
    async with world.people_unit_of_work(by) as uow:
        await uow.accounts.find_or_open(
            email, id=world.ids.new(), name="Bea", temporary_password_hash=password_hash, at=world.clock.now()
        )
        await uow.commit()
    return await account_of(world, email)


async def account_of(world: ContractWorld, email: str) -> Account:
    async with world.identity_unit_of_work() as uow:
        found = await uow.account_by_email(email)
    assert found is not None
    return found


async def session_of(world: ContractWorld, actor: Actor) -> LoginSession:
    async with world.identity_unit_of_work() as uow:
        found = await uow.session(actor.session_id)
    assert found is not None
    return found


async def ended_device(world: ContractWorld, actor: Actor) -> LoginSession:
    """Another device of the account, which was signed out an hour ago."""
    at = world.clock.now() - timedelta(hours=1)
    session = LoginSession.begin(
        id=world.ids.new(), account_id=actor.account_id, nonce=b"n", agent=None, address=None, at=at
    )
    session.revoke(at=at)
    async with world.identity_unit_of_work() as uow:
        await uow.add_session(session)
        await uow.commit()
    return session


class UsersContract:
    """Of Users."""

    async def test_a_user_is_loaded_as_it_was_added(self, world: ContractWorld) -> None:
        owner = await world.company()
        account = await open_account(world, owner)
        at = world.clock.now()
        person = await add_user(
            world, owner, account.id, email=account.email, role=Role.ADMIN, accepted_at=None, created_at=at
        )
        service = await add_user(world, owner, None, name="Robot", is_active=False)
        assert (service.kind, service.email) == (UserKind.SERVICE, None)
        for user in (person, service):
            assert await loaded_user(world, owner, user.id) == user

    async def test_a_user_is_loaded_with_their_last_login_and_whether_they_share_a_project(
        self, world: ContractWorld
    ) -> None:
        owner = await world.company()
        ann, bob = [await world.person(owner.company_id) for _ in range(2)]
        at, project = world.clock.now(), await open_project(world, owner)
        async with world.identity_unit_of_work() as uow:
            await uow.note_login(ann.user_id, owner.company_id, at=at)
            await uow.note_login(bob.user_id, owner.company_id, at=at + timedelta(seconds=1))
            await uow.commit()
        await world.add_to_project(project.id, ann)
        async with world.people_unit_of_work(owner) as uow:
            for user_id, by, expected in (
                (ann.user_id, bob, (at, False)),
                (ann.user_id, owner, (at, True)),
                (bob.user_id, ann, (at + timedelta(seconds=1), False)),
            ):
                found = await uow.users.load(user_id, for_user=by.user_id)
                assert found is not None
                assert found[1:] == expected

    async def test_nobody_of_another_company_is_found(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        theirs = await loaded_user(world, there, there.user_id)
        async with world.people_unit_of_work(here) as uow:
            for user_id in (there.user_id, world.ids.new()):
                assert await uow.users.load(user_id, for_user=here.user_id) is None
            assert await uow.users.by_address(theirs.email or "") is None
            assert await uow.users.free_username([theirs.username]) == theirs.username
        with pytest.raises(Conflict):
            await save_user(world, here, replace(theirs, name="Mallory"))
        assert await loaded_user(world, there, there.user_id) == theirs

    async def test_a_change_is_kept(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann, bob = [await world.person(owner.company_id) for _ in range(2)]
        before, other = [await loaded_user(world, owner, each.user_id) for each in (ann, bob)]
        changed = replace(
            before,
            name="Ann Reed",
            email=an_address(world),
            username="Ann.Reed",
            role=Role.ADMIN,
            is_active=False,
            accepted_at=None,
            version=2,
            updated_at=before.updated_at + timedelta(hours=1),
        )
        await save_user(world, owner, changed)
        assert await loaded_user(world, owner, ann.user_id) == changed
        assert await loaded_user(world, owner, bob.user_id) == other

    async def test_what_was_loaded_changes_nothing_until_it_is_saved_and_committed(self, world: ContractWorld) -> None:
        owner = await world.company()
        before = await loaded_user(world, owner, owner.user_id)
        async with world.people_unit_of_work(owner) as uow:
            loaded = await uow.users.load(owner.user_id, for_user=owner.user_id)
            assert loaded is not None
            loaded.user.name = "Never"
            assert await loaded_user_again(uow, owner) == before
            uow.users.save(loaded.user)
        assert await loaded_user(world, owner, owner.user_id) == before

    async def test_a_username_is_one_persons_in_a_company_in_any_case(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        ann = await add_user(world, here, None, username="Ann.Reed")
        bob = await add_user(world, here, None)
        with pytest.raises(UsernameTaken):
            await add_user(world, here, None, username="ann.REED")
        with pytest.raises(UsernameTaken):
            await save_user(world, here, replace(bob, username="ANN.reed", version=2))
        assert await loaded_user(world, here, bob.id) == bob
        await save_user(world, here, replace(ann, username="ann.reed", version=2))
        await add_user(world, there, None, username="Ann.Reed")

    async def test_an_account_is_one_user_of_a_company(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        account = await open_account(world, here)
        await add_user(world, here, account.id)
        with pytest.raises(AlreadyUser):
            await add_user(world, here, account.id)
        await add_user(world, there, account.id)

    async def test_a_user_is_found_by_their_address_active_or_not(self, world: ContractWorld) -> None:
        owner = await world.company()
        account = await open_account(world, owner)
        for fields in ({}, {"is_active": False}, {"accepted_at": None}):
            user = a_user_of(world, account.id, email=account.email)
            if not fields:
                user = await add_user(world, owner, account.id, email=account.email)
                kept = user
            user = replace(kept, **fields)
            await save_user(world, owner, user)
            async with world.people_unit_of_work(owner) as uow:
                assert await uow.users.by_address(account.email) == (user, None, False)
                assert await uow.users.by_address(f"x{account.email}") is None

    async def test_the_first_username_that_is_free_in_any_case_is_found(self, world: ContractWorld) -> None:
        owner = await world.company()
        for username in ("sam", "SAM.2", "sam.4"):
            await add_user(world, owner, None, username=username, is_active=False)
        async with world.people_unit_of_work(owner) as uow:
            assert await uow.users.free_username(["sam", "sam.2", "sam.3", "sam.4", "sam.5"]) == "sam.3"
            assert await uow.users.free_username(["Sam", "Sam.2", "Sam.5"]) == "Sam.5"
            assert await uow.users.free_username(["SAM", "sam.4"]) is None
            assert await uow.users.free_username([]) is None

    async def test_only_owners_who_can_act_own(self, world: ContractWorld) -> None:
        owner, elsewhere = await world.company("Here"), await world.company("There")
        account = await open_account(world, owner)
        second = await add_user(world, owner, account.id, role=Role.OWNER)
        await add_user(world, owner, None, role=Role.OWNER)
        await add_user(world, elsewhere, account.id, role=Role.OWNER)
        async with world.people_unit_of_work(owner) as uow:
            # Nobody knows yet whether there is somebody at that address.
            assert not await uow.users.others_own(owner.user_id)
        async with world.identity_unit_of_work() as identity:
            await identity.note_login(second.id, owner.company_id, at=world.clock.now())
            await identity.commit()
        for fields, expected in (
            ({}, True),
            ({"role": Role.ADMIN}, False),
            ({"is_active": False}, False),
            ({"accepted_at": None}, False),
        ):
            await save_user(world, owner, replace(second, **fields))
            async with world.people_unit_of_work(owner) as uow:
                assert await uow.users.lock_ownership(owner.user_id) is Role.OWNER
                assert await uow.users.others_own(owner.user_id) is expected, fields
                assert await uow.users.others_own(second.id)

    async def test_whoever_decides_about_owners_hears_what_they_are_themselves(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id, role=Role.ADMIN)
        for change, expected in (
            (lambda: world.change_role(ann, Role.MEMBER), Role.MEMBER),
            (lambda: world.take_acceptance_back(ann), None),
            (lambda: world.deactivate(ann), None),
        ):
            await change()
            async with world.people_unit_of_work(owner) as uow:
                assert await uow.users.lock_ownership(ann.user_id) is expected
        async with world.people_unit_of_work(owner) as uow:
            assert await uow.users.lock_ownership(world.ids.new()) is None


async def loaded_user_again(uow: object, actor: Actor) -> User:
    loaded = await uow.users.load(actor.user_id, for_user=actor.user_id)
    assert loaded is not None
    user: User = loaded.user
    return user


class InvitationsContract:
    """Of Invitations."""

    async def test_an_invitation_is_found_as_it_was_added(self, world: ContractWorld) -> None:
        owner = await world.company()
        invitation = await invite(world, owner)
        asked = await invite(world, owner, user_id=owner.user_id, role=Role.OWNER)
        async with world.people_unit_of_work(owner) as uow:
            for each in (invitation, asked):
                assert await uow.invitations.load(each.id) == each
                assert await uow.invitations.open_for(each.email) == each
            assert await uow.invitations.load(world.ids.new()) is None
            assert await uow.invitations.open_for(f"x{invitation.email}") is None

    async def test_those_of_another_company_are_not(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        theirs = await invite(world, there)
        async with world.people_unit_of_work(here) as uow:
            assert await uow.invitations.load(theirs.id) is None
            assert await uow.invitations.open_for(theirs.email) is None
        await invite(world, here, email=theirs.email)
        with pytest.raises(Conflict):
            async with world.people_unit_of_work(here) as uow:
                uow.invitations.save(replace(theirs, revoked_at=theirs.created_at))
                await uow.commit()
        async with world.people_unit_of_work(there) as uow:
            assert await uow.invitations.load(theirs.id) == theirs

    async def test_accepting_and_revoking_are_kept_and_close_it(self, world: ContractWorld) -> None:
        owner = await world.company()
        email, at = an_address(world), world.clock.now() + timedelta(hours=1)
        accepted = await invite(world, owner, email=email)
        accepted.accept(user_id=owner.user_id, at=at)
        await self._save(world, owner, accepted)
        revoked = await invite(world, owner, email=email)
        revoked.revoke(at=at)
        await self._save(world, owner, revoked)
        waiting = await invite(world, owner, email=email)
        async with world.people_unit_of_work(owner) as uow:
            for each in (accepted, revoked):
                assert await uow.invitations.load(each.id) == each
            assert await uow.invitations.open_for(email) == waiting

    async def test_one_that_has_expired_is_open_until_it_is_closed(self, world: ContractWorld) -> None:
        owner = await world.company()
        expired = await invite(world, owner, expires_at=world.clock.now() - timedelta(days=1))
        async with world.people_unit_of_work(owner) as uow:
            assert await uow.invitations.open_for(expired.email) == expired

    async def test_one_is_open_for_an_address_at_a_time(self, world: ContractWorld) -> None:
        owner = await world.company()
        first = await invite(world, owner)
        with pytest.raises(Conflict):
            await invite(world, owner, email=first.email)
        second = an_invitation(world, owner, email=first.email)
        async with world.people_unit_of_work(owner) as uow:
            first.revoke(at=world.clock.now())
            uow.invitations.save(first)
            uow.invitations.add(second)
            await uow.commit()
        async with world.people_unit_of_work(owner) as uow:
            assert await uow.invitations.open_for(first.email) == second

    async def _save(self, world: ContractWorld, by: Actor, invitation: Invitation) -> None:
        async with world.people_unit_of_work(by) as uow:
            uow.invitations.save(invitation)
            await uow.commit()


class AccountsContract:
    """Of Accounts, the door across companies."""

    @pytest.mark.parametrize("password_hash", [None, "a hash"])
    async def test_an_unknown_address_gets_an_account_that_waits_for_its_holder(
        self, world: ContractWorld, password_hash: str | None
    ) -> None:
        owner = await world.company()
        email, account_id, at = an_address(world), world.ids.new(), world.clock.now()
        async with world.people_unit_of_work(owner) as uow:
            found = await uow.accounts.find_or_open(
                email, id=account_id, name="Bea", temporary_password_hash=password_hash, at=at
            )
            assert found == (account_id, True)
            again = await uow.accounts.find_or_open(
                email, id=world.ids.new(), name="Other", temporary_password_hash=None, at=at
            )
            assert again == (account_id, False)
            await uow.commit()
        assert await account_of(world, email) == Account(
            id=account_id,
            email=email,
            name="Bea",
            password_hash=password_hash,
            password_is_temporary=password_hash is not None,
            created_at=at,
            updated_at=at,
        )

    async def test_a_known_one_is_left_as_it_is(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        account = await open_account(world, here, password_hash="a hash")
        async with world.people_unit_of_work(there) as uow:
            found = await uow.accounts.find_or_open(
                account.email, id=world.ids.new(), name="Not Bea", temporary_password_hash="hers", at=world.clock.now()
            )
            await uow.commit()
        assert found == (account.id, False)
        assert await account_of(world, account.email) == account

    async def test_an_account_that_was_not_committed_was_never_there(self, world: ContractWorld) -> None:
        owner, email = await world.company(), an_address(world)
        async with world.people_unit_of_work(owner) as uow:
            await uow.accounts.find_or_open(
                email, id=world.ids.new(), name="Bea", temporary_password_hash=None, at=world.clock.now()
            )
        async with world.identity_unit_of_work() as uow:
            assert await uow.account_by_email(email) is None

    async def test_an_account_is_shared_with_memberships_elsewhere_of_whatever_state(
        self, world: ContractWorld
    ) -> None:
        owner = await world.company()
        there = [await world.company(name) for name in ("Active", "Inactive", "Waiting")]
        people = [await world.person(owner.company_id) for _ in range(4)]
        joined = [await world.joins(ann, each.company_id) for ann, each in zip(people, there, strict=False)]
        await world.deactivate(joined[1])
        await world.take_acceptance_back(joined[2])
        async with world.people_unit_of_work(owner) as uow:
            held = [await uow.accounts.holding(ann.account_id) for ann in people]
            assert [each.is_shared for each in held] == [True, True, True, False]
            assert await uow.accounts.holding(world.ids.new()) == (False, False)

    async def test_a_holder_has_proved_to_be_one_by_a_password_of_their_own(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        opened = await open_account(world, owner)
        async with world.people_unit_of_work(owner) as uow:
            assert (await uow.accounts.holding(ann.account_id)).is_proved
            assert not (await uow.accounts.holding(opened.id)).is_proved
            await uow.accounts.change_password(
                ann.account_id, "a hash", letter_id=world.ids.new(), at=world.clock.now()
            )
            assert not (await uow.accounts.holding(ann.account_id)).is_proved

    async def test_another_address_is_one_that_nobody_proved(self, world: ContractWorld) -> None:
        owner = await world.company()
        account, other = [await open_account(world, owner) for _ in range(2)]
        async with world.identity_unit_of_work() as uow:
            await uow.save_account(replace(account, email_verified_at=world.clock.now()))
            await uow.commit()
        email, at = an_address(world), account.created_at + timedelta(hours=1)
        async with world.people_unit_of_work(owner) as uow:
            await uow.accounts.change_address(account.id, email, letter_id=world.ids.new(), at=at)
            await uow.commit()
        expected = replace(account, email=email, version=2, updated_at=at)
        assert await account_of(world, email) == expected
        with pytest.raises(EmailTaken):
            async with world.people_unit_of_work(owner) as uow:
                await uow.accounts.change_address(account.id, other.email, letter_id=world.ids.new(), at=at)
                await uow.commit()
        assert await account_of(world, email) == expected
        assert await account_of(world, other.email) == other

    async def test_a_password_that_somebody_else_gave_is_temporary_and_signs_all_devices_out(
        self, world: ContractWorld
    ) -> None:
        owner = await world.company()
        ann, bob = [await world.person(owner.company_id) for _ in range(2)]
        async with world.identity_unit_of_work() as uow:
            account = await uow.account(ann.account_id)
        assert account is not None
        at = account.created_at + timedelta(hours=1)
        ended = await ended_device(world, ann)
        async with world.people_unit_of_work(owner) as uow:
            await uow.accounts.change_password(ann.account_id, "a hash", letter_id=world.ids.new(), at=at)
            await uow.commit()
        expected = replace(account, password_hash="a hash", password_is_temporary=True, version=2, updated_at=at)
        assert await account_of(world, account.email) == expected
        assert [(await session_of(world, each)).revoked_at for each in (ann, bob, owner)] == [at, None, None]
        assert await session_of(world, replace(ann, session_id=ended.id)) == ended

    async def test_the_devices_of_whoever_has_nothing_else_are_signed_out(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann, bob = [await world.person(owner.company_id) for _ in range(2)]
        at, ended = world.clock.now(), await ended_device(world, ann)
        await self._end(world, owner, ann, at=at)
        assert [(await session_of(world, each)).revoked_at for each in (ann, bob)] == [at, None]
        assert await session_of(world, replace(ann, session_id=ended.id)) == ended

    async def test_the_devices_of_whoever_is_active_elsewhere_go_on_there(self, world: ContractWorld) -> None:
        owner, other = await world.company("Here"), await world.company("There")
        ann = await world.person(owner.company_id)
        await world.joins(ann, other.company_id)
        for current, left in ((owner.company_id, None), (other.company_id, other.company_id)):
            session = await session_of(world, ann)
            session.current_company_id = current
            async with world.identity_unit_of_work() as uow:
                await uow.save_session(session)
                await uow.commit()
            await self._end(world, owner, ann)
            found = await session_of(world, ann)
            assert (found.revoked_at, found.current_company_id) == (None, left)

    async def test_what_the_companys_own_provider_began_opens_it_no_more(self, world: ContractWorld) -> None:
        owner, other = await world.company("Here"), await world.company("There")
        ann = await world.person(owner.company_id)
        await world.joins(ann, other.company_id)
        here, there, at = owner.company_id, other.company_id, world.clock.now()
        for general_at, before, after, ended in (
            (None, (here,), (), at),
            (None, tuple(sorted((here, there))), (there,), None),
            (None, (there,), (there,), None),
            (at, (here,), (), None),
        ):
            session = await session_of(world, ann)
            session.general_at, session.sso_company_ids, session.revoked_at = general_at, before, None
            async with world.identity_unit_of_work() as uow:
                await uow.save_session(session)
                await uow.commit()
            await self._end(world, owner, ann, at=at)
            found = await session_of(world, ann)
            assert (found.sso_company_ids, found.revoked_at) == (after, ended)

    @pytest.mark.parametrize("state", ["inactive", "waiting", "deleted"])
    async def test_a_membership_elsewhere_that_lets_nobody_in_is_nothing_to_go_on_to(
        self, world: ContractWorld, state: str
    ) -> None:
        owner, other = await world.company("Here"), await world.company("There")
        ann = await world.person(owner.company_id)
        there = await world.joins(ann, other.company_id)
        if state == "inactive":
            await world.deactivate(there)
        elif state == "waiting":
            await world.take_acceptance_back(there)
        else:
            await delete_company(world, other)
        await self._end(world, owner, ann)
        assert (await session_of(world, ann)).revoked_at is not None

    async def _end(self, world: ContractWorld, by: Actor, ann: Actor, *, at: object = None) -> None:
        async with world.people_unit_of_work(by) as uow:
            await uow.accounts.end_access(ann.account_id, at=at or world.clock.now())
            await uow.commit()

    async def test_the_callers_second_factor_is_known_and_when_their_session_proved_it(
        self, world: ContractWorld
    ) -> None:
        ann, at = await world.company(), world.clock.now()
        assert await self._factor(world, ann) == (False, None)
        async with world.identity_unit_of_work() as uow:
            account = await uow.account(ann.account_id)
            assert account is not None
            account.propose_totp(b"sealed", at=at)
            await uow.save_account(account)
            await uow.commit()
        assert await self._factor(world, ann) == (False, None)
        async with world.identity_unit_of_work() as uow:
            account = await uow.account(ann.account_id)
            assert account is not None
            account.enable_totp((), at=at)
            await uow.save_account(account)
            await uow.commit()
        assert await self._factor(world, ann) == (True, None)
        async with world.identity_unit_of_work() as uow:
            session = await uow.session(ann.session_id)
            assert session is not None
            session.prove_second_factor(at=at)
            await uow.save_session(session)
            await uow.commit()
        assert await self._factor(world, ann) == (True, at)

    async def _factor(self, world: ContractWorld, actor: Actor) -> object:
        async with world.people_unit_of_work(actor) as uow:
            return await uow.accounts.second_factor(uow.actor.signed_in.session_id)


class PeopleContract(UsersContract, InvitationsContract, AccountsContract):
    """Of PeopleUnitOfWork as a whole."""

    async def test_people_accounts_and_invitations_come_together_or_not_at_all(self, world: ContractWorld) -> None:
        owner = await world.company()
        taken = await add_user(world, owner, None)
        email, invitation = an_address(world), an_invitation(world, owner)
        with pytest.raises(UsernameTaken):
            async with world.people_unit_of_work(owner) as uow:
                found = await uow.accounts.find_or_open(
                    email, id=world.ids.new(), name="Bea", temporary_password_hash=None, at=world.clock.now()
                )
                uow.invitations.add(invitation)
                uow.users.add(a_user_of(world, found.id, username=taken.username))
                await uow.commit()
        async with world.identity_unit_of_work() as uow:
            assert await uow.account_by_email(email) is None
        async with world.people_unit_of_work(owner) as uow:
            assert await uow.invitations.load(invitation.id) is None


async def delete_company(world: ContractWorld, owner: Actor) -> None:
    async with world.company_unit_of_work(owner) as uow:
        company = await uow.load()
        uow.record(company.delete(confirmed=company.code, at=world.clock.now()))
        uow.save(company)
        await uow.commit()


class CompanyContract:
    """Of CompanyUnitOfWork: the company that the caller acts in."""

    async def test_a_company_is_kept_as_it_was_saved(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        async with world.company_unit_of_work(there) as uow:
            theirs = await uow.load()
        async with world.company_unit_of_work(here) as uow:
            company = await uow.load()
            assert (company.id, company.name, company.settings) == (here.company_id, "Here", CompanySettings())
            company.name, company.code, company.contact_email = "New", f"c-{world.ids.new()}"[:40], "a@b.cd"
            company.settings = CompanySettings(members_edit_all_project_tasks=True, time_zone="Europe/Berlin")
            company.version, company.updated_at = 2, company.created_at + timedelta(hours=1)
            uow.save(company)
            await uow.commit()
        async with world.company_unit_of_work(here) as uow:
            assert await uow.load() == company
        async with world.company_unit_of_work(there) as uow:
            assert await uow.load() == theirs

    async def test_what_was_loaded_is_nobody_elses_until_it_is_committed(self, world: ContractWorld) -> None:
        owner = await world.company("Acme")
        async with world.company_unit_of_work(owner) as uow:
            company = await uow.load()
            company.name, company.version = "Never", 2
            uow.save(company)
        async with world.company_unit_of_work(owner) as uow:
            assert (await uow.load()).name == "Acme"

    async def test_it_is_not_saved_over_a_version_that_was_not_read(self, world: ContractWorld) -> None:
        owner = await world.company("Acme")
        for version in (1, 3):
            with pytest.raises(Conflict):
                async with world.company_unit_of_work(owner) as uow:
                    uow.save(replace(await uow.load(), name="Never", version=version))
                    await uow.commit()
        async with world.company_unit_of_work(owner) as uow:
            assert (await uow.load()).name == "Acme"

    async def test_a_code_is_one_companys(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        async with world.company_unit_of_work(there) as uow:
            theirs = await uow.load()
        with pytest.raises(CompanyCodeTaken):
            async with world.company_unit_of_work(here) as uow:
                uow.save(replace(await uow.load(), code=theirs.code, version=2))
                await uow.commit()

    async def test_one_that_was_deleted_lets_nobody_in_and_is_no_membership(self, world: ContractWorld) -> None:
        owner, other = await world.company(), await world.company("Other")
        there = await world.joins(other, owner.company_id)
        await delete_company(world, owner)
        async with world.identity_unit_of_work() as uow:
            assert await uow.membership(owner.account_id, owner.company_id) is None
            assert await uow.memberships(owner.account_id) == ()
            assert [each.company_id for each in await uow.memberships(there.account_id)] == [other.company_id]
