"""The contract of IdentityUnitOfWork as far as people join a company by an invitation's link.

The subclass provides the fixture `world`; see `tests.contracts.world`.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.kernel.actor import Actor, Role
from core.realtime.policy import audible_events
from core.users.errors import AlreadyUser, UsernameTaken
from core.users.events import UserCreated
from core.users.model import Invitation, User
from tests.contracts.people import (
    a_user_of,
    account_of,
    add_user,
    delete_company,
    invite,
    loaded_user,
    open_account,
)
from tests.contracts.world import ContractWorld


class JoiningContract:
    """Of links, and of what is written when they are followed."""

    async def test_an_invitation_is_found_by_its_link_with_its_company_and_user(self, world: ContractWorld) -> None:
        owner, other = await world.company("Here"), await world.company("There")
        user = await add_user(world, owner, None, accepted_at=None)
        bare, asked = await invite(world, owner), await invite(world, owner, user_id=user.id)
        theirs = await invite(world, other, email=bare.email)
        async with world.identity_unit_of_work() as uow:
            bare_offer = (owner.company_id, bare, None, Role.OWNER, False, False, None)
            assert await uow.invitation(bare.token_digest) == bare_offer
            offered = (owner.company_id, asked, user, Role.OWNER, False, False, None)
            assert await uow.invitation(asked.token_digest) == offered
            theirs_offer = (other.company_id, theirs, None, Role.OWNER, False, False, None)
            assert await uow.invitation(theirs.token_digest) == theirs_offer
            assert await uow.invitation(b"another") is None

    async def test_its_sender_is_found_as_they_are_now(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id, role=Role.ADMIN)
        invitation = await invite(world, ann)
        for change, expected in (
            (lambda: world.change_role(ann, Role.MEMBER), Role.MEMBER),
            (lambda: world.deactivate(ann), None),
        ):
            await change()
            async with world.identity_unit_of_work() as uow:
                found = await uow.invitation(invitation.token_digest)
            assert found is not None
            assert found.inviter is expected

    async def test_what_became_of_it_is_found_too(self, world: ContractWorld) -> None:
        owner, at = await world.company(), world.clock.now()
        for fields in ({"revoked_at": at}, {"accepted_at": at}, {"expires_at": at - timedelta(days=1)}):
            invitation = await invite(world, owner, **fields)
            async with world.identity_unit_of_work() as uow:
                found = await uow.invitation(invitation.token_digest)
            assert found is not None
            assert found.invitation == invitation

    async def test_a_company_that_was_deleted_invites_nobody(self, world: ContractWorld) -> None:
        owner = await world.company()
        invitation = await invite(world, owner)
        await delete_company(world, owner)
        async with world.identity_unit_of_work() as uow:
            assert await uow.invitation(invitation.token_digest) is None

    async def test_a_username_is_free_in_one_company_and_not_in_another(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        await add_user(world, here, None, username="Sam", is_active=False)
        async with world.identity_unit_of_work() as uow:
            assert await uow.free_username(here.company_id, ["sAM"]) is None
            assert await uow.free_username(here.company_id, ["Sam", "sam.2", "sam.3"]) == "sam.2"
            assert await uow.free_username(there.company_id, ["Sam", "sam.2"]) == "Sam"

    async def test_whoever_joins_is_a_user_the_link_used_and_the_log_says_so(self, world: ContractWorld) -> None:
        owner, other = await world.company("Here"), await world.company("There")
        account, at = await open_account(world, owner), world.clock.now()
        invitation = await invite(world, owner, email=account.email)
        user = a_user_of(world, account.id, email=account.email, role=Role.ADMIN)
        head = await self._head(world, owner)
        async with world.identity_unit_of_work() as uow:
            await self._join(uow, owner, user, invitation, at=at)
            found = await uow.membership(account.id, owner.company_id)
            assert found is not None
            assert found[0].id == user.id
            await uow.commit()
        assert await loaded_user(world, owner, user.id) == user
        async with world.people_unit_of_work(owner) as uow:
            assert await uow.invitations.load(invitation.id) == invitation
        assert (invitation.accepted_at, invitation.user_id) == (at, user.id)
        log, _ = await world.event_reader.after(owner, audible=audible_events(owner), position=head, types=(), limit=10)
        assert [(each.event, each.actor_id) for each in log.events] == [
            ("user_created", user.id),
            ("invitation_accepted", user.id),
        ]
        assert await self._head(world, other) == 2

    async def test_whoever_was_made_a_user_before_is_changed(self, world: ContractWorld) -> None:
        owner = await world.company()
        account, at = await open_account(world, owner), world.clock.now()
        user = await add_user(world, owner, account.id, accepted_at=None)
        invitation = await invite(world, owner, user_id=user.id)
        facts = [*user.accept(name="Bea Reed", username=None, at=at), invitation.accept(user_id=user.id, at=at)]
        async with world.identity_unit_of_work() as uow:
            assert await uow.membership(account.id, owner.company_id) is None
            await uow.join(owner.company_id, user, invitation, facts, is_new=False, at=at)
            assert await uow.membership(account.id, owner.company_id) is not None
            await uow.commit()
        assert await loaded_user(world, owner, user.id) == user
        assert (user.accepted_at, user.name, user.version) == (at, "Bea Reed", 2)

    async def test_a_username_that_is_taken_lets_nobody_in(self, world: ContractWorld) -> None:
        owner = await world.company()
        taken = await add_user(world, owner, None)
        account, at = await open_account(world, owner), world.clock.now()
        invitation = await invite(world, owner)
        user = a_user_of(world, account.id, username=taken.username.upper())
        with pytest.raises(UsernameTaken):
            async with world.identity_unit_of_work() as uow:
                await self._join(uow, owner, user, replace(invitation), at=at)
                await uow.commit()
        await self._nothing_came_of(world, owner, user, invitation)

    async def test_nobody_joins_twice(self, world: ContractWorld) -> None:
        owner = await world.company()
        account = await open_account(world, owner)
        await add_user(world, owner, account.id)
        invitation, again = await invite(world, owner), a_user_of(world, account.id)
        with pytest.raises(AlreadyUser):
            async with world.identity_unit_of_work() as uow:
                await self._join(uow, owner, again, replace(invitation), at=world.clock.now())
                await uow.commit()
        await self._nothing_came_of(world, owner, again, invitation)

    async def test_what_was_not_committed_was_never_there(self, world: ContractWorld) -> None:
        owner = await world.company()
        account, head = await open_account(world, owner), await self._head(world, owner)
        invitation, user = await invite(world, owner), a_user_of(world, account.id)
        async with world.identity_unit_of_work() as uow:
            await self._join(uow, owner, user, replace(invitation), at=world.clock.now())
            await uow.save_account(replace(account, name="Never"))
        await self._nothing_came_of(world, owner, user, invitation)
        assert await self._head(world, owner) == head
        assert await account_of(world, account.email) == account

    async def _join(self, uow: object, owner: Actor, user: User, invitation: Invitation, *, at: object) -> None:
        created = UserCreated(user_id=user.id, name=user.name, username=user.username, role=user.role, version=1)
        facts = [created, invitation.accept(user_id=user.id, at=at)]
        await uow.join(owner.company_id, user, invitation, facts, is_new=True, at=at)

    async def _nothing_came_of(self, world: ContractWorld, owner: Actor, user: User, invitation: Invitation) -> None:
        async with world.people_unit_of_work(owner) as uow:
            assert await uow.users.load(user.id, for_user=owner.user_id) is None
            assert await uow.invitations.load(invitation.id) == invitation

    async def _head(self, world: ContractWorld, actor: Actor) -> int:
        _, head = await world.event_reader.after(actor, audible=audible_events(actor), position=0, types=(), limit=1)
        return head
