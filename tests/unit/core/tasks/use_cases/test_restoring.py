from datetime import timedelta

import pytest

from core.kernel.actor import Role
from core.kernel.errors import Forbidden
from core.kernel.paging import PageRequest, Sort
from core.tasks.columns import ColumnChanges
from core.tasks.errors import TaskNotFound
from core.tasks.changes import TaskChanges
from core.tasks.fields import Status
from core.tasks.model import RESTORABLE
from core.tasks.ports import TaskFilter
from core.tasks.use_cases.placing import Destination
from tests.builders.office import Office


@pytest.fixture
async def office() -> Office:
    return await Office.open()


class TestRestoring:
    async def test_a_task_returns_to_its_place(self, office: Office) -> None:
        tasks = {title: await office.task(title, by=office.mia) for title in "abc"}
        await office.tasks.delete(office.mia, tasks["b"].id)
        office.stored_task(tasks["b"].id).deleted_at -= timedelta(days=29)
        head = office.head
        view = (await office.deleted_tasks.restore(office.mia, "WEB-2", expected=2)).value
        assert (view.id, view.version, view.column_id) == (tasks["b"].id, 3, tasks["b"].column_id)
        assert office.order() == ["a", "b", "c"]
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.channel) == ("task_restored", "task_updates")
        assert fact.audience.project_id == office.web.id
        assert fact.body == {
            "task_id": str(view.id),
            "project_id": str(office.web.id),
            "version": 3,
            "task_key": "WEB-2",
            "task_title": "b",
            "status": "todo",
            "column_id": str(view.column_id),
            "cycle_id": None,
            "parent_id": None,
            "assigned_to": None,
            "restored_by": str(office.mia.user_id),
        }

    @pytest.mark.parametrize(("status", "stays"), [(Status.TODO, False), (Status.DONE, True)])
    async def test_unfinished_it_is_in_no_cycle_that_is_over(
        self, office: Office, status: Status, *, stays: bool
    ) -> None:
        cycle = await office.active_cycle()
        task = await office.task("a", status=status, cycle_id=cycle.id)
        await office.tasks.delete(office.adam, task.id)
        await office.cycles.complete(office.adam, cycle.id)
        view = (await office.deleted_tasks.restore(office.adam, task.id)).value
        assert view.cycle_id == office.stored_task(task.id).cycle_id == (cycle.id if stays else None)

    async def test_it_goes_to_the_end_if_another_card_has_its_place(self, office: Office) -> None:
        a, b = await office.task("a"), await office.task("b")
        await office.tasks.delete(office.adam, a.id)
        stored = office.stored.tasks
        stored[b.id].rank = stored[a.id].rank
        await office.deleted_tasks.restore(office.adam, a.id)
        assert office.order() == ["b", "a"]
        assert stored[b.id].rank != office.stored_task(a.id).rank

    async def test_it_goes_to_the_first_column_of_its_status_if_its_own_is_gone(self, office: Office) -> None:
        column = office.add_column(Status.IN_PROGRESS)
        task = await office.task(column_id=column)
        await office.tasks.delete(office.adam, task.id)
        await office.board_columns.delete(office.mia, column)
        view = (await office.deleted_tasks.restore(office.adam, task.id)).value
        assert (view.status, view.column_id) == ("in_progress", office.column(Status.IN_PROGRESS))

    async def test_it_keeps_its_status_if_its_column_has_another_now(self, office: Office) -> None:
        column = office.add_column(Status.IN_PROGRESS)
        task = await office.task(column_id=column)
        await office.tasks.delete(office.adam, task.id)
        await office.board_columns.change(
            office.mia, column, ColumnChanges(given=frozenset({"category"}), category=Status.DONE)
        )
        view = (await office.deleted_tasks.restore(office.adam, task.id)).value
        assert (view.status, view.column_id, view.completed_at) == (
            "in_progress",
            office.column(Status.IN_PROGRESS),
            None,
        )

    async def test_its_assignee_is_kept_only_if_they_still_see_the_project(self, office: Office) -> None:
        kept, left = [await office.task(assigned_to=who.user_id) for who in (office.mia, office.max)]
        for task in (kept, left):
            await office.tasks.delete(office.adam, task.id)
        office.stored.members -= {(office.web.id, office.max.user_id)}
        views = [(await office.deleted_tasks.restore(office.adam, task.id)).value for task in (kept, left)]
        assert [(view.assigned_to, view.assigned_to_name) for view in views] == [
            (office.mia.user_id, "Mia"),
            (None, None),
        ]

    async def test_after_thirty_days_it_is_gone(self, office: Office) -> None:
        task = await office.task()
        await office.tasks.delete(office.adam, task.id)
        office.stored_task(task.id).deleted_at -= RESTORABLE
        with pytest.raises(TaskNotFound):
            await office.deleted_tasks.restore(office.adam, task.id)
        assert (await self._deleted(office)) == []

    async def test_with_its_project_it_is_gone(self, office: Office) -> None:
        task = await office.task()
        await office.tasks.delete(office.adam, task.id)
        await office.projects.delete(office.adam, "WEB")
        with pytest.raises(TaskNotFound):
            await office.deleted_tasks.restore(office.adam, task.id)
        assert (await self._deleted(office)) == []

    async def test_owners_and_admins_see_what_was_deleted_and_when(self, office: Office) -> None:
        task = await office.task("gone")
        await office.task("stays")
        await office.tasks.delete(office.adam, task.id)
        ((view, deleted_at),) = await self._deleted(office)
        assert (view.id, view.title, deleted_at) == (task.id, "gone", office.clock.now())

    async def test_whoever_became_an_admin_since_they_signed_in_sees_it_too(self, office: Office) -> None:
        task = await office.task("gone")
        await office.tasks.delete(office.adam, task.id)
        await office.world.change_role(office.mia, Role.ADMIN)
        assert len(await self._deleted(office, by=office.mia)) == 1
        await office.world.change_role(office.adam, Role.MEMBER)
        with pytest.raises(Forbidden):
            await self._deleted(office, by=office.adam)

    async def _deleted(self, office: Office, *, by: object = None) -> list[object]:
        answer = await office.deleted_tasks.list(
            by or office.adam, where=TaskFilter(), sort=Sort(field="number"), page=PageRequest()
        )
        return answer.value.items


class TestEqualRanks:
    @pytest.mark.parametrize("side", ["before", "after"])
    async def test_a_card_goes_between_two_of_the_same_rank(self, office: Office, side: str) -> None:
        tasks = {title: await office.task(title) for title in "abcd"}
        stored = office.stored.tasks
        stored[tasks["b"].id].rank = stored[tasks["a"].id].rank
        named = tasks["b" if side == "before" else "a"].id
        await office.tasks.move(office.adam, tasks["d"].id, Destination(**{side: named}))
        assert office.order() == ["a", "d", "b", "c"]
        assert len({office.stored_task(task.id).rank for task in tasks.values()}) == 4

    async def test_a_card_of_the_same_rank_as_its_neighbour_moves(self, office: Office) -> None:
        tasks = {title: await office.task(title) for title in "abc"}
        stored = office.stored.tasks
        for title in "bc":
            stored[tasks[title].id].rank = stored[tasks["a"].id].rank
        await office.tasks.move(office.adam, tasks["c"].id, Destination(before=tasks["a"].id))
        assert office.order() == ["c", "a", "b"]
        await office.tasks.change(
            office.adam, tasks["c"].id, TaskChanges(given=frozenset({"status"}), status=Status.DONE)
        )
        assert office.order(Status.DONE) == ["c"]
