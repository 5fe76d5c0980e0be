"""Restoring deleted projects, and finding projects by words and by the thousand: sections 2, 6 and 7 of the contract."""

import asyncio
import re
import time
from typing import Any

import httpx
import pytest

from tests.integration.api import Api, Person

KEY = "Idempotency-Key"


def assert_refused(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.json().get("code")) == (status, code), response.text


async def deleted(person: Person, query: str = "") -> list[dict[str, Any]]:
    answer = await person.get(f"/projects?deleted=true{query}")
    assert answer.status_code == 200, answer.text
    return list(answer.json())


# Restoring


async def test_a_project_comes_back_as_it_was(api: Api) -> None:
    owner = await api.register()
    project = await owner.project(key="BACK", description="All of it", deadline="2026-12-31")
    await owner.patch("/projects/BACK", {"key": "NOW"})
    bob = await api.colleague(owner, projects=(project,))
    before = await owner.task(project)
    kept = [await owner.task(project, assigned_to=bob.user_id) for _ in range(3)]
    await owner.delete(f"/tasks/{before['id']}")
    shown, board = (await owner.get("/projects/NOW")).json(), await owner.board(project)
    shown_tasks = (await bob.get("/tasks")).json()
    await owner.delete("/projects/NOW")
    assert (await bob.get("/tasks")).json() == []
    after = (await owner.get("/projects")).headers["x-event-seq"]

    (listed,) = await deleted(owner)
    assert listed == {**shown, "version": 3, "updated_at": listed["deleted_at"], "deleted_at": listed["deleted_at"]}
    answer = await owner.post("/projects/back/restore", headers={"If-Match": '"3"'})
    assert answer.status_code == 200
    restored = answer.json()
    assert restored == {**shown, "version": 4, "updated_at": restored["updated_at"]}
    assert "deleted_at" not in restored
    found = await bob.get("/projects/BACK")
    assert (found.json(), found.headers["etag"]) == (restored, answer.headers["etag"])
    assert await owner.board(project) == board
    assert (await bob.get("/tasks")).json() == shown_tasks
    assert [task["id"] for task in shown_tasks] == [task["id"] for task in reversed(kept)]
    assert_refused(await owner.get(f"/tasks/{before['id']}"), 404, "task.not_found")
    for person in (owner, bob):
        (event,) = (await person.get(f"/events?after={after}")).json()
        assert (event["event"], event["channel"], event["version"]) == ("project_restored", "project_updates", 4)
        assert (event["key"], event["name"], event["project_id"]) == ("NOW", shown["name"], project["id"])
        assert event["seq"] == answer.headers["x-event-seq"]
    assert await deleted(owner) == []
    assert (await owner.task(project))["number"] == 5


async def test_deleted_and_restored_again_the_tasks_of_the_last_time_come_back(api: Api) -> None:
    owner = await api.register()
    project = await owner.project()
    path, titles = f"/projects/{project['id']}", []
    for title in ("first", "second", "third"):
        task = await owner.task(project, title=title)
        await owner.delete(path)
        assert (await owner.post(f"{path}/restore")).status_code == 200
        titles = [each["title"] for each in (await owner.get(f"/tasks?project_id={project['id']}&sort=number")).json()]
        await owner.delete(f"/tasks/{task['id']}")
        assert titles == [title]


async def test_what_is_not_deleted_is_not_restored(api: Api) -> None:
    owner, stranger = await api.register(), await api.register()
    project = await owner.project(key="HERE")
    bob, nora = await api.colleague(owner, projects=(project,)), await api.colleague(owner)
    assert_refused(await owner.post("/projects/HERE/restore"), 409, "project.not_deleted")
    assert_refused(await bob.post("/projects/HERE/restore"), 403, "permission.denied")
    for person in (nora, stranger):
        assert_refused(await person.post("/projects/HERE/restore"), 404, "project.not_found")
    assert_refused(await owner.post("/projects/NONE/restore"), 404, "project.not_found")
    assert_refused(await owner.post("/projects/x/restore"), 404, "project.not_found")
    assert (await owner.get("/projects/HERE")).json() == project


