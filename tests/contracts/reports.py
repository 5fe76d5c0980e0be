"""The contract of ReportReader and DayCounts, with the use cases of tasks and cycles that write the log.

The subclass provides the fixture `world`; see `tests.contracts.world`. Others may count in its store meanwhile: what a
reader shows is the same before, while and after it is counted.
"""

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from core.cycles.model import Cycle, CycleStatus
from core.cycles.policy import Visible as VisibleCycles
from core.cycles.use_cases import CycleUseCases
from core.kernel.actor import Actor, ActorChanged, Role, System
from core.notifications.model import Kind
from core.notifications.policy import visible_notifications
from core.projects.model import Project
from core.projects.policy import Visible as VisibleProjects
from core.reports.model import Batch
from core.reports.read_models import BurndownDay, BurndownView, FlowDay, FlowView
from core.reports.use_cases.counting import CountingUseCases
from core.tasks.changes import TaskChanges
from core.tasks.fields import Priority, Status
from core.tasks.listeners import leave_cycle
from core.tasks.policy import Visible as VisibleTasks
from core.tasks.use_cases.deleted_tasks import DeletedTaskUseCases
from core.tasks.use_cases.placing import Destination
from core.tasks.use_cases.tasks import TaskUseCases
from tests.contracts.steps import add_cycle, add_task, delete_project, open_project
from tests.contracts.world import ContractWorld


def tasks_of(world: ContractWorld) -> TaskUseCases:
    return TaskUseCases(
        unit_of_work=world.task_unit_of_work, reader=world.task_reader, clock=world.clock, ids=world.ids
    )


def deleted_tasks_of(world: ContractWorld) -> DeletedTaskUseCases:
    return DeletedTaskUseCases(unit_of_work=world.task_unit_of_work, reader=world.task_reader, clock=world.clock)


def cycles_of(world: ContractWorld) -> CycleUseCases[Any]:
    return CycleUseCases(
        unit_of_work=world.cycle_unit_of_work,
        reader=world.cycle_reader,
        leave_cycle=leave_cycle,
        clock=world.clock,
        ids=world.ids,
    )


def today(world: ContractWorld) -> date:
    return world.clock.now().date()


async def burndown(world: ContractWorld, actor: Actor, cycle: Cycle) -> BurndownView:
    course, _ = await world.report_reader.burndown(actor, cycle.id, visible=VisibleCycles())
    assert course is not None
    return BurndownView.of(course, today=today(world))


async def flow(world: ContractWorld, actor: Actor, project: Project, *, most: int = 90) -> FlowView:
    course, _ = await world.report_reader.flow(actor, project.id, visible=VisibleProjects(), most=most)
    assert course is not None
    return FlowView.of(course, today=today(world), most=most)


async def count(world: ContractWorld, actor: Actor, *, most: int = 1_000) -> None:
    """Counts all of a company's log, or leaves it to whoever is at it."""
    while await world.day_counts.advance(actor.company_id, most=most, counted=Batch.counted):
        pass


async def complete(world: ContractWorld, actor: Actor, task_id: UUID) -> None:
    await tasks_of(world).complete(actor, task_id, completed=True)


async def put_into(world: ContractWorld, actor: Actor, task_id: UUID, cycle: Cycle | None) -> None:
    changes = TaskChanges(given=frozenset({"cycle_id"}), cycle_id=cycle.id if cycle is not None else None)
    await tasks_of(world).change(actor, task_id, changes)


