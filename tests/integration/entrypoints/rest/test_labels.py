"""Labels and sub-tasks over HTTP."""

import asyncio
from typing import Any

import psycopg
import pytest

from tests.integration.api import Api, Person


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def label(person: Person, name: str, **fields: Any) -> dict[str, Any]:
    made = await person.post("/labels", {"name": name, **fields})
    assert made.status_code == 201, made.text
    return dict(made.json())


async def test_a_label_is_made_found_changed_and_deleted(api: Api) -> None:
    ann = await api.register()
    made = await ann.post("/labels", {"name": "Design", "color": "#1F77B4"}, headers={"Idempotency-Key": "one"})
    assert (made.status_code, made.json()["color"], made.json()["created_by"]) == (201, "#1f77b4", ann.user_id)
    again = await ann.post("/labels", {"name": "Design", "color": "#1F77B4"}, headers={"Idempotency-Key": "one"})
    assert (again.headers["idempotency-replayed"], again.json()) == ("true", made.json())
    path = f"/labels/{made.json()['id']}"
    got = await ann.get(path)
    assert (got.json(), got.headers["etag"]) == (made.json(), made.headers["etag"])
    assert (await ann.get(path, headers={"If-None-Match": got.headers["etag"]})).status_code == 304
    changed = await ann.patch(path, {"name": "Art"}, headers={"If-Match": got.headers["etag"]})
    assert (changed.json()["name"], changed.json()["version"]) == ("Art", 2)
    assert problem(await ann.patch(path, {"name": "Paint"}, headers={"If-Match": got.headers["etag"]})) == (
        412,
        "version.stale",
    )
    put = await ann.send("PUT", path, json={**changed.json(), "color": None})
    assert (put.status_code, put.json()["color"]) == (200, None)
    assert [each["name"] for each in (await ann.get("/labels?search=AR")).json()] == ["Art"]
    assert (await ann.delete(path)).status_code == 204
    assert problem(await ann.get(path)) == (404, "label.not_found")


async def test_of_a_hundred_that_make_the_same_label_at_once_one_does(api: Api) -> None:
    ann = await api.register()
    answers = await asyncio.gather(*(ann.post("/labels", {"name": each}) for each in ["Same", "SAME"] * 50))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 99]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"label.name_taken"}


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "one, two"}, "/name"),
        ({"name": "x" * 51}, "/name"),
        ({"name": "x", "color": "red"}, "/color"),
        ({"name": "x", "colour": "#000000"}, "/colour"),
    ],
)
async def test_what_is_no_label_is_refused(api: Api, given: dict[str, Any], pointer: str) -> None:
    ann = await api.register()
    refused = await ann.post("/labels", given)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert api.count("labels", ann.company_id) == 0


