"""The contracts of what mail is read from, and of IdentityUnitOfWork as far as letters and links are about it.

The subclass provides the fixture `world`; see `tests.contracts.world`. Nobody else may mail from its store.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from core.auth.letters import Letter, LetterKind
from core.auth.model import Account
from core.kernel.actor import Actor
from core.mail.read_models import AccountPost, CompanyPost
from core.realtime.policy import audible_events
from core.users.errors import EmailTaken
from core.users.model import Invitation, UserChanges
from tests.contracts.api_tokens import add_token
from tests.contracts.people import account_of, an_address, an_invitation, delete_company, loaded_user, open_account
from tests.contracts.world import ContractWorld

MINUTE = timedelta(minutes=1)


async def send(world: ContractWorld, by: Actor) -> Invitation:
    """Invites somebody, and says so in the log."""
    invitation, created = Invitation.send(
        id=world.ids.new(),
        email=an_address(world),
        role=an_invitation(world, by).role,
        user_id=None,
        token_digest=world.ids.new().bytes,
        invited_by=by.user_id,
        at=world.clock.now(),
    )
    async with world.people_unit_of_work(by) as uow:
        uow.invitations.add(invitation)
        uow.record(created)
        await uow.commit()
    return invitation


class CompanyPostContract:
    """Of what is read from the companies' logs."""

    async def test_what_is_new_is_read_once_with_what_is_needed_to_write_it(self, world: ContractWorld) -> None:
        owner = await world.company("Acme")
        first, second = await send(world, owner), await send(world, owner)
        post = await self._claimed(world, owner)
        assert [each.invitation for each in post.invited] == [first, second]
        assert {each.inviter_name for each in post.invited} == {"Owner of Acme"}
        assert post.company_name == "Acme"
        assert post.position == await _head(world, owner)
        await world.company_posts.settle(post, behind=(), again_at=None)
        assert await self._next(world, owner) is None
        third = await send(world, owner)
        assert [each.invitation for each in (await self._claimed(world, owner)).invited] == [third]

    async def test_what_nobody_is_told_is_passed_over(self, world: ContractWorld) -> None:
        owner = await world.company()
        assert await self._next(world, owner) is None
        assert await self._next(world, owner) is None

    async def test_what_somebody_is_at_is_nobody_elses_until_they_are_late(self, world: ContractWorld) -> None:
        owner = await world.company()
        await send(world, owner)
        at = world.clock.now()
        held = await self._claimed(world, owner, at=at)
        assert await self._next(world, owner, at=at) is None
        taken_over = await self._claimed(world, owner, at=at + 2 * MINUTE)
        assert taken_over.invited == held.invited
        # Whoever comes too late moves nothing.
        await world.company_posts.settle(held, behind=(), again_at=None)
        assert await self._next(world, owner, at=at + 2 * MINUTE) is None
        assert (await self._claimed(world, owner, at=at + 4 * MINUTE)).invited == held.invited

    async def test_a_few_are_read_at_once(self, world: ContractWorld) -> None:
        owner = await world.company()
        sent = [await send(world, owner) for _ in range(3)]
        read = []
        for _ in range(2):
            post = await self._claimed(world, owner, most=2)
            read.append([each.invitation for each in post.invited])
            await world.company_posts.settle(post, behind=(), again_at=None)
        assert read == [sent[:2], sent[2:]]
        assert await self._next(world, owner) is None

    async def test_what_was_left_behind_is_read_again_in_its_time_and_holds_nobody_up(
        self, world: ContractWorld
    ) -> None:
        owner = await world.company()
        left, sent = await send(world, owner), await send(world, owner)
        at = world.clock.now()
        post = await self._claimed(world, owner, at=at)
        await world.company_posts.settle(post, behind=[post.invited[0].seq], again_at=at + 5 * MINUTE)
        assert await self._next(world, owner, at=at + 4 * MINUTE) is None
        new = await send(world, owner)
        post = await self._claimed(world, owner, at=at + 4 * MINUTE)
        assert [each.invitation for each in post.invited] == [new]
        await world.company_posts.settle(post, behind=(), again_at=None)
        post = await self._claimed(world, owner, at=at + 6 * MINUTE)
        assert [each.invitation for each in post.invited] == [left]
        await world.company_posts.settle(post, behind=[post.invited[0].seq], again_at=at + 9 * MINUTE)
        post = await self._claimed(world, owner, at=at + 10 * MINUTE)
        await world.company_posts.settle(post, behind=(), again_at=None)
        assert await self._next(world, owner, at=at + timedelta(days=1)) is None
        assert sent not in (left, new)

    async def test_of_much_that_was_left_behind_what_was_not_read_stays(self, world: ContractWorld) -> None:
        owner = await world.company()
        sent = [await send(world, owner) for _ in range(3)]
        at = world.clock.now()
        post = await self._claimed(world, owner, at=at)
        await world.company_posts.settle(post, behind=[each.seq for each in post.invited], again_at=at)
        read = []
        for minute in (1, 2):
            post = await self._claimed(world, owner, at=at + minute * MINUTE, most=2)
            read.append([each.invitation for each in post.invited])
            await world.company_posts.settle(post, behind=(), again_at=None)
        assert read == [sent[:2], sent[2:]]
        assert await self._next(world, owner, at=at + timedelta(days=1)) is None

    async def test_a_company_that_was_deleted_mails_nobody(self, world: ContractWorld) -> None:
        owner = await world.company()
        await send(world, owner)
        await delete_company(world, owner)
        assert await self._next(world, owner) is None

    async def _claimed(
        self, world: ContractWorld, owner: Actor, *, at: datetime | None = None, most: int = 10
    ) -> CompanyPost:
        post = await self._next(world, owner, at=at, most=most)
        assert post is not None
        return post

    async def _next(
        self, world: ContractWorld, owner: Actor, *, at: datetime | None = None, most: int = 10
    ) -> CompanyPost | None:
        """The company's; what there is of others is thrown away."""
        at = at or world.clock.now()
        while (post := await world.company_posts.claim(at=at, until=at + MINUTE, most=most)) is not None:
            if post.company_id == owner.company_id:
                return post
            await world.company_posts.settle(post, behind=(), again_at=None)
        return None


