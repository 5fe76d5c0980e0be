"""Restoring tasks, and the list of those that can be: section 7 of the contract."""

from typing import Any
from uuid import uuid4

import httpx

from tests.integration.api import Api, Person


def assert_refused(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.json().get("code")) == (status, code), response.text


async def deleted_task(person: Person, project: dict[str, Any], **fields: Any) -> dict[str, Any]:
    task = await person.task(project, **fields)
    assert (await person.delete(f"/tasks/{task['id']}")).status_code == 204
    return task


async def test_a_deleted_task_comes_back_where_it_was(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    tasks = [await ann.task(project, title=title) for title in "abc"]
    path = f"/tasks/{tasks[1]['id']}"
    await ann.delete(path)
    assert_refused(await ann.get(path), 404, "task.not_found")
    assert_refused(await ann.post(f"{path}/restore", headers={"If-Match": '"1"'}), 412, "version.stale")
    assert_refused(await ann.post(f"{path}/restore", {"version": 3}), 412, "version.stale")
    answer = await ann.post(f"/tasks/{tasks[1]['key'].lower()}/restore", {"version": 2})
    restored = answer.json()
    assert (answer.status_code, restored["version"], restored["key"]) == (200, 3, tasks[1]["key"])
    assert (await ann.get(path)).json() == restored
    assert (await ann.get(path)).headers["etag"] == answer.headers["etag"]
    cards = (await ann.board(project))["columns"][0]["tasks"]
    assert [card["title"] for card in cards] == ["a", "b", "c"]
    assert_refused(await ann.post(f"{path}/restore"), 409, "task.not_deleted")
    last = (await ann.get(f"/events?after={int(answer.headers['x-event-seq']) - 1}")).json()
    assert [event["event"] for event in last] == ["task_restored"]


async def test_its_place_is_a_fresh_one_if_another_card_has_it(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    gone, stays = await deleted_task(ann, project), await ann.task(project)
    api.sql("update tasks set rank = (select rank from tasks where id = %s) where id = %s", (gone["id"], stays["id"]))
    assert (await ann.post(f"/tasks/{gone['id']}/restore")).status_code == 200
    cards = (await ann.board(project))["columns"][0]["tasks"]
    assert [card["id"] for card in cards] == [stays["id"], gone["id"]]
    ranks = api.sql("select count(distinct rank) from tasks where project_id = %s", (project["id"],))
    assert ranks == [(2,)]


async def test_cards_of_equal_rank_can_be_moved_between(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    tasks = [await ann.task(project) for _ in range(4)]
    api.sql("update tasks set rank = '50000000' where project_id = %s and number < 4", (project["id"],))
    first, second, third, last = [task["id"] for task in tasks]
    assert (await ann.patch(f"/tasks/{last}/move", {"after": first})).status_code == 200
    assert (await ann.patch(f"/tasks/{third}/move", {"before": second})).status_code == 200
    cards = (await ann.board(project))["columns"][0]["tasks"]
    assert [card["id"] for card in cards] == [first, last, third, second]


async def test_after_thirty_days_it_counts_as_gone(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    tasks = [await deleted_task(ann, project) for _ in range(2)]
    for task, days in zip(tasks, (29, 30), strict=True):
        api.sql("update tasks set deleted_at = now() - %s * interval '1 day' where id = %s", (days, task["id"]))
    assert [task["id"] for task in (await ann.get("/tasks?deleted=true")).json()] == [tasks[0]["id"]]
    assert (await ann.post(f"/tasks/{tasks[0]['id']}/restore")).status_code == 200
    assert_refused(await ann.post(f"/tasks/{tasks[1]['id']}/restore"), 404, "task.not_found")


async def test_what_is_not_there_cannot_be_restored(api: Api) -> None:
    ann, stranger = await api.register(), await api.register()
    project = await ann.project()
    task = await deleted_task(ann, project)
    outsider = await api.colleague(ann)
    for person, ref in (
        (ann, str(uuid4())),
        (ann, "x"),
        (ann, "NONE-1"),
        (stranger, task["id"]),
        (outsider, task["id"]),
    ):
        assert_refused(await person.post(f"/tasks/{ref}/restore"), 404, "task.not_found")
    await ann.delete(f"/projects/{project['id']}")
    assert_refused(await ann.post(f"/tasks/{task['id']}/restore"), 404, "task.not_found")


async def test_whoever_may_delete_a_task_may_restore_it(api: Api) -> None:
    owner = await api.register()
    project = await owner.project()
    bob = await api.colleague(owner, projects=(project,))
    theirs, mine = await deleted_task(owner, project), await deleted_task(bob, project)
    assert_refused(await bob.post(f"/tasks/{theirs['id']}/restore"), 403, "permission.denied")
    assert (await bob.post(f"/tasks/{mine['id']}/restore")).status_code == 200
    assert (await owner.post(f"/tasks/{theirs['id']}/restore")).status_code == 200


async def test_an_assignee_who_no_longer_sees_the_project_is_left_out(api: Api) -> None:
    owner = await api.register()
    project = await owner.project()
    bob = await api.colleague(owner, projects=(project,))
    task = await deleted_task(owner, project, assigned_to=bob.user_id)
    api.sql("delete from project_members where user_id = %s", (bob.user_id,))
    restored = (await owner.post(f"/tasks/{task['id']}/restore")).json()
    assert (restored["assigned_to"], restored["assigned_to_name"]) == (None, None)


async def test_it_is_in_no_cycle_that_is_over_unless_it_was_done(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    cycle = (await ann.post("/cycles", {"project_id": project["id"], "name": "Autumn"})).json()
    deleted = {
        status: await deleted_task(ann, project, cycle_id=cycle["id"], status=status) for status in ("todo", "done")
    }
    for verb in ("start", "complete"):
        assert (await ann.post(f"/cycles/{cycle['id']}/{verb}", {})).status_code == 200
    for status, expected in (("todo", None), ("done", cycle["id"])):
        restored = await ann.post(f"/tasks/{deleted[status]['id']}/restore", {})
        assert (restored.status_code, restored.json()["cycle_id"]) == (200, expected)
        shown = await ann.get(f"/tasks/{deleted[status]['id']}")
        assert shown.json()["cycle_id"] == expected


async def test_an_archived_project_takes_nothing_back(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    task = await deleted_task(ann, project)
    await ann.patch(f"/projects/{project['id']}", {"is_active": False})
    assert_refused(await ann.post(f"/tasks/{task['id']}/restore"), 409, "project.archived")


async def test_an_idempotency_key_restores_once(api: Api) -> None:
    ann = await api.register()
    task = await deleted_task(ann, await ann.project())
    path, key = f"/tasks/{task['id']}/restore", {"Idempotency-Key": uuid4().hex}
    first, second = [await ann.post(path, headers=key) for _ in range(2)]
    assert (first.status_code, second.status_code, second.json()) == (200, 200, first.json())
    assert second.headers["idempotency-replayed"] == "true"


async def test_owners_and_admins_list_what_was_deleted(api: Api) -> None:
    owner = await api.register()
    project, other = await owner.project(), await owner.project()
    bob = await api.colleague(owner, projects=(project,))
    gone = [await deleted_task(owner, project if n < 4 else other, title=f"gone {n}") for n in range(5)]
    await owner.task(project, title="stays")
    listed = (await owner.get("/tasks?deleted=true&sort=created_at")).json()
    assert [task["id"] for task in listed] == [task["id"] for task in gone]
    assert set(listed[0]) == {*gone[0], "deleted_at"}
    assert {**listed[0], "version": 1, "updated_at": gone[0]["updated_at"]} == {
        **gone[0],
        "deleted_at": listed[0]["deleted_at"],
    }
    assert listed[0]["deleted_at"] == listed[0]["updated_at"]
    for query, count in (
        (f"project_id={project['id']}", 4),
        ("search=GONE%203", 1),
        ("status=done", 0),
        (f"assigned_to={owner.user_id}", 0),
        ("limit=2", 2),
    ):
        answer = await owner.get(f"/tasks?deleted=true&{query}&include_total=true")
        assert len(answer.json()) == count, query
    page = await owner.get("/tasks?deleted=true&limit=3&sort=position")
    rest = await owner.client.get(
        page.headers["link"].partition(";")[0].strip("<>"), headers={"Authorization": f"Bearer {owner.token}"}
    )
    assert {task["id"] for task in page.json() + rest.json()} == {task["id"] for task in gone}
    for path in ("/tasks?deleted=true", f"/tasks?deleted=true&project_id={project['id']}"):
        assert_refused(await bob.get(path), 403, "permission.denied")
    plain = (await owner.get("/tasks?deleted=false")).json()
    assert [task["title"] for task in plain] == ["stays"]
    assert "deleted_at" not in plain[0]
    assert_refused(await owner.get("/tasks?deleted=maybe"), 422, "request.invalid")
    await owner.delete(f"/projects/{other['id']}")
    assert len((await owner.get("/tasks?deleted=true")).json()) == 4


async def test_words_find_tasks_by_any_of_their_names(api: Api) -> None:
    ann = await api.register()
    project = await ann.project(key="FIND")
    for title in ("Draw the HOUSE", "50% off_", "Zeichne ÜBER"):
        await ann.task(project, title=title)
    for name in ("query", "search", "q"):
        for words, found in (
            ("house", [1]),
            ("  hOuSe ", [1]),
            ("find-2", [2]),
            ("FIND-", [1, 2, 3]),
            ("%", [2]),
            ("_", [2]),
            ("über", [3]),
            ("none of it", []),
            ("", [1, 2, 3]),
            ("' or '1'='1", []),
        ):
            answer = await ann.get("/tasks", params={name: words, "sort": "number"})
            assert [task["number"] for task in answer.json()] == found, (name, words)
        for bad in ("x" * 201, "a\u0000b", "a\u0007"):
            answer = await ann.get("/tasks", params={name: bad})
            assert_refused(answer, 422, "request.invalid")
            assert [error["parameter"] for error in answer.json()["errors"]] == [name]
    for twice in ("query=a&search=a", "q=a&query=a", "q=a&q=b", "search=a&q=b&query=c"):
        assert_refused(await ann.get(f"/tasks?{twice}"), 400, "parameter.unknown")
    first = await ann.get("/tasks?q=find&limit=2&sort=number")
    second = await ann.client.get(
        first.headers["link"].partition(";")[0].strip("<>"), headers={"Authorization": f"Bearer {ann.token}"}
    )
    assert [task["number"] for task in second.json()] == [3]


async def test_other_names_of_a_parameter_are_not_in_the_document(api: Api) -> None:
    document = (await api.client.get("/openapi.json")).json()
    names = [each["name"] for each in document["paths"]["/api/v1/tasks"]["get"]["parameters"]]
    assert "query" in names and "deleted" in names
    assert not {"search", "q"} & set(names)