class ReportContract:
    async def test_a_project_is_counted_by_status_and_seen_by_its_members_alone(self, world: ContractWorld) -> None:
        owner, stranger = await world.company("Here"), await world.company("There")
        project = await open_project(world, owner)
        for status in (Status.DONE, Status.TODO, Status.IN_PROGRESS):
            await add_task(world, owner, project, status=status)
        gone = await add_task(world, owner, project)
        await tasks_of(world).delete(owner, gone.id)
        for ref in (project.id, "web"):
            report, seq = await world.report_reader.project(owner, ref, visible=VisibleProjects())
            assert report is not None and seq > 0
            assert report == (project.id, "Website", 3, 1, 1, 1, 33.3)
        mia = await world.person(owner.company_id, name="Mia")
        sees = VisibleProjects(member_id=mia.user_id)
        assert (await world.report_reader.project(mia, project.id, visible=sees)).value is None
        await world.add_to_project(project.id, mia)
        assert (await world.report_reader.project(mia, project.id, visible=sees)).value == report
        assert (await world.report_reader.project(stranger, project.id, visible=VisibleProjects())).value is None

    async def test_what_everybody_has_done_is_told_by_name(self, world: ContractWorld) -> None:
        owner, stranger = await world.company("Here"), await world.company("There")
        ann = await world.person(owner.company_id, name="Ann")
        bea = await world.person(owner.company_id, name="Bea")
        cid = await world.person(owner.company_id, name="Cid")
        project = await open_project(world, owner)
        for each in (ann, bea, cid):
            await world.add_to_project(project.id, each)
        for status in (Status.DONE, Status.DONE, Status.TODO):
            await add_task(world, owner, project, status=status, assigned_to=ann.user_id)
        await add_task(world, owner, project, assigned_to=cid.user_id)
        await add_task(world, owner, project)
        theirs = await open_project(world, stranger)
        await add_task(world, stranger, theirs, assigned_to=stranger.user_id)
        # Whoever is gone is there for what they have, and not without.
        await world.deactivate(bea)
        await world.deactivate(cid)
        found, _ = await world.report_reader.performance(owner)
        assert found == [
            (ann.user_id, "Ann", 3, 2, 0, 1, 66.7),
            (cid.user_id, "Cid", 1, 0, 0, 1, 0.0),
            (owner.user_id, "Owner of Here", 0, 0, 0, 0, 0.0),
        ]

    async def test_what_everybody_has_to_do_is_told_by_priority(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id, name="Ann")
        project, other = await open_project(world, owner), await open_project(world, owner, key="APP", name="App")
        for each in (project, other):
            await world.add_to_project(each.id, ann)
        for priority in (Priority.HIGH, Priority.URGENT, Priority.LOW, Priority.LOW, Priority.MEDIUM):
            await add_task(world, owner, project, priority=priority, assigned_to=ann.user_id)
        await add_task(world, owner, project, status=Status.DONE, priority=Priority.HIGH, assigned_to=ann.user_id)
        await add_task(world, owner, other, priority=Priority.HIGH, assigned_to=ann.user_id)
        assert (await world.report_reader.workload(owner)).value[0] == (ann.user_id, "Ann", 6, 2, 1, 2, 1)
        # Deleted ones are nobody's.
        await tasks_of(world).delete(owner, (await add_task(world, owner, project, assigned_to=ann.user_id)).id)
        assert (await world.report_reader.workload(owner)).value[0].assigned_tasks == 6

    async def test_a_dashboard_holds_what_is_mine(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id, name="Ann")
        web, app = await open_project(world, owner), await open_project(world, owner, key="APP", name="App")
        hidden, gone = [await open_project(world, owner, key=key, name=key) for key in ("HID", "GONE")]
        for project in (web, app, gone):
            await world.add_to_project(project.id, ann)
        first = await add_task(world, owner, web, "first", assigned_to=ann.user_id)
        second = await add_task(world, owner, app, "second", assigned_to=ann.user_id, status=Status.DONE)
        await add_task(world, owner, web, "not mine")
        await delete_project(world, owner, gone)
        board, seq = await world.report_reader.dashboard(
            ann,
            visible=VisibleTasks(member_id=ann.user_id),
            visible_notifications=visible_notifications(ann),
            most=10,
            most_projects=9,
        )
        assert seq > 0
        assert [task.id for task in board.recent_tasks] == [second.id, first.id]
        assert [tuple(each) for each in board.project_progress] == [
            (app.id, "App", 1, 1, 0, 0, 100.0),
            (web.id, "Website", 2, 0, 0, 2, 0.0),
        ]
        # Who reads the log for them may have come first.
        assert {each.kind for each in board.notifications} <= {Kind.ASSIGNED}
        mine = VisibleTasks(member_id=ann.user_id)
        newest, _ = await world.report_reader.dashboard(
            ann, visible=mine, visible_notifications=visible_notifications(ann), most=1, most_projects=1
        )
        assert [task.title for task in newest.recent_tasks] == ["second"]
        assert [project.project_name for project in newest.project_progress] == ["App"]
        assert hidden.id not in {each.project_id for each in board.project_progress}

    async def test_a_dashboard_holds_nothing_of_projects_that_one_no_longer_belongs_to(
        self, world: ContractWorld
    ) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id, name="Ann")
        project = await open_project(world, owner)
        await world.add_to_project(project.id, ann)
        done = await add_task(world, owner, project, assigned_to=ann.user_id, status=Status.DONE)
        mine = VisibleTasks(member_id=ann.user_id)
        inbox = visible_notifications(ann)
        board = (
            await world.report_reader.dashboard(
                ann, visible=mine, visible_notifications=inbox, most=10, most_projects=9
            )
        ).value
        assert [task.id for task in board.recent_tasks] == [done.id]
        async with world.member_unit_of_work(owner) as uow:
            uow.members.remove(project.id, ann.user_id)
            await uow.commit()
        inbox = visible_notifications(ann)
        board = (
            await world.report_reader.dashboard(
                ann, visible=mine, visible_notifications=inbox, most=10, most_projects=9
            )
        ).value
        assert (board.recent_tasks, board.project_progress) == ([], [])
        # Whoever sees all projects needs not belong to one.
        everything = (
            await world.report_reader.dashboard(
                ann, visible=VisibleTasks(), visible_notifications=inbox, most=10, most_projects=9
            )
        ).value
        assert [task.id for task in everything.recent_tasks] == [done.id]

    async def test_whoever_is_another_one_now_is_told_so(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        assert (await world.report_reader.nothing(ann)).value is None
        await world.change_role(ann, Role.ADMIN)
        with pytest.raises(ActorChanged):
            await world.report_reader.nothing(ann)

    async def test_a_burndown_is_the_same_before_and_after_it_was_counted(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        cycle = await add_cycle(world, owner, project)
        tasks = [await add_task(world, owner, project, cycle_id=cycle.id) for _ in range(4)]
        assert (await burndown(world, owner, cycle)).days == []
        await cycles_of(world).start(owner, cycle.id)
        late = await add_task(world, owner, project)
        await put_into(world, owner, late.id, cycle)
        await put_into(world, owner, tasks[0].id, None)
        await complete(world, owner, tasks[1].id)
        await tasks_of(world).delete(owner, tasks[2].id)
        await deleted_tasks_of(world).restore(owner, tasks[2].id)
        fresh = await burndown(world, owner, cycle)
        (day,) = fresh.days
        assert day == BurndownDay(today(world), scope=4, done=1, remaining=3, added=2, removed=2, ideal=None)
        assert (fresh.status, fresh.scope_at_start, fresh.carried_over) == (CycleStatus.ACTIVE, 4, None)
        # In batches as small as they can be, and with a part of the log still to be counted.
        await world.day_counts.advance(owner.company_id, most=1, counted=Batch.counted)
        await world.day_counts.advance(owner.company_id, most=4, counted=Batch.counted)
        assert await burndown(world, owner, cycle) == fresh
        await count(world, owner, most=1)
        assert await burndown(world, owner, cycle) == fresh
        await count(world, owner)
        assert await burndown(world, owner, cycle) == fresh

    async def test_what_a_cycle_leaves_behind_was_carried_over_and_not_removed(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        cycle, following = [await add_cycle(world, owner, project, name) for name in ("Now", "Next")]
        tasks = [await add_task(world, owner, project, cycle_id=cycle.id) for _ in range(3)]
        await cycles_of(world).start(owner, cycle.id)
        await complete(world, owner, tasks[0].id)
        await count(world, owner)
        await cycles_of(world).complete(owner, cycle.id, carry_over_to=following.id)
        after = await burndown(world, owner, cycle)
        assert (after.status, after.carried_over, after.removed) == (CycleStatus.COMPLETED, 2, 0)
        assert [(day.scope, day.done, day.remaining) for day in after.days] == [(3, 1, 2)]
        # What happens afterwards does not change how it went.
        await tasks_of(world).complete(owner, tasks[0].id, completed=False)
        await put_into(world, owner, tasks[0].id, None)
        await count(world, owner)
        assert await burndown(world, owner, cycle) == after
        await cycles_of(world).start(owner, following.id)
        carried = await burndown(world, owner, following)
        assert (carried.scope_at_start, carried.added, carried.days[0].scope) == (2, 0, 2)

    async def test_a_flow_holds_every_status_and_only_its_own_project(self, world: ContractWorld) -> None:
        owner = await world.company()
        project, other = await open_project(world, owner), await open_project(world, owner, key="APP", name="App")
        assert (await flow(world, owner, project)).days == []
        tasks = [await add_task(world, owner, project) for _ in range(4)]
        await complete(world, owner, tasks[0].id)
        await tasks_of(world).move(owner, tasks[1].id, Destination(new_status=Status.IN_PROGRESS))
        await tasks_of(world).change(
            owner, tasks[2].id, TaskChanges(given=frozenset({"project_id"}), project_id=other.id)
        )
        fresh = await flow(world, owner, project)
        assert fresh.days == [FlowDay(today(world), todo=1, in_progress=1, done=1)]
        assert [day[1:] for day in (await flow(world, owner, other)).days] == [(1, 0, 0)]
        await count(world, owner, most=2)
        assert await flow(world, owner, project) == fresh
        await tasks_of(world).delete(owner, tasks[3].id)
        assert [day[1:] for day in (await flow(world, owner, project, most=1)).days] == [(0, 1, 1)]

    async def test_days_are_seen_by_members_and_in_their_company_alone(self, world: ContractWorld) -> None:
        owner, stranger = await world.company("Here"), await world.company("There")
        mia = await world.person(owner.company_id, name="Mia")
        project = await open_project(world, owner)
        cycle = await add_cycle(world, owner, project)
        cycles, projects = VisibleCycles(member_id=mia.user_id), VisibleProjects(member_id=mia.user_id)
        for actor, of_cycles, of_projects in (
            (stranger, VisibleCycles(), VisibleProjects()),
            (mia, cycles, projects),
        ):
            assert (await world.report_reader.burndown(actor, cycle.id, visible=of_cycles)).value is None
            assert (await world.report_reader.flow(actor, project.id, visible=of_projects, most=9)).value is None
        await world.add_to_project(project.id, mia)
        assert (await world.report_reader.burndown(mia, cycle.id, visible=cycles)).value is not None
        found, _ = await world.report_reader.flow(mia, "web", visible=projects, most=9)
        assert found is not None and (found.project_name, found.days) == ("Website", [])

    async def test_what_was_counted_is_no_longer_behind(self, world: ContractWorld) -> None:
        owner, other = await world.company(), await world.company()
        await open_project(world, owner)
        await count(world, owner)
        assert owner.company_id not in await world.day_counts.behind()
        project = await open_project(world, other)
        await add_task(world, other, project)
        counting = CountingUseCases(counts=world.day_counts)
        await counting.catch_up(System(), least=1_000)
        assert other.company_id in await world.day_counts.behind()
        await counting.catch_up(System())
        assert other.company_id not in await world.day_counts.behind()

    async def test_a_cycle_that_was_deleted_is_passed_over(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        cycle = await add_cycle(world, owner, project)
        task = await add_task(world, owner, project, cycle_id=cycle.id)
        await cycles_of(world).delete(owner, cycle.id)
        await complete(world, owner, task.id)
        await count(world, owner)
        assert [day[1:] for day in (await flow(world, owner, project)).days] == [(0, 0, 1)]
        assert (await world.report_reader.burndown(owner, cycle.id, visible=VisibleCycles())).value is None
