from datetime import timedelta

import pytest

from core.kernel.errors import Forbidden, Stale
from core.projects.errors import ProjectArchived
from core.tasks.errors import BoardIncomplete, TaskNotFound
from core.tasks.fields import Status
from tests.builders.office import Office


class TestCompletingATask:
    async def test_it_goes_to_the_end_of_the_first_done_column(self, office: Office) -> None:
        await office.task("first", status=Status.DONE)
        task = await office.task(by=office.mia)
        office.clock.advance(timedelta(hours=1))
        view, seq = await office.tasks.complete(office.mia, task.id)
        assert (view.status, view.version, view.completed_at) == ("done", 2, office.clock.now())
        assert office.order(Status.DONE) == ["first", "Draw"]
        assert (office.facts(after=seq - 1)[0].event, seq) == ("task_moved", office.head)

    async def test_undoing_returns_it_to_the_column_that_it_came_from(self, office: Office) -> None:
        second = office.add_column(Status.IN_PROGRESS)
        task = await office.task(by=office.mia, column_id=second)
        await office.tasks.complete(office.mia, task.id, completed=True)
        view, _ = await office.tasks.complete(office.mia, task.id, completed=False)
        assert (view.column_id, view.status, view.completed_at, view.version) == (second, "in_progress", None, 3)

    async def test_where_that_column_is_gone_it_is_to_do(self, office: Office) -> None:
        second = office.add_column(Status.IN_PROGRESS)
        task = await office.task(by=office.mia, column_id=second)
        await office.tasks.complete(office.mia, task.id)
        del office.stored.columns[second]
        view, _ = await office.tasks.complete(office.mia, task.id)
        assert view.column_id == office.column(Status.TODO)

    async def test_it_toggles_only_without_the_value(self, office: Office) -> None:
        task = await office.task(by=office.mia)
        statuses = [
            (await office.tasks.complete(office.mia, task.id, completed=completed)).value.status
            for completed in (None, None, True, True, False, False, None)
        ]
        assert statuses == ["done", "todo", "done", "done", "todo", "todo", "done"]

    async def test_what_is_so_already_is_no_change(self, office: Office) -> None:
        task = await office.task(by=office.mia)
        before = office.world.snapshot()
        view, seq = await office.tasks.complete(office.mia, task.id, completed=False)
        assert (view, seq) == (task, office.head)
        assert office.world.tables == before

    async def test_whoever_may_edit_it_may(self, office: Office) -> None:
        task = await office.task(assigned_to=office.max.user_id)
        with pytest.raises(Forbidden):
            await office.tasks.complete(office.mia, task.id)
        with pytest.raises(TaskNotFound):
            await office.tasks.complete(office.nora, task.id)
        await office.tasks.complete(office.max, task.id)

    async def test_a_stale_or_archived_one_is_refused(self, office: Office) -> None:
        task = await office.task(by=office.mia)
        with pytest.raises(Stale):
            await office.tasks.complete(office.mia, task.id, expected=2)
        await office.archive_web()
        with pytest.raises(ProjectArchived):
            await office.tasks.complete(office.mia, task.id)

    async def test_a_board_without_done_column_completes_none(self, office: Office) -> None:
        task = await office.task(by=office.mia)
        office.drop_columns(Status.DONE)
        with pytest.raises(BoardIncomplete):
            await office.tasks.complete(office.mia, task.id)


class TestDeletingATask:
    async def test_it_is_out_of_sight_at_once_and_everybody_there_hears_of_it(self, office: Office) -> None:
        task = await office.task(by=office.mia)
        seq = await office.tasks.delete(office.mia, "web-1", expected=1)
        for verb in (office.tasks.get, office.tasks.tag, office.tasks.complete, office.tasks.delete):
            with pytest.raises(TaskNotFound):
                await verb(office.mia, task.id)
        fact = office.stored.events[-1]
        assert (fact.event, fact.seq, fact.body["deleted_by"]) == ("task_deleted", seq, str(office.mia.user_id))
        assert fact.audience.project_id == office.web.id
        assert (await office.projects.progress(office.mia, "WEB")).value.total_tasks == 0

    async def test_its_number_is_not_given_again(self, office: Office) -> None:
        await office.tasks.delete(office.adam, (await office.task()).id)
        assert (await office.task()).key == "WEB-2"

    async def test_whoever_may_edit_it_may(self, office: Office) -> None:
        task = await office.task(assigned_to=office.max.user_id)
        with pytest.raises(Forbidden):
            await office.tasks.delete(office.mia, task.id)
        with pytest.raises(TaskNotFound):
            await office.tasks.delete(office.nora, task.id)
        with pytest.raises(Stale):
            await office.tasks.delete(office.max, task.id, expected=2)
        await office.tasks.delete(office.max, task.id)