async def test_deleted_projects_exist_for_owners_and_admins_alone(api: Api) -> None:
    owner, stranger = await api.register(), await api.register()
    project = await owner.project(key="GONE")
    admin = await api.colleague(owner, role="admin")
    bob = await api.colleague(owner, projects=(project,))
    await owner.delete("/projects/GONE")
    assert_refused(await bob.get("/projects?deleted=true"), 403, "permission.denied")
    for person in (bob, stranger):
        for ref in ("GONE", project["id"]):
            assert_refused(await person.post(f"/projects/{ref}/restore"), 404, "project.not_found")
    assert await deleted(stranger) == []
    assert_refused(await owner.get("/projects/GONE"), 404, "project.not_found")
    assert [each["id"] for each in await deleted(admin)] == [project["id"]]
    assert all("deleted_at" not in each for each in (await owner.get("/projects?deleted=false&is_active=all")).json())
    assert (await admin.post(f"/projects/{project['id']}/restore")).status_code == 200


async def test_it_is_too_late_after_thirty_days(api: Api) -> None:
    owner = await api.register()
    projects = [await owner.project() for _ in range(2)]
    for project, age in zip(projects, ("29 days 23 hours 59 minutes", "30 days"), strict=True):
        await owner.delete(f"/projects/{project['id']}")
        api.sql("update projects set deleted_at = now() - %s::interval where id = %s", (age, project["id"]))
    assert [each["id"] for each in await deleted(owner)] == [projects[0]["id"]]
    assert (await owner.post(f"/projects/{projects[0]['id']}/restore")).status_code == 200
    assert_refused(await owner.post(f"/projects/{projects[1]['id']}/restore"), 404, "project.not_found")


async def test_its_keys_were_nobody_elses_meanwhile(api: Api) -> None:
    owner = await api.register()
    project = await owner.project(key="OLD")
    await owner.patch("/projects/OLD", {"key": "NEW"})
    await owner.delete("/projects/NEW")
    other = await owner.project(key="OTHER")
    for key in ("OLD", "NEW"):
        assert_refused(await owner.post("/projects", {"name": "x", "key": key}), 409, "project.key_taken")
        assert_refused(await owner.patch(f"/projects/{other['id']}", {"key": key}), 409, "project.key_taken")
    assert (await owner.post("/projects/OLD/restore")).json()["key"] == "NEW"
    assert (await owner.get("/projects/OLD")).json()["id"] == project["id"]


