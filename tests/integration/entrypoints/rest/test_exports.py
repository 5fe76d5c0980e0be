"""Exports of tasks."""

import asyncio
import csv
import io
import json
from typing import Any

import httpx
import pytest

from tests.integration.api import Api, Person


def rows(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


async def many(person: Person, project: dict[str, Any], count: int, **fields: Any) -> None:
    operations = [
        {"op": "create", "project_id": project["id"], "title": f"Task {number}", **fields} for number in range(count)
    ]
    for start in range(0, count, 1000):
        made = await person.post("/tasks/bulk", {"operations": operations[start : start + 1000]})
        assert made.status_code == 200, made.text


async def test_everything_that_fits_comes_once_and_in_order_as_csv_and_as_lines(api: Api) -> None:
    ann = await api.register()
    project = await ann.project(key="WEB")
    await many(ann, project, 1350)
    await many(ann, await ann.project(key="OPS"), 5)
    query = f"?project_id={project['id']}&sort=number"
    written = await ann.get(f"/tasks/export{query}")
    assert written.headers["content-type"].startswith("text/csv")
    assert written.headers["content-disposition"] == 'attachment; filename="tasks.csv"'
    found = rows(written)
    assert [row["number"] for row in found] == [str(number) for number in range(1, 1351)]
    lines = await ann.get(f"/tasks/export{query}&format=ndjson", headers={"Accept": "application/x-ndjson"})
    assert lines.headers["content-type"] == "application/x-ndjson"
    tasks = [json.loads(line) for line in lines.text.splitlines()]
    assert [task["key"] for task in tasks] == [f"WEB-{number}" for number in range(1, 1351)]
    assert tasks[:200] == (await ann.get(f"/tasks{query}&limit=200")).json()
    assert found[0]["created_at"] == tasks[0]["created_at"]
    assert len((await ann.get("/tasks/export")).text.splitlines()) == 1356
    assert lines.headers["x-event-seq"] == (await ann.get("/tasks")).headers["x-event-seq"]


async def test_a_mark_says_that_it_is_utf_8_where_it_is_asked_for(api: Api) -> None:
    ann = await api.register()
    await many(ann, await ann.project(), 1001, description="Größe")
    plain, marked = await ann.get("/tasks/export"), await ann.get("/tasks/export?bom=true")
    assert marked.content == "\ufeff".encode() + plain.content
    assert plain.content.startswith(b"id,key,")
    refused = await ann.get("/tasks/export?bom=true&format=ndjson")
    assert refused.json()["errors"] == [{"detail": "is for CSV alone", "parameter": "bom"}]


async def test_what_a_spreadsheet_would_calculate_is_text(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    titles = ["=1+1", "+1", "-1", "@SUM(A1)", "'=1", 'a "quoted", line']
    await ann.post("/labels", {"name": "=label"})
    for title in titles:
        await ann.task(project, title=title, description=f"{title}\nmore", external_id=title, labels=["=label"])
    found = rows(await ann.get("/tasks/export?sort=number"))
    assert [row["title"] for row in found] == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "''=1", 'a "quoted", line']
    assert [row["description"].splitlines()[0] for row in found] == [row["title"] for row in found]
    assert {row["labels"] for row in found} == {"'=label"}
    assert [row["external_id"] for row in found] == [row["title"] for row in found]


async def test_members_take_what_a_list_shows_them_and_it_is_noted(api: Api) -> None:
    ann = await api.register()
    project, secret = await ann.project(), await ann.project()
    bea = await api.colleague(ann, projects=(project,))
    await ann.task(project, title="Theirs")
    await ann.task(project, title="Bea's", assigned_to=bea.user_id)
    await ann.task(secret, title="Secret")
    assert [row["title"] for row in rows(await bea.get("/tasks/export"))] == ["Bea's"]
    shown = rows(await bea.get(f"/tasks/export?project_id={project['id']},{secret['id']}&sort=number"))
    assert [row["title"] for row in shown] == ["Theirs", "Bea's"]
    noted = (await ann.get("/audit-events?type=export.made")).json()
    assert [(each["actor_id"], each["details"]) for each in noted] == [
        (bea.user_id, {"of": "tasks", "form": "csv"})
    ] * 2


async def test_it_can_be_asked_for_without_taking_anything(api: Api) -> None:
    ann = await api.register()
    await ann.task(await ann.project())
    answer = await ann.send("HEAD", "/tasks/export?format=ndjson")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-disposition"] == 'attachment; filename="tasks.ndjson"'
    assert (await ann.get("/audit-events?type=export.made")).json() == []


async def test_what_is_streamed_is_not_compressed(api: Api) -> None:
    ann = await api.register()
    await many(ann, await ann.project(), 50)
    for form in ("csv", "ndjson"):
        streamed = await ann.get(f"/tasks/export?format={form}", headers={"Accept-Encoding": "gzip"})
        assert streamed.status_code == 200
        assert "content-encoding" not in streamed.headers


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?format=xml", 422, "request.invalid"),
        ("?limit=5", 400, "parameter.unknown"),
        ("?cursor=x", 400, "parameter.unknown"),
        ("?status=open", 422, "request.invalid"),
    ],
)
async def test_bad_questions_are_refused(api: Api, query: str, status: int, code: str) -> None:
    ann = await api.register()
    answer = await ann.get(f"/tasks/export{query}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_it_knows_the_filters_of_the_list(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    listed, exported = (
        {each["name"] for each in paths[path]["get"]["parameters"] if each["in"] == "query"}
        for path in ("/api/v1/tasks", "/api/v1/tasks/export")
    )
    assert listed - exported == {"limit", "cursor", "skip", "include_total", "deleted"}
    assert exported - listed == {"format", "bom"}


async def test_tasks_with_much_text_come_in_smaller_pages(api: Api) -> None:
    ann = await api.register()
    await many(ann, await ann.project(), 90, description="x" * 50_000)
    await many(ann, await ann.project(), 90, description="y" * 50_000)
    found = rows(await ann.get("/tasks/export"))
    assert len(found) == len({row["id"] for row in found}) == 180


async def test_who_goes_away_leaves_no_connection_behind(api: Api, another_app: Any) -> None:
    container: list[Any] = []
    async with another_app(prepare=container.append) as other:
        ann = await other.register()
        await many(ann, await ann.project(), 3000)
        waiting = asyncio.create_task(ann.get("/tasks/export"))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        database = container[0].database()
        for _ in range(100):
            if (found := database.occupancy()).connections == found.idle:
                break
            await asyncio.sleep(0.05)
        assert found.connections == found.idle
        assert (await ann.get("/tasks")).status_code == 200
