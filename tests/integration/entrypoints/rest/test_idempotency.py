"""The Idempotency-Key: a POST that is sent twice happens once. Section 2 of the contract."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.api import Api, Person

KEY = "Idempotency-Key"


def assert_refused(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.json().get("code")) == (status, code), response.text


def is_replay(response: httpx.Response) -> bool:
    return response.headers.get("idempotency-replayed") == "true"


def rows(api: Api, person: Person) -> dict[str, int]:
    return {
        table: api.count(table, person.company_id)
        for table in ("tasks", "projects", "events", "project_members", "board_columns", "project_keys", "users")
    }


async def test_every_post_but_auth_happens_once_under_one_key(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    task, bob = await ann.task(project), await api.colleague(ann)
    for path, body in (
        ("/projects", {"name": "Twice"}),
        ("/tasks", {"project_id": project["id"], "title": "Twice"}),
        ("/companies", {"name": "Twice"}),
        (f"/tasks/{task['id']}/complete", None),
        (f"/tasks/{task['key']}/complete", {}),
        (f"/projects/{project['key']}/members/{ann.user_id}", None),
        (f"/projects/{project['key']}/members/{bob.user_id}", None),
    ):
        first = await ann.post(path, body, headers={KEY: "one"})
        assert first.is_success and KEY.lower() not in first.headers and not is_replay(first)
        before = rows(api, ann)
        again = await ann.post(path, body, headers={KEY: "one"})
        assert is_replay(again), path
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        for header in ("location", "etag", "x-event-seq"):
            assert again.headers.get(header) == first.headers.get(header), (path, header)
        assert rows(api, ann) == before
        other = await ann.post(path, body, headers={KEY: "two"})
        assert other.is_success and not is_replay(other)
    assert len((await ann.get("/companies")).json()) == 3


async def test_the_slash_at_the_end_makes_no_other_request(api: Api) -> None:
    ann = await api.register()
    first = await ann.post("/projects", {"name": "x"}, headers={KEY: "k"})
    again = await ann.post("/projects/", {"name": "x"}, headers={KEY: "k"})
    assert is_replay(again) and again.json() == first.json()


async def test_the_same_key_with_another_payload_is_refused(api: Api) -> None:
    ann = await api.register()
    first = await ann.post("/projects", {"name": "x"}, headers={KEY: "k"})
    before = rows(api, ann)
    for body in ({"name": "y"}, {"name": "x", "description": None}):
        assert_refused(await ann.post("/projects", body, headers={KEY: "k"}), 422, "idempotency.key_reused")
    assert rows(api, ann) == before
    assert is_replay(await ann.post("/projects", {"name": "x"}, headers={KEY: "k"}))
    assert first.status_code == 201


async def test_thirty_equal_posts_at_once_make_one_row(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    body = {"project_id": project["id"], "title": "Once"}
    answers = await asyncio.gather(*(ann.post("/tasks", body, headers={KEY: "k"}) for _ in range(30)))
    made = [answer for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code != 201]
    assert api.count("tasks", ann.company_id) == 1
    assert len([answer for answer in made if not is_replay(answer)]) == 1
    assert len({answer.content for answer in made}) == 1
    for answer in refused:
        assert_refused(answer, 409, "idempotency.in_flight")
    last = await ann.post("/tasks", body, headers={KEY: "k"})
    assert is_replay(last) and last.content == made[0].content


async def test_a_key_belongs_to_its_caller_company_and_path(api: Api) -> None:
    owner = await api.register()
    project, other = await owner.project(), await owner.project()
    bob = await api.colleague(owner, role="admin")
    stranger = await api.register()
    body = {"project_id": project["id"], "title": "x"}
    first = await owner.post("/tasks", body, headers={KEY: "k"})
    his = await bob.post("/tasks", body, headers={KEY: "k"})
    assert (his.status_code, is_replay(his)) == (201, False)
    assert his.json()["id"] != first.json()["id"]
    elsewhere = await owner.post("/projects", {"name": "x"}, headers={KEY: "k"})
    assert (elsewhere.status_code, is_replay(elsewhere)) == (201, False)
    theirs = await stranger.post("/projects", {"name": "x"}, headers={KEY: "k"})
    assert (theirs.status_code, is_replay(theirs)) == (201, False)
    a, b = await owner.task(other), await owner.task(other)
    done = [await owner.post(f"/tasks/{task['id']}/complete", headers={KEY: "k"}) for task in (a, b)]
    assert [(answer.status_code, is_replay(answer)) for answer in done] == [(200, False)] * 2


async def test_a_key_is_the_same_on_every_device_of_the_caller(api: Api) -> None:
    ann = await api.register()
    first = await ann.post("/projects", {"name": "x"}, headers={KEY: "k"})
    again = await (await api.login(ann.email)).post("/projects", {"name": "x"}, headers={KEY: "k"})
    assert is_replay(again) and again.json() == first.json()


async def test_one_account_in_two_companies_has_keys_in_each(api: Api) -> None:
    ann, owner = await api.register(), await api.register()
    there = await api.colleague(owner, who=ann, role="admin")
    here = await ann.post("/projects", {"name": "x"}, headers={KEY: "k"})
    other = await there.post("/projects", {"name": "x"}, headers={KEY: "k"})
    assert (other.status_code, is_replay(other)) == (201, False)
    assert here.json()["id"] != other.json()["id"]


async def test_refusals_by_rule_are_kept(api: Api) -> None:
    ann = await api.register()
    project = await ann.project(key="WEB")
    archived = await ann.project()
    await ann.patch(f"/projects/{archived['id']}", {"is_active": False})
    refusals: list[tuple[str, dict[str, Any], int, str]] = [
        ("/projects", {"name": "x", "key": "WEB"}, 409, "project.key_taken"),
        ("/tasks", {"project_id": archived["id"], "title": "x"}, 409, "project.archived"),
        ("/tasks", {"project_id": str(uuid4()), "title": "x"}, 422, "reference.not_found"),
        (
            "/tasks",
            {"project_id": project["id"], "title": "x", "assigned_to": str(uuid4())},
            422,
            "reference.not_found",
        ),
    ]
    for number, (path, body, status, code) in enumerate(refusals):
        first = await ann.post(path, body, headers={KEY: f"k{number}"})
        assert_refused(first, status, code)
        assert not is_replay(first)
        again = await ann.post(path, body, headers={KEY: f"k{number}"})
        assert_refused(again, status, code)
        assert is_replay(again)
        assert again.json() == first.json()
        assert again.headers["content-type"] == "application/problem+json"
        reused = await ann.post(path, {**body, "description": "y"}, headers={KEY: f"k{number}"})
        assert_refused(reused, 422, "idempotency.key_reused")
    await ann.patch(f"/projects/{archived['id']}", {"is_active": True})
    kept = await ann.post("/tasks", {"project_id": archived["id"], "title": "x"}, headers={KEY: "k1"})
    assert_refused(kept, 409, "project.archived")
    assert is_replay(kept), "what was refused stays so under its key, though it would be possible by now"
    assert api.count("tasks", ann.company_id) == 0


async def test_a_missing_session_is_not_kept(api: Api) -> None:
    ann = await api.register()
    nobody = await api.client.post("/api/v1/projects", json={"name": "x"}, headers={KEY: "k"})
    assert_refused(nobody, 401, "auth.token_invalid")
    other = await api.login(ann.email)
    await other.post("/auth/logout")
    assert_refused(await other.post("/projects", {"name": "x"}, headers={KEY: "k"}), 401, "auth.session_ended")
    made = await ann.post("/projects", {"name": "x"}, headers={KEY: "k"})
    assert (made.status_code, is_replay(made)) == (201, False)
    assert_refused(await other.post("/projects", {"name": "x"}, headers={KEY: "k"}), 401, "auth.session_ended")


async def test_a_missing_permission_is_not_kept(api: Api) -> None:
    owner = await api.register()
    bob = await api.colleague(owner)
    assert_refused(await bob.post("/projects", {"name": "x"}, headers={KEY: "k"}), 403, "permission.denied")
    api.sql("update users set role = 'admin' where id = %s", (bob.user_id,))
    made = await bob.post("/projects", {"name": "x"}, headers={KEY: "k"})
    assert (made.status_code, is_replay(made)) == (201, False)


async def test_what_was_missing_is_not_kept(api: Api) -> None:
    owner = await api.register()
    project = await owner.project()
    bob = await api.colleague(owner)
    task = await owner.task(project, assigned_to=None)
    path = f"/tasks/{task['id']}/complete"
    assert_refused(await bob.post(path, headers={KEY: "k"}), 404, "task.not_found")
    api.add_member(owner.company_id, project["id"], bob.user_id)
    assert_refused(await bob.post(path, headers={KEY: "k"}), 403, "permission.denied")
    api.sql("update tasks set assigned_to = %s where id = %s", (bob.user_id, task["id"]))
    done = await bob.post(path, headers={KEY: "k"})
    assert (done.status_code, done.json()["status"], is_replay(done)) == (200, "done", False)


async def test_a_malformed_or_stale_request_is_not_kept(api: Api) -> None:
    ann = await api.register()
    json = {"Content-Type": "application/json", KEY: "k"}
    assert (await ann.post("/projects", content=b"{", headers=json)).status_code == 400
    assert (await ann.post("/projects?x=1", {"name": "x"}, headers={KEY: "k"})).status_code == 400
    assert (
        await ann.post("/projects", content=b"{}", headers={"Content-Type": "text/plain", KEY: "k"})
    ).status_code == 415
    made = await ann.post("/projects", {"name": "x"}, headers={KEY: "k"})
    assert (made.status_code, is_replay(made)) == (201, False)
    task = await ann.task(made.json())
    path = f"/tasks/{task['id']}/complete"
    assert_refused(await ann.post(path, headers={KEY: "s", "If-Match": '"7"'}), 412, "version.stale")
    done = await ann.post(path, headers={KEY: "s", "If-Match": '"1"'})
    assert (done.status_code, is_replay(done)) == (200, False)


async def test_a_replay_shows_what_was_made_as_it_is_now(api: Api) -> None:
    ann = await api.register()
    made = await ann.post("/projects", {"name": "x"}, headers={KEY: "k"})
    changed = await ann.patch(f"/projects/{made.json()['id']}", {"name": "Renamed"})
    again = await ann.post("/projects", {"name": "x"}, headers={KEY: "k"})
    assert is_replay(again) and again.status_code == 201
    assert again.json() == changed.json()
    assert again.headers["etag"] == changed.headers["etag"]


async def test_what_was_made_and_is_deleted_is_gone(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    body = {"project_id": project["id"], "title": "x"}
    made = await ann.post("/tasks", body, headers={KEY: "k"})
    await ann.delete(f"/tasks/{made.json()['id']}")
    assert_refused(await ann.post("/tasks", body, headers={KEY: "k"}), 409, "idempotency.result_gone")
    done = await ann.task(project)
    path = f"/tasks/{done['id']}/complete"
    assert (await ann.post(path, headers={KEY: "k"})).status_code == 200
    await ann.delete(f"/projects/{project['id']}")
    assert_refused(await ann.post(path, headers={KEY: "k"}), 409, "idempotency.result_gone")


async def test_what_the_caller_no_longer_sees_is_gone_for_them(api: Api) -> None:
    owner = await api.register()
    project = await owner.project()
    bob = await api.colleague(owner, projects=(project,))
    body = {"project_id": project["id"], "title": "x"}
    made = await bob.post("/tasks", body, headers={KEY: "k"})
    assert made.status_code == 201
    api.sql("delete from project_members where user_id = %s", (bob.user_id,))
    gone = await bob.post("/tasks", body, headers={KEY: "k"})
    assert_refused(gone, 409, "idempotency.result_gone")
    assert made.json()["id"] not in gone.text
    api.add_member(owner.company_id, project["id"], bob.user_id)
    again = await bob.post("/tasks", body, headers={KEY: "k"})
    assert is_replay(again) and again.json() == made.json()


async def test_a_key_may_be_used_again_after_a_day(api: Api) -> None:
    ann = await api.register()
    first = await ann.post("/projects", {"name": "x"}, headers={KEY: "k"})
    api.sql("update idempotency_keys set created_at = now() - interval '23 hours 59 minutes'")
    assert is_replay(await ann.post("/projects", {"name": "x"}, headers={KEY: "k"}))
    api.sql("update idempotency_keys set created_at = now() - interval '24 hours 1 second'")
    second = await ann.post("/projects", {"name": "y"}, headers={KEY: "k"})
    assert (second.status_code, is_replay(second)) == (201, False)
    assert second.json()["id"] != first.json()["id"]
    assert is_replay(await ann.post("/projects", {"name": "y"}, headers={KEY: "k"}))


@pytest.mark.parametrize(
    "key",
    [b"", b" ", b"a b", b"a\tb", "ü".encode(), b"\xff", b"x" * 256, b"\x7f", b"a\x01"],
    ids=lambda key: repr(key)[:20],
)
async def test_what_is_no_key_is_refused_and_nothing_happens(api: Api, key: bytes) -> None:
    ann = await api.register()
    answer = await ann.client.post(
        "/api/v1/projects",
        json={"name": "x"},
        headers=[(b"Authorization", f"Bearer {ann.token}".encode()), (KEY.encode(), key)],
    )
    assert_refused(answer, 400, "header.malformed")
    assert answer.json()["errors"][0]["parameter"] == KEY
    assert api.count("projects", ann.company_id) == 0


async def test_the_longest_key_is_taken(api: Api) -> None:
    ann = await api.register()
    key = "~" * 255
    assert (await ann.post("/projects", {"name": "x"}, headers={KEY: key})).status_code == 201
    assert is_replay(await ann.post("/projects", {"name": "x"}, headers={KEY: key}))


async def test_signing_in_knows_no_key(api: Api) -> None:
    """An answer that shows a secret is made anew each time."""
    ann = await api.register()
    body = {"email": ann.email, "password": "Tr0ub4dor and three"}
    first, second = [await api.client.post("/api/v1/auth/login", json=body, headers={KEY: "k"}) for _ in range(2)]
    assert first.json()["access_token"] != second.json()["access_token"]
    assert not is_replay(second)