class AccountPostContract:
    """Of letters beside an account."""

    async def test_letters_are_read_with_their_account_until_they_are_done(self, world: ContractWorld) -> None:
        account = await _account(world)
        first, second = await _write(world, account), await _write(world, account, LetterKind.EMAIL_CHANGED)
        post = await self._theirs(world, account)
        assert (post.account, post.letters) == (account, (first, second))
        await world.account_posts.settle(post, done=[first.id, second.id], again_at=None)
        assert await self._next_of(world, account) is None

    async def test_a_letter_that_was_not_committed_is_none(self, world: ContractWorld) -> None:
        account = await _account(world)
        async with world.identity_unit_of_work() as uow:
            await uow.write(_letter(world, account))
        assert await self._next_of(world, account) is None

    async def test_nobody_else_has_them_until_whoever_does_is_late(self, world: ContractWorld) -> None:
        account = await _account(world)
        await _write(world, account)
        at = world.clock.now()
        held = await self._theirs(world, account, at=at)
        assert await self._next_of(world, account, at=at) is None
        again = await self._theirs(world, account, at=at + 2 * MINUTE)
        assert again.letters == held.letters
        await world.account_posts.settle(held, done=[held.letters[0].id], again_at=None)
        assert (await self._theirs(world, account, at=at + 4 * MINUTE)).letters == held.letters

    async def test_what_is_left_is_read_again_in_its_time(self, world: ContractWorld) -> None:
        account = await _account(world)
        first, second = await _write(world, account), await _write(world, account)
        at = world.clock.now()
        post = await self._theirs(world, account, at=at)
        await world.account_posts.settle(post, done=[first.id], again_at=at + 5 * MINUTE)
        assert await self._next_of(world, account, at=at + 4 * MINUTE) is None
        assert (await self._theirs(world, account, at=at + 6 * MINUTE)).letters == (second,)

    async def test_what_was_written_meanwhile_does_not_wait(self, world: ContractWorld) -> None:
        account = await _account(world)
        first = await _write(world, account)
        at = world.clock.now()
        post = await self._theirs(world, account, at=at)
        second = await _write(world, account)
        await world.account_posts.settle(post, done=(), again_at=at + timedelta(hours=1))
        post = await self._theirs(world, account, at=at + MINUTE)
        assert post.letters == (first, second)

    async def test_what_an_admin_changes_of_an_account_is_told_at_the_address_from_before(
        self, world: ContractWorld
    ) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        async with world.identity_unit_of_work() as uow:
            account = await uow.account(ann.account_id)
        assert account is not None
        at, ids = world.clock.now(), [world.ids.new() for _ in range(2)]
        async with world.people_unit_of_work(owner) as uow:
            await uow.accounts.change_password(account.id, "a hash", letter_id=ids[0], at=at)
            await uow.accounts.change_address(account.id, f"{ids[0]}@example.com", letter_id=ids[1], at=at)
            await uow.commit()
        assert (await self._theirs(world, account)).letters == (
            account.letter(LetterKind.PASSWORD_CHANGED, id=ids[0], at=at),
            account.letter(LetterKind.EMAIL_CHANGED, id=ids[1], at=at),
        )

    async def _theirs(self, world: ContractWorld, account: Account, *, at: datetime | None = None) -> AccountPost:
        post = await self._next_of(world, account, at=at)
        assert post is not None
        return post

    async def _next_of(
        self, world: ContractWorld, account: Account, *, at: datetime | None = None
    ) -> AccountPost | None:
        """The account's; what there is for others is thrown away."""
        at = at or world.clock.now()
        while (post := await world.account_posts.claim(at=at, until=at + MINUTE)) is not None:
            if post.account.id == account.id:
                return post
            await world.account_posts.settle(post, done=[each.id for each in post.letters], again_at=None)
        return None


