"""Searching over HTTP."""

from dataclasses import replace
from typing import Any

import pytest

from tests.integration.api import Api, Person
from tests.integration.entrypoints.rest.test_tokens import made


async def found(person: Person, **query: Any) -> list[dict[str, Any]]:
    answer = await person.get("/search", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json())


async def say(person: Person, task: dict[str, Any], body: str, **given: Any) -> dict[str, Any]:
    made = await person.post(f"/tasks/{task['id']}/comments", {"body": body, **given})
    assert made.status_code == 201, made.text
    return dict(made.json())


async def titles(person: Person, text: str, **query: Any) -> list[str]:
    return [hit["title"] for hit in await found(person, q=text, **query)]


async def test_what_was_just_written_is_found(api: Api) -> None:
    ann = await api.register()
    project = await ann.project(name="Website", key="WEB")
    task = await ann.task(project, title="Draw the front page", description="With <ink> & a *pen*")
    answer = await ann.get("/search", params={"q": "pen"})
    assert answer.json() == [
        {
            "type": "task",
            "id": task["id"],
            "key": "WEB-1",
            "title": "Draw the front page",
            "project_id": project["id"],
            "snippet": "With &lt;ink&gt; &amp; a *<mark>pen</mark>*",
        }
    ]
    assert answer.headers["x-partial"] == "false"
    assert answer.headers["x-event-seq"] == (await ann.get("/tasks")).headers["x-event-seq"]
    assert "etag" not in answer.headers
    (hit,) = await found(ann, q="website")
    assert (hit["type"], hit["id"], hit["key"], hit["project_id"]) == ("project", project["id"], "WEB", project["id"])
    await ann.patch(f"/tasks/{task['id']}", {"title": "Paint", "description": None})
    assert await titles(ann, "front") == await titles(ann, "ink") == []
    assert await titles(ann, "paint") == ["Paint"]


async def test_a_comment_is_found_by_the_words_that_it_has_now(api: Api) -> None:
    ann = await api.register()
    project = await ann.project(name="Website", key="WEB")
    task = await ann.task(project, title="Draw the front page")
    comment = await say(ann, task, "With <ink> & a *pen*")
    (hit,) = await found(ann, q="pen")
    assert hit == {
        "type": "comment",
        "id": comment["id"],
        "key": "WEB-1",
        "title": "Draw the front page",
        "project_id": project["id"],
        "snippet": "With &lt;ink&gt; &amp; a *<mark>pen</mark>*",
    }
    await ann.patch(f"/comments/{comment['id']}", {"body": "With a brush"})
    assert await found(ann, q="pen") == await found(ann, q="brush", types="task,project") == []
    assert [hit["id"] for hit in await found(ann, q="brush", types="comment")] == [comment["id"]]
    answer = await say(ann, task, "Which brush?", parent_id=comment["id"])
    await ann.delete(f"/comments/{comment['id']}")
    assert [hit["id"] for hit in await found(ann, q="brush")] == [answer["id"]]
    await ann.delete(f"/comments/{answer['id']}")
    assert await found(ann, q="brush") == []


async def test_comments_are_found_by_whoever_sees_their_task_where_it_is_now(api: Api) -> None:
    ann, stranger = await api.register(), await api.register()
    shared, hidden = await ann.project(), await ann.project()
    task, secret = await ann.task(shared, title="Shared"), await ann.task(hidden, title="Hidden")
    for each in (task, secret):
        await say(ann, each, "Said")
    admin = await api.colleague(ann, role="admin")
    member = await api.colleague(ann, projects=(shared,))
    nobody, other = await api.colleague(ann), await api.colleague(ann, projects=(hidden,))
    assert await titles(ann, "said") == await titles(admin, "said") == ["Hidden", "Shared"]
    assert await titles(member, "said") == ["Shared"]
    assert await titles(other, "said") == ["Hidden"]
    assert await titles(nobody, "said") == await titles(stranger, "said") == []
    moved = await ann.patch(f"/tasks/{task['id']}", {"project_id": hidden["id"]})
    assert moved.status_code == 200, moved.text
    assert await titles(member, "said") == []
    assert await titles(other, "said") == ["Hidden", "Shared"]
    assert {hit["project_id"] for hit in await found(other, q="said")} == {hidden["id"]}
    await ann.delete(f"/tasks/{task['id']}")
    assert await titles(ann, "said") == await titles(other, "said") == ["Hidden"]
    await ann.post(f"/tasks/{task['id']}/restore")
    assert await titles(other, "said") == ["Hidden", "Shared"]
    await ann.delete(f"/projects/{hidden['id']}")
    assert await titles(ann, "said") == await titles(other, "said") == []


async def test_everybody_finds_what_they_see_and_nobody_what_is_elsewhere(api: Api) -> None:
    ann, stranger = await api.register(), await api.register()
    shared, hidden = await ann.project(name="Shared thing"), await ann.project(name="Hidden thing")
    for project in (shared, hidden):
        await ann.task(project, title=f"A thing of {project['name']}")
    admin = await api.colleague(ann, role="admin")
    member = await api.colleague(ann, projects=(shared,))
    nobody = await api.colleague(ann)
    everything = {"Shared thing", "Hidden thing", "A thing of Shared thing", "A thing of Hidden thing"}
    assert set(await titles(ann, "thing")) == set(await titles(admin, "thing")) == everything
    assert set(await titles(member, "thing")) == {"Shared thing", "A thing of Shared thing"}
    assert await titles(nobody, "thing") == await titles(stranger, "thing") == []
    for text in (f"{hidden['key']}-1", hidden["key"]):
        assert await titles(ann, text) != []
        assert await titles(member, text) == await titles(stranger, text) == [], text
    api.add_member(ann.company_id, hidden["id"], nobody.user_id)
    assert set(await titles(nobody, "thing")) == {"Hidden thing", "A thing of Hidden thing"}


