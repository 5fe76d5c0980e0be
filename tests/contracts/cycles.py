"""The contract of CycleUnitOfWork and CycleReader, and of what tasks do with their cycles.

The subclass provides the fixture `world`; see `tests.contracts.world`. Of it this contract uses `company`, `person`,
`add_to_project`, the cycle, project and task units of work, the cycle and task readers, the clock and the ids.
"""

from datetime import date, timedelta

import pytest

from core.cycles.errors import AnotherCycleActive
from core.cycles.model import Cycle, CycleChanges, CycleStatus
from core.cycles.policy import Visible
from core.cycles.ports import CycleFilter, LoadedCycle
from core.cycles.read_models import CycleView
from core.kernel.actor import Actor
from core.kernel.errors import Conflict
from core.kernel.paging import Page, PageRequest, Sort
from core.tasks.changes import TaskChanges
from core.tasks.fields import Status
from core.tasks.model import Task
from core.tasks.policy import Visible as VisibleTasks
from core.tasks.ports import TaskFilter
from tests.contracts.steps import (
    add_cycle,
    add_task,
    delete_project,
    listed,
    open_project,
    save_project,
    save_task,
    start_cycle,
    titles,
)
from tests.contracts.world import ContractWorld

EVERYTHING = Visible()
BY_NUMBER = Sort(field="number")


