"""Projects and their progress: sections 2, 3 and 6 of the contract."""

import asyncio
import re
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.integration.api import NOBODYS_ID, Api, Person


def assert_refused(response: httpx.Response, status: int, code: str, pointer: str | None = None) -> None:
    assert (response.status_code, response.json().get("code")) == (status, code), response.text
    if pointer is not None:
        assert [each["pointer"] for each in response.json()["errors"]] == [pointer]


async def pages(person: Person, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    address: str | None = path
    while address is not None:
        answer = await person.get(address)
        assert answer.status_code == 200, answer.text
        found.extend(answer.json())
        link = re.fullmatch(r'</api/v1(/.*)>; rel="next"', answer.headers.get("link", ""))
        address = link[1] if link else None
    return found


async def names(person: Person, query: str = "") -> list[str]:
    answer = await person.get(f"/projects{query}")
    assert answer.status_code == 200, answer.text
    return [project["name"] for project in answer.json()]


# Opening


async def test_a_new_project_says_everything_about_itself(api: Api) -> None:
    ann = await api.register(name="Ann Miller")
    given = {"name": "  Website ", "description": "The\nnew one", "deadline": "2026-12-31", "status": "in_progress"}
    answer = await ann.post("/projects", given)
    project = answer.json()
    assert answer.status_code == 201
    assert UUID(project["id"]).version == 7
    assert project == {
        "id": project["id"],
        "key": "WEB",
        "name": "Website",
        "description": "The\nnew one",
        "deadline": "2026-12-31",
        "status": "in_progress",
        "is_active": True,
        "created_by": ann.user_id,
        "creator_name": "Ann Miller",
        "version": 1,
        "created_at": project["created_at"],
        "updated_at": project["created_at"],
    }
    assert answer.headers["location"] == f"/api/v1/projects/{project['id']}"
    again = await ann.get(f"/projects/{project['id']}")
    assert (again.json(), again.headers["etag"]) == (project, answer.headers["etag"])


async def test_a_project_starts_with_a_board_of_three_columns_and_its_creator_as_member(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    board = await ann.board(project)
    assert [(column["name"], column["category"]) for column in board["columns"]] == [
        ("To do", "todo"),
        ("In progress", "in_progress"),
        ("Done", "done"),
    ]
    members = api.sql("select user_id::text from project_members where project_id = %s", (project["id"],))
    assert members == [(ann.user_id,)]
    assert (project["description"], project["deadline"], project["status"]) == (None, None, "pending")


async def test_keys_are_made_from_the_name_and_never_twice(api: Api) -> None:
    ann = await api.register()
    keys = [
        (await ann.project(name=name))["key"]
        for name in ("Website", "Website", "Web Shop Two", "Öl & Gas", "7 up", "日本")
    ]
    assert keys[0] == "WEB"
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch("[A-Z][A-Z0-9]{1,9}", key) for key in keys), keys
    made = [(await ann.project(name="Same name"))["key"] for _ in range(30)]
    assert len(set(made)) == 30


async def test_a_key_is_taken_in_capitals_and_belongs_to_one_project(api: Api) -> None:
    ann, bob = await api.register(), await api.register()
    assert (await ann.project(key="web2"))["key"] == "WEB2"
    assert_refused(await ann.post("/projects", {"name": "x", "key": "Web2"}), 409, "project.key_taken")
    assert (await bob.project(key="WEB2"))["key"] == "WEB2", "keys are a company's own"
    assert api.count("projects", ann.company_id) == 1


async def test_of_many_who_open_projects_of_one_name_or_key_at_once_all_or_one_succeed(api: Api) -> None:
    ann = await api.register()
    by_key = await asyncio.gather(*(ann.post("/projects", {"name": "x", "key": "ONE"}) for _ in range(8)))
    assert sorted(answer.status_code for answer in by_key) == [201] + [409] * 7
    for _ in range(20):
        await ann.project()
    assert (await ann.get("/projects/ONE")).status_code == 200


@pytest.mark.parametrize("key", ["W", "W" * 11, "7UP", "WEB-1", "WÉB", "", "WE B", "ÀÀ"])
async def test_what_is_no_key_is_refused(api: Api, key: str) -> None:
    ann = await api.register()
    answer = await ann.post("/projects", {"name": "x", "key": key})
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/key"]
    assert api.count("projects", ann.company_id) == 0


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": " \t "}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"name": None}, "/name"),
        ({"name": "a\u0000b"}, "/name"),
        ({"description": "x" * 100_001}, "/description"),
        ({"deadline": "2026-13-01"}, "/deadline"),
        ({"deadline": 0}, "/deadline"),
        ({"status": "done"}, "/status"),
        ({"status": None}, "/status"),
        ({"is_active": False}, "/is_active"),
        ({"owner": "x"}, "/owner"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_field_that_cannot_be_accepted_is_named(api: Api, fields: dict[str, Any], pointer: str) -> None:
    ann = await api.register()
    answer = await ann.post("/projects", {"name": "A project", **fields})
    assert answer.status_code == 422, answer.text
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    assert api.count("projects", ann.company_id) == 0


# Finding


async def test_ids_and_keys_in_any_case_find_a_project(api: Api) -> None:
    ann = await api.register()
    project = await ann.project(key="WEB")
    for ref in (project["id"], project["id"].upper(), "WEB", "web", "wEb"):
        found = await ann.get(f"/projects/{ref}")
        assert (found.status_code, found.json()) == (200, project)
        assert (await ann.get(f"/projects/{ref}/board")).json()["project_id"] == project["id"]
        assert (await ann.get(f"/projects/{ref}/progress")).status_code == 200
    for wrong in (
        str(uuid4()),
        "NOPE",
        "W",
        "WEB-1",
        "0",
        project["id"][:-1],
        f"{{{project['id']}}}",
        project["id"].replace("-", ""),
    ):
        for path in (f"/projects/{wrong}", f"/projects/{wrong}/board", f"/projects/{wrong}/progress"):
            assert_refused(await ann.get(path), 404, "project.not_found")


async def test_an_old_key_goes_on_finding_its_project_and_is_never_given_again(api: Api) -> None:
    ann = await api.register()
    project = await ann.project(key="OLD")
    api.sql(
        "insert into project_keys (company_id, key, project_id) values (%s, 'NEW', %s)", (ann.company_id, project["id"])
    )
    api.sql("update projects set key = 'NEW' where id = %s", (project["id"],))
    for key in ("old", "NEW"):
        found = (await ann.get(f"/projects/{key}")).json()
        assert (found["id"], found["key"]) == (project["id"], "NEW")
    assert_refused(await ann.post("/projects", {"name": "x", "key": "OLD"}), 409, "project.key_taken")
    assert (await ann.patch("/projects/old", {"name": "Renamed"})).status_code == 200


async def test_an_admin_gives_a_project_another_key_and_a_member_does_not(api: Api) -> None:
    """Section 3: admins change the key, members all fields but that."""
    ann = await api.register()
    project = await ann.project(key="OLD")
    bob = await api.colleague(ann, projects=(project,))
    assert_refused(await bob.patch("/projects/OLD", {"key": "NEW"}), 403, "permission.denied")
    changed = await ann.patch("/projects/OLD", {"key": "new"})
    assert (changed.status_code, changed.json()["key"]) == (200, "NEW")
    assert (await ann.get("/projects/old")).json()["key"] == "NEW"
    await ann.project(key="OTHER")
    assert_refused(await ann.patch("/projects/NEW", {"key": "OTHER"}), 409, "project.key_taken")
    assert (await ann.patch("/projects/NEW", {"key": "OLD"})).json()["key"] == "OLD", "its own old key"


async def test_lists_filter_by_status_and_archive(api: Api) -> None:
    ann = await api.register()
    for number, status in enumerate(("pending", "in_progress", "completed", "pending")):
        project = await ann.project(name=f"P{number}", status=status)
        if number == 3:
            await ann.patch(f"/projects/{project['id']}", {"is_active": False})
    assert await names(ann) == ["P0", "P1", "P2"]
    assert await names(ann, "?is_active=true") == ["P0", "P1", "P2"]
    assert await names(ann, "?is_active=false") == ["P3"]
    assert await names(ann, "?is_active=all") == ["P0", "P1", "P2", "P3"]
    assert await names(ann, "?status=pending") == ["P0"]
    assert await names(ann, "?status=pending&is_active=all") == ["P0", "P3"]
    assert await names(ann, "?status=pending,completed") == ["P0", "P2"]
    assert await names(ann, "?status=pending&status=in_progress") == ["P0", "P1"]
    for query in ("?status=done", "?is_active=maybe", "?sort=key", "?limit=0", "?status=", "?skip=-1"):
        assert_refused(await ann.get(f"/projects{query}"), 422, "request.invalid")


@pytest.mark.parametrize("descending", [False, True], ids=["ascending", "descending"])
@pytest.mark.parametrize("sort", ["name", "created_at", "updated_at"])
async def test_paging_in_every_order_shows_each_project_once(api: Api, sort: str, descending: bool) -> None:
    ann = await api.register()
    api.sql(
        "insert into projects (company_id, id, key, name, status, is_active, version, created_at, updated_at)"
        " select %s, gen_random_uuid(), 'K' || n, (array['Same', 'same', 'Ähnlich', 'z', 'A b'])[1 + n %% 5] || n %% 7,"
        " 'pending', true, 1, timestamptz '2026-01-01Z' + (n %% 13) * interval '1.5 second',"
        " timestamptz '2026-01-01Z' + (n %% 11) * interval '1 second' from generate_series(1, 80) n",
        (ann.company_id,),
    )
    way = "desc" if descending else "asc"
    wanted = api.sql(
        f"select id::text from projects where company_id = %s order by {sort} {way}, id {way}", (ann.company_id,)
    )
    found = await pages(ann, f"/projects?sort={'-' if descending else ''}{sort}&limit=9")
    assert [(project["id"],) for project in found] == wanted
    if (sort, descending) == ("name", False):
        assert [(project["id"],) for project in await pages(ann, "/projects?limit=33")] == wanted
        assert (await ann.get("/projects?include_total=true&limit=1")).headers["x-total-count"] == "80"
        assert (await ann.get("/projects?skip=70&limit=200")).json() == found[70:]


# Changing


async def test_a_merge_patch_changes_what_it_names(api: Api) -> None:
    ann = await api.register()
    project = await ann.project(name="Website", description="x", deadline="2026-01-01")
    path = f"/projects/{project['id']}"
    changed = (await ann.patch(path, {"name": "Shop", "status": "completed"})).json()
    assert changed == {
        **project, "name": "Shop", "status": "completed", "version": 2, "updated_at": changed["updated_at"]
    }  # fmt: skip
    cleared = (await ann.patch(path, {"description": None, "deadline": None})).json()
    assert (cleared["description"], cleared["deadline"], cleared["version"]) == (None, None, 3)
    assert (await ann.get(path)).json() == cleared
    for field in ("name", "status", "is_active", "version"):
        assert_refused(await ann.patch(path, {field: None}), 422, "request.invalid", f"/{field}")


async def test_a_project_may_be_sent_back_as_it_was_read_and_nothing_changes(api: Api) -> None:
    ann = await api.register()
    project = await ann.project(deadline="2026-01-01")
    for method in ("PATCH", "PUT"):
        answer = await ann.send(method, f"/projects/{project['id']}", json=project)
        assert (answer.status_code, answer.json()) == (200, project)
    assert [event["event"] for event in (await ann.get("/events?types=project_updated")).json()] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", NOBODYS_ID),
        ("created_by", None),
        ("creator_name", "Somebody"),
        ("created_at", "2026-01-01T00:00:00.000000Z"),
        ("updated_at", "2026-01-01T00:00:00.000000Z"),
    ],
)
async def test_a_read_only_field_with_another_value_is_refused(api: Api, field: str, value: Any) -> None:
    ann = await api.register()
    project = await ann.project()
    answer = await ann.patch(f"/projects/{project['id']}", {field: value, "name": "never"})
    assert_refused(answer, 422, "field.read_only", f"/{field}")
    assert (await ann.get(f"/projects/{project['id']}")).json() == project


