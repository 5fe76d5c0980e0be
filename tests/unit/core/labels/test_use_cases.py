import pytest

from core.kernel.errors import Forbidden, ReferenceNotFound
from core.labels.errors import LabelNotFound
from core.labels.model import LabelChanges
from core.tasks.changes import TaskChanges
from tests.builders.office import Office


@pytest.fixture
async def office() -> Office:
    return await Office.open()


class TestLabels:
    async def test_everybody_makes_them_and_everybody_hears_of_it(self, office: Office) -> None:
        head = office.head
        label, _ = await office.labels.create(office.nora, name=" Design ", color="#1F77B4")
        assert (label.name, label.color, label.created_by, label.version) == (
            "Design",
            "#1f77b4",
            office.nora.user_id,
            1,
        )
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.channel, fact.audience.everyone) == ("label_created", "task_updates", True)
        events, _ = await office.events.after(office.mia, position=head, types=(), limit=10)
        assert [event.event for event in events.events] == ["label_created"]

    async def test_whoever_made_it_and_admins_change_it(self, office: Office) -> None:
        label = await office.label(by=office.mia)
        changes = LabelChanges(given=frozenset({"name", "color"}), name="art", color="#000000")
        head = office.head
        changed, _ = await office.labels.change(office.mia, label.id, changes)
        assert (changed.name, changed.color, changed.version) == ("art", "#000000", 2)
        (fact,) = office.facts(after=head)
        assert fact.body["changes"] == {
            "color": {"old": None, "new": "#000000"},
            "name": {"old": "design", "new": "art"},
        }
        with pytest.raises(Forbidden):
            await office.labels.change(office.max, label.id, changes)
        assert (await office.labels.change(office.adam, label.id, changes)).value.version == 2
        assert office.facts(after=head) == [fact]

    async def test_admins_delete_one_and_tasks_lose_it(self, office: Office) -> None:
        label = await office.label(by=office.mia)
        task = await office.task(labels=("design",))
        head = office.head
        await office.labels.delete(office.adam, label.id)
        assert (await office.tasks.get(office.adam, task.id)).value.labels == []
        assert [fact.event for fact in office.facts(after=head)] == ["label_deleted"]
        with pytest.raises(LabelNotFound):
            await office.labels.get(office.adam, label.id)


class TestLabelsOfTasks:
    async def test_they_are_put_on_by_name_in_any_case_each_once(self, office: Office) -> None:
        await office.label("Design")
        await office.label("api")
        task = await office.task(labels=("API", "design", "Api"))
        assert task.labels == ["api", "Design"]
        (created,) = [fact for fact in office.facts(after=0) if fact.event == "task_created"]
        assert tuple(created.body["labels"]) == ("api", "Design")

    async def test_all_that_it_is_to_have_are_given_and_the_change_is_told(self, office: Office) -> None:
        for name in ("api", "design", "web"):
            await office.label(name)
        task = await office.task(labels=("api", "design"))
        head = office.head
        changes = TaskChanges(given=frozenset({"labels"}), labels=("WEB", "api"))
        changed, _ = await office.tasks.change(office.adam, task.id, changes)
        assert (changed.labels, changed.version) == (["api", "web"], 2)
        (fact,) = office.facts(after=head)
        change = fact.body["changes"]["labels"]
        assert [tuple(change[side]) for side in ("old", "new")] == [("api", "design"), ("api", "web")]
        again, _ = await office.tasks.change(office.adam, task.id, changes)
        assert again.version == 2
        none, _ = await office.tasks.change(office.adam, task.id, TaskChanges(given=frozenset({"labels"})))
        assert (none.labels, none.version) == ([], 3)

    async def test_one_that_is_not_there_is_named(self, office: Office) -> None:
        await office.label("api")
        with pytest.raises(ReferenceNotFound) as missing:
            await office.task(labels=("api", "API", "nowhere"))
        assert [fault.pointer for fault in missing.value.faults] == ["/labels/2"]
        task = await office.task()
        with pytest.raises(ReferenceNotFound) as missing:
            await office.tasks.change(
                office.adam, task.id, TaskChanges(given=frozenset({"labels"}), labels=("nowhere",))
            )
        assert [fault.pointer for fault in missing.value.faults] == ["/labels/0"]
