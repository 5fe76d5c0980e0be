"""Comments, mentions and watching over HTTP, against the real server."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.integration.api import Api, Person


def assert_refused(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text


class Stage:
    """Ann owns the company; Ben is a member of its project, Carl of none."""

    def __init__(self, ann: Person, ben: Person, carl: Person, project: dict[str, Any], task: dict[str, Any]) -> None:
        self.ann, self.ben, self.carl, self.project, self.task = ann, ben, carl, project, task
        self.path = f"/tasks/{task['id']}"

    async def say(self, by: Person, body: str = "Which one?", **given: Any) -> dict[str, Any]:
        made = await by.post(f"{self.path}/comments", {"body": body, **given})
        assert made.status_code == 201, made.text
        return dict(made.json())

    async def bodies(self, by: Person, query: str = "") -> list[str]:
        return [comment["body"] for comment in (await by.get(f"{self.path}/comments{query}")).json()]

    async def watched(self, by: Person) -> bool:
        return bool((await by.get(self.path)).json()["watching"])

    async def name(self, person: Person) -> str:
        return str((await person.get("/auth/me")).json()["username"])


@pytest.fixture
async def stage(api: Api) -> Stage:
    ann = await api.register()
    project = await ann.project()
    ben, carl = await api.colleague(ann), await api.colleague(ann)
    api.add_member(ann.company_id, project["id"], ben.user_id)
    return Stage(ann, ben, carl, project, await ann.task(project))


async def test_a_comment_is_made_read_changed_and_deleted(stage: Stage) -> None:
    made = await stage.ben.post(f"/tasks/{stage.task['key'].lower()}/comments", {"body": " **Which** one? "})
    comment = made.json()
    assert (comment["body"], comment["author_id"], comment["version"]) == ("**Which** one?", stage.ben.user_id, 1)
    assert (comment["task_id"], comment["parent_id"]) == (stage.task["id"], None)
    assert (comment["mentions"], comment["deleted"]) == ([], False)
    where = f"/comments/{comment['id']}"
    read = await stage.ann.get(where)
    assert read.json() == comment and read.headers["etag"] == made.headers["etag"]
    assert (await stage.ann.get(where, headers={"If-None-Match": read.headers["etag"]})).status_code == 304
    changed = await stage.ben.patch(where, {**comment, "body": "That one"}, headers={"If-Match": read.headers["etag"]})
    assert (changed.status_code, changed.json()["body"], changed.json()["version"]) == (200, "That one", 2)
    stale = await stage.ben.patch(where, {"body": "No", "version": 1})
    assert_refused(stale, 412, "version.stale")
    assert (await stage.ann.delete(where)).status_code == 204
    assert_refused(await stage.ben.get(where), 404, "comment.not_found")
    assert (await stage.ann.get(stage.path)).json()["version"] == stage.task["version"]


async def test_usernames_mention_in_any_case_who_sees_the_project(api: Api, stage: Stage) -> None:
    api.sql("update users set username = 'Ben.O-Kafor' where id = %s", (stage.ben.user_id,))
    outsider = await stage.name(stage.carl)
    comment = await stage.say(stage.ann, f"Ask @bEN.o-kafor. Not @{outsider}, not ben.o-kafor@example.com")
    assert comment["mentions"] == [{"id": stage.ben.user_id, "name": comment["mentions"][0]["name"]}]
    assert await stage.watched(stage.ben)
    changed = await stage.ann.patch(f"/comments/{comment['id']}", {"body": "Never mind"})
    assert changed.json()["mentions"] == []
    flood = " ".join(f"@user{number}" for number in range(51))
    refused = await stage.ann.post(f"{stage.path}/comments", {"body": flood})
    assert_refused(refused, 422, "comment.too_many_mentions")
    assert refused.json()["errors"][0]["pointer"] == "/body"
    refused = await stage.ann.patch(f"/comments/{comment['id']}", {"body": flood})
    assert_refused(refused, 422, "comment.too_many_mentions")
    longest = await stage.ann.post(f"{stage.path}/comments", {"body": "@" * 100_000})
    assert (longest.status_code, longest.json()["mentions"]) == (201, [])
    assert (await stage.ann.post(f"{stage.path}/comments", {"body": "x" * 100_001})).status_code == 422


async def test_comments_are_answered_on_one_level(stage: Stage) -> None:
    first = await stage.say(stage.ben)
    answer = await stage.say(stage.ann, "That one", parent_id=first["id"])
    assert answer["parent_id"] == first["id"]
    refused = await stage.ben.post(f"{stage.path}/comments", {"body": "x", "parent_id": answer["id"]})
    assert_refused(refused, 422, "comment.answer_to_answer")
    other = await stage.ann.task(stage.project)
    refused = await stage.ben.post(f"/tasks/{other['id']}/comments", {"body": "x", "parent_id": first["id"]})
    assert_refused(refused, 422, "reference.not_found")
    assert (await stage.ann.delete(f"/comments/{first['id']}")).status_code == 204
    remnant = (await stage.ben.get(f"/comments/{first['id']}")).json()
    assert (remnant["deleted"], remnant["body"], remnant["author_id"]) == (True, "", stage.ben.user_id)
    assert_refused(await stage.ben.patch(f"/comments/{first['id']}", {"body": "x"}), 409, "comment.deleted")
    refused = await stage.ben.post(f"{stage.path}/comments", {"body": "x", "parent_id": first["id"]})
    assert_refused(refused, 409, "comment.deleted")
    assert await stage.bodies(stage.ben) == ["", "That one"]
    await stage.ann.delete(f"/comments/{answer['id']}")
    assert await stage.bodies(stage.ben) == []


async def test_the_list_is_paged_and_sorted(api: Api, stage: Stage) -> None:
    for number in range(5):
        await stage.say(stage.ann if number % 2 else stage.ben, str(number))
    assert await stage.bodies(stage.ben) == list("01234")
    assert await stage.bodies(stage.ben, "?sort=-created_at") == list("43210")
    first = await stage.ben.get(f"{stage.path}/comments?limit=2&include_total=true")
    assert (len(first.json()), first.headers["x-total-count"]) == (2, "5")
    link = first.headers["link"].partition(">")[0].removeprefix("</api/v1")
    assert [comment["body"] for comment in (await stage.ben.get(link)).json()] == ["2", "3"]


async def test_who_does_not_see_the_task_sees_no_comment(api: Api, stage: Stage) -> None:
    comment = await stage.say(stage.ben)
    where = f"/comments/{comment['id']}"
    stranger = await api.register()
    for person in (stage.carl, stranger):
        assert_refused(await person.get(where), 404, "comment.not_found")
        assert_refused(await person.patch(where, {"body": "x"}), 404, "comment.not_found")
        assert_refused(await person.delete(where), 404, "comment.not_found")
        assert_refused(await person.get(f"{stage.path}/comments"), 404, "task.not_found")
        assert_refused(await person.post(f"{stage.path}/comments", {"body": "x"}), 404, "task.not_found")
        for method in ("PUT", "DELETE"):
            assert_refused(await person.send(method, f"{stage.path}/watch"), 404, "task.not_found")
    assert_refused(await stage.ann.patch(where, {"body": "x"}), 403, "permission.denied")
    await stage.ann.delete(f"/projects/{stage.project['id']}/members/{stage.ben.user_id}")
    assert_refused(await stage.ben.get(where), 404, "comment.not_found")
    await stage.ann.delete(stage.path)
    assert_refused(await stage.ann.get(where), 404, "comment.not_found")
    assert_refused(await stage.ann.delete(where), 404, "comment.not_found")
    await stage.ann.post(f"{stage.path}/restore")
    assert (await stage.ann.get(where)).json() == comment


async def test_in_an_archive_comments_are_read_and_nothing_more(stage: Stage) -> None:
    comment = await stage.say(stage.ben)
    await stage.ann.patch(f"/projects/{stage.project['id']}", {"is_active": False})
    where = f"/comments/{comment['id']}"
    assert (await stage.ben.get(where)).status_code == 200
    assert_refused(await stage.ben.post(f"{stage.path}/comments", {"body": "x"}), 409, "project.archived")
    assert_refused(await stage.ben.patch(where, {"body": "x"}), 409, "project.archived")
    assert_refused(await stage.ben.delete(where), 409, "project.archived")
    assert (await stage.ben.send("PUT", f"{stage.path}/watch")).status_code == 204


async def test_watching_is_ones_own_and_every_read_of_a_task_says_it(stage: Stage) -> None:
    assert stage.task["watching"] is True
    assert not await stage.watched(stage.ben)
    for _ in range(2):
        answer = await stage.ben.send("PUT", f"{stage.path}/watch")
        assert (answer.status_code, answer.content) == (204, b"")
    assert await stage.watched(stage.ben)
    query = f"?project_id={stage.project['id']}"
    (listed,) = (await stage.ben.get(f"/tasks{query}")).json()
    board = (await stage.ben.get(f"/projects/{stage.project['id']}/board")).json()
    (card,) = [card for column in board["columns"] for card in column["tasks"]]
    assert listed["watching"] is card["watching"] is True
    etag = (await stage.ben.get(stage.path)).headers["etag"]
    for _ in range(2):
        assert (await stage.ben.delete(f"/tasks/{stage.task['key']}/watch")).status_code == 204
    assert not await stage.watched(stage.ben) and await stage.watched(stage.ann)
    again = await stage.ben.get(stage.path, headers={"If-None-Match": etag})
    assert (again.status_code, again.json()["watching"]) == (200, False)


async def test_whoever_is_given_a_task_watches_it_and_goes_on(stage: Stage) -> None:
    assigned = await stage.ann.patch(stage.path, {"assigned_to": stage.ben.user_id})
    assert assigned.json()["watching"] and await stage.watched(stage.ben)
    await stage.ann.patch(stage.path, {"assigned_to": None})
    assert await stage.watched(stage.ben)
    await stage.ben.delete(f"{stage.path}/watch")
    taken = await stage.ben.patch(stage.path, {"assigned_to": stage.ben.user_id})
    assert taken.json()["watching"] and await stage.watched(stage.ben)
    assert_refused(await stage.ben.patch(stage.path, {"watching": False}), 422, "field.read_only")
    assert (await stage.ben.patch(stage.path, {"watching": True})).status_code == 200


async def test_a_comment_made_twice_with_one_key_is_made_once(stage: Stage) -> None:
    headers = {"Idempotency-Key": "once"}
    first, second = [
        await stage.ben.post(f"{stage.path}/comments", {"body": "Which one?"}, headers=headers) for _ in range(2)
    ]
    assert first.json() == second.json() and second.headers["idempotency-replayed"] == "true"
    assert await stage.bodies(stage.ben) == ["Which one?"]


async def test_an_answer_and_the_deletion_of_what_it_answers_at_once_leave_no_orphan(api: Api, stage: Stage) -> None:
    """Whichever comes first: the other sees it."""
    for _ in range(8):
        first = await stage.say(stage.ben)
        answered, deleted = await asyncio.gather(
            stage.ann.post(f"{stage.path}/comments", {"body": "x", "parent_id": first["id"]}),
            stage.ben.delete(f"/comments/{first['id']}"),
        )
        assert deleted.status_code == 204
        shown = await stage.ann.get(f"/comments/{first['id']}")
        if answered.status_code == 201:
            assert shown.json()["deleted"] is True
            await stage.ann.delete(f"/comments/{answered.json()['id']}")
        else:
            assert answered.json()["code"] in ("reference.not_found", "comment.deleted")
        assert (await stage.ann.get(f"/comments/{first['id']}")).status_code == 404


async def test_the_last_two_answers_deleted_at_once_take_the_place_with_them(stage: Stage) -> None:
    for _ in range(8):
        first = await stage.say(stage.ben)
        answers = [await stage.say(stage.ann, "x", parent_id=first["id"]) for _ in range(2)]
        await stage.ben.delete(f"/comments/{first['id']}")
        done = await asyncio.gather(*(stage.ann.delete(f"/comments/{answer['id']}") for answer in answers))
        assert [answer.status_code for answer in done] == [204, 204]
        assert await stage.bodies(stage.ann) == []
