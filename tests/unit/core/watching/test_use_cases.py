import pytest

from core.kernel.actor import Actor
from core.tasks.changes import TaskChanges
from tests.builders.office import Office


@pytest.fixture
async def office() -> Office:
    return await Office.open()


async def watching(office: Office, actor: Actor, ref: object) -> bool:
    return (await office.tasks.get(actor, ref)).value.watching


def assigning(actor: Actor | None) -> TaskChanges:
    return TaskChanges(given=frozenset({"assigned_to"}), assigned_to=actor.user_id if actor else None)


class TestWatching:
    async def test_it_is_the_callers_own_and_no_event_tells_it(self, office: Office) -> None:
        task = await office.task(by=office.mia)
        head = office.head
        for _ in range(2):
            assert await office.watching.watch(office.max, "WEB-1") == head
        assert await watching(office, office.max, task.id)
        assert not await watching(office, office.adam, task.id)
        for _ in range(2):
            await office.watching.unwatch(office.mia, task.id)
        assert not await watching(office, office.mia, task.id)
        assert (office.head, (await office.tasks.get(office.mia, task.id)).value.version) == (head, 1)

    async def test_writes_answer_as_reads_do(self, office: Office) -> None:
        task = await office.task(by=office.mia)
        assert task.watching
        taken, _ = await office.tasks.change(office.max, task.id, assigning(office.max))
        assert taken.watching and await watching(office, office.max, task.id)
        await office.watching.unwatch(office.max, task.id)
        moved, _ = await office.tasks.complete(office.max, task.id)
        assert not moved.watching
        given_away, _ = await office.tasks.change(office.max, task.id, assigning(office.mia))
        assert not given_away.watching and not await watching(office, office.max, task.id)

    async def test_in_an_archived_project_too(self, office: Office) -> None:
        task = await office.task()
        await office.archive_web()
        await office.watching.watch(office.mia, task.id)
        assert await watching(office, office.mia, task.id)

    async def test_the_tag_of_a_task_is_another_for_who_watches_it(self, office: Office) -> None:
        task = await office.task()
        before = (await office.tasks.get(office.mia, task.id)).value.embedded
        await office.watching.watch(office.mia, task.id)
        after = (await office.tasks.get(office.mia, task.id)).value.embedded
        assert before != after == (await office.tasks.tag(office.mia, task.id)).value.embedded
