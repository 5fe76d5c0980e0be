"""Who belongs to a project: sections 3, 6 and 9 of the contract."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from adapters.sql import unit_of_work
from tests.integration.api import Api, Person

KEY = "Idempotency-Key"


def assert_refused(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.json().get("code")) == (status, code), response.text


async def names(person: Person, project: dict[str, Any], query: str = "") -> list[str]:
    answer = await person.get(f"/projects/{project['key']}/members{query}")
    assert answer.status_code == 200, answer.text
    return [member["name"] for member in answer.json()]


async def heard(person: Person, *, after: str) -> list[dict[str, Any]]:
    return list((await person.get(f"/events?after={after}")).json())


# Seeing them


async def test_members_see_each_others_names_and_admins_the_addresses_too(api: Api) -> None:
    owner = await api.register(name="Olga")
    project = await owner.project()
    bob = await api.colleague(owner, projects=(project,), who=await api.register(name="Bob"))
    await api.colleague(owner, who=await api.register(name="Outsider"))
    seen = (await bob.get(f"/projects/{project['id']}/members")).json()
    assert [member["name"] for member in seen] == ["Bob", "Olga"]
    assert all(set(member) == {"user_id", "name", "username", "role", "is_active", "added_at"} for member in seen)
    shown = (await owner.get(f"/projects/{project['id']}/members")).json()
    assert [member["email"] for member in shown] == [bob.email, owner.email]
    assert [{**member, "email": None} for member in shown] == [{**member, "email": None} for member in seen]
    for person, expected in ((bob, seen), (owner, shown)):
        for member in expected:
            one = await person.get(f"/projects/{project['key']}/members/{member['user_id']}")
            assert one.json() == member


async def test_lists_are_searched_sorted_and_paged(api: Api) -> None:
    owner = await api.register(name="Olga")
    project = await owner.project()
    people = [
        await api.colleague(owner, projects=(project,), who=await api.register(name=name))
        for name in ("Zoë Ämter", "Max", "Mia 100%")
    ]
    assert await names(owner, project) == ["Max", "Mia 100%", "Olga", "Zoë Ämter"]
    assert await names(owner, project, "?sort=-name") == ["Zoë Ämter", "Olga", "Mia 100%", "Max"]
    assert await names(owner, project, "?sort=added_at") == ["Olga", "Zoë Ämter", "Max", "Mia 100%"]
    for name in ("search", "query", "q"):
        assert await names(owner, project, f"?{name}=äMT") == ["Zoë Ämter"]
        assert await names(owner, project, f"?{name}=%25") == ["Mia 100%"]
        assert await names(owner, project, f"?{name}=nobody") == []
        assert len(await names(owner, project, f"?{name}=")) == 4
    assert await names(owner, project, f"?search={people[1].email}") == ["Max"]
    assert await names(people[0], project, f"?search={people[1].email}") == [], "what is not shown is not found by"
    first = await owner.get(f"/projects/{project['id']}/members?limit=3&include_total=true")
    assert first.headers["x-total-count"] == "4"
    following = first.headers["link"].partition(">")[0].removeprefix("</api/v1")
    assert [member["name"] for member in first.json() + (await owner.get(following)).json()] == await names(
        owner, project
    )
    path = f"/projects/{project['id']}/members"
    assert_refused(await owner.get(f"{path}?search=a&q=a"), 400, "parameter.unknown")
    assert_refused(await owner.get(f"{path}?search={'x' * 201}"), 422, "request.invalid")
    assert_refused(await owner.get(f"{path}?search=%00"), 422, "request.invalid")
    assert_refused(await owner.get(f"{path}?sort=email"), 422, "request.invalid")


# Adding


async def test_a_new_member_sees_the_project_and_everybody_hears_of_it(api: Api) -> None:
    owner = await api.register()
    project = await owner.project()
    bob, max_ = await api.colleague(owner), await api.colleague(owner, projects=(project,))
    assert_refused(await bob.get(f"/projects/{project['id']}"), 404, "project.not_found")
    after = (await owner.get("/projects")).headers["x-event-seq"]
    answer = await owner.post(f"/projects/{project['key'].lower()}/members/{bob.user_id}")
    assert answer.status_code == 201
    assert answer.json()["email"] == bob.email
    assert (await owner.get(answer.headers["location"].removeprefix("/api/v1"))).json() == answer.json()
    assert (await bob.get(f"/projects/{project['id']}")).json() == project
    for person in (owner, bob, max_):
        (event,) = await heard(person, after=after)
        assert (event["event"], event["channel"]) == ("project_member_added", "project_updates")
        assert (event["user_id"], event["actor_id"]) == (bob.user_id, owner.user_id)
        assert (event["project_id"], event["project_key"], event["version"]) == (project["id"], project["key"], 1)
        assert event["seq"] == answer.headers["x-event-seq"]


async def test_adding_a_member_again_says_so_and_changes_nothing(api: Api) -> None:
    owner = await api.register()
    project, bob = await owner.project(), await api.colleague(owner)
    path = f"/projects/{project['id']}/members/{bob.user_id}"
    first = await owner.post(path)
    again = await owner.post(path)
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    assert "location" not in again.headers
    assert again.headers["x-event-seq"] == first.headers["x-event-seq"]
    api.sql("update users set is_active = false where id = %s", (bob.user_id,))
    await owner.patch(f"/projects/{project['id']}", {"is_active": False})
    assert (await owner.post(path)).json() == {**first.json(), "is_active": False}


async def test_a_key_answers_again_what_it_answered(api: Api) -> None:
    owner = await api.register()
    project, bob = await owner.project(), await api.colleague(owner)
    path = f"/projects/{project['id']}/members/{bob.user_id}"
    first = await owner.post(path, headers={KEY: "a"})
    found = await owner.post(path, headers={KEY: "b"})
    assert (first.status_code, found.status_code) == (201, 200)
    for key, before in (("a", first), ("b", found)):
        again = await owner.post(path, headers={KEY: key})
        assert (again.status_code, again.json()) == (before.status_code, before.json())
        assert again.headers["idempotency-replayed"] == "true"
        assert again.headers.get("location") == before.headers.get("location")
    assert (await owner.delete(path)).status_code == 204
    for key in ("a", "b"):
        assert_refused(await owner.post(path, headers={KEY: key}), 409, "idempotency.result_gone")
    assert len(await names(owner, project)) == 1


async def test_many_who_add_the_same_user_at_once_add_them_once(api: Api) -> None:
    owner = await api.register()
    project, bob = await owner.project(), await api.colleague(owner)
    path = f"/projects/{project['id']}/members/{bob.user_id}"
    answers = await asyncio.gather(*(owner.post(path) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert len({answer.content for answer in answers}) == 1
    assert len((await owner.get("/events?types=project_member_added")).json()) == 1
    gone = await asyncio.gather(*(owner.delete(path) for _ in range(6)))
    assert sorted(answer.status_code for answer in gone) == [204] + [404] * 5


async def test_only_users_of_the_company_who_are_active_are_added_and_to_projects_that_are_open(api: Api) -> None:
    owner, stranger = await api.register(), await api.register()
    project, bob = await owner.project(), await api.colleague(owner)
    path = f"/projects/{project['id']}/members"
    answers = [await owner.post(f"{path}/{each}") for each in (stranger.user_id, str(uuid4()), "x", "0" * 32)]
    for answer in answers:
        assert_refused(answer, 404, "project.user_not_found")
    assert len({str({**answer.json(), "instance": "", "request_id": ""}) for answer in answers}) == 1
    api.sql("update users set is_active = false where id = %s", (bob.user_id,))
    assert_refused(await owner.post(f"{path}/{bob.user_id}"), 409, "project.user_inactive")
    api.sql("update users set is_active = true where id = %s", (bob.user_id,))
    await owner.patch(f"/projects/{project['id']}", {"is_active": False})
    assert_refused(await owner.post(f"{path}/{bob.user_id}"), 409, "project.archived")
    await owner.delete(f"/projects/{project['id']}")
    assert_refused(await owner.post(f"{path}/{bob.user_id}"), 404, "project.not_found")
    assert api.count("project_members", owner.company_id) == 1


async def test_members_neither_add_nor_remove_and_do_not_learn_which_users_there_are(api: Api) -> None:
    owner = await api.register()
    project, hidden = await owner.project(), await owner.project()
    bob, carl = await api.colleague(owner, projects=(project,)), await api.colleague(owner)
    for user_id in (carl.user_id, bob.user_id, str(uuid4()), "x"):
        for method in ("POST", "DELETE"):
            answer = await bob.send(method, f"/projects/{project['id']}/members/{user_id}")
            assert_refused(answer, 403, "permission.denied")
            answer = await bob.send(method, f"/projects/{hidden['id']}/members/{user_id}")
            assert_refused(answer, 404, "project.not_found")
    assert_refused(await bob.get(f"/projects/{hidden['id']}/members"), 404, "project.not_found")
    assert_refused(await bob.get(f"/projects/{hidden['id']}/members/{owner.user_id}"), 404, "project.not_found")
    for user_id in (carl.user_id, str(uuid4()), "x"):
        answer = await bob.get(f"/projects/{project['id']}/members/{user_id}")
        assert_refused(answer, 404, "project.member_not_found")
    admin = await api.colleague(owner, role="admin")
    path = f"/projects/{hidden['id']}/members/{carl.user_id}"
    assert [(await admin.post(path)).status_code, (await admin.delete(path)).status_code] == [201, 204]


# Removing


async def test_a_removed_member_loses_sight_at_once_and_their_open_tasks(api: Api) -> None:
    owner = await api.register()
    project, other = await owner.project(), await owner.project()
    bob = await api.colleague(owner, projects=(project, other))
    carl = await api.colleague(owner, projects=(project,))
    mine = [await owner.task(project, assigned_to=bob.user_id) for _ in range(3)]
    moved = await bob.patch(f"/tasks/{mine[0]['id']}/move", {"new_status": "in_progress"})
    done = await owner.task(project, assigned_to=bob.user_id, status="done")
    carls = await bob.task(project, assigned_to=carl.user_id)
    elsewhere = await owner.task(other, assigned_to=bob.user_id)
    after = (await owner.get("/projects")).headers["x-event-seq"]

    answer = await owner.delete(f"/projects/{project['key']}/members/{bob.user_id}")
    assert (answer.status_code, answer.content) == (204, b"")

    # The removed one: nothing of it any more, but the news that they are out.
    for path in (f"/projects/{project['id']}", f"/projects/{project['key']}/board"):
        assert_refused(await bob.get(path), 404, "project.not_found")
    for task in (*mine, done, carls):
        assert_refused(await bob.get(f"/tasks/{task['key']}"), 404, "task.not_found")
        assert_refused(await bob.patch(f"/tasks/{task['id']}", {"title": "x"}), 404, "task.not_found")
    assert (await bob.get(f"/tasks?project_id={project['id']}")).json() == []
    assert [task["id"] for task in (await bob.get("/tasks")).json()] == [elsewhere["id"]]
    await owner.patch(f"/tasks/{carls['id']}", {"title": "y"})
    assert [(event["event"], event["user_id"]) for event in await heard(bob, after=after)] == [
        ("project_member_removed", bob.user_id)
    ]

    # The others: each open task of the removed one is unassigned, and says so once.
    for task, version in zip(mine, (moved.json()["version"] + 1, 2, 2), strict=True):
        found = (await carl.get(f"/tasks/{task['id']}")).json()
        assert (found["assigned_to"], found["assigned_to_name"], found["version"]) == (None, None, version)
    for task, assignee in ((done, bob), (carls, carl), (elsewhere, bob)):
        assert (await owner.get(f"/tasks/{task['id']}")).json()["assigned_to"] == assignee.user_id
    removed, *updated, _ = await heard(carl, after=after)
    assert removed["event"] == "project_member_removed"
    assert [(event["event"], event["task_id"]) for event in updated] == [("task_updated", task["id"]) for task in mine]
    assert [event["changes"] for event in updated] == [{"assigned_to": {"old": bob.user_id, "new": None}}] * 3
    assert updated[-1]["seq"] == answer.headers["x-event-seq"]
    refused = await owner.patch(f"/tasks/{mine[0]['id']}", {"assigned_to": bob.user_id})
    assert_refused(refused, 422, "task.assignee_cannot_see_project")

    assert_refused(
        await owner.delete(f"/projects/{project['key']}/members/{bob.user_id}"), 404, "project.member_not_found"
    )


async def test_members_are_removed_from_an_archived_project_too(api: Api) -> None:
    owner = await api.register()
    project = await owner.project()
    bob = await api.colleague(owner, projects=(project,))
    task = await owner.task(project, assigned_to=bob.user_id)
    await owner.patch(f"/projects/{project['id']}", {"is_active": False})
    assert (await owner.delete(f"/projects/{project['id']}/members/{bob.user_id}")).status_code == 204
    assert_refused(await bob.get(f"/projects/{project['id']}"), 404, "project.not_found")
    assert (await owner.get(f"/tasks/{task['id']}")).json()["assigned_to"] is None


async def test_an_admin_who_is_no_member_any_more_sees_everything_and_keeps_their_tasks(api: Api) -> None:
    owner = await api.register()
    project = await owner.project()
    admin = await api.colleague(owner, role="admin", projects=(project,))
    task = await owner.task(project, assigned_to=admin.user_id)
    assert (await admin.delete(f"/projects/{project['id']}/members/{admin.user_id}")).status_code == 204
    assert (await admin.get(f"/tasks/{task['id']}")).json() == task
    assert await names(admin, project) == [owner.user["name"]]
    assert (await owner.delete(f"/projects/{project['id']}/members/{owner.user_id}")).status_code == 204
    assert await names(owner, project) == []


async def test_thousands_of_tasks_are_released_by_as_many_statements_as_one(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await api.register()
    project = await owner.project()
    asked: list[int] = []
    execute = unit_of_work.execute

    async def counting(connection: Any, *statements: Any) -> Any:
        asked.append(len(statements))
        return await execute(connection, *statements)

    async def released(tasks: int) -> tuple[Person, str, list[int]]:
        bob = await api.colleague(owner, projects=(project,))
        task = await owner.task(project, assigned_to=bob.user_id)
        api.sql(
            "insert into tasks (company_id, id, project_id, number, title, priority, status, column_id, rank, version,"
            " created_at, updated_at, assigned_to) select company_id, gen_random_uuid(), project_id, number + n, title,"
            " priority, status, column_id, rank || n, 1, now(), now(), assigned_to from tasks, generate_series(2, %s) n"
            " where id = %s",
            (tasks, task["id"]),
        )
        asked.clear()
        monkeypatch.setattr(unit_of_work, "execute", counting)
        answer = await owner.delete(f"/projects/{project['id']}/members/{bob.user_id}")
        monkeypatch.undo()
        assert answer.status_code == 204
        return bob, answer.headers["x-event-seq"], [*asked]

    before = int((await owner.get("/projects")).headers["x-event-seq"])
    bob, last, of_many = await released(2000)
    assert int(last) == before + 1 + 1 + 2000, "the task, the removal, and each task once"
    assert api.sql("select count(*) from tasks where assigned_to = %s", (bob.user_id,)) == [(0,)]
    numbers = api.sql(
        "select t.number from events e join tasks t on t.id = (e.body->>'task_id')::uuid"
        " where e.company_id = %s and e.event = 'task_updated' order by e.seq",
        (owner.company_id,),
    )
    assert [number for (number,) in numbers] == sorted(number for (number,) in numbers)
    assert len(numbers) == 2000
    api.sql("update projects set last_number = 5000 where id = %s", (project["id"],))
    _, _, of_one = await released(1)
    assert of_many == of_one
    assert sum(of_one) <= 5


async def test_nobody_is_given_a_task_of_a_project_while_they_are_removed(api: Api) -> None:
    """However the two meet, no task is left to somebody who does not see it."""
    owner = await api.register()
    project = await owner.project()
    for _ in range(5):
        bob = await api.colleague(owner, projects=(project,))
        tasks = [await owner.task(project) for _ in range(4)]
        await asyncio.gather(
            *(owner.patch(f"/tasks/{task['id']}", {"assigned_to": bob.user_id}) for task in tasks[:2]),
            owner.delete(f"/projects/{project['id']}/members/{bob.user_id}"),
            *(owner.patch(f"/tasks/{task['id']}", {"assigned_to": bob.user_id}) for task in tasks[2:]),
            owner.post("/tasks", {"project_id": project["id"], "title": "x", "assigned_to": bob.user_id}),
        )
        assert api.sql("select id from tasks where assigned_to = %s", (bob.user_id,)) == []


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_body_is_refused_and_nothing_is_done(api: Api, method: str) -> None:
    owner = await api.register()
    project, ann, bob = await owner.project(), await api.colleague(owner), await api.colleague(owner)
    api.add_member(owner.company_id, project["id"], ann.user_id)
    before = (await owner.get(f"/projects/{project['id']}/members")).json()
    member = {"POST": bob, "DELETE": ann}[method]
    answer = await owner.send(method, f"/projects/{project['id']}/members/{member.user_id}", json={"anything": 1})
    assert (answer.status_code, answer.json()["code"]) == (422, "body.unexpected")
    assert (await owner.get(f"/projects/{project['id']}/members")).json() == before
