"""What was done, over HTTP, against the real server."""

from typing import Any

import httpx

from tests.integration.api import Api


def assert_refused(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text


def deeds(answer: Any) -> list[str]:
    return [f"{each['entity']} {each['action']}" for each in answer.json()]


async def test_a_task_tells_what_was_done_to_it_with_what_was_and_is(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    task, _ = await ann.task(project, priority="low"), await ann.task(project)
    path = f"/tasks/{task['id']}"
    await ann.patch(path, {"priority": "high", "title": "Draw it"})
    await ann.post(f"{path}/complete")
    comment = (await ann.post(f"{path}/comments", {"body": "Done"})).json()
    answer = await ann.get(f"{path}/activity")
    assert deeds(answer) == ["comment created", "task moved", "task updated", "task created"]
    said, moved, updated, _ = answer.json()
    assert (said["entity_id"], said["project_id"]) == (comment["id"], project["id"])
    assert {(each["task_key"], each["task_title"]) for each in answer.json()} == {(task["key"], "Draw it")}
    assert updated["changes"] == {
        "priority": {"old": "low", "new": "high"},
        "title": {"old": task["title"], "new": "Draw it"},
    }
    assert moved["changes"]["status"] == {"old": "todo", "new": "done"}
    assert {each["user_id"] for each in answer.json()} == {ann.user_id}
    assert all(each["user_name"] for each in answer.json())
    seqs = [int(each["seq"]) for each in answer.json()]
    assert seqs == sorted(seqs, reverse=True) and isinstance(said["seq"], str)
    events = (await ann.get("/events?after=0&limit=200")).json()
    assert [event["occurred_at"] for event in events if event["seq"] == said["seq"]] == [said["timestamp"]]
    assert deeds(await ann.get(f"/tasks/{task['key']}/activity?sort=seq&limit=1")) == ["task created"]


async def test_members_are_told_of_their_projects_alone(api: Api) -> None:
    ann = await api.register()
    web, app = await ann.project(), await ann.project()
    ben = await api.colleague(ann)
    api.add_member(ann.company_id, web["id"], ben.user_id)
    seen, hidden = await ann.task(web), await ann.task(app)
    told = (await ben.get("/activity?limit=200")).json()
    assert {each["project_id"] for each in told} == {web["id"]}
    assert seen["id"] in {each["entity_id"] for each in told}
    assert (await ben.get(f"/activity?project_id={app['id']}")).json() == []
    assert_refused(await ben.get(f"/tasks/{hidden['id']}/activity"), 404, "task.not_found")
    both = await ann.get(f"/activity?project_id={web['id']},{app['id']}&limit=200")
    assert {each["project_id"] for each in both.json()} == {web["id"], app["id"]}
    one = await ann.get(f"/activity?project_id={app['id']}")
    assert deeds(one) == ["task created", "project created"]
    everything = (await ann.get("/activity?limit=200")).json()
    assert {"company", "user", "project", "task"} <= {each["entity"] for each in everything}


async def test_pages_go_on_where_the_one_before_ended_whatever_happens_meanwhile(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    for _ in range(5):
        await ann.task(project)
    everything = (await ann.get("/activity?limit=200")).json()
    found: list[Any] = []
    path = "/activity?limit=3&include_total=true"
    while path:
        answer = await ann.get(path)
        found += answer.json()
        await ann.task(project)
        link = answer.headers.get("link", "")
        path = link.partition(">")[0].removeprefix("</api/v1")
    assert found == everything
