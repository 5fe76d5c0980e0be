"""The event log as it is read: section 9 of the contract, as far as it stands."""

import asyncio
from typing import Any

import pytest

from tests.integration.api import Api, Person

COMMON = {"seq", "event", "channel", "occurred_at", "actor_id", "via", "project_id", "version"}


async def after(person: Person, seq: str | int, query: str = "") -> list[dict[str, Any]]:
    answer = await person.get(f"/events?after={seq}{query}")
    assert answer.status_code == 200, answer.text
    return list(answer.json())


async def head(person: Person) -> int:
    return int((await person.get("/events?limit=1")).headers["x-event-seq"])


async def test_every_change_is_an_event_with_flat_fields_and_its_sequence(api: Api) -> None:
    ann = await api.register()
    start = await head(ann)
    seqs: list[str] = []

    async def done(method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = await ann.send(method, path, **({"json": body} if body is not None else {}))
        assert answer.is_success, answer.text
        seqs.append(answer.headers["x-event-seq"])
        return dict(answer.json()) if answer.content else {}

    project = await done("POST", "/projects", {"name": "Website"})
    task = await done("POST", "/tasks", {"project_id": project["id"], "title": "Draw", "assigned_to": ann.user_id})
    other = await done("POST", "/tasks", {"project_id": project["id"], "title": "Write"})
    await done("PATCH", f"/tasks/{task['id']}", {"title": "Paint", "deadline": "2026-12-24", "priority": "medium"})
    await done("PATCH", f"/tasks/{task['id']}/move", {"after": other["id"]})
    moved = await done("PATCH", f"/tasks/{task['id']}/move", {"new_status": "in_progress"})
    await done("POST", f"/tasks/{task['id']}/complete", {})
    await done("PATCH", f"/projects/{project['id']}", {"status": "completed", "description": "x"})
    await done("DELETE", f"/tasks/{task['id']}")
    await done("DELETE", f"/projects/{project['id']}")

    events = await after(ann, start)
    assert [event["seq"] for event in events] == seqs == [str(start + 1 + n) for n in range(10)]
    assert [(event["event"], event["channel"]) for event in events] == [
        ("project_created", "project_updates"),
        ("task_created", "task_updates"),
        ("task_created", "task_updates"),
        ("task_updated", "task_updates"),
        ("task_moved", "kanban_updates"),
        ("task_moved", "kanban_updates"),
        ("task_moved", "kanban_updates"),
        ("project_updated", "project_updates"),
        ("task_deleted", "task_updates"),
        ("project_deleted", "project_updates"),
    ]
    for event in events:
        assert COMMON <= set(event)
        assert (event["actor_id"], event["via"], event["project_id"]) == (ann.user_id, "session", project["id"])
    created, updated, placed, started = events[1], events[3], events[4], events[5]
    assert {name: created[name] for name in ("task_id", "task_title", "assigned_to", "created_by", "version")} == {
        "task_id": task["id"],
        "task_title": "Draw",
        "assigned_to": ann.user_id,
        "created_by": ann.user_id,
        "version": 1,
    }
    assert (updated["task_id"], updated["version"]) == (task["id"], 2)
    assert updated["changes"] == {
        "title": {"old": "Draw", "new": "Paint"},
        "deadline": {"old": None, "new": "2026-12-24"},
    }
    assert {name: placed[name] for name in (
        "task_id", "old_status", "new_status", "old_column_id", "new_column_id", "after_id", "moved_by", "version",
    )} == {
        "task_id": task["id"],
        "old_status": "todo",
        "new_status": "todo",
        "old_column_id": task["column_id"],
        "new_column_id": task["column_id"],
        "after_id": other["id"],
        "moved_by": ann.user_id,
        "version": 2,
    }  # fmt: skip
    assert (started["old_status"], started["new_status"], started["after_id"]) == ("todo", "in_progress", None)
    assert (started["new_column_id"], started["version"]) == (moved["column_id"], 3)
    assert events[6]["new_status"] == "done"
    assert events[7]["changes"] == {
        "status": {"old": "pending", "new": "completed"},
        "description": {"old": None, "new": "x"},
    }
    assert events[8]["task_id"] == task["id"]


async def test_fields_and_column_in_one_patch_are_two_events_of_one_answer(api: Api) -> None:
    ann = await api.register()
    task = await ann.task(await ann.project())
    start = await head(ann)
    answer = await ann.patch(f"/tasks/{task['id']}", {"status": "done", "title": "x"})
    events = await after(ann, start)
    assert [event["event"] for event in events] == ["task_updated", "task_moved"]
    assert "status" not in events[0]["changes"] and "column_id" not in events[0]["changes"]
    assert events[-1]["version"] == answer.json()["version"]
    assert answer.headers["x-event-seq"] == events[-1]["seq"]


async def test_what_changes_nothing_and_what_is_refused_is_no_event(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    task = await ann.task(project)
    start = await head(ann)
    for method, path, body in (
        ("PATCH", f"/tasks/{task['id']}", {"title": task["title"]}),
        ("PATCH", f"/tasks/{task['id']}", {}),
        ("PATCH", f"/tasks/{task['id']}/move", {"new_status": "todo"}),
        ("POST", f"/tasks/{task['id']}/complete", {"completed": False}),
        ("PATCH", f"/projects/{project['id']}", {"name": project["name"]}),
        ("PATCH", f"/tasks/{task['id']}", {"title": "x", "version": 9}),
        ("PATCH", f"/tasks/{task['id']}/move", {"before": task["id"]}),
        ("POST", "/tasks", {"project_id": project["id"], "title": ""}),
        ("POST", "/projects", {"name": "x", "key": project["key"]}),
    ):
        await ann.send(method, path, json=body)
    assert await head(ann) == start
    assert await after(ann, start) == []


async def test_reading_on_by_position_shows_each_event_once(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    await asyncio.gather(*(ann.task(project) for _ in range(23)))
    everything = await after(ann, 0, "&limit=200")
    assert [int(event["seq"]) for event in everything] == list(range(1, 27))
    found, position = [], "0"
    while True:
        answer = await ann.get(f"/events?after={position}&limit=4")
        if not answer.json():
            break
        assert answer.headers["x-last-seq"] == answer.json()[-1]["seq"]
        found.extend(answer.json())
        position = answer.headers["x-last-seq"]
    assert found == everything
    assert position == answer.headers["x-last-seq"] == answer.headers["x-event-seq"] == "26"
    assert (await ann.get("/events")).json() == everything


async def test_types_pick_events_and_the_position_says_how_far_was_looked(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    task = await ann.task(project)
    await ann.post(f"/tasks/{task['id']}/complete")
    await ann.task(project)
    created = await ann.get("/events?types=task_created")
    assert [event["event"] for event in created.json()] == ["task_created"] * 2
    assert created.headers["x-last-seq"] == created.headers["x-event-seq"] == "6"
    both = await after(ann, 0, "&types=task_created,task_moved")
    assert both == await after(ann, 0, "&types=task_created&types=task_moved")
    assert [event["event"] for event in both] == ["task_created", "task_moved", "task_created"]
    first = await ann.get("/events?types=task_created&limit=1")
    assert first.headers["x-last-seq"] == first.json()[-1]["seq"] == "4"
    none = await ann.get("/events?types=label_created")
    assert (none.json(), none.headers["x-last-seq"]) == ([], "6")


@pytest.mark.parametrize("path", ["/events", "/events/stream"])
async def test_what_is_no_event_is_refused_by_name(api: Api, path: str) -> None:
    ann = await api.register()
    for types in ("task_create", "task_created,task_create", "task_created&types=task_create"):
        refused = (await ann.get(f"{path}?types={types}")).json()
        assert refused["status"] == 422
        assert refused["errors"] == [
            {"detail": "`task_create` is no event; docs/events.md names them", "parameter": "types"}
        ]
    assert (await ann.get(f"{path}?types=")).status_code == 422


@pytest.mark.parametrize("position", ["-1", "x", "", "1.5", "9" * 19, "٣", "1e3", "0x1", " 1"])
async def test_what_is_no_position_is_refused(api: Api, position: str) -> None:
    ann = await api.register()
    answer = await ann.get("/events", params={"after": position})
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "after")


async def test_a_position_beyond_the_head_is_refused(api: Api) -> None:
    ann = await api.register()
    at = await head(ann)
    assert (await ann.get(f"/events?after={at}")).json() == []
    for beyond in (at + 1, "9" * 18):
        answer = await ann.get(f"/events?after={beyond}")
        assert (answer.status_code, answer.json()["code"]) == (422, "events.position_invalid")


async def test_members_hear_of_the_projects_that_they_see_now(api: Api) -> None:
    owner = await api.register()
    project, hidden = await owner.project(), await owner.project()
    bob = await api.colleague(owner, projects=(project,))
    task = await owner.task(project)
    await owner.task(hidden)
    heard = await bob.get("/events")
    assert {event["project_id"] for event in heard.json()} == {project["id"]}
    assert [event["event"] for event in heard.json()] == ["project_created", "task_created"]
    assert heard.headers["x-last-seq"] == heard.headers["x-event-seq"] == str(await head(owner))
    api.add_member(owner.company_id, hidden["id"], bob.user_id)
    later = (await bob.get("/events")).json()
    assert {event["project_id"] for event in later} == {project["id"], hidden["id"]}, "new members read the past"
    assert [int(event["seq"]) for event in later] == sorted(int(event["seq"]) for event in later)
    api.sql("delete from project_members where user_id = %s and project_id = %s", (bob.user_id, project["id"]))
    await owner.patch(f"/tasks/{task['id']}", {"title": "unheard"})
    assert {event["project_id"] for event in (await bob.get("/events")).json()} == {hidden["id"]}
    everything = {event["event"] for event in (await owner.get("/events")).json()}
    assert {"company_created", "user_created"} <= everything


async def test_of_a_deletion_hear_those_who_were_members_and_the_admins(api: Api) -> None:
    owner = await api.register()
    project = await owner.project()
    bob = await api.colleague(owner, projects=(project,))
    eve, admin = await api.colleague(owner), await api.colleague(owner, role="admin")
    task = await owner.task(project)
    await owner.delete(f"/tasks/{task['id']}")
    assert [event["event"] for event in (await bob.get("/events")).json()][-1] == "task_deleted"
    start = await head(owner)
    await owner.delete(f"/projects/{project['id']}")
    for person, heard in ((owner, 1), (admin, 1), (bob, 1), (eve, 0)):
        events = await after(person, start)
        assert [event["event"] for event in events] == ["project_deleted"] * heard
    assert [event["event"] for event in await after(bob, 0)] == ["project_deleted"], "nothing else of what is gone"


async def test_one_company_hears_nothing_of_another(api: Api) -> None:
    ann, bob = await api.register(), await api.register()
    await ann.task(await ann.project())
    events = (await bob.get("/events?limit=200")).json()
    assert [event["event"] for event in events] == ["company_created", "user_created"]
    assert await head(bob) == 2


async def test_writes_at_once_leave_no_gap_and_no_reader_skips_one(api: Api) -> None:
    ann = await api.register()
    projects = [await ann.project() for _ in range(4)]
    seen: list[int] = []
    done = asyncio.Event()

    async def read() -> None:
        position = "0"
        while True:
            last = done.is_set()
            answer = await ann.get(f"/events?after={position}&limit=200")
            seen.extend(int(event["seq"]) for event in answer.json())
            position = answer.headers["x-last-seq"]
            if last:
                return

    async def write() -> None:
        await asyncio.gather(*(ann.task(projects[number % 4]) for number in range(40)))
        done.set()

    await asyncio.gather(read(), write())
    assert seen == list(range(1, 2 + 4 + 40 + 1))


async def test_every_read_carries_the_companys_sequence(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    task = await ann.task(project)
    for path in (
        "/tasks", f"/tasks/{task['id']}", "/projects", f"/projects/{project['id']}", f"/projects/{project['id']}/board",
        f"/projects/{project['id']}/progress", "/companies", f"/companies/{ann.company_id}", "/events", "/auth/me",
    ):  # fmt: skip
        assert (await ann.get(path)).headers["x-event-seq"] == "4", path
    copy = await ann.get(f"/tasks/{task['id']}", headers={"If-None-Match": "*"})
    assert (copy.status_code, copy.headers["x-event-seq"]) == (304, "4")


async def test_who_goes_on_from_what_is_kept_no_longer_is_told_to_begin_anew(api: Api) -> None:
    ann = await api.register()
    ben = await api.colleague(ann)
    await ann.project()
    api.sql("delete from events where company_id = %s and seq <= 2 returning seq", (ann.company_id,))
    for who in (ann, ben):
        for path in ("/events", "/events?after=1&types=task_created", "/events/stream?after=1"):
            refused = await who.get(path)
            assert (refused.status_code, refused.json()["code"]) == (410, "events.expired"), path
        again = await who.get("/projects")
        assert (await who.get(f"/events?after={again.headers['x-event-seq']}")).json() == []
    assert [event["seq"] for event in await after(ann, 2)][0] == "3"
