"""The contract of Columns and ColumnReader.

The subclass provides the fixture `world`; see `tests.contracts.world`.
"""

from datetime import timedelta

import pytest

from core.kernel.actor import Actor
from core.kernel.errors import Conflict
from core.projects.model import Project
from core.projects.policy import Visible
from core.tasks.columns import BoardColumn, Card, ColumnChanges
from core.tasks.fields import Status
from core.tasks.model import Task
from core.tasks.ports import LoadedBoard
from core.tasks.read_models import ColumnDetails
from tests.contracts.steps import add_task, delete_project, open_project, save_project, save_task
from tests.contracts.world import ContractWorld

EVERYTHING = Visible()


class ColumnContract:
    """Of what arranges a board, and what shows one column of it."""

    async def test_a_board_is_loaded_by_its_project_or_by_any_of_its_columns(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        await add_task(world, owner, project)
        await add_task(world, owner, project)
        board = await self._board(world, owner, project.id)
        columns = board.arrangement.columns
        assert (board.arrangement.project_id, board.project_is_active, board.is_member) == (project.id, True, True)
        assert [(each.name, each.category, each.position, each.task_count) for each in columns] == [
            ("To do", Status.TODO, 0, 2),
            ("In progress", Status.IN_PROGRESS, 1, 0),
            ("Done", Status.DONE, 2, 0),
        ]
        assert await self._board(world, owner, "web") == board
        for column in columns:
            async with world.task_unit_of_work(owner) as uow:
                assert await uow.columns.around(column.id, for_user=owner.user_id) == board

    async def test_what_is_not_there_has_no_board(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        foreign = await open_project(world, there)
        gone = await open_project(world, here, key="OLD")
        columns = [(await self._board(world, there, foreign.id)), (await self._board(world, here, gone.id))]
        await delete_project(world, here, gone)
        async with world.task_unit_of_work(here) as uow:
            for ref in (foreign.id, gone.id, world.ids.new(), "OLD", "NONE", "WEB"):
                assert await uow.columns.of_project(ref, for_user=here.user_id) is None
            for board in columns:
                column_id = board.arrangement.columns[0].id
                assert await uow.columns.around(column_id, for_user=here.user_id) is None
            assert await uow.columns.around(world.ids.new(), for_user=here.user_id) is None

    async def test_a_board_says_whether_it_is_archived_and_whose_it_is(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann, project = await world.person(owner.company_id), await open_project(world, owner)
        project.is_active = False
        await save_project(world, owner, project)
        async with world.task_unit_of_work(ann) as uow:
            board = await uow.columns.of_project(project.id, for_user=ann.user_id)
        assert board is not None and (board.project_is_active, board.is_member) == (False, False)

    async def test_a_column_is_kept_as_it_was_added_and_changed(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        column = await self._add(world, owner, project, wip_limit=3)
        (found,) = [each for each in await self._columns(world, owner, project) if each.id == column.id]
        assert found == column
        later = world.clock.now() + timedelta(seconds=1)
        changes = ColumnChanges(given=frozenset({"name", "wip_limit"}), name="Checked")
        async with world.task_unit_of_work(owner) as uow:
            found.change(changes, at=later)
            uow.columns.save(found, was=1)
            await uow.commit()
        (changed,) = [each for each in await self._columns(world, owner, project) if each.id == column.id]
        assert changed == found
        assert (changed.name, changed.wip_limit, changed.version, changed.updated_at) == ("Checked", None, 2, later)

    async def test_a_stale_change_of_a_column_is_refused(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        column = (await self._columns(world, owner, project))[0]
        column.name, column.version = "Stale", 3
        with pytest.raises(Conflict):
            async with world.task_unit_of_work(owner) as uow:
                uow.columns.save(column, was=2)
                await uow.commit()
        assert (await self._columns(world, owner, project))[0].name == "To do"

    async def test_positions_are_kept_and_versions_stay(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        columns = await self._columns(world, owner, project)
        for position, column in enumerate(reversed(columns)):
            column.position = position
        async with world.task_unit_of_work(owner) as uow:
            uow.columns.place(columns)
            await uow.commit()
        found = await self._columns(world, owner, project)
        assert [each.id for each in found] == [each.id for each in reversed(columns)]
        assert [(each.position, each.version) for each in found] == [(0, 1), (1, 1), (2, 1)]

    async def test_cards_are_told_from_top_to_bottom_without_deleted_ones(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        one, two, three = [await add_task(world, owner, project) for _ in range(3)]
        await self._delete(world, owner, two)
        async with world.task_unit_of_work(owner) as uow:
            cards = await uow.columns.cards(one.column_id)
        assert cards == [Card(one.id, one.rank, Status.TODO, 1), Card(three.id, three.rank, Status.TODO, 1)]

    async def test_cards_follow_the_category_of_their_column(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        task, other = await add_task(world, owner, project), await add_task(world, owner, project, status=Status.DONE)
        for category, completed in ((Status.DONE, True), (Status.IN_PROGRESS, False), (Status.TODO, False)):
            at = world.clock.now()
            async with world.task_unit_of_work(owner) as uow:
                cards = await uow.columns.cards(task.column_id)
                uow.columns.recategorise(cards, category=category, at=at)
                await uow.commit()
            was, task = task, await self._task(world, owner, task)
            assert (task.status, task.completed_at) == (category, at if completed else None)
            assert (task.version, task.updated_at, task.previous_column_id) == (was.version + 1, at, None)
        assert await self._task(world, owner, other) == other

    async def test_cards_move_to_another_column_at_given_ranks(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        done = await add_task(world, owner, project, "z", status=Status.DONE)
        one, two = [await add_task(world, owner, project, title) for title in "ab"]
        columns, at = await self._columns(world, owner, project), world.clock.now()
        async with world.task_unit_of_work(owner) as uow:
            cards = await uow.columns.cards(one.column_id)
            uow.columns.move(cards, ["40000000", "50000000"], to=columns[2], at=at)
            await uow.commit()
        moved = [await self._task(world, owner, each) for each in (one, two)]
        assert [(each.rank, each.column_id, each.status) for each in moved] == [
            ("40000000", columns[2].id, Status.DONE),
            ("50000000", columns[2].id, Status.DONE),
        ]
        assert [(each.version, each.completed_at, each.previous_column_id) for each in moved] == [(2, at, None)] * 2
        assert await self._task(world, owner, done) == done

    async def test_a_task_that_was_done_stays_completed_when_it_was(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        done = await add_task(world, owner, project, status=Status.DONE)
        other = await self._add(world, owner, project, category=Status.DONE)
        at = world.clock.now() + timedelta(hours=1)
        async with world.task_unit_of_work(owner) as uow:
            uow.columns.move(await uow.columns.cards(done.column_id), ["40000000"], to=other, at=at)
            await uow.commit()
        assert (await self._task(world, owner, done)).completed_at == done.completed_at

    async def test_a_removed_column_leaves_what_was_deleted_from_it_to_another(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        column = await self._add(world, owner, project, category=Status.TODO)
        heir = (await self._columns(world, owner, project))[0]
        task = await add_task(world, owner, project)
        was = task.version
        async with world.task_unit_of_work(owner) as uow:
            loaded = await uow.tasks.load(task.id, for_user=owner.user_id)
            assert loaded is not None
            task = loaded.task
            task.column_id = column.id
            uow.tasks.save(task, was=was)
            await uow.commit()
        await self._delete(world, owner, task)
        async with world.task_unit_of_work(owner) as uow:
            uow.columns.remove(column, heir=heir)
            await uow.commit()
        assert column.id not in {each.id for each in await self._columns(world, owner, project)}
        async with world.task_unit_of_work(owner) as uow:
            deleted = await uow.deleted_tasks.load(task.id, for_user=owner.user_id)
        assert deleted is not None and deleted.task.column_id == heir.id

    async def test_a_column_that_holds_cards_cannot_be_removed(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        await add_task(world, owner, project)
        columns = await self._columns(world, owner, project)
        with pytest.raises(Conflict):
            async with world.task_unit_of_work(owner) as uow:
                uow.columns.remove(columns[0], heir=columns[1])
                await uow.commit()
        assert await self._columns(world, owner, project) == columns

    async def test_a_column_is_shown_with_the_count_of_its_cards(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        column = await self._add(world, owner, project, wip_limit=1, category=Status.TODO)
        for count in range(3):
            shown = (await world.column_reader.one(owner, column.id, visible=EVERYTHING)).value
            column.task_count = count
            assert shown == ColumnDetails.of(column)
            assert shown.over_limit == (count > 1)
            task = await add_task(world, owner, project)
            async with world.task_unit_of_work(owner) as uow:
                loaded = await uow.tasks.load(task.id, for_user=owner.user_id)
                assert loaded is not None
                loaded.task.column_id = column.id
                uow.tasks.save(loaded.task, was=1)
                await uow.commit()
        other = (await self._columns(world, owner, project))[2]
        shown = (await world.column_reader.one(owner, other.id, visible=EVERYTHING)).value
        assert shown is not None and (shown.wip_limit, shown.over_limit) == (None, False)

    async def test_a_column_out_of_sight_is_not_shown(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        ann, project = await world.person(here.company_id), await open_project(world, here)
        foreign, gone = await open_project(world, there), await open_project(world, here, key="OLD")
        hidden = [
            (await self._columns(world, there, foreign))[0].id,
            (await self._columns(world, here, gone))[0].id,
            world.ids.new(),
        ]
        await delete_project(world, here, gone)
        for column_id in hidden:
            assert (await world.column_reader.one(here, column_id, visible=EVERYTHING)).value is None
        column, mine = (await self._columns(world, here, project))[0], Visible(member_id=ann.user_id)
        assert (await world.column_reader.one(ann, column.id, visible=mine)).value is None
        await world.add_to_project(project.id, ann)
        assert (await world.column_reader.one(ann, column.id, visible=mine)).value is not None

    async def _board(self, world: ContractWorld, actor: Actor, ref: object) -> LoadedBoard:
        async with world.task_unit_of_work(actor) as uow:
            board = await uow.columns.of_project(ref, for_user=actor.user_id)
        assert board is not None
        return board

    async def _columns(self, world: ContractWorld, actor: Actor, project: Project) -> list[BoardColumn]:
        return (await self._board(world, actor, project.id)).arrangement.columns

    async def _add(
        self,
        world: ContractWorld,
        actor: Actor,
        project: Project,
        *,
        category: Status = Status.IN_PROGRESS,
        wip_limit: int | None = None,
    ) -> BoardColumn:
        async with world.task_unit_of_work(actor) as uow:
            board = await uow.columns.of_project(project.id, for_user=actor.user_id)
            assert board is not None
            column, _ = board.arrangement.add(
                id=world.ids.new(),
                name="Review",
                category=category,
                wip_limit=wip_limit,
                position=None,
                after=None,
                by=actor.user_id,
                at=world.clock.now(),
            )
            uow.columns.add(column)
            await uow.commit()
        return column

    async def _task(self, world: ContractWorld, actor: Actor, task: Task) -> Task:
        async with world.task_unit_of_work(actor) as uow:
            loaded = await uow.tasks.load(task.id, for_user=actor.user_id)
        assert loaded is not None
        return loaded.task

    async def _delete(self, world: ContractWorld, actor: Actor, task: Task) -> None:
        was = task.version
        task.delete(by=actor.user_id, at=world.clock.now())
        await save_task(world, actor, task, was=was)
