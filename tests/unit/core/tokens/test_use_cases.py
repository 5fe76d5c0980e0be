"""Making, listing and revoking tokens."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.auth.errors import TokenInvalid
from core.kernel.actor import Actor, Role, NotByToken
from core.kernel.audit import AuditType
from core.kernel.errors import Forbidden, Invalid
from core.kernel.events import Audience
from core.kernel.once import AlreadyAnswered, Made
from core.kernel.paging import PageRequest, Sort
from core.kernel.step_up import StepUpRequired
from core.tokens.errors import ApiTokenNotFound, HolderIsPerson
from core.tokens.model import ApiTokenStatus, Scope
from core.tokens.use_cases.tokens import NewApiToken
from core.users.errors import UserNotFound
from core.users.model import UserChanges
from tests.builders.office import Office
from tests.contracts.steps import a_key

NEW = NewApiToken(name="Report", scopes=(Scope.TASKS_READ,))


@pytest.fixture
async def office() -> Office:
    return await Office.open()


def audited(office: Office) -> list[str]:
    return [str(each.note.type) for each in office.world.tables.notes]


async def listed(office: Office, by: Actor, *, of: Any = None) -> list[str]:
    verb = office.api_tokens.list if of is None else lambda actor, **more: office.api_tokens.list_of(actor, of, **more)
    page, _ = await verb(by, status=(), sort=Sort(field="name"), page=PageRequest())
    return [view.name for view in page.items]


class TestOnesOwn:
    async def test_a_new_one_shows_its_secret_once_and_keeps_a_digest(self, office: Office) -> None:
        head = office.head
        made, seq = await office.api_tokens.create(office.mia, NEW)
        stored = office.stored.api_tokens[made.token.id]
        assert made.secret is not None
        assert made.secret not in str(stored)
        assert stored.digest == office.api_token_texts.digest(made.secret)
        assert (stored.user_id, stored.created_by) == (office.mia.user_id, office.mia.user_id)
        (event,) = office.facts(after=head)
        assert (event.event, event.seq, event.audience) == (
            "token_created", seq, Audience(named=(office.mia.user_id,)),
        )  # fmt: skip
        assert made.secret not in str(event.body)
        assert audited(office)[-1] == AuditType.TOKEN_CREATED
        shown, _ = await office.api_tokens.get(office.mia, made.token.id)
        assert shown == made.token

    async def test_it_needs_a_fresh_proof(self, office: Office) -> None:
        office.clock.advance(timedelta(minutes=10))
        with pytest.raises(StepUpRequired):
            await office.api_tokens.create(office.mia, NEW)
        assert office.stored.api_tokens == {}

    @pytest.mark.parametrize("whose", ["own", "a service's"])
    async def test_with_a_second_factor_it_needs_a_fresh_code_of_it(self, office: Office, whose: str) -> None:
        ann = office.auth.actor_of((await office.register()).access_token)
        secret, _ = await office.enable_factor(ann)
        robot = await office.robot(by=ann)

        async def make() -> Any:
            if whose == "own":
                return await office.api_tokens.create(ann, NEW)
            return await office.api_tokens.create_for(ann, robot.id, NEW)

        await make()
        # As a provider leaves it, which asks for no code.
        sessions = office.world.tables.sessions
        sessions[ann.session_id] = replace(sessions[ann.session_id], second_factor_at=None)
        with pytest.raises(StepUpRequired):
            await make()
        await office.sessions.step_up(ann, code=office.code(secret, later=1))
        await make()
        office.clock.advance(timedelta(minutes=10))
        sessions[ann.session_id] = replace(sessions[ann.session_id], authenticated_at=office.clock.now())
        with pytest.raises(StepUpRequired):
            await make()

    async def test_no_token_makes_another(self, office: Office) -> None:
        robot = await office.robot(role=Role.ADMIN)
        actor = await office.by_token(of=robot, scopes=tuple(Scope))
        for ask in (
            lambda: office.api_tokens.create(actor, NEW),
            lambda: office.api_tokens.create_for(actor, robot.id, NEW),
        ):
            with pytest.raises((StepUpRequired, NotByToken)):
                await ask()

    async def test_each_sees_their_own_alone(self, office: Office) -> None:
        mine = await office.api_token(of=office.mia, name="Mine")
        other = await office.api_token(of=office.adam, name="Adam's")
        assert await listed(office, office.mia) == ["Mine"]
        assert await listed(office, office.adam) == ["Adam's"]
        for token_id, by in ((other.token.id, office.mia), (mine.token.id, office.adam)):
            with pytest.raises(ApiTokenNotFound):
                await office.api_tokens.get(by, token_id)
            with pytest.raises(ApiTokenNotFound):
                await office.api_tokens.revoke(by, token_id)

    async def test_revoking_ends_it_at_once_and_is_said_once(self, office: Office) -> None:
        made = await office.api_token(of=office.mia)
        actor = await office.presented_tokens.recognise(made.secret)
        await office.auth.me(actor)
        head = office.head
        seq = await office.api_tokens.revoke(office.mia, made.token.id)
        with pytest.raises(TokenInvalid):
            await office.auth.me(actor)
        assert await office.api_tokens.revoke(office.mia, made.token.id) == seq
        (event,) = office.facts(after=head)
        assert (event.event, event.seq, event.audience) == (
            "token_revoked", seq, Audience(named=(office.mia.user_id,)),
        )  # fmt: skip
        assert audited(office)[-1] == AuditType.TOKEN_REVOKED
        shown, _ = await office.api_tokens.get(office.mia, made.token.id)
        assert (shown.status, shown.revoked_at) == (ApiTokenStatus.REVOKED, office.clock.now())


@pytest.mark.parametrize(("fields", "pointer"), [({"scopes": ()}, "/scopes"), ({"name": " "}, "/name")])
def test_what_is_wrong_of_a_new_one_is_refused_before_anything_is_looked_up(
    fields: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Invalid) as refused:
        NewApiToken(**{"name": "Report", "scopes": (Scope.TASKS_READ,), **fields})
    assert [fault.pointer for fault in refused.value.faults] == [pointer]


class TestThoseOfOthers:
    async def test_an_admin_makes_one_for_a_service(self, office: Office) -> None:
        robot = await office.robot()
        made, _ = await office.api_tokens.create_for(office.adam, robot.id, replace(NEW, expires_at=None))
        assert (made.token.user_id, made.token.created_by) == (robot.id, office.adam.user_id)
        assert made.token.expires_at is None
        assert await listed(office, office.adam, of=robot.id) == ["Report"]
        shown, _ = await office.api_tokens.get_of(office.adam, robot.id, made.token.id)
        assert shown == made.token

    async def test_nobody_makes_one_for_a_person_not_even_an_owner_for_themselves(self, office: Office) -> None:
        for user_id in (office.mia.user_id, office.olga.user_id):
            with pytest.raises(HolderIsPerson):
                await office.api_tokens.create_for(office.olga, user_id, NEW)

    async def test_an_admin_makes_none_for_a_service_that_is_an_owner(self, office: Office) -> None:
        robot = await office.robot(by=office.olga, role=Role.OWNER)
        with pytest.raises(Forbidden):
            await office.api_tokens.create_for(office.adam, robot.id, NEW)
        assert (await office.api_tokens.create_for(office.olga, robot.id, NEW)).value.secret

    async def test_admins_list_and_revoke_those_of_all(self, office: Office) -> None:
        for of in (office.mia, office.olga):
            made = await office.api_token(of=of)
            assert await listed(office, office.adam, of=of.user_id) == ["Report"]
            await office.api_tokens.revoke_of(office.adam, of.user_id, made.token.id)
            assert office.stored.api_tokens[made.token.id].revoked_at == office.clock.now()

    async def test_members_list_and_revoke_their_own_by_either_way(self, office: Office) -> None:
        made = await office.api_token(of=office.mia)
        assert await listed(office, office.mia, of=office.mia.user_id) == ["Report"]
        assert (await office.api_tokens.get_of(office.mia, office.mia.user_id, made.token.id)).value == made.token
        await office.api_tokens.revoke_of(office.mia, office.mia.user_id, made.token.id)
        assert office.stored.api_tokens[made.token.id].revoked_at is not None

    @pytest.mark.parametrize(("who", "refusal"), [("max", Forbidden), ("nora", UserNotFound)])
    async def test_members_do_nothing_about_those_of_others(
        self, office: Office, who: str, refusal: type[Exception]
    ) -> None:
        """Max shares a project with Mia and sees her; Nora does not."""
        by: Actor = getattr(office, who)
        mia, made = office.mia.user_id, await office.api_token(of=office.mia)
        before = office.world.snapshot()
        asks: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: listed(office, by, of=mia),
            lambda: office.api_tokens.get_of(by, mia, made.token.id),
            lambda: office.api_tokens.revoke_of(by, mia, made.token.id),
            lambda: office.api_tokens.create_for(by, mia, NEW),
        )
        for ask in asks:
            with pytest.raises(refusal):
                await ask()
        assert office.world.tables == before

    async def test_the_address_names_whose_it_is(self, office: Office) -> None:
        made = await office.api_token(of=office.mia)
        for verb in (office.api_tokens.get_of, office.api_tokens.revoke_of):
            with pytest.raises(ApiTokenNotFound):
                await verb(office.adam, office.max.user_id, made.token.id)

    async def test_a_key_makes_one_and_its_replay_names_it(self, office: Office) -> None:
        robot = await office.robot()
        made, seq = await office.api_tokens.create_for(office.adam, robot.id, NEW, once=a_key())
        with pytest.raises(AlreadyAnswered) as again:
            await office.api_tokens.create_for(office.adam, robot.id, NEW, once=a_key())
        assert again.value.outcome == Made(kind="api_token", id=made.token.id, version=1)
        assert again.value.seq == seq
        assert len(office.stored.api_tokens) == 1


class TestWhoCanActNoMore:
    async def _ends(self, office: Office, of: Any, how: Callable[[], Awaitable[object]], event: str) -> None:
        made = [await office.api_token(of=of) for _ in range(2)]
        over = await office.api_token(of=of)
        stage = office.api_tokens.revoke_of(office.adam, over.token.user_id, over.token.id)
        await stage
        kept = await office.api_token(of=office.adam)
        head, at = office.head, office.clock.now()
        await how()
        assert [fact.event for fact in office.facts(after=head)] == [event, "token_revoked", "token_revoked"]
        assert all(office.stored.api_tokens[each.token.id].revoked_at == at for each in made)
        assert office.stored.api_tokens[kept.token.id].revoked_at is None

    async def test_a_deactivated_person_loses_their_tokens_for_good(self, office: Office) -> None:
        user_id = office.mia.user_id
        await self._ends(office, office.mia, lambda: office.users.deactivate(office.adam, user_id), "user_deactivated")
        await office.users.change(office.adam, user_id, UserChanges(given=frozenset({"is_active"}), is_active=True))
        assert all(
            token.status(at=office.clock.now()) is ApiTokenStatus.REVOKED
            for token in office.stored.api_tokens.values()
            if token.user_id == user_id
        )

    async def test_so_does_a_service(self, office: Office) -> None:
        robot = await office.robot()
        changes = UserChanges(given=frozenset({"is_active"}), is_active=False)
        await self._ends(office, robot, lambda: office.users.change(office.adam, robot.id, changes), "user_deactivated")

    async def test_and_whoever_leaves(self, office: Office) -> None:
        await self._ends(office, office.mia, lambda: office.users.leave(office.mia), "user_left")

    async def test_another_role_ends_none_and_counts_at_once(self, office: Office) -> None:
        actor = await office.by_token(of=office.adam, scopes=(Scope.USERS_READ,))
        await office.world.change_role(office.adam, Role.MEMBER)
        assert (await office.auth.me(actor)).value.user.role is Role.MEMBER
        with pytest.raises(Forbidden):
            await office.api_tokens.list_of(
                actor, office.mia.user_id, status=(), sort=Sort(field="name"), page=PageRequest()
            )