async def test_tasks_bear_labels_and_are_found_by_them(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    for name in ("api", "Design", "web"):
        await label(ann, name)
    task = await ann.task(project, labels=["WEB", "design", "web"])
    assert task["labels"] == ["Design", "web"]
    await ann.task(project)
    for query, count in (("label=DESIGN", 1), ("label=api", 0), ("label=api,web", 1), ("label=nowhere", 0)):
        assert len((await ann.get(f"/tasks?{query}")).json()) == count, query
    changed = await ann.patch(f"/tasks/{task['id']}", {"labels": ["api"]})
    assert (changed.json()["labels"], changed.json()["version"]) == (["api"], 2)
    unknown = await ann.patch(f"/tasks/{task['id']}", {"labels": ["api", "nowhere"]})
    assert problem(unknown) == (422, "reference.not_found")
    assert unknown.json()["errors"][0]["pointer"] == "/labels/1"
    flood = await ann.patch(f"/tasks/{task['id']}", {"labels": [f"l{n}" for n in range(51)]})
    assert flood.status_code == 422
    none = await ann.patch(f"/tasks/{task['id']}", {"labels": None})
    assert (none.json()["labels"], none.json()["version"]) == ([], 3)


async def test_a_new_name_changes_the_tag_of_tasks_and_not_their_version(api: Api) -> None:
    ann = await api.register()
    made = await label(ann, "design")
    task = await ann.task(await ann.project(), labels=["design"])
    path = f"/tasks/{task['id']}"
    before = await ann.get(path)
    await ann.patch(f"/labels/{made['id']}", {"name": "art"})
    after = await ann.get(path, headers={"If-None-Match": before.headers["etag"]})
    assert (after.status_code, after.json()["labels"], after.json()["version"]) == (200, ["art"], 1)
    assert after.headers["etag"] != before.headers["etag"]
    # The version is the same, so that the older tag still is good for a change.
    assert (await ann.patch(path, {"title": "x"}, headers={"If-Match": before.headers["etag"]})).status_code == 200


async def test_a_label_may_be_renamed_while_tasks_get_it(api: Api) -> None:
    """Nobody waits for ever, and what the tasks show is what the label is called in the end."""
    ann = await api.register()
    made = await label(ann, "name 0")
    project = await ann.project()
    tasks = [await ann.task(project) for _ in range(5)]

    async def rename() -> None:
        for number in range(1, 6):
            answer = await ann.patch(f"/labels/{made['id']}", {"name": f"name {number}"})
            assert answer.status_code == 200, answer.text

    async def put_on(task: dict[str, Any]) -> None:
        while True:
            name = (await ann.get(f"/labels/{made['id']}")).json()["name"]
            answer = await ann.patch(f"/tasks/{task['id']}", {"labels": [name]})
            assert answer.status_code in (200, 422), answer.text
            if answer.status_code == 200:
                return

    await asyncio.gather(rename(), *(put_on(task) for task in tasks))
    shown = (await ann.get(f"/tasks?project_id={project['id']}")).json()
    assert [task["labels"] for task in shown] == [["name 5"]] * 5
    assert len((await ann.get("/tasks?label=name 5")).json()) == 5


async def test_members_make_labels_and_change_their_own(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    bob = await api.colleague(ann, projects=(project,))
    own, other = await label(bob, "bob's"), await label(ann, "ann's")
    assert (await bob.patch(f"/labels/{own['id']}", {"color": "#000000"})).status_code == 200
    assert problem(await bob.patch(f"/labels/{other['id']}", {"color": "#000000"})) == (403, "permission.denied")
    assert problem(await bob.delete(f"/labels/{own['id']}")) == (403, "permission.denied")
    events = (await bob.get("/events?types=label_created,label_updated")).json()
    assert [event["event"] for event in events] == ["label_created", "label_created", "label_updated"]


async def test_a_task_has_sub_tasks_and_counts_them(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    parent = await ann.task(project)
    child = await ann.task(project, parent_id=parent["id"])
    assert (child["parent_id"], child["sub_tasks"]) == (parent["id"], {"total": 0, "done": 0})
    await ann.post(f"/tasks/{child['id']}/complete", {"completed": True})
    shown = (await ann.get(f"/tasks/{parent['id']}")).json()
    assert (shown["sub_tasks"], shown["version"]) == ({"total": 1, "done": 1}, 1)
    # What was read may be sent back, the counts too; other counts are no field to set.
    sent = await ann.send("PUT", f"/tasks/{parent['id']}", json=shown)
    assert (sent.status_code, sent.json()["version"]) == (200, 1)
    refused = await ann.patch(f"/tasks/{parent['id']}", {"sub_tasks": {"total": 5, "done": 1}})
    assert problem(refused) == (422, "field.read_only")
    assert [each["id"] for each in (await ann.get(f"/tasks?parent_id={parent['id']}")).json()] == [child["id"]]
    assert [each["id"] for each in (await ann.get("/tasks?parent_id=none")).json()] == [parent["id"]]
    assert problem(await ann.patch(f"/tasks/{parent['id']}", {"parent_id": child["id"]})) == (
        422,
        "task.parent_within",
    )
    assert (await ann.delete(f"/tasks/{parent['id']}")).status_code == 204
    assert (await ann.get(f"/tasks/{child['id']}")).json()["parent_id"] is None


async def test_two_tasks_that_go_below_each_other_at_once_make_no_ring(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    for _ in range(5):
        one, other = await ann.task(project), await ann.task(project)
        answers = await asyncio.gather(
            ann.patch(f"/tasks/{one['id']}", {"parent_id": other["id"]}),
            ann.patch(f"/tasks/{other['id']}", {"parent_id": one["id"]}),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 422]


async def test_a_columns_new_category_counts_in_the_parents(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    parent = await ann.task(project)
    column = (
        await ann.post(f"/projects/{project['id']}/columns", {"name": "Review", "category": "in_progress"})
    ).json()
    for _ in range(3):
        await ann.task(project, parent_id=parent["id"], column_id=column["id"])
    assert (await ann.patch(f"/columns/{column['id']}", {"category": "done"})).status_code == 200
    assert (await ann.get(f"/tasks/{parent['id']}")).json()["sub_tasks"] == {"total": 3, "done": 3}


async def test_a_project_comes_back_with_its_sub_tasks(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    parent = await ann.task(project)
    await ann.task(project, parent_id=parent["id"])
    assert (await ann.delete(f"/projects/{project['id']}")).status_code == 204
    assert (await ann.post(f"/projects/{project['id']}/restore")).status_code == 200
    assert (await ann.get(f"/tasks/{parent['id']}")).json()["sub_tasks"] == {"total": 1, "done": 0}


async def test_an_id_of_another_system_is_one_tasks_alone_in_a_project(api: Api) -> None:
    ann = await api.register()
    project, other = await ann.project(), await ann.project()
    task = await ann.task(project, external_id="JIRA-7")
    assert (await ann.task(other, external_id="JIRA-7"))["external_id"] == "JIRA-7"
    taken = await ann.post("/tasks", {"project_id": project["id"], "title": "x", "external_id": "JIRA-7"})
    assert problem(taken) == (409, "task.external_id_taken")
    assert (await ann.patch(f"/tasks/{task['id']}", {"external_id": None})).json()["external_id"] is None
    assert (await ann.task(project, external_id="JIRA-7"))["external_id"] == "JIRA-7"


async def holding(api: Api, task_id: str) -> Any:
    """Somebody who has a task's row, until they let go."""
    connection = psycopg.connect(api.superuser_url)
    connection.execute("select from tasks where id = %s for update", (task_id,))
    return connection


async def waiting(api: Api, count: int) -> None:
    asked = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    async with asyncio.timeout(10):
        while api.sql(asked)[0][0] < count:
            await asyncio.sleep(0.02)


async def test_of_two_labels_that_are_renamed_at_once_both_names_are_shown(api: Api) -> None:
    ann = await api.register()
    one, other = await label(ann, "a"), await label(ann, "c")
    task = await ann.task(await ann.project(), labels=["a", "c"])
    with await holding(api, task["id"]) as held:
        renaming = [
            asyncio.create_task(ann.patch(f"/labels/{each['id']}", {"name": f"new {each['name']}"}))
            for each in (one, other)
        ]
        await waiting(api, 2)
        held.rollback()
        assert [(await each).status_code for each in renaming] == [200, 200]
    assert (await ann.get(f"/tasks/{task['id']}")).json()["labels"] == ["new a", "new c"]


@pytest.mark.parametrize("verb", ["PATCH", "DELETE"])
async def test_a_label_that_is_taken_off_while_it_is_renamed_or_deleted_is_off(api: Api, verb: str) -> None:
    ann = await api.register()
    one, _ = await label(ann, "a"), await label(ann, "b")
    task = await ann.task(await ann.project(), labels=["a"])
    path = f"/tasks/{task['id']}"
    with await holding(api, task["id"]) as held:
        changing = asyncio.create_task(ann.patch(path, {"labels": ["b"]}))
        await waiting(api, 1)
        body = {"json": {"name": "z"}} if verb == "PATCH" else {}
        about = asyncio.create_task(ann.send(verb, f"/labels/{one['id']}", **body))
        await waiting(api, 2)
        held.rollback()
        assert (await changing).status_code == 200
        assert (await about).is_success
    assert (await ann.get(path)).json()["labels"] == ["b"]
    assert [each["id"] for each in (await ann.get("/tasks?label=b")).json()] == [task["id"]]
    assert (await ann.patch(path, {"labels": []})).json()["labels"] == []