class HolderContract:
    """Of what IdentityUnitOfWork does for links."""

    async def test_what_was_asked_for_is_kept(self, world: ContractWorld) -> None:
        account = await _account(world)
        at = world.clock.now()
        async with world.identity_unit_of_work() as uow:
            found = await uow.account(account.id)
            assert found is not None
            found.ask_reset(id=world.ids.new(), at=at)
            found.ask_email_change(an_address(world), id=world.ids.new(), at=at)
            await uow.save_account(found)
            await uow.commit()
        assert await account_of(world, account.email) == found != account

    async def test_the_address_of_another_account_is_refused(self, world: ContractWorld) -> None:
        account, other = await _account(world), await _account(world)
        with pytest.raises(EmailTaken):
            async with world.identity_unit_of_work() as uow:
                await uow.save_account(replace(account, email=other.email))
                await uow.commit()
        assert await account_of(world, account.email) == account

    async def test_an_invitation_is_found_by_its_company_and_id(self, world: ContractWorld) -> None:
        owner, other = await world.company(), await world.company()
        invitation = await send(world, owner)
        async with world.identity_unit_of_work() as uow:
            found = await uow.invitation_by_id(owner.company_id, invitation.id)
            assert found == await uow.invitation(invitation.token_digest)
            assert found is not None
            assert found.invitation == invitation
            assert await uow.invitation_by_id(other.company_id, invitation.id) is None
            assert await uow.invitation_by_id(owner.company_id, world.ids.new()) is None

    async def test_stripping_ends_all_sessions_of_one_account(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann, bea = await world.person(owner.company_id), await world.person(owner.company_id)
        async with world.identity_unit_of_work() as uow:
            await uow.strip(ann.account_id, at=world.clock.now())
            await uow.commit()
        async with world.identity_unit_of_work() as uow:
            theirs, others = await uow.session(ann.session_id), await uow.session(bea.session_id)
        assert theirs is not None and theirs.revoked_at is not None
        assert others is not None and others.revoked_at is None

    async def test_stripping_ends_the_tokens_of_one_account_in_all_its_companies(self, world: ContractWorld) -> None:
        here, there = await world.company(), await world.company()
        ann = await world.person(here.company_id)
        in_there = await world.joins(ann, there.company_id)
        at = world.clock.now()
        theirs = [await add_token(world, ann), await add_token(world, in_there)]
        others = await add_token(world, here)
        before = await add_token(world, ann, revoked_at=at - MINUTE)
        async with world.identity_unit_of_work() as uow:
            await uow.strip(ann.account_id, at=at)
            await uow.commit()
        for token in theirs:
            assert await world.presented_tokens.recognise(token.digest) is None
        assert await world.presented_tokens.recognise(others.digest) is not None
        async with world.people_unit_of_work(here) as uow:
            (kept, ended) = [await uow.api_tokens.load(each.id) for each in (before, theirs[0])]
        assert kept is not None and kept.revoked_at == at - MINUTE
        assert ended is not None and ended.revoked_at == at

    async def test_the_users_of_an_account_are_changed_each_in_their_company(self, world: ContractWorld) -> None:
        here, there, gone = await world.company(), await world.company(), await world.company()
        ann = await world.person(here.company_id)
        in_there = await world.joins(ann, there.company_id)
        await world.joins(ann, gone.company_id)
        await delete_company(world, gone)
        await world.deactivate(in_there)
        email, at = an_address(world), world.clock.now()
        before = {each: await _head(world, each) for each in (here, there)}
        async with world.identity_unit_of_work() as uow:
            users = await uow.users_of(ann.account_id)
            expected = [(ann.company_id, ann.user_id), (in_there.company_id, in_there.user_id)]
            assert [(company_id, user.id) for company_id, user in users] == sorted(expected)
            for company_id, user in users:
                changes = UserChanges(given=frozenset({"email"}), email=email)
                await uow.save_user(company_id, user, user.change(changes, at=at), at=at)
            await uow.commit()
        for owner, user_id in ((here, ann.user_id), (there, in_there.user_id)):
            user = await loaded_user(world, owner, user_id)
            assert (user.email, user.version) == (email, 2)
            page, _ = await world.event_reader.after(
                owner, audible=audible_events(owner), position=before[owner], types=(), limit=10
            )
            assert [event.event for event in page.events] == ["user_updated"]

    async def test_pretending_changes_nothing(self, world: ContractWorld) -> None:
        account = await _account(world)
        async with world.identity_unit_of_work() as uow:
            await uow.pretend()
            await uow.commit()
        assert await account_of(world, account.email) == account


class PostContract(CompanyPostContract, AccountPostContract, HolderContract):
    """Of all that mail is read from."""


async def _account(world: ContractWorld) -> Account:
    return await open_account(world, await world.company())


def _letter(world: ContractWorld, account: Account, kind: LetterKind = LetterKind.PASSWORD_RESET) -> Letter:
    return account.letter(kind, id=world.ids.new(), at=world.clock.now())


async def _write(world: ContractWorld, account: Account, kind: LetterKind = LetterKind.PASSWORD_RESET) -> Letter:
    letter = _letter(world, account, kind)
    async with world.identity_unit_of_work() as uow:
        await uow.write(letter)
        await uow.commit()
    return letter


async def _head(world: ContractWorld, actor: Actor) -> int:
    _, head = await world.event_reader.after(actor, audible=audible_events(actor), position=0, types=(), limit=1)
    return head
