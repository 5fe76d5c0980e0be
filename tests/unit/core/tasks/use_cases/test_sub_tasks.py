import pytest

from core.kernel.errors import ReferenceNotFound
from core.tasks.errors import ParentTooDeep, ParentWithin
from core.tasks.changes import TaskChanges
from tests.builders import an_id
from tests.builders.office import Office


@pytest.fixture
async def office() -> Office:
    return await Office.open()


def below(parent_id: object) -> TaskChanges:
    return TaskChanges(given=frozenset({"parent_id"}), parent_id=parent_id)


class TestSubTasks:
    async def test_a_task_stands_below_another_of_its_project(self, office: Office) -> None:
        parent = await office.task("parent")
        child = await office.task("child", by=office.mia, parent_id=parent.id)
        assert child.parent_id == parent.id
        assert (await office.tasks.get(office.mia, parent.id)).value.sub_tasks == {"total": 1, "done": 0}
        await office.tasks.complete(office.mia, child.id)
        after, _ = await office.tasks.get(office.mia, parent.id)
        assert (after.sub_tasks, after.version) == ({"total": 1, "done": 1}, 1)
        assert after.embedded != parent.embedded

    async def test_six_levels_are_the_most(self, office: Office) -> None:
        *_, low = await office.lineage(6)
        with pytest.raises(ParentTooDeep):
            await office.task(parent_id=low.id)
        top, *_ = await office.lineage(4)
        second = (await office.lineage(2))[-1]
        assert (await office.tasks.change(office.adam, top.id, below(second.id))).value.parent_id == second.id
        third = (await office.lineage(3))[-1]
        with pytest.raises(ParentTooDeep):
            await office.tasks.change(office.adam, top.id, below(third.id))

    async def test_no_task_stands_below_itself(self, office: Office) -> None:
        top, middle, low = await office.lineage(3)
        for parent in (top, middle, low):
            with pytest.raises(ParentWithin):
                await office.tasks.change(office.adam, top.id, below(parent.id))

    async def test_a_parent_elsewhere_or_out_of_sight_is_not_found(self, office: Office) -> None:
        other, _ = await office.projects.open(office.adam, name="Other")
        foreign, task = await office.task(project_id=other.id), await office.task()
        for parent_id in (foreign.id, an_id()):
            with pytest.raises(ReferenceNotFound) as missing:
                await office.task(parent_id=parent_id)
            assert missing.value.faults[0].pointer == "/parent_id"
            with pytest.raises(ReferenceNotFound) as missing:
                await office.tasks.change(office.adam, task.id, below(parent_id))
            assert missing.value.faults[0].pointer == "/parent_id"

    async def test_the_sub_tasks_of_a_deleted_task_stand_by_themselves(self, office: Office) -> None:
        top, middle, low = await office.lineage(3)
        head = office.head
        await office.tasks.delete(office.adam, middle.id)
        deleted, freed = office.facts(after=head)
        assert (deleted.event, freed.event) == ("task_deleted", "task_updated")
        assert freed.body["task_id"] == str(low.id)
        assert freed.body["changes"] == {"parent_id": {"old": str(middle.id), "new": None}}
        after, _ = await office.tasks.get(office.adam, low.id)
        assert (after.parent_id, after.version) == (None, 2)
        assert (await office.tasks.get(office.adam, top.id)).value.sub_tasks == {"total": 0, "done": 0}

    async def test_a_restored_task_returns_below_its_parent_if_that_still_has_room(self, office: Office) -> None:
        top, middle, _ = await office.lineage(3)
        await office.tasks.delete(office.adam, middle.id)
        back, _ = await office.deleted_tasks.restore(office.adam, middle.id)
        assert (back.parent_id, back.sub_tasks) == (top.id, {"total": 0, "done": 0})
        await office.tasks.delete(office.adam, middle.id)
        await office.tasks.delete(office.adam, top.id)
        alone, _ = await office.deleted_tasks.restore(office.adam, middle.id)
        assert alone.parent_id is None

    async def test_a_task_that_goes_to_another_project_goes_alone(self, office: Office) -> None:
        top, middle, low = await office.lineage(3)
        other, _ = await office.projects.open(office.adam, name="Other")
        changes = TaskChanges(given=frozenset({"project_id"}), project_id=other.id)
        moved, _ = await office.tasks.change(office.adam, middle.id, changes)
        assert (moved.project_id, moved.parent_id, moved.sub_tasks["total"]) == (other.id, None, 0)
        assert (await office.tasks.get(office.adam, low.id)).value.parent_id is None
        assert (await office.tasks.get(office.adam, top.id)).value.sub_tasks["total"] == 0
