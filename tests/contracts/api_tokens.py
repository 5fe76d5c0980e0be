"""The contract of API tokens: keeping and listing them, recognising one that is presented, and acting by one.

The subclass provides the fixture `world`; see `tests.contracts.world`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from core.auth.errors import TokenInvalid
from core.kernel.actor import Actor, ActorChanged, Role, Via
from core.kernel.paging import PageRequest, Sort
from core.realtime.policy import audible_events
from core.tokens.errors import ApiTokenNotFound
from core.tokens.model import ApiToken, ApiTokenStatus, Scope
from core.tokens.read_models import ApiTokenView
from core.users.model import User
from core.users.ports import UserFilter
from tests.contracts.people import add_user, delete_company
from tests.contracts.people_lists import in_order
from tests.contracts.world import ContractWorld

NEWEST = Sort(field="created_at", descending=True)


async def add_token(world: ContractWorld, by: Actor, user_id: UUID | None = None, **fields: Any) -> ApiToken:
    """A token of the caller's, or of another user."""
    at = world.clock.now()
    token = ApiToken(
        id=world.ids.new(),
        user_id=user_id or by.user_id,
        name="Report",
        scopes=("tasks:read", "users:read"),
        digest=world.ids.new().bytes,
        hint="ftk_abcd",
        created_by=by.user_id,
        created_at=at,
        expires_at=at + timedelta(days=90),
    )
    token = replace(token, **fields)
    async with world.people_unit_of_work(by) as uow:
        uow.api_tokens.add(replace(token, revoked_at=None))
        if token.revoked_at is not None:
            uow.api_tokens.save(token)
        await uow.commit()
    return token


async def code_of(world: ContractWorld, actor: Actor) -> str:
    async with world.company_unit_of_work(actor) as uow:
        company = await uow.load()
        assert company is not None
        return company.code


async def acting_by(world: ContractWorld, token: ApiToken) -> Actor:
    found = await world.presented_tokens.recognise(token.digest)
    assert found is not None
    return found.actor()


