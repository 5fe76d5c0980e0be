"""What every unit of work and every reader promises: one transaction of one caller in one company.

The subclass provides the fixture `world`; see `tests.contracts.world`. Task units of work and the task reader stand for
all, since the rules are the same.
"""

from dataclasses import replace

import pytest

from core.auth.errors import SessionEnded
from core.kernel.actor import ActorChanged, Role
from core.kernel.once import AlreadyAnswered, InFlight, KeyReused, Made, Refused
from core.tasks.policy import Visible
from tests.contracts.steps import Noted, a_key, add_task, note, open_project, titles
from tests.contracts.world import ContractWorld

EVERYTHING = Visible()


class TransactionContract:
    """Of UnitOfWork, and of what readers do before they read."""

    async def test_leaving_without_commit_takes_everything_back(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        head = await note(world, owner)
        async with world.task_unit_of_work(owner) as uow:
            await uow.tasks.begin(project.id, for_user=owner.user_id, assignee=None)
            uow.record(Noted(text="never"))
        assert await note(world, owner) == head
        assert await titles(world, owner) == []

    async def test_an_error_inside_takes_everything_back_and_comes_out(self, world: ContractWorld) -> None:
        owner = await world.company()
        head = await note(world, owner)
        with pytest.raises(ZeroDivisionError):
            async with world.task_unit_of_work(owner) as uow:
                uow.record(Noted(text="never"))
                raise ZeroDivisionError
        assert await note(world, owner) == head

    async def test_commit_answers_the_position_of_the_last_fact(self, world: ContractWorld) -> None:
        owner = await world.company()
        head = await note(world, owner)
        assert await note(world, owner, Noted(text="one"), Noted(text="two")) == head + 2
        assert await note(world, owner, Noted(text="three")) == head + 3

    async def test_commit_without_facts_answers_where_the_log_stands(self, world: ContractWorld) -> None:
        owner = await world.company()
        head = await note(world, owner, Noted(text="one"))
        assert await note(world, owner) == head

    async def test_companies_number_their_logs_each_for_itself(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        await note(world, here, *(Noted(text="here") for _ in range(5)))
        head = await note(world, there)
        assert await note(world, there, Noted(text="there")) == head + 1

    async def test_the_caller_is_as_the_store_knows_them(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        await world.change_role(ann, Role.ADMIN)
        await world.let_members_edit_all(owner.company_id)
        async with world.task_unit_of_work(ann) as uow:
            assert (uow.actor.role, uow.actor.edits_all_project_tasks) == (Role.ADMIN, True)
            assert (uow.actor.user_id, uow.actor.company_id) == (ann.user_id, ann.company_id)

    async def test_an_ended_session_opens_nothing(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        await world.sign_out(ann)
        with pytest.raises(SessionEnded):
            async with world.task_unit_of_work(ann):
                pass
        with pytest.raises(SessionEnded):
            await world.task_reader.one(ann, "WEB-1", visible=EVERYTHING)

    async def test_an_inactive_user_opens_nothing(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        await world.deactivate(ann)
        with pytest.raises(SessionEnded):
            async with world.project_unit_of_work(ann):
                pass
        with pytest.raises(SessionEnded):
            await world.task_reader.one(ann, "WEB-1", visible=EVERYTHING)

    async def test_a_session_does_not_open_a_company_that_its_account_does_not_belong_to(
        self, world: ContractWorld
    ) -> None:
        here, there = await world.company("Here"), await world.company("There")
        from_session_of_here = await world.person(here.company_id)
        intruder = type(there)(
            company_id=there.company_id,
            user_id=there.user_id,
            account_id=there.account_id,
            session_id=from_session_of_here.session_id,
            role=Role.OWNER,
        )
        with pytest.raises(SessionEnded):
            async with world.task_unit_of_work(intruder):
                pass
        with pytest.raises(SessionEnded):
            await world.task_reader.one(intruder, "WEB-1", visible=EVERYTHING)

    async def test_a_reader_answers_no_question_asked_in_an_outdated_role(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id, role=Role.ADMIN)
        await world.change_role(ann, Role.MEMBER)
        with pytest.raises(ActorChanged) as changed:
            await world.task_reader.one(ann, "WEB-1", visible=EVERYTHING)
        assert changed.value.actor.role is Role.MEMBER
        assert changed.value.actor.user_id == ann.user_id

    async def test_a_reader_answers_where_the_log_stands(self, world: ContractWorld) -> None:
        owner = await world.company()
        head = await note(world, owner, Noted(text="one"))
        assert (await world.task_reader.one(owner, "WEB-1", visible=EVERYTHING)).seq == head


class OnceContract:
    """Of units of work that are opened with an Idempotency-Key."""

    async def test_a_key_is_answered_by_what_it_made_and_where_the_log_stood(self, world: ContractWorld) -> None:
        owner = await world.company()
        made = Made(kind="task", id=world.ids.new(), version=3)
        async with world.task_unit_of_work(owner, once=a_key()) as uow:
            uow.record(Noted(text="made"))
            seq = await uow.commit(made=made)
        await note(world, owner, Noted(text="later"))
        with pytest.raises(AlreadyAnswered) as again:
            async with world.task_unit_of_work(owner, once=a_key()):
                pytest.fail("it was carried out again")
        assert (again.value.outcome, again.value.seq) == (made, seq)

    async def test_a_payload_is_known_by_its_digest_under_an_earlier_key(self, world: ContractWorld) -> None:
        owner = await world.company()
        await self._carry_out(world, owner, a_key(digest=b"one"))
        with pytest.raises(AlreadyAnswered):
            async with world.task_unit_of_work(owner, once=replace(a_key(digest=b"two"), earlier=(b"x", b"one"))):
                pytest.fail("it was carried out again")
        with pytest.raises(KeyReused):
            async with world.task_unit_of_work(owner, once=replace(a_key(digest=b"two"), earlier=(b"x",))):
                pass

    async def test_a_key_is_not_for_another_payload(self, world: ContractWorld) -> None:
        owner = await world.company()
        await self._carry_out(world, owner, a_key(digest=b"one"))
        with pytest.raises(KeyReused):
            async with world.task_unit_of_work(owner, once=a_key(digest=b"two")):
                pass

    @pytest.mark.parametrize(
        "other",
        [a_key("another"), a_key(path="/api/v1/projects"), a_key(method="PUT")],
        ids=["key", "path", "method"],
    )
    async def test_path_and_method_are_part_of_a_key(self, world: ContractWorld, other: object) -> None:
        owner = await world.company()
        await self._carry_out(world, owner, a_key())
        await self._carry_out(world, owner, other)

    async def test_a_key_is_its_users_own(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        await self._carry_out(world, owner, a_key())
        await self._carry_out(world, ann, a_key())

    async def test_a_key_is_its_companys_own(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        ann = await world.person(here.company_id)
        await self._carry_out(world, ann, a_key())
        await self._carry_out(world, await world.joins(ann, there.company_id), a_key())

    async def test_a_key_in_use_refuses_a_second_request(self, world: ContractWorld) -> None:
        owner = await world.company()
        async with world.task_unit_of_work(owner, once=a_key()):
            with pytest.raises(InFlight):
                async with world.task_unit_of_work(owner, once=a_key()):
                    pass
            async with world.task_unit_of_work(owner, once=a_key("another")):
                pass

    async def test_a_key_is_free_again_after_a_request_that_was_taken_back(self, world: ContractWorld) -> None:
        owner = await world.company()
        async with world.task_unit_of_work(owner, once=a_key()) as uow:
            uow.record(Noted(text="never"))
        await self._carry_out(world, owner, a_key())

    async def test_a_refusal_that_was_kept_is_answered_again(self, world: ContractWorld) -> None:
        owner = await world.company()
        refused = Refused(status=409, problem=b'{"code":"project.archived"}')
        await world.keep_refusal(owner, a_key(), refused)
        with pytest.raises(AlreadyAnswered) as again:
            async with world.task_unit_of_work(owner, once=a_key()):
                pass
        assert again.value.outcome == refused

    async def test_a_refusal_says_what_an_equal_request_did_in_the_meantime(self, world: ContractWorld) -> None:
        owner = await world.company()
        made = Made(kind="task", id=world.ids.new(), version=1)
        async with world.task_unit_of_work(owner, once=a_key()) as uow:
            await uow.commit(made=made)
        for refused in (Refused(status=409, problem=b"{}"), None):
            with pytest.raises(AlreadyAnswered) as again:
                await world.keep_refusal(owner, a_key(), refused)
            assert again.value.outcome == made

    async def test_a_project_is_opened_once_too(self, world: ContractWorld) -> None:
        owner = await world.company()
        made = Made(kind="project", id=world.ids.new(), version=1)
        async with world.project_unit_of_work(owner, once=a_key(path="/api/v1/projects")) as uow:
            await uow.commit(made=made)
        with pytest.raises(AlreadyAnswered) as again:
            async with world.project_unit_of_work(owner, once=a_key(path="/api/v1/projects")):
                pass
        assert again.value.outcome == made

    async def _carry_out(self, world: ContractWorld, actor: object, once: object) -> None:
        async with world.task_unit_of_work(actor, once=once) as uow:
            await uow.commit(made=Made(kind="task", id=world.ids.new(), version=1))


class ConcurrentReadContract:
    """Readers see what was committed, and nothing else."""

    async def test_a_task_is_out_of_sight_until_it_is_committed(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        await add_task(world, owner, project, "Here")
        async with world.task_unit_of_work(owner) as uow:
            await uow.tasks.begin(project.id, for_user=owner.user_id, assignee=None)
            assert await titles(world, owner) == ["Here"]
