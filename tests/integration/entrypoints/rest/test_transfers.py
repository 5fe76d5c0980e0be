"""Tasks that go to another project: section 7 of the contract."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.api import Api, Person


def assert_refused(response: httpx.Response, status: int, code: str, pointer: str | None = None) -> None:
    assert (response.status_code, response.json().get("code")) == (status, code), response.text
    if pointer is not None:
        assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


async def two_projects(person: Person) -> tuple[dict[str, Any], dict[str, Any]]:
    return await person.project(), await person.project()


async def test_a_task_goes_to_another_project_and_its_old_keys_go_on(api: Api) -> None:
    ann = await api.register()
    first, second = await two_projects(ann)
    task = await ann.task(first, status="in_progress", deadline="2026-12-01")
    await ann.task(second)
    tag = (await ann.get(f"/tasks/{task['id']}")).headers["etag"]
    answer = await ann.patch(f"/tasks/{task['id']}", {"project_id": second["id"]}, headers={"If-Match": tag})
    moved = answer.json()
    assert answer.status_code == 200
    board = (await ann.board(second))["columns"]
    assert moved == {
        **task,
        "key": f"{second['key']}-2",
        "number": 2,
        "project_id": second["id"],
        "column_id": board[1]["id"],
        "version": 2,
        "updated_at": moved["updated_at"],
    }
    assert answer.headers["etag"] != tag
    assert_refused(
        await ann.patch(f"/tasks/{task['id']}", {"title": "x"}, headers={"If-Match": tag}), 412, "version.stale"
    )
    back = (await ann.patch(f"/tasks/{task['key']}", {"project_id": first["id"]})).json()
    assert back["key"] == f"{first['key']}-2"
    await ann.patch(f"/projects/{first['id']}", {"key": f"N{first['key']}"[:10]})
    for key in (task["key"], moved["key"].lower(), back["key"], f"N{first['key']}-1"[:14]):
        found = (await ann.get(f"/tasks/{key}")).json()
        assert found["id"] == task["id"], key
    assert (await ann.post(f"/tasks/{task['key']}/complete", {"completed": True})).json()["status"] == "done"
    assert (await ann.delete(f"/tasks/{moved['key']}")).status_code == 204
    assert_refused(await ann.get(f"/tasks/{task['key']}"), 404, "task.not_found")
    assert (await ann.post(f"/tasks/{task['key']}/restore")).json()["id"] == task["id"]


async def test_a_number_that_a_task_left_is_nobody_elses(api: Api) -> None:
    ann = await api.register()
    first, second = await two_projects(ann)
    task = await ann.task(first)
    await ann.patch(f"/tasks/{task['id']}", {"project_id": second["id"]})
    assert (await ann.task(first))["number"] == 2


async def test_it_leaves_its_cycle_behind(api: Api) -> None:
    ann = await api.register()
    first, second = await two_projects(ann)
    task, cycle = await ann.task(first), uuid4()
    api.sql(
        "insert into cycles (company_id, id, project_id, number, name, s3_prefix, status, version, created_at,"
        " updated_at) values (%s, %s, %s, 1, 'One', 'x', 'planned', 1, now(), now())",
        (ann.company_id, cycle, first["id"]),
    )
    api.sql("update tasks set cycle_id = %s where id = %s", (cycle, task["id"]))
    assert (await ann.patch(f"/tasks/{task['id']}", {"project_id": second["id"]})).status_code == 200
    assert api.sql("select cycle_id from tasks where id = %s", (task["id"],)) == [(None,)]


async def test_it_may_go_into_a_cycle_of_the_other_project_at_once(api: Api) -> None:
    ann = await api.register()
    first, second = await two_projects(ann)
    here, there = await ann.cycle(first), await ann.cycle(second)
    task = await ann.task(first, cycle_id=here["id"])
    path = f"/tasks/{task['id']}"
    another = await ann.cycle(first)
    for cycle_id in (another["id"], str(uuid4())):
        refused = await ann.patch(path, {"project_id": second["id"], "cycle_id": cycle_id, "title": "never"})
        assert_refused(refused, 422, "reference.not_found", "/cycle_id")
    assert (await ann.get(path)).json() == task
    assert api.count("task_keys", ann.company_id) == 0
    seq = (await ann.get("/tasks")).headers["x-event-seq"]
    moved = await ann.patch(path, {"project_id": second["id"], "cycle_id": there["id"]})
    assert moved.status_code == 200, moved.text
    body = moved.json()
    assert (body["project_id"], body["cycle_id"], body["key"]) == (second["id"], there["id"], f"{second['key']}-1")
    assert (await ann.get(path)).json() == body
    changes = [each["changes"] for each in (await ann.get(f"/events?after={seq}")).json()]
    assert [each["cycle_id"]["new"] for each in changes if "cycle_id" in each][-1] == there["id"]
    back = (await ann.patch(path, {"project_id": first["id"], "cycle_id": None})).json()
    assert (back["project_id"], back["cycle_id"]) == (first["id"], None)


async def test_members_of_either_project_hear_of_it(api: Api) -> None:
    owner = await api.register()
    first, second = await two_projects(owner)
    left = await api.colleague(owner, projects=(first,))
    joined = await api.colleague(owner, projects=(second,))
    neither = await api.colleague(owner)
    task = await owner.task(first)
    seq = (await owner.get("/tasks")).headers["x-event-seq"]
    body = {
        "project_id": second["id"],
        "title": "Renamed",
        "column_id": (await owner.board(second))["columns"][2]["id"],
    }
    moved = (await owner.patch(f"/tasks/{task['id']}", body)).json()
    heard = {
        name: (await person.get(f"/events?after={seq}")).json()
        for name, person in (("owner", owner), ("left", left), ("joined", joined), ("neither", neither))
    }
    assert [event["event"] for event in heard["owner"]] == ["task_updated", "task_updated"]
    assert heard["joined"] == heard["owner"]
    assert heard["left"] == heard["owner"][:1]
    assert heard["neither"] == []
    (event,) = heard["left"]
    assert (event["project_id"], event["task_id"], event["version"]) == (second["id"], task["id"], 2)
    assert event["changes"] == {
        "project_id": {"old": first["id"], "new": second["id"]},
        "key": {"old": task["key"], "new": moved["key"]},
        "column_id": {"old": task["column_id"], "new": moved["column_id"]},
        "status": {"old": "todo", "new": "done"},
    }
    assert (moved["title"], moved["status"], moved["version"]) == ("Renamed", "done", 3)
    assert moved["completed_at"] is not None


async def test_the_caller_must_see_the_other_project_and_edit_the_task(api: Api) -> None:
    owner, stranger = await api.register(), await api.register()
    first, second = await two_projects(owner)
    bob = await api.colleague(owner, projects=(first,))
    cem = await api.colleague(owner, projects=(first, second))
    foreign = await stranger.project()
    task = await bob.task(first)
    path = f"/tasks/{task['id']}"
    for project_id in (second["id"], foreign["id"], str(uuid4())):
        assert_refused(
            await bob.patch(path, {"project_id": project_id, "title": "never"}),
            422,
            "reference.not_found",
            "/project_id",
        )
    assert_refused(await cem.patch(path, {"project_id": second["id"]}), 403, "permission.denied")
    assert_refused(await bob.patch(path, {"project_id": None}), 422, "request.invalid", "/project_id")
    assert (await owner.get(path)).json() == {**task, "watching": False}
    assert api.count("task_keys", owner.company_id) == 0
    await owner.patch(f"/projects/{second['id']}", {"is_active": False})
    assert_refused(await owner.patch(path, {"project_id": second["id"]}), 409, "project.archived")
    await owner.delete(f"/projects/{second['id']}")
    assert_refused(await owner.patch(path, {"project_id": second["id"]}), 422, "reference.not_found", "/project_id")
    assert (await owner.patch(path, {"project_id": first["id"]})).json() == {**task, "watching": False}


async def test_the_assignee_must_see_the_other_project(api: Api) -> None:
    owner = await api.register()
    first, second = await two_projects(owner)
    bob, cem = await api.colleague(owner, projects=(first,)), await api.colleague(owner, projects=(first, second))
    task = await owner.task(first, assigned_to=bob.user_id)
    path, body = f"/tasks/{task['id']}", {"project_id": second["id"]}
    for more in ({}, {"assigned_to": bob.user_id}):
        answer = await owner.patch(path, {**body, **more})
        assert_refused(answer, 422, "task.assignee_cannot_see_project", "/assigned_to")
    assert (await owner.patch(path, {**body, "assigned_to": cem.user_id})).json()["assigned_to"] == cem.user_id


@pytest.mark.parametrize("rounds", [12])
async def test_transfers_both_ways_at_once_never_wait_for_each_other(api: Api, rounds: int) -> None:
    """Each locks both projects, the lower id first; a task that somebody else moved first is refused, not lost."""
    ann = await api.register()
    projects = await two_projects(ann)
    tasks = [await ann.task(projects[number % 2]) for number in range(8)]
    for round_ in range(rounds):
        answers = await asyncio.gather(
            *(
                ann.patch(f"/tasks/{task['id']}", {"project_id": projects[(number + round_ + 1) % 2]["id"]})
                for number, task in enumerate(tasks)
            ),
            *(ann.patch(f"/tasks/{task['id']}", {"project_id": projects[round_ % 2]["id"]}) for task in tasks[:2]),
            ann.patch(f"/tasks/{tasks[0]['id']}/move", {"after": tasks[2]["id"]}),
        )
        codes = {(answer.status_code, answer.json().get("code")) for answer in answers}
        assert codes <= {(200, None), (409, "conflict.changed_meanwhile"), (422, "reference.not_found")}
    keys = [(await ann.get(f"/tasks/{task['id']}")).json()["key"] for task in tasks]
    assert len(set(keys)) == len(tasks)
    on_boards = [
        card["id"]
        for project in projects
        for column in (await ann.board(project))["columns"]
        for card in column["tasks"]
    ]
    assert sorted(on_boards) == sorted(task["id"] for task in tasks)
    for project_id, number, task_id in api.sql(
        "select project_id, number, task_id from task_keys where company_id = %s", (ann.company_id,)
    ):
        key = next(each["key"] for each in projects if each["id"] == str(project_id))
        assert (await ann.get(f"/tasks/{key}-{number}")).json()["id"] == str(task_id)
