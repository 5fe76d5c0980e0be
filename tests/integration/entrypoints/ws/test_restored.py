"""A backup is restored over what came after it: whoever goes on by any door hears all that happens, or is told to read
anew; nobody takes what is new for what is gone.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import SecretStr

from adapters.sql.backing_up import back_up
from adapters.sql.migrating import migrate
from adapters.sql.restoring import restore
from core.kernel.actor import System
from entrypoints.container import Container
from entrypoints.settings import Settings
from entrypoints.worker.dispatching import dispatch
from tests.builders.receiver import Receiver, receiving
from tests.integration.api import Person
from tests.integration.conftest import Server, TestDatabase, quick_container
from tests.integration.entrypoints.rest.test_stream import stream
from tests.integration.entrypoints.ws.living import Living, living

LOST = 4


class Past(NamedTuple):
    """What people did before the server was lost, and where they stood: at the backup, and at the end."""

    ann: Person
    ben: Person
    project: dict[str, Any]
    backup: int
    end: int
    receiver: Receiver
    heard: int


async def work(container: Container) -> None:
    """What workers do until nothing is left."""
    for _ in range(3):
        await container.telling_use_cases().catch_up(System())
        await container.counting_use_cases().catch_up(System())
        await container.webhook_queue_use_cases().catch_up(System())
        await dispatch(container.webhook_dispatch_use_cases())


@pytest.fixture(scope="module")
async def restored(
    postgres_server: Server, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Living, Past]]:
    before, after = (postgres_server.database(f"restored_{name}") for name in ("before", "after"))
    path: Path = tmp_path_factory.mktemp("restored") / "backup"
    migrate(owner_url=before.owner, application_url=before.application)

    def container(database: TestDatabase) -> Container:
        direct = {"direct_database_url": SecretStr(database.application)}
        return quick_container(settings.model_copy(update=direct), database_url=database.application)

    async with receiving() as receiver:
        async with living(container(before), superuser_url=before.superuser) as live:
            ann = await live.api.register()
            project = await ann.project()
            ben = await live.api.colleague(ann, projects=(project,))
            made = await ann.post("/webhooks", {"url": receiver.url, "types": ["task_created"]})
            assert made.status_code == 201, made.text
            await ann.task(project, title="kept", assigned_to=ben.user_id)
            kept = await ann.post(
                "/tasks", {"project_id": project["id"], "title": "once"}, headers={"Idempotency-Key": "a"}
            )
            assert kept.status_code == 201
            await work(live.container)
            backup = int((await ann.get("/events")).headers["x-event-seq"])
            back_up(owner_url=before.owner, path=path)
            for number in range(LOST):
                await ann.task(project, title=f"lost {number}", assigned_to=ben.user_id)
            await ann.post("/tasks", {"project_id": project["id"], "title": "lost"}, headers={"Idempotency-Key": "b"})
            await work(live.container)
            end = int((await ann.get("/events")).headers["x-event-seq"])
            assert end > backup + LOST and len(receiver.taken) == 2 + LOST + 1
        restore(owner_url=after.owner, application_url=after.application, path=path)
        async with living(container(after), superuser_url=after.superuser) as live:

            def again(person: Person) -> Person:
                return Person(
                    client=live.api.client,
                    token=person.token,
                    email=person.email,
                    user=person.user,
                    company=person.company,
                )

            yield live, Past(again(ann), again(ben), project, backup, end, receiver, len(receiver.taken))


def titles(events: list[dict[str, Any]]) -> list[str]:
    return [event["task_title"] for event in events if event["event"] == "task_created"]


async def test_no_position_is_one_that_was_given_out_before(restored: tuple[Living, Past]) -> None:
    _, past = restored
    for path in ("/tasks", "/projects", "/events", "/notifications"):
        assert int((await past.ann.get(path)).headers["x-event-seq"]) > past.end, path
    again = {"Idempotency-Key": "a"}
    kept = await past.ann.post("/tasks", {"project_id": past.project["id"], "title": "once"}, headers=again)
    assert (kept.status_code, kept.headers["idempotency-replayed"]) == (201, "true")
    assert int(kept.headers["x-event-seq"]) <= past.backup


async def test_who_asks_for_events_misses_none_or_reads_anew(restored: tuple[Living, Past]) -> None:
    _, past = restored
    for position in range(past.backup + 1, past.end + 1):
        refused = await past.ann.get(f"/events?after={position}")
        assert (refused.status_code, refused.json()["code"]) == (410, "events.expired"), position
    head = int((await past.ann.get("/tasks")).headers["x-event-seq"])
    await past.ann.task(past.project, title="new")
    for person in (past.ann, past.ben):
        for position in (past.backup, head):
            found = await person.get(f"/events?after={position}")
            assert found.status_code == 200, found.text
            assert titles(found.json())[-1:] == ["new"]
            assert found.headers["x-last-seq"] == found.headers["x-event-seq"]
        whole = await person.get("/events?after=0&limit=200")
        assert "kept" in titles(whole.json()) and not any("lost" in title for title in titles(whole.json()))
    # In parts as well.
    position, parts = 0, []
    while True:
        part = await past.ann.get(f"/events?after={position}&limit=3")
        assert part.status_code == 200, part.text
        parts += part.json()
        if position == (position := int(part.headers["x-last-seq"])):
            break
    assert parts == (await past.ann.get("/events?after=0&limit=200")).json()


async def test_who_hears_a_stream_misses_none_or_reads_anew(restored: tuple[Living, Past]) -> None:
    live, past = restored
    refused = await past.ann.get("/events/stream", headers={"Last-Event-ID": str(past.end)})
    assert (refused.status_code, refused.json()["code"]) == (410, "events.expired")
    async with stream(live, past.ben, **{"Last-Event-ID": str(past.backup)}) as heard:
        await past.ann.task(past.project, title="streamed")
        while (found := await heard.next()).json().get("task_title") != "streamed":
            assert "lost" not in found.data
        assert int(found.id) > past.end


async def test_who_listens_at_a_socket_misses_none_or_reads_anew(restored: tuple[Living, Past]) -> None:
    live, past = restored
    for position in (past.backup + 1, past.end):
        async with live.opened(past.ann.user_id) as ear:
            await ear.sign_in(past.ann.token)
            await ear.say(type="subscribe", since=str(position))
            assert await ear.closed() == (4409, "events.expired")
    async with live.ear(past.ben, since=str(past.backup)) as ear:
        await past.ann.task(past.project, title="said")
        assert not any("lost" in title for title in titles(await ear.until("task_created", task_title="said")))


async def test_receivers_are_told_nothing_new_by_an_id_or_position_of_what_is_gone(
    restored: tuple[Living, Past],
) -> None:
    live, past = restored
    gone = past.receiver.taken[: past.heard]
    for number in range(LOST + 1):
        await past.ann.task(past.project, title=f"anew {number}", assigned_to=past.ben.user_id)
    await work(live.container)
    fresh = [each for each in past.receiver.taken[past.heard :] if each.id not in {before.id for before in gone}]
    told = [each.payload["data"]["task_title"] for each in fresh]
    assert told[-LOST - 1 :] == [f"anew {number}" for number in range(LOST + 1)]
    assert not any("lost" in title for title in told)
    assert min(seq for each in fresh for seq in each.seqs) > past.end
    # What comes again by an id that was used has the content that it had.
    bodies = {each.id: each.payload["data"] for each in gone}
    for each in past.receiver.taken[past.heard :]:
        assert each.payload["data"] == bodies.get(each.id, each.payload["data"])
    refused = await past.ann.post(
        f"/webhooks/{(await past.ann.get('/webhooks')).json()[0]['id']}/replay", {"after": str(past.end)}
    )
    assert (refused.status_code, refused.json()["code"]) == (410, "events.expired")


async def test_stored_readers_go_on_and_tell_of_each_thing_once(restored: tuple[Living, Past]) -> None:
    live, past = restored
    task = await past.ann.task(past.project, title="yours", assigned_to=past.ben.user_id)
    for _ in range(2):
        await work(live.container)
    found = (await past.ben.get("/notifications?limit=100")).json()
    assert [each["task_title"] for each in found if each["task_id"] == task["id"]] == ["yours"]
    assert [each["task_title"] for each in found].count("kept") == 1
    behind = live.api.sql(
        "select p.reader from log_positions p join event_sequences q using (company_id)"
        " where p.company_id = %s and p.seq <"
        " case p.reader when 'notifications' then q.last_for_people when 'mail' then q.last_for_mail else q.last_seq end",
        (past.ann.company_id,),
    )
    assert behind == []