async def test_what_is_deleted_is_not_found_until_it_is_restored_and_what_is_archived_is(api: Api) -> None:
    ann = await api.register()
    project = await ann.project(name="Website")
    task, _ = await ann.task(project, title="Draw it"), await ann.task(project, title="Draw that")
    await ann.delete(f"/tasks/{task['id']}")
    assert await titles(ann, "draw") == ["Draw that"]
    await ann.post(f"/tasks/{task['id']}/restore")
    assert await titles(ann, "draw") == ["Draw that", "Draw it"]
    await ann.patch(f"/projects/{project['id']}", {"is_active": False})
    assert await titles(ann, "draw") == ["Draw that", "Draw it"]
    assert await titles(ann, "website") == ["Website"]
    await ann.patch(f"/projects/{project['id']}", {"is_active": True})
    await ann.delete(f"/projects/{project['id']}")
    assert await titles(ann, "draw") == await titles(ann, "website") == await titles(ann, task["key"]) == []
    await ann.post(f"/projects/{project['id']}/restore")
    assert await titles(ann, "draw") == ["Draw that", "Draw it"]


async def test_a_task_is_found_by_every_key_that_it_has_or_had_and_where_it_is_now(api: Api) -> None:
    ann = await api.register()
    web, app = await ann.project(key="WEB"), await ann.project(key="APP")
    task = await ann.task(web, title="Draw it")
    member = await api.colleague(ann, projects=(web,))
    await ann.patch(f"/projects/{web['id']}", {"key": "SITE"})
    for key in ("WEB-1", "site-1"):
        assert [(hit["id"], hit["key"]) for hit in await found(ann, q=key, types="task")] == [(task["id"], "SITE-1")], (
            key
        )
    assert await titles(member, "draw") == ["Draw it"]
    await ann.patch(f"/tasks/{task['id']}", {"project_id": app["id"]})
    for text in ("WEB-1", "SITE-1", "APP-1", "draw"):
        (hit,) = await found(ann, q=text, types="task")
        assert (hit["id"], hit["key"], hit["project_id"]) == (task["id"], "APP-1", app["id"]), text
        assert await titles(member, text, types="task") == [], text


async def test_kinds_and_limits(api: Api) -> None:
    ann = await api.register()
    project = await ann.project(name="Thing")
    for number in range(3):
        await ann.task(project, title=f"Thing {number}")
    assert [hit["type"] for hit in await found(ann, q="thing", types="project")] == ["project"]
    assert [hit["type"] for hit in await found(ann, q="thing", types="task,project", limit=4)] == ["task"] * 3 + [
        "project"
    ]
    assert await titles(ann, "thing", types="task", limit=2) == ["Thing 2", "Thing 1"]


@pytest.mark.parametrize("name", ["q", "query", "search"])
async def test_what_is_asked_for_has_three_names(api: Api, name: str) -> None:
    ann = await api.register()
    await ann.project(name="Website")
    assert [hit["title"] for hit in await found(ann, **{name: "website"})] == ["Website"]


@pytest.mark.parametrize(
    ("query", "status", "code", "parameter"),
    [
        ({}, 422, "request.invalid", "q"),
        ({"q": ""}, 422, "request.invalid", "q"),
        ({"q": " \t "}, 422, "request.invalid", "q"),
        ({"q": "x" * 201}, 422, "request.invalid", "q"),
        ({"q": "a\x00b"}, 422, "request.invalid", "q"),
        ({"q": "a b c d e f g h i j k"}, 422, "search.too_many_words", "q"),
        ({"q": "x", "types": "comments"}, 422, "request.invalid", "types"),
        ({"q": "x", "limit": 0}, 422, "request.invalid", "limit"),
        ({"q": "x", "limit": 51}, 422, "request.invalid", "limit"),
        ({"q": "x", "skip": 1}, 400, "parameter.unknown", None),
        ({"q": "x", "query": "x"}, 400, "parameter.unknown", None),
    ],
)
async def test_what_is_no_question_is_refused(
    api: Api, query: dict[str, Any], status: int, code: str, parameter: str | None
) -> None:
    ann = await api.register()
    refused = await ann.get("/search", params=query)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    if parameter is not None:
        assert refused.json()["errors"][0]["parameter"] == parameter


@pytest.mark.parametrize(
    "text",
    ["&", "!!", "a & !b | (c:*)", "'", "''", "\\", "<->", ":*", "a:*b", "%", "🎉", "\u200b", "\ufffd", "x" * 200, "é" * 200,
     "' or 1=1 --", "a\\:*", "\U0001d54f", "㍿", "ﷺ", "e" + "\u0301" * 150, "ẛ̣", "İ", "ǅ", "\u0345"],
)  # fmt: skip
async def test_any_text_is_answered(api: Api, text: str) -> None:
    ann = await api.register()
    project = await ann.project(name="Website")
    await ann.task(project, title=f"Of {text}"[:500])
    assert await titles(ann, text) in ([], [f"Of {text}"[:500]])


async def test_a_program_needs_the_scope_for_it(api: Api) -> None:
    ann = await api.register()
    await ann.project(name="Website")
    reads = replace(ann, token=(await made(ann, scopes=["search:read"]))["token"])
    assert await titles(reads, "website") == ["Website"]
    other = replace(ann, token=(await made(ann, scopes=["tasks:write", "projects:write"]))["token"])
    refused = await other.get("/search?q=website")
    assert (refused.status_code, refused.json()["code"]) == (403, "auth.scope_missing")
