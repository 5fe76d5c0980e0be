from typing import Any
from uuid import UUID

import pytest

from core.kernel.errors import Forbidden, ReferenceNotFound
from core.projects.errors import ProjectArchived
from core.projects.model import ProjectChanges
from core.projects.read_models import ProjectView
from core.tasks.errors import AssigneeCannotSeeProject, MoveContradicts
from core.tasks.changes import TaskChanges
from core.tasks.fields import Status
from core.tasks.ports import LoadedTask
from core.tasks.read_models import TaskView
from tests.builders import an_id
from tests.builders.office import Office
from tests.fakes.tasks import InMemoryTasks


class TwoBoards(Office):
    """WEB and the project SHOP, which Mia sees as well."""

    shop: ProjectView

    async def transfer(
        self, task: TaskView, *, by: object = None, expected: int | None = None, **more: object
    ) -> TaskView:
        given = {"project_id": self.shop.id, **more}
        changes = TaskChanges(given=frozenset(given), **given)
        return (await self.tasks.change(by or self.mia, task.id, changes, expected=expected)).value

    def shop_column(self, category: Status) -> UUID:
        columns = self.stored.columns_of(self.shop.id)
        return next(column.id for column in columns if column.category is category)


@pytest.fixture
async def office() -> TwoBoards:
    office = await Office.open()
    office.__class__ = TwoBoards
    office.shop, _ = await office.projects.open(office.adam, name="Shop", key="SHOP")
    await office.world.add_to_project(office.shop.id, office.mia)
    return office


class TestTransferring:
    async def test_a_project_that_was_not_locked_in_its_turn_is_not_locked_later(
        self, office: TwoBoards, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task = await office.task(by=office.mia)
        load = InMemoryTasks.load

        async def before_it_was_restored(*args: Any, **named: Any) -> LoadedTask | None:
            loaded = await load(*args, **named)
            assert loaded is not None and loaded.also_is_locked
            return loaded._replace(also_is_locked=False)

        monkeypatch.setattr(InMemoryTasks, "load", before_it_was_restored)
        with pytest.raises(ReferenceNotFound) as refused:
            await office.transfer(task)
        assert refused.value.faults[0].pointer == "/project_id"

    async def test_it_gets_a_number_there_and_its_old_key_goes_on(self, office: TwoBoards) -> None:
        await office.task(project_id=office.shop.id)
        task = await office.task("Draw", by=office.mia, status=Status.IN_PROGRESS)
        view = await office.transfer(task, expected=1)
        assert (view.id, view.key, view.number, view.project_id) == (task.id, "SHOP-2", 2, office.shop.id)
        assert (view.status, view.column_id) == ("in_progress", office.shop_column(Status.IN_PROGRESS))
        assert view.version == 2
        for key in ("WEB-1", "SHOP-2"):
            assert (await office.tasks.get(office.mia, key)).value == view
        assert (await office.task("next", by=office.mia)).key == "WEB-2"

    async def test_both_boards_hear_of_it_in_one_fact(self, office: TwoBoards) -> None:
        task = await office.task("Draw", by=office.mia)
        head = office.head
        await office.transfer(task)
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.channel) == ("task_updated", "task_updates")
        assert fact.audience.project_id == office.shop.id
        assert set(fact.audience.named) == {office.adam.user_id, office.mia.user_id, office.max.user_id}
        assert fact.body == {
            "task_id": str(task.id),
            "project_id": str(office.shop.id),
            "version": 2,
            "changes": {
                "project_id": {"old": str(office.web.id), "new": str(office.shop.id)},
                "key": {"old": "WEB-1", "new": "SHOP-1"},
                "column_id": {"old": str(task.column_id), "new": str(office.shop_column(Status.TODO))},
            },
        }

    async def test_other_fields_are_told_to_the_new_board_alone(self, office: TwoBoards) -> None:
        task = await office.task("Draw", by=office.mia)
        head = office.head
        view = await office.transfer(task, title="Paint")
        transferred, changed = office.facts(after=head)
        assert "title" not in transferred.body["changes"]
        assert changed.body["changes"] == {"title": {"old": "Draw", "new": "Paint"}}
        assert (changed.audience.project_id, changed.audience.named) == (office.shop.id, ())
        assert (transferred.body["version"], changed.body["version"], view.version) == (2, 3, 3)
        assert (view.title, view.key) == ("Paint", "SHOP-1")

    async def test_it_goes_to_the_end_of_the_column_that_is_meant(self, office: TwoBoards) -> None:
        await office.task("z", project_id=office.shop.id, status=Status.DONE)
        by_status, by_column = [await office.task(title, by=office.mia) for title in "ab"]
        done = office.shop_column(Status.DONE)
        first = await office.transfer(by_status, status=Status.DONE)
        second = await office.transfer(by_column, column_id=done)
        assert [(view.column_id, view.status) for view in (first, second)] == [(done, "done")] * 2
        assert first.completed_at == office.clock.now()
        assert [card.title for card in office.stored.cards(done)] == ["z", "a", "b"]

    async def test_a_done_task_stays_done_and_undoing_that_copes(self, office: TwoBoards) -> None:
        task = await office.task(by=office.mia, column_id=office.add_column(Status.IN_PROGRESS))
        await office.tasks.complete(office.mia, task.id, completed=True)
        view = await office.transfer(task)
        assert (view.status, view.completed_at) == ("done", office.clock.now())
        view = (await office.tasks.complete(office.mia, task.id, completed=False)).value
        assert view.column_id == office.shop_column(Status.TODO)

    async def test_a_column_of_the_old_board_is_not_found(self, office: TwoBoards) -> None:
        task = await office.task(by=office.mia)
        with pytest.raises(ReferenceNotFound) as missing:
            await office.transfer(task, column_id=office.column(Status.DONE))
        assert missing.value.faults[0].pointer == "/column_id"
        with pytest.raises(MoveContradicts):
            await office.transfer(task, column_id=office.shop_column(Status.DONE), status=Status.IN_PROGRESS)

    async def test_its_own_project_is_no_change(self, office: TwoBoards) -> None:
        task = await office.task(by=office.mia)
        before = office.world.snapshot()
        assert await office.transfer(task, project_id=office.web.id) == task
        assert office.world.tables == before

    async def test_it_comes_and_goes_and_every_key_stays(self, office: TwoBoards) -> None:
        task = await office.task(by=office.mia)
        await office.transfer(task)
        back = await office.transfer(task, project_id=office.web.id)
        assert back.key == "WEB-2"
        for key in ("WEB-1", "SHOP-1", "WEB-2"):
            assert (await office.tasks.get(office.mia, key)).value == back


