"""Cycles, and the cycle of a task: sections 2, 3, 6 and 7 of the contract."""

import asyncio
import json
import re
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.integration.api import Api, Person

KEY = "Idempotency-Key"


def assert_refused(response: httpx.Response, status: int, code: str, pointer: str | None = None) -> None:
    assert (response.status_code, response.json().get("code")) == (status, code), response.text
    if pointer is not None:
        assert [each["pointer"] for each in response.json()["errors"]] == [pointer]


async def names(person: Person, query: str = "") -> list[str]:
    answer = await person.get(f"/cycles{query}")
    assert answer.status_code == 200, answer.text
    return [cycle["name"] for cycle in answer.json()]


async def act(person: Person, cycle: dict[str, Any], verb: str, **body: Any) -> dict[str, Any]:
    answer = await person.post(f"/cycles/{cycle['id']}/{verb}", body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def events_after(person: Person, seq: str) -> list[dict[str, Any]]:
    return list((await person.get(f"/events?after={seq}&limit=200")).json())


# Creating


async def test_a_new_cycle_says_everything_about_itself(api: Api) -> None:
    ann = await api.register()
    project = await ann.project(key="WEB")
    await ann.cycle(project)
    given = {
        "project_id": project["id"],
        "name": "  Autumn ",
        "description": "The\nlanding page",
        "metadata": {"goal": "launch", "weights": [1, 2.5, None], "deep": {"é": True}},
        "starts_on": "2026-11-16",
        "ends_on": "2026-11-29",
    }
    answer = await ann.post("/cycles", given)
    cycle = answer.json()
    assert answer.status_code == 201
    assert UUID(cycle["id"]).version == 7
    assert cycle == {
        "id": cycle["id"],
        "project_id": project["id"],
        "name": "Autumn",
        "number": 2,
        "s3_prefix": "web/2",
        "status": "planned",
        "description": "The\nlanding page",
        "metadata": given["metadata"],
        "starts_on": "2026-11-16",
        "ends_on": "2026-11-29",
        "started_at": None,
        "completed_at": None,
        "created_by": ann.user_id,
        "version": 1,
        "created_at": cycle["created_at"],
        "updated_at": cycle["created_at"],
    }
    assert answer.headers["location"] == f"/api/v1/cycles/{cycle['id']}"
    again = await ann.get(f"/cycles/{cycle['id']}")
    assert (again.json(), again.headers["etag"]) == (cycle, answer.headers["etag"])
    etag = {"If-None-Match": again.headers["etag"]}
    assert (await ann.get(f"/cycles/{cycle['id']}", headers=etag)).status_code == 304


async def test_what_is_left_out_has_the_usual_value(api: Api) -> None:
    ann = await api.register()
    cycle = await ann.cycle(await ann.project())
    assert (cycle["metadata"], cycle["description"], cycle["starts_on"], cycle["ends_on"]) == ({}, None, None, None)


async def test_numbers_are_a_projects_own_and_never_used_again(api: Api) -> None:
    ann = await api.register()
    web, app = await ann.project(key="WEB"), await ann.project(key="APP")
    made = [await ann.cycle(web), await ann.cycle(web), await ann.cycle(app)]
    assert [cycle["number"] for cycle in made] == [1, 2, 1]
    assert (await ann.delete(f"/cycles/{made[1]['id']}")).status_code == 204
    await ann.patch(f"/projects/{web['id']}", {"key": "NEW"})
    following = await ann.cycle(web)
    assert (following["number"], following["s3_prefix"]) == (3, "new/3")
    at_once = await asyncio.gather(*(ann.cycle(web) for _ in range(6)))
    assert sorted(cycle["number"] for cycle in at_once) == [4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"name": None}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"description": "x" * 100_001}, "/description"),
        ({"s3_prefix": ""}, "/s3_prefix"),
        ({"s3_prefix": "/a"}, "/s3_prefix"),
        ({"s3_prefix": "a/"}, "/s3_prefix"),
        ({"s3_prefix": "a//b"}, "/s3_prefix"),
        ({"s3_prefix": "a/../b"}, "/s3_prefix"),
        ({"s3_prefix": "a b"}, "/s3_prefix"),
        ({"s3_prefix": "ä"}, "/s3_prefix"),
        ({"s3_prefix": "x" * 201}, "/s3_prefix"),
        ({"starts_on": "2026-02-30"}, "/starts_on"),
        ({"starts_on": "2026-03-01T00:00:00Z"}, "/starts_on"),
        ({"starts_on": "2026-03-02", "ends_on": "2026-03-01"}, "/ends_on"),
        ({"metadata": None}, "/metadata"),
        ({"metadata": []}, "/metadata"),
        ({"metadata": "{}"}, "/metadata"),
        ({"metadata": {"a": "\u0000"}}, "/metadata"),
        ({"metadata": {"\u0000": 1}}, "/metadata"),
        ({"metadata": {"a": "x" * 16_000}}, "/metadata"),
        ({"status": "active"}, "/status"),
        ({"number": 7}, "/number"),
        ({"created_by": str(uuid4())}, "/created_by"),
    ],
)
async def test_a_value_that_is_none_is_refused(api: Api, fields: dict[str, Any], pointer: str) -> None:
    ann = await api.register()
    project = await ann.project()
    answer = await ann.post("/cycles", {"project_id": project["id"], "name": "x", **fields})
    assert_refused(answer, 422, "request.invalid", pointer)
    assert api.count("cycles", ann.company_id) == 0


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (rb'{"a": "\ud800"}', 422, "request.invalid"),
        (b'{"a": NaN}', 422, "request.invalid"),
        (b'{"a": [-Infinity]}', 422, "request.invalid"),
        (b'{"a": 1e400}', 422, "request.invalid"),
        (b'{"a": ' + b"[" * 20 + b"]" * 20 + b"}", 422, "request.invalid"),
        (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400, "body.malformed"),
        (b'{"a": ' + b"9" * 400 + b', "b": -0.0, "c": 1e308, "d": 18446744073709551616}', 200, ""),
    ],
    ids=["surrogate", "NaN", "infinity", "too large for a number", "deep", "far too deep", "large numbers"],
)
async def test_metadata_that_no_database_holds_is_refused_and_all_else_comes_back(
    api: Api, content: bytes, status: int, code: str
) -> None:
    ann = await api.register()
    cycle = await ann.cycle(await ann.project())
    answer = await ann.send(
        "PATCH",
        f"/cycles/{cycle['id']}",
        content=b'{"metadata": ' + content + b"}",
        headers={"Content-Type": "application/merge-patch+json"},
    )
    shown = (await ann.get(f"/cycles/{cycle['id']}")).json()["metadata"]
    if status == 200:
        assert answer.status_code == 200
        as_numbers = {name: float(value) if name == "c" else value for name, value in shown.items()}
        assert as_numbers == json.loads(content)
        return
    assert_refused(answer, status, code)
    assert shown == {}