async def test_a_stale_version_is_refused_with_the_present_tag(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    path, old = f"/projects/{project['id']}", {"headers": {"If-Match": '"1"'}}
    assert (await ann.patch(path, {"name": "Second"}, **old)).status_code == 200
    present = await ann.get(path)
    for answer in (
        await ann.patch(path, {"name": "x"}, **old),
        await ann.patch(path, {"name": "x", "version": 1}),
        await ann.send("PUT", path, json={"name": "x", "version": 7}),
        await ann.delete(path, **old),
    ):
        assert_refused(answer, 412, "version.stale")
        assert answer.headers["etag"] == present.headers["etag"]
    assert (await ann.get(path)).json() == present.json()
    answers = await asyncio.gather(*(ann.patch(path, {"name": f"N{n}", "version": 2}) for n in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 5


async def test_the_tag_changes_with_the_creators_name(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    tag = (await ann.get(f"/projects/{project['id']}")).headers["etag"]
    same = await ann.get(f"/projects/{project['id']}", headers={"If-None-Match": tag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    api.sql("update users set name = 'Another' where id = %s", (ann.user_id,))
    other = await ann.get(f"/projects/{project['id']}", headers={"If-None-Match": tag})
    assert (other.status_code, other.json()["creator_name"]) == (200, "Another")
    assert other.headers["etag"] != tag and other.headers["etag"].startswith('"1.')


async def test_an_archived_project_is_readable_and_changes_only_by_returning(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    path = f"/projects/{project['id']}"
    archived = (await ann.patch(path, {"is_active": False})).json()
    assert (archived["is_active"], archived["version"]) == (False, 2)
    for read in (path, f"{path}/board", f"{path}/progress"):
        assert (await ann.get(read)).status_code == 200
    for change in ({"name": "x"}, {"description": None, "name": "x"}, {"status": "completed"}):
        assert_refused(await ann.patch(path, change), 409, "project.archived")
    assert_refused(await ann.patch(path, {"name": "x", "version": 1}), 412, "version.stale")
    assert (await ann.get(path)).json() == archived
    back = (await ann.patch(path, {"is_active": True, "name": "Returned"})).json()
    assert (back["is_active"], back["name"], back["version"]) == (True, "Returned", 3)


async def test_a_deleted_project_is_nowhere_and_its_key_is_not_free(api: Api) -> None:
    ann = await api.register()
    project, other = await ann.project(key="GONE"), await ann.project()
    answer = await ann.delete("/projects/GONE")
    assert (answer.status_code, answer.content) == (204, b"")
    for ref in (project["id"], "GONE", "gone"):
        path = f"/projects/{ref}"
        for gone in (
            await ann.get(path),
            await ann.get(f"{path}/board"),
            await ann.get(f"{path}/progress"),
            await ann.patch(path, {"name": "x"}),
            await ann.delete(path),
        ):
            assert_refused(gone, 404, "project.not_found")
    for query in ("", "?is_active=all"):
        listed = await ann.get(f"/projects{query}")
        assert [each["id"] for each in listed.json()] == [other["id"]]
    assert (await ann.get("/projects?include_total=true&is_active=all")).headers["x-total-count"] == "1"
    assert_refused(await ann.post("/projects", {"name": "x", "key": "GONE"}), 409, "project.key_taken")


# Who may


async def test_members_see_and_edit_their_projects_but_for_key_and_archive(api: Api) -> None:
    owner = await api.register()
    project, hidden = await owner.project(name="Seen"), await owner.project(name="Hidden")
    bob = await api.colleague(owner, projects=(project,))
    assert await names(bob) == ["Seen"]
    assert (await bob.get("/projects?include_total=true")).headers["x-total-count"] == "1"
    path = f"/projects/{project['id']}"
    assert (await bob.get(path)).json() == project
    changed = await bob.patch(
        path, {"name": "Changed", "description": "x", "deadline": "2026-01-01", "status": "completed"}
    )
    assert changed.status_code == 200
    for change in ({"is_active": False}, {"is_active": False, "name": "x"}):
        assert_refused(await bob.patch(path, change), 403, "permission.denied")
    assert_refused(await bob.delete(path), 403, "permission.denied")
    assert_refused(await bob.post("/projects", {"name": "x"}), 403, "permission.denied")
    assert (await bob.get(path)).json() == changed.json()
    for ref in (hidden["id"], hidden["key"]):
        path = f"/projects/{ref}"
        for unseen in (
            await bob.get(path),
            await bob.get(f"{path}/board"),
            await bob.get(f"{path}/progress"),
            await bob.patch(path, {"is_active": False}),
            await bob.patch(path, {"name": "x"}, headers={"If-Match": '"9"'}),
            await bob.delete(path),
        ):
            assert_refused(unseen, 404, "project.not_found")


async def test_admins_do_with_projects_what_owners_do(api: Api) -> None:
    owner = await api.register()
    project = await owner.project()
    admin = await api.colleague(owner, role="admin")
    path = f"/projects/{project['id']}"
    assert (await admin.get(path)).status_code == 200
    assert (await admin.patch(path, {"name": "x", "is_active": False})).status_code == 200
    assert (await admin.patch(path, {"is_active": True})).status_code == 200
    assert (await admin.delete(path)).status_code == 204
    assert (await admin.post("/projects", {"name": "x"})).status_code == 201


async def test_a_member_may_send_an_unchanged_archive_flag_back(api: Api) -> None:
    """What was read may be sent back: the flag is no change when it is equal."""
    owner = await api.register()
    project = await owner.project()
    bob = await api.colleague(owner, projects=(project,))
    shown = (await bob.get(f"/projects/{project['id']}")).json()
    answer = await bob.send("PUT", f"/projects/{project['id']}", json={**shown, "name": "Renamed"})
    assert (answer.status_code, answer.json()["name"]) == (200, "Renamed")


# Progress


@pytest.mark.parametrize(
    ("todo", "in_progress", "done", "percentage"),
    [
        (0, 0, 0, 0.0), (1, 0, 0, 0.0), (0, 0, 3, 100.0), (1, 0, 2, 66.7), (1, 1, 1, 33.3), (5, 2, 1, 12.5),
        (10, 5, 1, 6.3), (399, 0, 1, 0.3), (1, 0, 1999, 100.0),
    ],
)  # fmt: skip
async def test_progress_counts_by_status_and_rounds_half_up(
    api: Api, todo: int, in_progress: int, done: int, percentage: float
) -> None:
    ann = await api.register()
    project = await ann.project()
    other = await ann.project()
    await ann.task(other)
    columns = {column["category"]: column["id"] for column in (await ann.board(project))["columns"]}
    number = 0
    for status, count in (("todo", todo), ("in_progress", in_progress), ("done", done)):
        api.sql(
            "insert into tasks (company_id, id, project_id, number, title, priority, status, column_id, rank, version,"
            " created_at, updated_at, completed_at) select %s, gen_random_uuid(), %s, %s + n, 'x', 'low', %s::text, %s, 'a' || n,"
            " 1, now(), now(), case when %s::text = 'done' then now() end from generate_series(1, %s) n",
            (ann.company_id, project["id"], number, status, columns[status], status, count),
        )
        number += count
    answer = await ann.get(f"/projects/{project['key']}/progress")
    assert answer.json() == {
        "total_tasks": todo + in_progress + done,
        "completed_tasks": done,
        "in_progress_tasks": in_progress,
        "todo_tasks": todo,
        "progress_percentage": percentage,
    }
    assert isinstance(answer.json()["progress_percentage"], float)


async def test_members_see_the_whole_projects_progress(api: Api) -> None:
    owner = await api.register()
    project = await owner.project()
    await owner.task(project, status="done")
    await owner.task(project)
    bob = await api.colleague(owner, projects=(project,))
    assert (await bob.get(f"/projects/{project['id']}/progress")).json()["progress_percentage"] == 50.0