class ApiTokenContract:
    async def test_what_was_added_is_loaded_and_shown(self, world: ContractWorld) -> None:
        owner = await world.company()
        for fields in ({}, {"expires_at": None, "created_by": None}):
            token = await add_token(world, owner, **fields)
            async with world.people_unit_of_work(owner) as uow:
                assert await uow.api_tokens.load(token.id) == token
            at = world.clock.now()
            shown, _ = await world.api_token_reader.one(owner, token.id, at=at)
            assert shown == ApiTokenView.of(token, at=at)

    async def test_revoking_is_kept_and_nothing_else_changes(self, world: ContractWorld) -> None:
        owner = await world.company()
        token = await add_token(world, owner)
        async with world.people_unit_of_work(owner) as uow:
            loaded = await uow.api_tokens.load(token.id)
            assert loaded is not None
            revoked = replace(loaded, name="Another", revoked_at=world.clock.now())
            uow.api_tokens.save(revoked)
            await uow.commit()
        async with world.people_unit_of_work(owner) as uow:
            assert await uow.api_tokens.load(token.id) == replace(token, revoked_at=revoked.revoked_at)

    async def test_those_that_work_are_found_by_their_holder(self, world: ContractWorld) -> None:
        owner, at = await world.company(), world.clock.now()
        robot = await add_user(world, owner, None)
        first = await add_token(world, owner, robot.id)
        second = await add_token(world, owner, robot.id, expires_at=None)
        await add_token(world, owner, robot.id, revoked_at=at)
        await add_token(world, owner, robot.id, expires_at=at - timedelta(seconds=1))
        await add_token(world, owner)
        async with world.people_unit_of_work(owner) as uow:
            assert await uow.api_tokens.active_of(robot.id, at=world.clock.now()) == (first, second)

    async def test_those_of_another_company_are_not_there(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        token = await add_token(world, there)
        async with world.people_unit_of_work(here) as uow:
            assert await uow.api_tokens.load(token.id) is None
            assert await uow.api_tokens.active_of(there.user_id, at=world.clock.now()) == ()
        assert (await world.api_token_reader.one(here, token.id, at=world.clock.now())).value is None
        assert await self._listed(world, here, there.user_id) == []

    async def test_pages_join_to_the_whole_list_the_newest_first(self, world: ContractWorld) -> None:
        owner, at = await world.company(), world.clock.now()
        tokens = [await add_token(world, owner, created_at=at + timedelta(minutes=minutes)) for minutes in (2, 0, 1, 1)]
        await add_token(world, owner, (await add_user(world, owner, None)).id)
        whole = sorted(tokens, key=lambda token: (token.created_at, token.id), reverse=True)
        for limit in (1, 3, 4):
            seen, position = list[UUID](), None
            for _ in range(5):
                request = PageRequest(limit=limit, position=position, include_total=True)
                page, _ = await world.api_token_reader.page(
                    owner, owner.user_id, status=(), at=at, sort=NEWEST, page=request
                )
                assert page.total == 4
                seen, position = [*seen, *(view.id for view in page.items)], page.next_position
                if position is None:
                    break
            assert seen == [token.id for token in whole]
        skipped = await self._listed(world, owner, owner.user_id, limit=2, skip=1)
        assert [view.id for view in skipped] == [token.id for token in whole[1:3]]

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("field", ["name", "created_at", "expires_at", "last_used_at"])
    async def test_pages_of_every_sort_join_to_the_whole_list_nulls_last(
        self, world: ContractWorld, field: str, descending: bool
    ) -> None:
        owner, at = await world.company(), world.clock.now()
        used = {}
        for name, minutes, has_end in (
            ("b", 2, True),
            ("a", 1, False),
            ("b", 1, True),
            ("c", 3, False),
            ("a", 1, True),
        ):
            instant = at + timedelta(minutes=minutes)
            given = {"name": name, "created_at": instant, "expires_at": instant if has_end else None}
            token = await add_token(world, owner, **given)
            if not has_end or name == "b":
                used[token.id] = instant
        await world.presented_tokens.note_uses(used)
        sort = Sort(field=field, descending=descending)
        whole = await self._listed(world, owner, owner.user_id, sort=sort)
        assert whole == in_order(whole, sort)
        assert len(whole) == 5
        for limit in (1, 2, 4):
            seen, position = list[ApiTokenView](), None
            for _ in range(6):
                page, _ = await world.api_token_reader.page(
                    owner, owner.user_id, status=(), at=at, sort=sort,
                    page=PageRequest(limit=limit, position=position),
                )  # fmt: skip
                seen, position = [*seen, *page.items], page.next_position
                if position is None:
                    break
            assert [view.id for view in seen] == [view.id for view in whole]

    async def test_the_list_is_filtered_by_status(self, world: ContractWorld) -> None:
        owner, at = await world.company(), world.clock.now()
        fields: dict[ApiTokenStatus, dict[str, Any]] = {
            ApiTokenStatus.ACTIVE: {},
            ApiTokenStatus.EXPIRED: {"expires_at": at},
            ApiTokenStatus.REVOKED: {"expires_at": at, "revoked_at": at},
        }
        tokens = {status: await add_token(world, owner, **given) for status, given in fields.items()}
        endless = await add_token(world, owner, expires_at=None)
        expected = {status: {token.id} for status, token in tokens.items()}
        expected[ApiTokenStatus.ACTIVE].add(endless.id)
        for wanted in ((), *((each,) for each in ApiTokenStatus), (ApiTokenStatus.EXPIRED, ApiTokenStatus.REVOKED)):
            found = await self._listed(world, owner, owner.user_id, status=wanted)
            assert {view.id for view in found} == set().union(*(expected[each] for each in wanted or ApiTokenStatus))
            assert all(view.id in expected[view.status] for view in found)

    async def test_no_question_of_an_outdated_role_is_answered(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id, role=Role.ADMIN)
        token = await add_token(world, ann)
        await world.change_role(ann, Role.MEMBER)
        with pytest.raises(ActorChanged):
            await world.api_token_reader.one(ann, token.id, at=world.clock.now())
        with pytest.raises(ActorChanged):
            await self._listed(world, ann, ann.user_id)

    # Acting by a token

    async def test_a_person_s_token_stands_for_them(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id, role=Role.ADMIN)
        token = await add_token(world, ann)
        found = await world.presented_tokens.recognise(token.digest)
        assert found == (
            token.id,
            owner.company_id,
            ann.user_id,
            ann.account_id,
            Role.ADMIN,
            frozenset({"tasks:read", "users:read"}),
            token.expires_at,
        )
        async with world.people_unit_of_work(found.actor()) as uow:
            assert uow.actor == replace(
                ann, session_id=None, via=Via.TOKEN, token_id=token.id, scopes=frozenset(token.scopes)
            )
            assert uow.actor.authenticated_at is None

    async def test_a_service_s_token_stands_for_somebody_without_an_account(self, world: ContractWorld) -> None:
        owner = await world.company()
        robot = await add_user(world, owner, None, role=Role.ADMIN)
        actor = await acting_by(world, await add_token(world, owner, robot.id))
        assert (actor.user_id, actor.account_id, actor.role) == (robot.id, None, Role.ADMIN)
        page, _ = await world.user_reader.page(actor, where=UserFilter(), sort=Sort(field="name"), page=PageRequest())
        assert {view.id for view in page.items} == {owner.user_id, robot.id}

    async def test_what_it_did_is_said_to_be_done_by_token(self, world: ContractWorld) -> None:
        owner = await world.company()
        actor = await acting_by(world, await add_token(world, owner))
        async with world.people_unit_of_work(actor) as uow:
            user, created = User.join(
                id=world.ids.new(), account_id=None, name="R", email=None, username="r", role=Role.MEMBER,
                at=world.clock.now(),
            )  # fmt: skip
            uow.users.add(user)
            uow.record(created)
            seq = await uow.commit()
        stretch, _ = await world.event_reader.after(
            owner, audible=audible_events(owner), position=seq - 1, types=(), limit=9
        )
        assert [(event.actor_id, event.via) for event in stretch.events] == [(owner.user_id, "token")]

    async def test_nobody_else_s_digest_is_recognised(self, world: ContractWorld) -> None:
        owner = await world.company()
        token = await add_token(world, owner)
        for digest in (b"", token.digest[:-1], token.digest + b"x", world.ids.new().bytes):
            assert await world.presented_tokens.recognise(digest) is None

    async def test_what_ends_a_token_ends_it_at_once(self, world: ContractWorld) -> None:
        for end in ENDS:
            owner = await world.company()
            ann = await world.person(owner.company_id)
            token = await add_token(world, ann)
            actor = await acting_by(world, token)
            async with world.people_unit_of_work(actor):
                """It works."""
            await end(world, owner, ann, token)
            assert await world.presented_tokens.recognise(token.digest) is None
            with pytest.raises(TokenInvalid):
                await world.people_unit_of_work(actor).__aenter__()
            with pytest.raises(TokenInvalid):
                await world.user_reader.one(actor, ann.user_id)

    async def test_an_expired_one_does_not_work(self, world: ContractWorld) -> None:
        owner = await world.company()
        token = await add_token(world, owner, expires_at=world.clock.now())
        assert await world.presented_tokens.recognise(token.digest) is None
        actor = replace(owner, session_id=None, token_id=token.id, via=Via.TOKEN)
        with pytest.raises(TokenInvalid):
            await world.user_reader.one(actor, owner.user_id)

    async def test_it_outlives_the_login_session_that_made_it(self, world: ContractWorld) -> None:
        owner = await world.company()
        actor = await acting_by(world, await add_token(world, owner))
        await world.sign_out(owner)
        assert (await world.user_reader.one(actor, owner.user_id)).value is not None

    async def test_the_present_role_counts(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id, role=Role.ADMIN)
        actor = await acting_by(world, await add_token(world, ann))
        await world.change_role(ann, Role.MEMBER)
        async with world.people_unit_of_work(actor) as uow:
            assert uow.actor.role is Role.MEMBER
        with pytest.raises(ActorChanged) as changed:
            await world.user_reader.one(actor, ann.user_id)
        assert changed.value.actor == replace(actor, role=Role.MEMBER)

    async def test_it_opens_no_other_company(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        elsewhere = await world.joins(here, there.company_id, role=Role.OWNER)
        actor = await acting_by(world, await add_token(world, here))
        for other in (
            replace(actor, company_id=there.company_id),
            replace(actor, company_id=there.company_id, user_id=elsewhere.user_id),
        ):
            with pytest.raises(TokenInvalid):
                await world.user_reader.one(other, elsewhere.user_id)
            with pytest.raises(TokenInvalid):
                await world.people_unit_of_work(other).__aenter__()

    async def test_the_last_use_is_kept_and_an_earlier_one_is_not(self, world: ContractWorld) -> None:
        owner, other = await world.company("Here"), await world.company("There")
        tokens = [await add_token(world, each) for each in (owner, other, owner)]
        at = world.clock.now()
        await world.presented_tokens.note_uses({tokens[0].id: at, tokens[1].id: at, world.ids.new(): at})
        await world.presented_tokens.note_uses({tokens[0].id: at - timedelta(minutes=1)})
        await world.presented_tokens.note_uses({tokens[1].id: at + timedelta(minutes=1)})
        shown = [
            (await world.api_token_reader.one(each, token.id, at=at)).value
            for each, token in zip((owner, other, owner), tokens, strict=True)
        ]
        assert [view.last_used_at for view in shown if view] == [at, at + timedelta(minutes=1), None]

    async def test_stripping_an_account_ends_its_own_and_those_that_it_made(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        ann = await world.person(here.company_id, role=Role.ADMIN)
        elsewhere = await world.joins(ann, there.company_id, role=Role.ADMIN)
        robot = await add_user(world, here, None)
        ended = [await add_token(world, ann), await add_token(world, elsewhere), await add_token(world, ann, robot.id)]
        over = await add_token(world, ann, revoked_at=world.clock.now() - timedelta(days=1))
        kept = [await add_token(world, here), await add_token(world, there), await add_token(world, here, robot.id)]
        async with world.identity_unit_of_work() as uow:
            await uow.strip(ann.signed_in.account_id, at=world.clock.now())
            await uow.commit()
        for token, works in (*((each, False) for each in ended), *((each, True) for each in kept)):
            assert (await world.presented_tokens.recognise(token.digest) is not None) is works
        async with world.people_unit_of_work(here) as uow:
            assert await uow.api_tokens.load(over.id) == over

    async def test_an_accounts_own_end_everywhere_and_each_company_is_told(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        ann = await world.person(here.company_id, role=Role.ADMIN)
        elsewhere = await world.joins(ann, there.company_id, role=Role.ADMIN)
        robot, at = await add_user(world, here, None), world.clock.now()
        ended = [await add_token(world, each) for each in (ann, ann, elsewhere)]
        over = [
            await add_token(world, ann, revoked_at=at - timedelta(days=1)),
            await add_token(world, ann, expires_at=at - timedelta(days=1)),
        ]
        kept = [await add_token(world, here), await add_token(world, ann, robot.id), await add_token(world, there)]
        async with world.identity_unit_of_work() as uow:
            await uow.users_of(ann.signed_in.account_id)
            await uow.end_tokens(ann.signed_in.account_id, at=at)
            await uow.commit()
        for token, works in (*((each, False) for each in ended), *((each, True) for each in kept)):
            assert (await world.presented_tokens.recognise(token.digest) is not None) is works
        async with world.people_unit_of_work(here) as uow:
            assert [await uow.api_tokens.load(each.id) for each in over] == over
            loaded = await uow.api_tokens.load(ended[0].id)
            assert loaded is not None and loaded.revoked_at == at
        for owner, holder, tokens in ((here, ann, ended[:2]), (there, elsewhere, ended[2:])):
            stretch, _ = await world.event_reader.after(
                owner, audible=audible_events(owner), position=0, types=("token_revoked",), limit=9
            )
            assert [(each.actor_id, each.via) for each in stretch.events] == [(holder.user_id, "session")] * len(tokens)
            told = {each.body["token_id"] for each in stretch.events}
            assert told == {str(each.id) for each in tokens}

    # What the operator does

    async def test_the_operator_finds_a_holder_by_company_and_username(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        codes = [await code_of(world, each) for each in (here, there)]
        robot = await add_user(world, here, None, username="Robot.1")
        async with world.token_operator_unit_of_work() as uow:
            assert await uow.holder(company=codes[0], username="rObot.1") == (here.company_id, robot)
            assert await uow.holder(company=codes[1], username="Robot.1") is None
            assert await uow.holder(company="nowhere", username="Robot.1") is None
        await delete_company(world, here)
        async with world.token_operator_unit_of_work() as uow:
            assert await uow.holder(company=codes[0], username="Robot.1") is None

    async def test_what_the_operator_writes_is_there_and_said_to_be_the_system_s(self, world: ContractWorld) -> None:
        owner, at = await world.company(), world.clock.now()
        robot, code = await add_user(world, owner, None, username="robot"), await code_of(world, owner)
        token, created = ApiToken.issue(
            id=world.ids.new(), user_id=robot.id, is_service=True, name="Report", scopes=(Scope.TASKS_READ,),
            expires_at=None, digest=world.ids.new().bytes, hint="ftk_abcd", by=None, at=at,
        )  # fmt: skip
        other = await add_token(world, owner)
        async with world.token_operator_unit_of_work() as uow:
            await uow.add(owner.company_id, token, created, at=at)
            await uow.commit()
        actor = await acting_by(world, token)
        assert actor.user_id == robot.id
        async with world.token_operator_unit_of_work() as uow:
            assert await uow.token(token.id) == (owner.company_id, token)
            assert await uow.token(world.ids.new()) is None
            assert await uow.tokens(company="nowhere", at=at) is None
            lines = await uow.tokens(company=code, at=at)
            assert lines is not None
            assert [line.username for line in lines if line.token.id == token.id] == ["robot"]
            assert {line.token for line in lines} == {ApiTokenView.of(each, at=at) for each in (token, other)}
            await uow.save(owner.company_id, token, token.revoke(at=at), at=at)
            await uow.commit()
        assert await world.presented_tokens.recognise(token.digest) is None
        types = ("token_created", "token_revoked")
        stretch, _ = await world.event_reader.after(
            owner, audible=audible_events(owner), position=0, types=types, limit=9
        )
        assert [(event.event, event.actor_id, event.via) for event in stretch.events] == [
            ("token_created", None, "system"),
            ("token_revoked", None, "system"),
        ]

    async def test_what_the_operator_does_not_commit_was_never_done(self, world: ContractWorld) -> None:
        owner, at = await world.company(), world.clock.now()
        token = await add_token(world, owner)
        async with world.token_operator_unit_of_work() as uow:
            await uow.save(owner.company_id, token, replace(token).revoke(at=at), at=at)
        assert await world.presented_tokens.recognise(token.digest) is not None

    async def _listed(
        self,
        world: ContractWorld,
        actor: Actor,
        user_id: UUID,
        *,
        status: tuple[ApiTokenStatus, ...] = (),
        sort: Sort = NEWEST,
        **page: Any,
    ) -> list[ApiTokenView]:
        found, _ = await world.api_token_reader.page(
            actor, user_id, status=status, at=world.clock.now(), sort=sort, page=PageRequest(**page)
        )
        return found.items


async def _revoked(world: ContractWorld, owner: Actor, _: Actor, token: ApiToken) -> None:
    async with world.people_unit_of_work(owner) as uow:
        loaded = await uow.api_tokens.load(token.id)
        if loaded is None:
            raise ApiTokenNotFound
        loaded.revoke(at=world.clock.now())
        uow.api_tokens.save(loaded)
        await uow.commit()


ENDS: tuple[Callable[[ContractWorld, Actor, Actor, ApiToken], Awaitable[None]], ...] = (
    _revoked,
    lambda world, _, ann, __: world.deactivate(ann),
    lambda world, _, ann, __: world.take_acceptance_back(ann),
    lambda world, owner, _, __: delete_company(world, owner),
)