class TestWhoTransfers:
    async def test_whoever_edits_the_task_and_sees_the_other_project(self, office: TwoBoards) -> None:
        task = await office.task(by=office.max)
        with pytest.raises(ReferenceNotFound) as missing:
            await office.transfer(task, by=office.max)
        assert missing.value.faults[0].pointer == "/project_id"
        with pytest.raises(Forbidden):
            await office.transfer(task, by=office.mia)
        await office.transfer(task, by=office.adam)

    async def test_a_project_that_is_not_there_is_not_found(self, office: TwoBoards) -> None:
        task = await office.task(by=office.mia)
        stranger = await office.world.company("Elsewhere")
        foreign, _ = await office.projects.open(stranger, name="Theirs")
        before = office.world.snapshot()
        for project_id in (an_id(), foreign.id):
            with pytest.raises(ReferenceNotFound):
                await office.transfer(task, by=office.adam, project_id=project_id)
        assert office.world.tables == before

    async def test_neither_project_may_be_archived(self, office: TwoBoards) -> None:
        task = await office.task(by=office.mia)
        archive, back = (ProjectChanges(given=frozenset({"is_active"}), is_active=active) for active in (False, True))
        await office.projects.change(office.adam, "SHOP", archive)
        with pytest.raises(ProjectArchived):
            await office.transfer(task)
        await office.projects.change(office.adam, "SHOP", back)
        await office.archive_web()
        with pytest.raises(ProjectArchived):
            await office.transfer(task)

    async def test_the_assignee_must_see_the_new_project(self, office: TwoBoards) -> None:
        task = await office.task(assigned_to=office.max.user_id)
        for more in ({}, {"assigned_to": office.max.user_id}):
            with pytest.raises(AssigneeCannotSeeProject):
                await office.transfer(task, by=office.adam, **more)
        view = await office.transfer(task, by=office.adam, assigned_to=office.mia.user_id)
        assert (view.assigned_to_name, view.key) == ("Mia", "SHOP-1")
        view = await office.transfer(view, by=office.adam, project_id=office.web.id, assigned_to=None)
        assert view.assigned_to is None