async def test_a_stale_version_is_refused_and_of_many_one_restores(api: Api) -> None:
    owner = await api.register()
    project = await owner.project()
    path = f"/projects/{project['id']}"
    await owner.delete(path)
    stale = await owner.post(f"{path}/restore", headers={"If-Match": '"1"'})
    assert_refused(stale, 412, "version.stale")
    assert stale.headers["etag"].startswith('"2.')
    assert_refused(await owner.post(f"{path}/restore", headers={"If-Match": "2"}), 400, "header.malformed")
    assert_refused(await owner.post(f"{path}/restore", {"version": 1}), 412, "version.stale")
    assert_refused(await owner.post(f"{path}/restore", {"version": "x"}), 422, "request.invalid")
    assert_refused(await owner.post(f"{path}/restore", {"nothing": 1}), 422, "request.invalid")
    answers = await asyncio.gather(*(owner.post(f"{path}/restore") for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert len((await owner.get("/events?types=project_restored")).json()) == 1
    await owner.delete(path)
    assert (await owner.post(f"{path}/restore", {"version": 4})).json()["version"] == 5


async def test_a_key_restores_once(api: Api) -> None:
    owner = await api.register()
    project = await owner.project()
    path = f"/projects/{project['id']}"
    await owner.delete(path)
    first = await owner.post(f"{path}/restore", headers={KEY: "k"})
    again = await owner.post(f"{path}/restore", headers={KEY: "k"})
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    await owner.delete(path)
    assert_refused(await owner.post(f"{path}/restore", headers={KEY: "k"}), 409, "idempotency.result_gone")
    assert len(await deleted(owner)) == 1


async def test_deleted_projects_are_filtered_sorted_and_paged_as_others(api: Api) -> None:
    owner = await api.register()
    for name, status, is_active in (("a", "pending", True), ("b", "completed", False), ("c", "pending", True)):
        project = await owner.project(name=name, status=status)
        if not is_active:
            await owner.patch(f"/projects/{project['id']}", {"is_active": False})
        await owner.delete(f"/projects/{project['id']}")
    await owner.project(name="standing")
    for query, expected in (
        ("", "abc"),
        ("&is_active=all", "abc"),
        ("&is_active=true", "ac"),
        ("&is_active=false", "b"),
        ("&status=completed", "b"),
        ("&q=C", "c"),
        ("&sort=-name", "cba"),
        ("&sort=created_at&skip=1", "bc"),
    ):
        assert [each["name"] for each in await deleted(owner, query)] == list(expected), query
    first = await owner.get("/projects?deleted=true&limit=2&include_total=true")
    assert first.headers["x-total-count"] == "3"
    following = re.match("</api/v1(.*)>", first.headers["link"])
    assert following is not None
    assert [each["name"] for each in first.json() + (await owner.get(following[1])).json()] == ["a", "b", "c"]
    assert_refused(await owner.get("/projects?deleted=maybe"), 422, "request.invalid")


# Finding by words


async def test_projects_are_found_by_what_their_name_key_or_description_holds(api: Api) -> None:
    owner = await api.register()
    web = await owner.project(name="Web Überholung", key="WEB", description="100% der Seite\nneu")
    await owner.project(name="Shop", key="SH2")
    await owner.project(name="Path\\to_it", key="PA")
    bob = await api.colleague(owner, projects=(web,))

    async def found(person: Person, query: str, name: str = "query") -> list[str]:
        answer = await person.client.get(
            "/api/v1/projects", params={name: query}, headers={"Authorization": f"Bearer {person.token}"}
        )
        assert answer.status_code == 200, answer.text
        return [project["key"] for project in answer.json()]

    for query, expected in (
        ("web", ["WEB"]),
        ("ÜBERH", ["WEB"]),
        ("sh", ["SH2"]),
        ("0% D", ["WEB"]),
        ("neu", ["WEB"]),
        ("%", ["WEB"]),
        ("_", ["PA"]),
        ("\\", ["PA"]),
        ("'; drop", []),
        ("nowhere", []),
        ("  shop  ", ["SH2"]),
        ("", ["PA", "SH2", "WEB"]),
        (" ", ["PA", "SH2", "WEB"]),
    ):
        for name in ("query", "search", "q"):
            assert await found(owner, query, name) == expected, (name, query)
    assert await found(bob, "s") == ["WEB"], "of what he sees, only"
    assert (await owner.get("/projects?q=sh&include_total=true")).headers["x-total-count"] == "1"
    for query in ("query=a&q=a", "q=a&q=b", "quarry=a"):
        assert_refused(await owner.get(f"/projects?{query}"), 400, "parameter.unknown")
    for query in (f"q={'x' * 201}", "q=%00", "search=a%08b"):
        assert_refused(await owner.get(f"/projects?{query}"), 422, "request.invalid")


async def test_a_page_of_a_search_goes_on_by_whatever_name_it_was_asked_for(api: Api) -> None:
    owner = await api.register()
    for number in range(5):
        await owner.project(name=f"Needle {number}")
        await owner.project(name=f"Hay {number}")
    found, address = [], "/projects?search=needle&limit=2"
    while address:
        answer = await owner.get(address)
        found += [project["name"] for project in answer.json()]
        following = re.match("</api/v1(.*)>", answer.headers.get("link", ""))
        address = following[1] if following else ""
    assert found == [f"Needle {number}" for number in range(5)]


# Floods of names


@pytest.mark.parametrize("name", ["Website Relaunch", "?!… — ☃ 日本"])
async def test_two_hundred_projects_of_one_name_have_keys_of_their_own_quickly(api: Api, name: str) -> None:
    owner = await api.register()
    started = time.perf_counter()
    keys = [(await owner.project(name=name))["key"] for _ in range(200)]
    took = time.perf_counter() - started
    assert len(set(keys)) == 200
    assert all(re.fullmatch("[A-Z][A-Z0-9]{1,9}", key) for key in keys)
    assert took < 60, f"{took:.1f} s"
    assert (await owner.get(f"/projects/{keys[-1].lower()}")).json()["name"] == name


async def test_many_who_open_projects_of_one_name_at_once_all_get_one(api: Api) -> None:
    owner = await api.register()
    answers = await asyncio.gather(*(owner.post("/projects", {"name": "Same"}) for _ in range(40)))
    assert [answer.status_code for answer in answers] == [201] * 40
    assert len({answer.json()["key"] for answer in answers}) == 40


async def test_after_thousands_of_projects_of_one_name_the_next_still_finds_a_key(api: Api) -> None:
    owner = await api.register()
    first = await owner.project(name="日本")
    api.sql(
        "insert into project_keys (company_id, key, project_id)"
        " select %s, 'PRJ' || n, %s from generate_series(2, 8999) n",
        (owner.company_id, first["id"]),
    )
    assert (first["key"], (await owner.project(name="日本"))["key"]) == ("PRJ", "PRJ9000")