async def test_an_s3_prefix_may_be_given(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    cycle = await ann.cycle(project, s3_prefix="Clients/acme-2026/v1.0_(final)")
    assert cycle["s3_prefix"] == "Clients/acme-2026/v1.0_(final)"
    changed = await ann.patch(f"/cycles/{cycle['id']}", {"s3_prefix": "elsewhere"})
    assert changed.json()["s3_prefix"] == "elsewhere"
    assert_refused(await ann.patch(f"/cycles/{cycle['id']}", {"s3_prefix": None}), 422, "request.invalid", "/s3_prefix")


# Lists


async def test_lists_are_filtered_sorted_and_paged(api: Api) -> None:
    ann = await api.register()
    web, app = await ann.project(), await ann.project()
    for project, name, day in ((web, "a", "2026-03-01"), (web, "b", None), (web, "c", "2026-01-01")):
        await ann.cycle(project, name=name, starts_on=day)
    other = await ann.cycle(app, name="d")
    await act(ann, other, "start")
    both = f"{web['id']},{app['id']}"
    for query, expected in (
        (f"?project_id={web['id']}", "cba"),
        (f"?project_id={both}&sort=name", "abcd"),
        (f"?project_id={web['id']}&project_id={app['id']}&sort=-name", "dcba"),
        ("?status=active", "d"),
        (f"?status=active,planned&project_id={web['id']}&sort=number", "abc"),
        ("?status=completed", ""),
        (f"?project_id={web['id']}&sort=starts_on", "cab"),
        (f"?project_id={web['id']}&sort=-starts_on", "acb"),
        ("?sort=created_at", "abcd"),
        ("?sort=-updated_at", "dcba"),
        (f"?project_id={uuid4()}", ""),
        ("?sort=name&skip=1&limit=2", "bc"),
    ):
        assert "".join(await names(ann, query)) == expected, query
    joined, address, pages = "", f"/cycles?project_id={web['id']}&sort=-starts_on&limit=1&include_total=true", 0
    while address:
        answer = await ann.get(address)
        assert answer.headers["x-total-count"] == "3"
        joined += "".join(cycle["name"] for cycle in answer.json())
        link = re.fullmatch(r'</api/v1(/.*)>; rel="next"', answer.headers.get("link", ""))
        address, pages = link[1] if link else "", pages + 1
    assert (joined, pages) == ("acb", 3)
    for query, parameter in (("status=over", "status"), ("sort=goal", "sort"), ("project_id=WEB", "project_id")):
        answer = await ann.get(f"/cycles?{query}")
        assert_refused(answer, 422, "request.invalid")
        assert [each["parameter"] for each in answer.json()["errors"]] == [parameter]


# Changing


async def test_fields_are_changed_by_a_merge_patch(api: Api) -> None:
    ann = await api.register()
    cycle = await ann.cycle(
        await ann.project(),
        description="x",
        metadata={"a": {"b": 1, "c": 2}, "d": 3},
        starts_on="2026-03-01",
        ends_on="2026-03-14",
    )
    path = f"/cycles/{cycle['id']}"
    answer = await ann.patch(
        path,
        {"name": "Winter", "description": None, "metadata": {"a": {"c": None, "e": []}}, "ends_on": "2026-03-01"},
        headers={"Content-Type": "application/merge-patch+json"},
    )
    assert answer.status_code == 200
    changed = answer.json()
    assert changed == {
        **cycle,
        "name": "Winter",
        "description": None,
        "metadata": {"a": {"b": 1, "e": []}, "d": 3},
        "ends_on": "2026-03-01",
        "version": 2,
        "updated_at": changed["updated_at"],
    }
    assert (await ann.get(path)).json() == changed
    assert (await ann.patch(path, {"metadata": None})).json()["metadata"] == {}


async def test_what_was_read_may_be_sent_back(api: Api) -> None:
    ann = await api.register()
    cycle = await ann.cycle(await ann.project(), metadata={"a": {"b": [1]}}, starts_on="2026-03-01")
    path = f"/cycles/{cycle['id']}"
    answer = await ann.send("PUT", path, json=cycle)
    assert (answer.status_code, answer.json()) == (200, cycle)
    for field, value in (
        ("id", str(uuid4())),
        ("project_id", str(uuid4())),
        ("number", 9),
        ("status", "active"),
        ("started_at", "2026-03-01T00:00:00Z"),
        ("completed_at", "2026-03-01T00:00:00Z"),
        ("created_by", None),
        ("created_at", "2026-03-01T00:00:00Z"),
        ("updated_at", "2026-03-01T00:00:00Z"),
    ):
        assert_refused(await ann.patch(path, {"name": "x", field: value}), 422, "field.read_only", f"/{field}")
    assert (await ann.get(path)).json() == cycle


async def test_a_cycle_never_ends_before_it_starts(api: Api) -> None:
    ann = await api.register()
    cycle = await ann.cycle(await ann.project(), starts_on="2026-03-01", ends_on="2026-03-14")
    path = f"/cycles/{cycle['id']}"
    for change, pointer in (
        ({"starts_on": "2026-03-15"}, "/starts_on"),
        ({"ends_on": "2026-02-28"}, "/ends_on"),
        ({"starts_on": "2026-04-02", "ends_on": "2026-04-01"}, "/ends_on"),
    ):
        assert_refused(await ann.patch(path, change), 422, "request.invalid", pointer)
    moved = await ann.patch(path, {"starts_on": "2026-04-01", "ends_on": "2026-04-01"})
    assert moved.status_code == 200


async def test_a_stale_change_is_refused_with_the_current_tag(api: Api) -> None:
    ann = await api.register()
    cycle = await ann.cycle(await ann.project())
    path = f"/cycles/{cycle['id']}"
    fresh = await ann.patch(path, {"name": "x"}, headers={"If-Match": '"1"'})
    for answer in (
        await ann.patch(path, {"name": "y"}, headers={"If-Match": '"1"'}),
        await ann.patch(path, {"name": "y", "version": 1}),
        await ann.post(f"{path}/start", {"version": 1}),
        await ann.post(f"{path}/start", headers={"If-Match": '"1.abc"'}),
        await ann.post(f"{path}/complete", {"version": 1}),
        await ann.delete(path, headers={"If-Match": '"1"'}),
    ):
        assert_refused(answer, 412, "version.stale")
        assert answer.headers["etag"] == fresh.headers["etag"]
    started = await ann.post(f"{path}/start", headers={"If-Match": fresh.headers["etag"]})
    assert (started.status_code, started.json()["version"]) == (200, 3)


# Its course


async def test_a_cycle_is_planned_then_active_then_completed(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    cycle, following = await ann.cycle(project), await ann.cycle(project)
    path = f"/cycles/{cycle['id']}"
    assert_refused(await ann.post(f"{path}/complete"), 409, "cycle.not_active")
    started = (await ann.post(f"{path}/start")).json()
    assert started == {**cycle, "status": "active", "started_at": started["updated_at"], "version": 2,
                       "updated_at": started["updated_at"]}  # fmt: skip
    assert_refused(await ann.post(f"{path}/start"), 409, "cycle.not_planned")
    assert_refused(await ann.post(f"/cycles/{following['id']}/start"), 409, "cycle.another_active")
    assert_refused(await ann.delete(path), 409, "cycle.active")
    completed = (await ann.post(f"{path}/complete", {})).json()
    assert completed == {**started, "status": "completed", "completed_at": completed["updated_at"], "version": 3,
                         "updated_at": completed["updated_at"]}  # fmt: skip
    assert_refused(await ann.post(f"{path}/start"), 409, "cycle.not_planned")
    assert_refused(await ann.post(f"{path}/complete"), 409, "cycle.not_active")
    assert (await act(ann, following, "start"))["status"] == "active"
    renamed = await ann.patch(path, {"name": "What we did"})
    assert (renamed.status_code, renamed.json()["status"]) == (200, "completed")


async def test_of_many_starts_at_once_one_succeeds(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    cycles = [await ann.cycle(project) for _ in range(6)]
    answers = await asyncio.gather(*(ann.post(f"/cycles/{cycle['id']}/start") for cycle in cycles))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    for answer in answers:
        if answer.status_code == 409:
            assert_refused(answer, 409, "cycle.another_active")
    assert len(await names(ann, "?status=active")) == 1


@pytest.mark.parametrize("carried", [True, False])
async def test_completing_carries_over_what_is_unfinished(api: Api, carried: bool) -> None:
    ann = await api.register()
    project = await ann.project()
    cycle, target = await ann.cycle(project), await ann.cycle(project)
    await act(ann, cycle, "start")
    fields = {"cycle_id": cycle["id"]}
    todo = await ann.task(project, **fields)
    progress = await ann.task(project, status="in_progress", **fields)
    done = await ann.task(project, status="done", **fields)
    elsewhere = await ann.task(project)
    to = target["id"] if carried else None
    seq = (await ann.get("/tasks")).headers["x-event-seq"]
    answer = await ann.post(f"/cycles/{cycle['id']}/complete", {"carry_over_to": to})
    assert answer.status_code == 200
    events = await events_after(ann, seq)
    assert [(event["event"], event["channel"]) for event in events] == [
        ("task_updated", "task_updates"),
        ("task_updated", "task_updates"),
        ("cycle_completed", "project_updates"),
    ]
    assert events[-1]["seq"] == answer.headers["x-event-seq"]
    for event, task in zip(events, (todo, progress), strict=False):
        assert (event["task_id"], event["version"], event["project_id"]) == (task["id"], 2, project["id"])
        assert event["changes"] == {"cycle_id": {"old": cycle["id"], "new": to}}
        moved = (await ann.get(f"/tasks/{task['id']}")).json()
        assert moved == {**task, "cycle_id": to, "version": 2, "updated_at": moved["updated_at"]}
        assert moved["updated_at"] > task["updated_at"]
    assert (events[-1]["carried_over"], events[-1]["carry_over_to"]) == (2, to)
    assert (events[-1]["cycle_id"], events[-1]["version"]) == (cycle["id"], 3)
    for task in (done, elsewhere):
        assert (await ann.get(f"/tasks/{task['id']}")).json() == task
    listed = [task["id"] for task in (await ann.get(f"/tasks?cycle_id={cycle['id']}")).json()]
    assert listed == [done["id"]]


async def test_nothing_is_carried_over_to_what_takes_no_tasks(api: Api) -> None:
    ann = await api.register()
    project, other = await ann.project(), await ann.project()
    past, cycle, elsewhere = await ann.cycle(project), await ann.cycle(project), await ann.cycle(other)
    await act(ann, past, "start")
    await act(ann, past, "complete")
    await act(ann, cycle, "start")
    task = await ann.task(project, cycle_id=cycle["id"])
    path = f"/cycles/{cycle['id']}/complete"
    for to, code in (
        (str(uuid4()), "reference.not_found"),
        (elsewhere["id"], "reference.not_found"),
        (past["id"], "cycle.completed"),
        (cycle["id"], "cycle.completed"),
        ("WEB", "request.invalid"),
        (7, "request.invalid"),
    ):
        assert_refused(await ann.post(path, {"carry_over_to": to}), 422, code, "/carry_over_to")
    assert (await ann.get(f"/cycles/{cycle['id']}")).json()["status"] == "active"
    assert (await ann.get(f"/tasks/{task['id']}")).json() == task


async def test_a_cycle_that_is_deleted_leaves_its_tasks_in_none(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    cycle = await ann.cycle(project, name="Gone")
    tasks = [await ann.task(project, cycle_id=cycle["id"], status=status) for status in ("todo", "done")]
    seq = (await ann.get("/tasks")).headers["x-event-seq"]
    answer = await ann.delete(f"/cycles/{cycle['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    events = await events_after(ann, seq)
    assert [event["event"] for event in events] == ["task_updated", "task_updated", "cycle_deleted"]
    assert {name: events[-1][name] for name in ("cycle_id", "name", "number", "version", "project_id")} == {
        "cycle_id": cycle["id"], "name": "Gone", "number": 1, "version": 2, "project_id": project["id"],
    }  # fmt: skip
    for task in tasks:
        shown = (await ann.get(f"/tasks/{task['id']}")).json()
        assert (shown["cycle_id"], shown["version"]) == (None, 2)
    for gone in (
        await ann.get(f"/cycles/{cycle['id']}"),
        await ann.patch(f"/cycles/{cycle['id']}", {"name": "x"}),
        await ann.post(f"/cycles/{cycle['id']}/start"),
        await ann.delete(f"/cycles/{cycle['id']}"),
    ):
        assert_refused(gone, 404, "cycle.not_found")


async def test_the_events_of_a_cycle_tell_its_course(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    seq = (await ann.get("/tasks")).headers["x-event-seq"]
    cycle = await ann.cycle(project, name="Autumn")
    await ann.patch(f"/cycles/{cycle['id']}", {"name": "Winter", "starts_on": "2026-12-01", "metadata": {"a": 1}})
    await ann.patch(f"/cycles/{cycle['id']}", {"name": "Winter"})
    await act(ann, cycle, "start")
    await act(ann, cycle, "complete")
    events = await events_after(ann, seq)
    assert [event["event"] for event in events] == [
        "cycle_created",
        "cycle_updated",
        "cycle_started",
        "cycle_completed",
    ]
    for version, event in enumerate(events, start=1):
        assert (event["cycle_id"], event["project_id"], event["version"]) == (cycle["id"], project["id"], version)
        assert (event["channel"], event["actor_id"]) == ("project_updates", ann.user_id)
    assert (events[0]["name"], events[0]["number"], events[0]["created_by"]) == ("Autumn", 1, ann.user_id)
    assert events[1]["changes"] == {
        "name": {"old": "Autumn", "new": "Winter"},
        "starts_on": {"old": None, "new": "2026-12-01"},
        "metadata": {"old": {}, "new": {"a": 1}},
    }


# Who may


async def test_members_do_everything_in_their_projects_but_delete(api: Api) -> None:
    owner = await api.register()
    project, hidden = await owner.project(), await owner.project()
    bob = await api.colleague(owner, projects=(project,))
    unseen = await owner.cycle(hidden, name="Hidden")
    cycle = await bob.cycle(project, name="Seen")
    assert await names(bob) == ["Seen"]
    assert sorted(await names(owner)) == ["Hidden", "Seen"]
    assert await names(bob, f"?project_id={hidden['id']}") == []
    assert (await bob.get(f"/cycles?include_total=true&project_id={hidden['id']},{project['id']}")).headers[
        "x-total-count"
    ] == "1"
    path = f"/cycles/{cycle['id']}"
    assert (await bob.patch(path, {"name": "Changed"})).status_code == 200
    assert_refused(await bob.delete(path), 403, "permission.denied")
    assert_refused(await bob.delete(path, headers={"If-Match": '"1"'}), 403, "permission.denied")
    await act(bob, cycle, "start")
    assert_refused(await bob.delete(path), 403, "permission.denied")
    await act(bob, cycle, "complete")
    admin = await api.colleague(owner, role="admin")
    assert (await admin.delete(path)).status_code == 204
    path = f"/cycles/{unseen['id']}"
    for missing in (
        await bob.get(path),
        await bob.patch(path, {"name": "x"}, headers={"If-Match": '"9"'}),
        await bob.post(f"{path}/start"),
        await bob.post(f"{path}/complete", {"carry_over_to": str(uuid4())}),
        await bob.delete(path),
        await bob.get("/cycles/no-id"),
        await bob.get("/cycles/WEB-1"),
    ):
        assert_refused(missing, 404, "cycle.not_found")
    assert_refused(
        await bob.post("/cycles", {"project_id": hidden["id"], "name": "x"}), 422, "reference.not_found", "/project_id"
    )


async def test_the_cycles_of_an_archived_project_are_read_and_not_changed(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    cycle, active = await ann.cycle(project), await ann.cycle(project)
    await act(ann, active, "start")
    task = await ann.task(project)
    await ann.patch(f"/projects/{project['id']}", {"is_active": False})
    path = f"/cycles/{cycle['id']}"
    assert (await ann.get(path)).json() == cycle
    assert len(await names(ann)) == 2
    for refused in (
        await ann.post("/cycles", {"project_id": project["id"], "name": "x"}),
        await ann.patch(path, {"name": "x"}),
        await ann.post(f"{path}/start"),
        await ann.post(f"/cycles/{active['id']}/complete"),
        await ann.delete(path),
        await ann.patch(f"/tasks/{task['id']}", {"cycle_id": cycle["id"]}),
    ):
        assert_refused(refused, 409, "project.archived")


async def test_a_deleted_project_takes_its_cycles_along(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    cycle = await ann.cycle(project)
    await ann.delete(f"/projects/{project['id']}")
    assert await names(ann) == await names(ann, f"?project_id={project['id']}") == []
    path = f"/cycles/{cycle['id']}"
    for gone in (
        await ann.get(path),
        await ann.patch(path, {"name": "x"}),
        await ann.post(f"{path}/start"),
        await ann.post(f"{path}/complete"),
        await ann.delete(path),
    ):
        assert_refused(gone, 404, "cycle.not_found")


# Once


async def test_each_step_happens_once_under_one_key(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    body = {"project_id": project["id"], "name": "Once"}
    made = await ann.post("/cycles", body, headers={KEY: "k"})
    again = await ann.post("/cycles", body, headers={KEY: "k"})
    assert (again.status_code, again.json()) == (201, made.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.headers["location"], again.headers["etag"]) == (made.headers["location"], made.headers["etag"])
    assert api.count("cycles", ann.company_id) == 1
    path = f"/cycles/{made.json()['id']}"
    task = await ann.task(project, cycle_id=made.json()["id"])
    for verb, status in (("start", "active"), ("complete", "completed")):
        first = await ann.post(f"{path}/{verb}", headers={KEY: "k"})
        events = api.count("events", ann.company_id)
        second = await ann.post(f"{path}/{verb}", headers={KEY: "k"})
        assert first.json() == second.json() and first.json()["status"] == status
        assert second.headers["idempotency-replayed"] == "true"
        assert api.count("events", ann.company_id) == events
        refused = await ann.post(f"{path}/{verb}", headers={KEY: "other"})
        kept = await ann.post(f"{path}/{verb}", headers={KEY: "other"})
        assert refused.status_code == kept.status_code == 409
        assert kept.headers["idempotency-replayed"] == "true"
    assert (await ann.get(f"/tasks/{task['id']}")).json()["version"] == 2
    await ann.delete(path)
    assert_refused(await ann.post("/cycles", body, headers={KEY: "k"}), 409, "idempotency.result_gone")


# The cycle of a task


async def test_a_task_is_put_into_a_cycle_and_out_of_it(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    one, two = await ann.cycle(project), await ann.cycle(project)
    task = await ann.task(project, cycle_id=one["id"])
    path, seq = f"/tasks/{task['id']}", (await ann.get("/tasks")).headers["x-event-seq"]
    assert task["cycle_id"] == one["id"]
    for cycle_id, version in ((two["id"], 2), (None, 3)):
        changed = (await ann.patch(path, {"cycle_id": cycle_id})).json()
        assert (changed["cycle_id"], changed["version"]) == (cycle_id, version)
        assert (await ann.get(path)).json() == changed
    assert [event["changes"] for event in await events_after(ann, seq)] == [
        {"cycle_id": {"old": one["id"], "new": two["id"]}},
        {"cycle_id": {"old": two["id"], "new": None}},
    ]
    same = await ann.send("PUT", path, json=changed)
    assert (same.status_code, same.json()) == (200, changed)
    board = await ann.board(project)
    assert [card["cycle_id"] for card in board["columns"][0]["tasks"]] == [None]


async def test_the_cycle_of_a_task_is_one_of_its_project_that_is_not_over(api: Api) -> None:
    owner = await api.register()
    project, other = await owner.project(), await owner.project()
    past, elsewhere = await owner.cycle(project), await owner.cycle(other)
    await act(owner, past, "start")
    task = await owner.task(project, cycle_id=past["id"], status="done")
    await act(owner, past, "complete")
    open_task = await owner.task(project)
    for cycle_id, code in (
        (str(uuid4()), "reference.not_found"),
        (elsewhere["id"], "reference.not_found"),
        (past["id"], "cycle.completed"),
        ("WEB", "request.invalid"),
    ):
        body = {"project_id": project["id"], "title": "x", "cycle_id": cycle_id}
        assert_refused(await owner.post("/tasks", body), 422, code, "/cycle_id")
        assert_refused(await owner.patch(f"/tasks/{open_task['id']}", {"cycle_id": cycle_id}), 422, code, "/cycle_id")
    kept = await owner.patch(f"/tasks/{task['id']}", {"title": "Renamed", "cycle_id": past["id"]})
    assert (kept.status_code, kept.json()["cycle_id"]) == (200, past["id"])


async def test_a_list_that_names_a_cycle_shows_members_all_in_it(api: Api) -> None:
    owner = await api.register()
    project, hidden = await owner.project(), await owner.project()
    bob = await api.colleague(owner, projects=(project,))
    cycle, unseen = await owner.cycle(project), await owner.cycle(hidden)
    await owner.task(project, title="in it", cycle_id=cycle["id"])
    await owner.task(project, title="in none")
    await owner.task(project, title="bob's", assigned_to=bob.user_id)
    await owner.task(hidden, title="hidden", cycle_id=unseen["id"])

    async def titles(person: Person, query: str) -> list[str]:
        answer = await person.get(f"/tasks?sort=number&{query}")
        assert answer.status_code == 200, answer.text
        return [task["title"] for task in answer.json()]

    for query, expected in (
        ("", ["bob's"]),
        (f"cycle_id={cycle['id']}", ["in it"]),
        (f"cycle_id={unseen['id']}", []),
        (f"cycle_id={unseen['id']},{cycle['id']}", ["in it"]),
        (f"cycle_id={uuid4()}", []),
        ("cycle_id=none", ["bob's"]),
        (f"cycle_id=none&project_id={project['id']}", ["in none", "bob's"]),
        (f"cycle_id=none&cycle_id={cycle['id']}", ["in it", "in none", "bob's"]),
    ):
        assert await titles(bob, query) == expected, query
    assert sorted(await titles(owner, "cycle_id=none")) == ["bob's", "in none"]
    assert_refused(await bob.get("/tasks?cycle_id=me"), 422, "request.invalid")