class CycleStoreContract:
    """Of the repository: what use cases load and save."""

    async def test_numbers_rise_in_each_project_and_none_is_given_twice(self, world: ContractWorld) -> None:
        owner = await world.company()
        web, app = await open_project(world, owner), await open_project(world, owner, key="APP")
        first, second = await add_cycle(world, owner, web), await add_cycle(world, owner, web)
        assert (first.number, second.number, second.s3_prefix) == (1, 2, "web/2")
        assert (await add_cycle(world, owner, app)).number == 1
        await self._delete(world, owner, second)
        assert (await add_cycle(world, owner, web)).number == 3

    async def test_a_new_cycle_is_prepared_with_what_the_rules_ask(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann, project = await world.person(owner.company_id), await open_project(world, owner)
        async with world.cycle_unit_of_work(ann) as uow:
            assert await uow.cycles.begin(project.id, for_user=ann.user_id) == ("WEB", True, False, 1)
        await world.add_to_project(project.id, ann)
        project.is_active = False
        await save_project(world, owner, project)
        async with world.cycle_unit_of_work(ann) as uow:
            assert await uow.cycles.begin(project.id, for_user=ann.user_id) == ("WEB", False, True, 1)

    async def test_no_cycle_begins_in_what_is_not_there(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        foreign, gone = await open_project(world, there), await open_project(world, here)
        await delete_project(world, here, gone)
        async with world.cycle_unit_of_work(here) as uow:
            for project_id in (world.ids.new(), foreign.id, gone.id):
                assert await uow.cycles.begin(project_id, for_user=here.user_id) is None

    async def test_a_cycle_is_loaded_as_it_was_added(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann, project = await world.person(owner.company_id), await open_project(world, owner)
        cycle = await add_cycle(world, owner, project, starts_on=date(2028, 2, 29), ends_on=date(2028, 3, 1))
        assert await self._loaded(world, owner, cycle) == LoadedCycle(
            cycle, project_is_active=True, is_member=True, another_is_active=False
        )
        assert not (await self._loaded(world, ann, cycle)).is_member
        project.is_active = False
        await save_project(world, owner, project)
        assert not (await self._loaded(world, owner, cycle)).project_is_active

    async def test_nothing_is_loaded_that_is_not_there(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        web, app = await open_project(world, here), await open_project(world, here, key="APP")
        foreign = await add_cycle(world, there, await open_project(world, there))
        gone, of_gone = await add_cycle(world, here, web), await add_cycle(world, here, app)
        await self._delete(world, here, gone)
        await delete_project(world, here, app)
        async with world.cycle_unit_of_work(here) as uow:
            for cycle_id in (world.ids.new(), foreign.id, gone.id, of_gone.id):
                assert await uow.cycles.load(cycle_id, for_user=here.user_id) is None

    async def test_every_change_is_kept(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        cycle = (await self._loaded(world, owner, await add_cycle(world, owner, project))).cycle
        at = world.clock.now() + timedelta(seconds=1)
        changes = CycleChanges(
            given=frozenset({"name", "s3_prefix", "description", "metadata", "starts_on", "ends_on"}),
            name="Winter",
            s3_prefix="elsewhere/w",
            description=None,
            metadata={"goal": None, "née": {"ß": ["\t", 2**70, -1.5, True]}},
            starts_on=date(2026, 12, 1),
            ends_on=date(2026, 12, 1),
        )
        for change in (
            lambda: cycle.change(changes, at=at),
            lambda: cycle.start(another_is_active=False, at=at),
            lambda: cycle.complete(carried_over=0, carry_over_to=None, at=at),
        ):
            change()
            async with world.cycle_unit_of_work(owner) as uow:
                uow.cycles.save(cycle)
                await uow.commit()
            assert (await self._loaded(world, owner, cycle)).cycle == cycle
        assert (cycle.status, cycle.version) == (CycleStatus.COMPLETED, 4)

    async def test_a_stale_change_is_refused_and_nothing_is_kept(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        one, two = await add_cycle(world, owner, project, "One"), await add_cycle(world, owner, project, "Two")
        one.name, one.version = "Never", 2
        two.name, two.version = "Stale", 3
        with pytest.raises(Conflict):
            async with world.cycle_unit_of_work(owner) as uow:
                uow.cycles.save(one)
                uow.cycles.save(two)
                await uow.commit()
        two.version = 2
        with pytest.raises(Conflict):
            await self._delete(world, owner, two)
        assert await self._names(world, owner) == ["One", "Two"]

    async def test_another_active_cycle_of_the_project_is_known(self, world: ContractWorld) -> None:
        owner = await world.company()
        web, app = await open_project(world, owner), await open_project(world, owner, key="APP")
        active, planned = await add_cycle(world, owner, web), await add_cycle(world, owner, web)
        elsewhere = await add_cycle(world, owner, app)
        await start_cycle(world, owner, active)
        found = [(await self._loaded(world, owner, cycle)).another_is_active for cycle in (active, planned, elsewhere)]
        assert found == [False, True, False]

    async def test_a_project_never_has_two_active_cycles(self, world: ContractWorld) -> None:
        owner = await world.company()
        web, app = await open_project(world, owner), await open_project(world, owner, key="APP")
        active, planned = await add_cycle(world, owner, web), await add_cycle(world, owner, web)
        await start_cycle(world, owner, active)
        with pytest.raises(AnotherCycleActive):
            await start_cycle(world, owner, planned)
        await start_cycle(world, owner, await add_cycle(world, owner, app))
        active.complete(carried_over=0, carry_over_to=None, at=world.clock.now())
        async with world.cycle_unit_of_work(owner) as uow:
            uow.cycles.save(active)
            await uow.commit()
        following = (await self._loaded(world, owner, planned)).cycle
        await start_cycle(world, owner, following)
        assert (await self._loaded(world, owner, planned)).cycle.status is CycleStatus.ACTIVE

    async def test_the_course_of_a_cycle_is_told_in_its_own_project(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        web, app = await open_project(world, here), await open_project(world, here, key="APP")
        cycle, elsewhere = await add_cycle(world, here, web), await add_cycle(world, here, app)
        foreign = await add_cycle(world, there, await open_project(world, there))
        async with world.cycle_unit_of_work(here) as uow:
            for ask in (uow.cycles.status, uow.tasks.cycle):
                assert await ask(cycle.id, project_id=web.id) is CycleStatus.PLANNED
                for missing in (elsewhere.id, foreign.id, world.ids.new()):
                    assert await ask(missing, project_id=web.id) is None
        await start_cycle(world, here, cycle)
        async with world.task_unit_of_work(here) as uow:
            for named, found in ((cycle, CycleStatus.ACTIVE), (elsewhere, None), (foreign, None)):
                begun = await uow.tasks.begin(web.id, for_user=here.user_id, assignee=None, cycle=named.id)
                assert begun is not None and begun.cycle is found
            begun = await uow.tasks.begin(web.id, for_user=here.user_id, assignee=here.user_id, cycle=cycle.id)
            assert begun is not None and begun.assignee is not None
            assert (begun.assignee.id, begun.cycle) == (here.user_id, CycleStatus.ACTIVE)

    async def _loaded(self, world: ContractWorld, actor: Actor, cycle: Cycle) -> LoadedCycle:
        async with world.cycle_unit_of_work(actor) as uow:
            loaded = await uow.cycles.load(cycle.id, for_user=actor.user_id)
        assert loaded is not None
        return loaded

    async def _delete(self, world: ContractWorld, actor: Actor, cycle: Cycle) -> None:
        async with world.cycle_unit_of_work(actor) as uow:
            uow.cycles.delete(cycle)
            await uow.commit()

    async def _names(self, world: ContractWorld, actor: Actor) -> list[str]:
        answer = await world.cycle_reader.page(
            actor, visible=EVERYTHING, where=CycleFilter(), sort=BY_NUMBER, page=PageRequest()
        )
        return [view.name for view in answer.value.items]


class CycleReaderContract:
    """Of the reader: what screens show."""

    async def test_a_cycle_is_shown_as_it_is(self, world: ContractWorld) -> None:
        owner = await world.company()
        cycle = await add_cycle(world, owner, await open_project(world, owner), starts_on=date(2026, 1, 1))
        assert (await world.cycle_reader.one(owner, cycle.id, visible=EVERYTHING)).value == CycleView.of(cycle)

    async def test_what_is_out_of_sight_is_not_shown(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        ann, project = await world.person(here.company_id), await open_project(world, here)
        gone = await open_project(world, here, key="OLD")
        cycle, of_gone = await add_cycle(world, here, project), await add_cycle(world, here, gone)
        foreign = await add_cycle(world, there, await open_project(world, there))
        await delete_project(world, here, gone)
        mine = Visible(member_id=ann.user_id)
        for cycle_id in (world.ids.new(), foreign.id, of_gone.id):
            assert (await world.cycle_reader.one(here, cycle_id, visible=EVERYTHING)).value is None
        assert (await world.cycle_reader.one(ann, cycle.id, visible=mine)).value is None
        assert (await self._page(world, ann, visible=mine)).items == []
        assert [view.id for view in (await self._page(world, here)).items] == [cycle.id]
        await world.add_to_project(project.id, ann)
        assert (await world.cycle_reader.one(ann, cycle.id, visible=mine)).value is not None
        assert [view.id for view in (await self._page(world, ann, visible=mine)).items] == [cycle.id]

    async def test_filters_keep_what_fits_all_of_them(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        web, app = await open_project(world, here), await open_project(world, here, key="APP")
        foreign = await open_project(world, there)
        await add_cycle(world, there, foreign, "never")
        a, _ = await add_cycle(world, here, web, "a"), await add_cycle(world, here, web, "b")
        await add_cycle(world, here, app, "c")
        await start_cycle(world, here, a)
        planned, active = CycleStatus.PLANNED, CycleStatus.ACTIVE
        for where, expected in (
            (CycleFilter(), "abc"),
            (CycleFilter(project_id=(web.id,)), "ab"),
            (CycleFilter(project_id=(web.id, app.id)), "abc"),
            (CycleFilter(project_id=(foreign.id,)), ""),
            (CycleFilter(project_id=(app.id, foreign.id, world.ids.new())), "c"),
            (CycleFilter(status=(active,)), "a"),
            (CycleFilter(status=(planned, active)), "abc"),
            (CycleFilter(status=(CycleStatus.COMPLETED,)), ""),
            (CycleFilter(project_id=(web.id,), status=(planned,)), "b"),
        ):
            page = await self._page(world, here, where=where, include_total=True)
            assert "".join(sorted(view.name for view in page.items)) == expected, where
            assert page.total == len(expected)

    @pytest.mark.parametrize("field", ["number", "name", "starts_on", "ends_on", "created_at", "updated_at"])
    @pytest.mark.parametrize("sign", ["", "-"])
    async def test_pages_of_any_sort_join_to_the_whole_list(self, world: ContractWorld, field: str, sign: str) -> None:
        owner = await world.company()
        projects = [await open_project(world, owner), await open_project(world, owner, key="APP")]
        days = [date(2026, 5, 1), None, date(2026, 5, 1), date(2026, 4, 1), None]
        for place, day in enumerate(days):
            await add_cycle(world, owner, projects[place % 2], f"{place % 3}", starts_on=day, ends_on=day)
        sort, position, joined = Sort(field=field, descending=bool(sign)), None, []
        whole = (await self._page(world, owner, sort=sort)).items
        valued = [view for view in whole if getattr(view, field) is not None]
        assert whole[: len(valued)] == sorted(
            valued, key=lambda view: (getattr(view, field), view.id), reverse=bool(sign)
        )
        assert len(whole) == 5
        while True:
            page = await self._page(world, owner, sort=sort, limit=2, position=position)
            joined += page.items
            position = page.next_position
            if position is None:
                break
        assert joined == whole
        assert (await self._page(world, owner, sort=sort, skip=3)).items == whole[3:]

    async def _page(
        self,
        world: ContractWorld,
        actor: Actor,
        *,
        visible: Visible = EVERYTHING,
        where: CycleFilter = CycleFilter(),
        sort: Sort = BY_NUMBER,
        **request: object,
    ) -> Page[CycleView]:
        answer = await world.cycle_reader.page(
            actor, visible=visible, where=where, sort=sort, page=PageRequest(**request)
        )
        return answer.value


class TasksOfCycleContract:
    """Of what tasks know of cycles."""

    async def test_a_task_keeps_its_cycle(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        one, two = await add_cycle(world, owner, project), await add_cycle(world, owner, project)
        task = await add_task(world, owner, project, cycle_id=one.id)
        assert await self._stored(world, owner, task) == task
        for cycle_id in (two.id, None):
            task.change(TaskChanges(given=frozenset({"cycle_id"}), cycle_id=cycle_id), at=world.clock.now())
            await save_task(world, owner, task, was=task.version - 1)
            assert (await self._stored(world, owner, task)).cycle_id == cycle_id
            shown = (await world.task_reader.one(owner, task.id, visible=VisibleTasks())).value
            assert shown is not None and shown.cycle_id == cycle_id

    async def test_no_task_stands_in_a_cycle_of_another_project(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        web, app = await open_project(world, here), await open_project(world, here, key="APP")
        elsewhere = await add_cycle(world, here, app)
        foreign = await add_cycle(world, there, await open_project(world, there))
        for cycle_id in (elsewhere.id, foreign.id, world.ids.new()):
            with pytest.raises(Conflict):
                await add_task(world, here, web, cycle_id=cycle_id)
        assert await titles(world, here) == []

    async def test_lists_keep_the_tasks_of_certain_cycles_or_of_none(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        one, two = await add_cycle(world, owner, project), await add_cycle(world, owner, project)
        for title, cycle_id in (("a", one.id), ("b", two.id), ("c", None), ("d", one.id)):
            await add_task(world, owner, project, title, cycle_id=cycle_id)
        for wanted, expected in (
            ((one.id,), "ad"),
            ((one.id, two.id), "abd"),
            ((None,), "c"),
            ((None, two.id), "bc"),
            ((world.ids.new(),), ""),
        ):
            assert "".join(await titles(world, owner, where=TaskFilter(cycle_id=wanted))) == expected

    @pytest.mark.parametrize("finished_too", [False, True])
    @pytest.mark.parametrize("somewhere", [False, True])
    async def test_tasks_leave_a_cycle_together(
        self, world: ContractWorld, finished_too: bool, somewhere: bool
    ) -> None:
        here, there = await world.company("Here"), await world.company("There")
        project, theirs = await open_project(world, here), await open_project(world, there)
        cycle, other, target = [await add_cycle(world, here, project) for _ in range(3)]
        foreign = await add_cycle(world, there, theirs)
        leaving = [
            await add_task(world, here, project, "leaves", cycle_id=cycle.id, status=status)
            for status in (Status.IN_PROGRESS, Status.TODO, *([Status.DONE] if finished_too else []))
        ]
        staying = [
            await add_task(world, here, project, "elsewhere", cycle_id=other.id),
            await add_task(world, here, project, "nowhere"),
            *([] if finished_too else [await add_task(world, here, project, cycle_id=cycle.id, status=Status.DONE)]),
        ]
        alien = await add_task(world, there, theirs, cycle_id=foreign.id)
        gone = await add_task(world, here, project, "gone", cycle_id=cycle.id)
        gone.delete(by=here.user_id, at=world.clock.now())
        await save_task(world, here, gone, was=1)
        to, at = target.id if somewhere else None, world.clock.now() + timedelta(seconds=1)
        async with world.cycle_unit_of_work(here) as uow:
            left = await uow.tasks.leave_cycle(cycle.id, to=to, finished_too=finished_too, at=at)
            assert left == [(task.id, project.id, 2) for task in leaving]
            assert await uow.tasks.leave_cycle(foreign.id, to=None, finished_too=True, at=at) == []
            await uow.commit()
        for task in leaving:
            task.cycle_id, task.version, task.updated_at = to, 2, at
        for task in (*leaving, *staying):
            assert await self._stored(world, here, task) == task
        assert await self._stored(world, there, alien) == alien

    async def test_a_cycle_that_is_deleted_leaves_no_trace_in_deleted_tasks(self, world: ContractWorld) -> None:
        """They may be restored later."""
        owner = await world.company()
        project = await open_project(world, owner)
        cycle = await add_cycle(world, owner, project)
        gone = await add_task(world, owner, project, cycle_id=cycle.id)
        gone.delete(by=owner.user_id, at=world.clock.now())
        await save_task(world, owner, gone, was=1)
        async with world.cycle_unit_of_work(owner) as uow:
            await uow.tasks.leave_cycle(cycle.id, to=None, finished_too=True, at=world.clock.now())
            uow.cycles.delete(cycle)
            await uow.commit()
        assert (await world.cycle_reader.one(owner, cycle.id, visible=EVERYTHING)).value is None
        assert await listed(world, owner, where=TaskFilter(cycle_id=(cycle.id,))) == []

    async def _stored(self, world: ContractWorld, actor: Actor, task: Task) -> Task:
        async with world.task_unit_of_work(actor) as uow:
            loaded = await uow.tasks.load(task.id, for_user=actor.user_id)
        assert loaded is not None
        return loaded.task


class CycleContract(CycleStoreContract, CycleReaderContract, TasksOfCycleContract):
    """Of CycleUnitOfWork and CycleReader together, and of the tasks in cycles."""
