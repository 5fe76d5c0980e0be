"""The contract of the unit of work of tasks, as far as they come again.

The subclass provides the fixture `world`; see `tests.contracts.world`.
"""

from dataclasses import replace

import pytest

from core.companies.model import CompanyChanges
from core.kernel.errors import Conflict
from core.labels.model import Label
from core.tasks.fields import Status
from core.tasks.model import end_of
from tests.contracts.kin import shown
from tests.contracts.steps import add_task, listed, open_project, save_task
from tests.contracts.world import ContractWorld

WEEKLY = "FREQ=WEEKLY;BYDAY=MO"


class RecurrenceContract:
    async def test_a_rule_is_kept_as_it_was_written_until_it_is_cleared(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        task = await add_task(world, owner, project, recurrence=WEEKLY)
        assert (await shown(world, owner, task)).recurrence == WEEKLY
        await save_task(world, owner, replace(task, recurrence="FREQ=DAILY", version=2), was=1)
        assert [view.recurrence for view in await listed(world, owner)] == ["FREQ=DAILY"]
        await save_task(world, owner, replace(task, recurrence=None, version=3), was=2)
        assert (await shown(world, owner, task)).recurrence is None

    async def test_what_next_occurrences_are_made_from(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        ann, bob, eve = [await world.person(owner.company_id, name=name) for name in ("Ann", "Bob", "Eve")]
        for person in (ann, eve):
            await world.add_to_project(project.id, person)
        async with world.label_unit_of_work(owner) as uow:
            for name in ("design", "home"):
                label, _ = Label.create(
                    id=world.ids.new(), name=name, color=None, count=0, by=owner.user_id, at=world.clock.now()
                )
                uow.labels.add(label)
            await uow.commit()
        async with world.company_unit_of_work(owner) as uow:
            company = await uow.load()
            assert company is not None
            zone = CompanyChanges(given=frozenset({"time_zone"}), time_zone="Pacific/Kiritimati")
            company.change(zone, at=world.clock.now())
            uow.save(company)
            await uow.commit()
        first = await add_task(world, owner, project, labels=("design",), assigned_to=ann.user_id, recurrence=WEEKLY)
        second = await add_task(
            world, owner, project, labels=("home", "design"), assigned_to=eve.user_id, recurrence=WEEKLY
        )
        last = await add_task(world, owner, project)
        await world.deactivate(eve)
        third = replace(first, assigned_to=bob.user_id, labels=())
        async with world.task_unit_of_work(owner) as uow:
            await uow.tasks.load(first.id, for_user=owner.user_id)
            begun = await uow.recurrences.begin([first, second, third])
            assert (begun.project_key, begun.number) == (project.key, 4)
            assert (begun.column.id, begun.column.category) == (first.column_id, Status.TODO)
            assert (begun.column.last_id, begun.column.last_rank) == (last.id, last.rank)
            assert begun.able == {ann.user_id}
            assert sorted(label.name for label in begun.labels) == ["design", "home"]
            assert begun.time_zone == "Pacific/Kiritimati"
            await uow.commit()
        async with world.task_unit_of_work(owner) as uow:
            loaded = await uow.tasks.load(first.id, for_user=owner.user_id)
            assert loaded is not None
            done = loaded.board.first_of(Status.DONE)
            begun = await uow.recurrences.begin([third], into=done.id)
            assert (begun.number, begun.column.id, begun.column.last_id) == (7, done.id, None)
            assert (begun.able, begun.labels) == (frozenset(), ())

    async def test_a_task_has_one_next_occurrence_at_most(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        task = await add_task(world, owner, project, recurrence=WEEKLY)
        again = replace(task, recurred_at=world.clock.now())
        async with world.task_unit_of_work(owner) as uow:
            await uow.tasks.load(task.id, for_user=owner.user_id)
            uow.recurrences.keep([again])
            await uow.commit()
        async with world.task_unit_of_work(owner) as uow:
            loaded = await uow.tasks.load(task.id, for_user=owner.user_id)
            assert loaded is not None
            assert loaded.task.recurred_at == again.recurred_at and not loaded.task.may_recur
            assert await uow.recurrences.of_column(task.column_id, most=9) == []
            uow.recurrences.keep([again])
            with pytest.raises(Conflict):
                await uow.commit()
        # What saves a task says nothing of that.
        await save_task(world, owner, replace(again, title="Paint", version=2), was=1)
        async with world.task_unit_of_work(owner) as uow:
            loaded = await uow.tasks.load(task.id, for_user=owner.user_id)
            assert loaded is not None and loaded.task.recurred_at == again.recurred_at

    async def test_a_task_that_had_a_next_occurrence_may_have_another_one(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        task = await add_task(world, owner, project, recurrence=WEEKLY)
        again = replace(task, recurred_at=world.clock.now())
        for renewed in (False, True):
            async with world.task_unit_of_work(owner) as uow:
                await uow.tasks.load(task.id, for_user=owner.user_id)
                if renewed:
                    uow.recurrences.renew(task)
                uow.recurrences.keep([again])
                if renewed:
                    uow.recurrences.renew(task)
                await uow.commit()
        async with world.task_unit_of_work(owner) as uow:
            loaded = await uow.tasks.load(task.id, for_user=owner.user_id)
            assert loaded is not None and loaded.task.may_recur
            uow.recurrences.renew(task)
            with pytest.raises(Conflict):
                await uow.commit()

    async def test_the_tasks_of_a_column_that_may_recur(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        first = await add_task(world, owner, project, "first", recurrence=WEEKLY)
        await add_task(world, owner, project, "once")
        second = await add_task(world, owner, project, "second", recurrence="FREQ=DAILY")
        gone = await add_task(world, owner, project, "gone", recurrence="FREQ=DAILY")
        await add_task(world, owner, project, "done", recurrence="FREQ=DAILY", status=Status.DONE)
        await save_task(world, owner, replace(gone, deleted_at=world.clock.now(), version=2), was=1)
        async with world.task_unit_of_work(owner) as uow:
            loaded = await uow.tasks.load(first.id, for_user=owner.user_id)
            assert loaded is not None and end_of(loaded.board.first_of(Status.TODO)).after_id == second.id
            assert await uow.recurrences.of_column(first.column_id, most=9) == [first, second]
            assert await uow.recurrences.of_column(first.column_id, most=1) == [first]
