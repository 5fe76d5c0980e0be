"""Tasks that come again, over HTTP."""

import asyncio
from datetime import date, timedelta
from time import perf_counter
from typing import Any

import psycopg
import pytest

from core.kernel.days import day_in
from tests.integration.api import Api, Person
from tests.integration.entrypoints.rest.test_labels import holding, label, problem, waiting

MONDAYS = "FREQ=WEEKLY;BYDAY=MO"


async def open_tasks(person: Person, project: dict[str, Any]) -> list[dict[str, Any]]:
    return list((await person.get(f"/tasks?project_id={project['id']}&status=todo&sort=number")).json())


async def test_a_task_that_is_done_comes_again_on_the_next_day_of_its_rule(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    await label(ann, "home")
    parent = await ann.task(project)
    bob = await api.colleague(ann, projects=(project,))
    given = {
        "title": "Water the plants",
        "description": "All of *them*",
        "priority": "high",
        "labels": ["home"],
        "assigned_to": bob.user_id,
        "parent_id": parent["id"],
        "recurrence": f"{MONDAYS};COUNT=3",
        "deadline": "2026-11-30",
    }
    task = await ann.task(project, external_id="JIRA-7", **given)
    assert task["recurrence"] == given["recurrence"]
    completed = await bob.post(f"/tasks/{task['id']}/complete", {"completed": True})
    assert (completed.status_code, completed.json()["status"], completed.json()["version"]) == (200, "done", 2)
    following = next(each for each in await open_tasks(ann, project) if each["id"] != parent["id"])
    changed = {"recurrence": f"{MONDAYS};COUNT=2", "deadline": "2026-12-07"}
    assert {name: following[name] for name in given} == {**given, **changed}
    assert (following["number"], following["external_id"], following["version"]) == (task["number"] + 1, None, 1)
    assert following["created_by"] == ann.user_id
    assert (await ann.get(f"/tasks/{parent['id']}")).json()["sub_tasks"] == {"total": 2, "done": 1}
    assert [each["id"] for each in (await ann.get("/tasks?label=HOME&status=todo")).json()] == [following["id"]]
    events = (await ann.get("/events?after=0")).json()[-2:]
    assert [event["event"] for event in events] == ["task_moved", "task_created"]
    assert (events[1]["actor_id"], events[1]["task_id"]) == (bob.user_id, following["id"])
    assert completed.headers["x-event-seq"] == events[1]["seq"]
    for _ in range(2):
        (last,) = [each for each in await open_tasks(ann, project) if each["id"] != parent["id"]]
        await bob.patch(f"/tasks/{last['id']}", {"status": "done"})
    assert [each["id"] for each in await open_tasks(ann, project)] == [parent["id"]]


async def test_a_task_is_followed_once_by_whoever_completes_it_at_once_or_again(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    tasks = [await ann.task(project, recurrence="FREQ=DAILY") for _ in range(3)]
    ways = [("POST", "complete", {"completed": True}), ("PATCH", "move", {"new_status": "done"})]
    answers = await asyncio.gather(
        *(ann.send(method, f"/tasks/{task['id']}/{way}", json=body) for task in tasks for method, way, body in ways * 4)
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len(await open_tasks(ann, project)) == 3
    for task in tasks:
        await ann.post(f"/tasks/{task['id']}/complete", {"completed": False})
        await ann.post(f"/tasks/{task['id']}/complete", {"completed": True})
    assert len(await open_tasks(ann, project)) == 3
    assert api.count("tasks", ann.company_id) == 6


async def test_a_request_that_is_repeated_under_its_key_makes_one_next_occurrence(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    task = await ann.task(project, recurrence="FREQ=DAILY")
    headers = {"Idempotency-Key": "one"}
    answers = [await ann.post(f"/tasks/{task['id']}/complete", {}, headers=headers) for _ in range(2)]
    assert [answer.json()["status"] for answer in answers] == ["done", "done"]
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert len(await open_tasks(ann, project)) == 1


async def test_a_label_that_is_renamed_meanwhile_ends_neither_in_a_circle_nor_in_an_old_name(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    made = await label(ann, "old")
    task = await ann.task(project, labels=["old"], recurrence="FREQ=DAILY")
    with await holding(api, task["id"]) as held:
        completing = asyncio.create_task(ann.post(f"/tasks/{task['id']}/complete", {}))
        await waiting(api, 1)
        renaming = asyncio.create_task(ann.patch(f"/labels/{made['id']}", {"name": "new"}))
        await waiting(api, 2)
        held.rollback()
        assert problem(await completing) == (409, "conflict.changed_meanwhile")
        assert (await renaming).status_code == 200
    assert (await ann.post(f"/tasks/{task['id']}/complete", {})).status_code == 200
    assert [each["labels"] for each in await open_tasks(ann, project)] == [["new"]]


async def test_the_cards_of_a_column_that_becomes_a_done_one_come_again(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    await label(ann, "home")
    given = {"name": "Review", "category": "in_progress"}
    column = (await ann.post(f"/projects/{project['id']}/columns", given)).json()
    for title in ("first", "second"):
        await ann.task(project, title=title, column_id=column["id"], recurrence="FREQ=DAILY", labels=["home"])
    assert (await ann.patch(f"/columns/{column['id']}", {"category": "done"})).status_code == 200
    found = await open_tasks(ann, project)
    assert [(each["title"], each["number"], each["labels"]) for each in found] == [
        ("first", 3, ["home"]),
        ("second", 4, ["home"]),
    ]
    # Done before, they are not done again by going to another done column.
    board = await ann.board(project)
    done = next(each["id"] for each in board["columns"] if each["name"] == "Done")
    assert (await ann.delete(f"/columns/{column['id']}?move_to={done}")).status_code == 204
    assert len(await open_tasks(ann, project)) == 2


@pytest.mark.parametrize("batched", [False, True], ids=["alone", "in a batch"])
async def test_what_was_completed_by_mistake_comes_again_by_a_new_rule(api: Api, *, batched: bool) -> None:
    ann = await api.register()
    project = await ann.project()
    task = await ann.task(project, recurrence="FREQ=DAILY", deadline="2026-03-06")
    await ann.post(f"/tasks/{task['id']}/complete", {})
    await ann.post(f"/tasks/{task['id']}/complete", {"completed": False})
    (following,) = [each for each in await open_tasks(ann, project) if each["id"] != task["id"]]
    assert (await ann.delete(f"/tasks/{following['id']}")).status_code == 204
    for rule, due in [("FREQ=DAILY", []), ("FREQ=WEEKLY", ["2026-03-13"])]:
        changes = {"recurrence": rule, "status": "done"}
        if batched:
            operations = [{"op": "update", "id": task["id"], **changes}]
            changed = await ann.post("/tasks/bulk", {"operations": operations})
        else:
            changed = await ann.patch(f"/tasks/{task['id']}", changes)
        assert changed.status_code == 200, changed.text
        assert [each["deadline"] for each in await open_tasks(ann, project)] == due
        await ann.post(f"/tasks/{task['id']}/complete", {"completed": False})
    assert len(await open_tasks(ann, project)) == 2


async def test_so_many_cards_recur_at_once_and_not_one_more(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    column = (await ann.post(f"/projects/{project['id']}/columns", {"name": "Weekly", "category": "todo"})).json()
    task = await ann.task(project, column_id=column["id"], recurrence="FREQ=WEEKLY;BYDAY=MO")
    with psycopg.connect(api.superuser_url) as connection:
        connection.execute(
            "insert into tasks (company_id, id, project_id, number, title, priority, status, column_id, rank, version,"
            " created_at, updated_at, recurrence) select company_id, gen_random_uuid(), project_id, number + place, title,"
            " priority, status, column_id, rank, 1, created_at, updated_at, recurrence"
            " from tasks, generate_series(1, 500) place where id = %s",
            (task["id"],),
        )
        connection.execute("update projects set last_number = 501 where id = %s", (project["id"],))
    path = f"/columns/{column['id']}"
    assert problem(await ann.patch(path, {"category": "done"})) == (409, "column.too_many_recurring")
    done = next(each["id"] for each in (await ann.board(project))["columns"] if each["name"] == "Done")
    assert problem(await ann.delete(f"{path}?move_to={done}")) == (409, "column.too_many_recurring")
    assert (await ann.delete(f"/tasks/{task['id']}")).status_code == 204
    begun = perf_counter()
    assert (await ann.patch(path, {"category": "done"})).status_code == 200
    assert perf_counter() - begun < 5
    with psycopg.connect(api.superuser_url) as connection:
        made = connection.execute(
            "select count(distinct number), count(distinct rank) from tasks where project_id = %s and status = 'todo'"
            " and deleted_at is null",
            (project["id"],),
        ).fetchone()
    assert made == (500, 500)


async def test_without_a_deadline_it_counts_from_today_in_the_zone_of_the_company(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12"):
        changed = await ann.patch(f"/companies/{ann.company_id}", {"settings": {"time_zone": zone}})
        assert changed.status_code == 200, changed.text
        task = await ann.task(project, recurrence="FREQ=DAILY")
        before = api.sql("select now()")[0][0]
        await ann.post(f"/tasks/{task['id']}/complete", {})
        after = api.sql("select now()")[0][0]
        *_, following = await open_tasks(ann, project)
        days = {day_in(zone, at) + timedelta(days=1) for at in (before, after)}
        assert date.fromisoformat(following["deadline"]) in days


async def test_a_rule_may_be_changed_and_cleared(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    task = await ann.task(project)
    path = f"/tasks/{task['id']}"
    assert task["recurrence"] is None
    changed = await ann.patch(path, {"recurrence": f" {MONDAYS}\n"})
    assert (changed.json()["recurrence"], changed.json()["version"]) == (MONDAYS, 2)
    event = (await ann.get("/events?after=0")).json()[-1]
    assert event["changes"] == {"recurrence": {"old": None, "new": MONDAYS}}
    assert (await ann.send("PUT", path, json=changed.json())).json() == changed.json()
    assert (await ann.patch(path, {"recurrence": None})).json()["recurrence"] is None
    await ann.post(f"{path}/complete", {})
    assert await open_tasks(ann, project) == []


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "weekly",
        "RRULE:FREQ=DAILY",
        "FREQ=SECONDLY",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;INTERVAL=1000000000",
        "FREQ=DAILY;UNTIL=99991232",
        "FREQ=DAILY;COUNT=0",
        "FREQ=YEARLY;BYYEARDAY=" + "1," * 300 + "1",
        "FREQ=DAILY\x00",
        7,
        ["FREQ=DAILY"],
    ],
    ids=lambda value: str(value)[:30],
)
async def test_what_is_no_rule_is_refused_and_named(api: Api, rule: Any) -> None:
    ann = await api.register()
    project = await ann.project()
    task = await ann.task(project)
    given = {"project_id": project["id"], "title": "x", "recurrence": rule}
    for refused in (await ann.post("/tasks", given), await ann.patch(f"/tasks/{task['id']}", {"recurrence": rule})):
        assert refused.status_code == 422, refused.text
        assert [each["pointer"] for each in refused.json()["errors"]] == ["/recurrence"]
    assert api.count("tasks", ann.company_id) == 1


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;UNTIL=99991231",
        "FREQ=DAILY;INTERVAL=999999",
        "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
        "FREQ=MONTHLY;INTERVAL=12;BYMONTH=3",
    ],
)
async def test_no_rule_keeps_anybody_waiting_and_one_that_has_no_next_day_ends(api: Api, rule: str) -> None:
    ann = await api.register()
    project = await ann.project()
    task = await ann.task(project, recurrence=rule, deadline="9998-12-28")
    begun = perf_counter()
    assert (await ann.post(f"/tasks/{task['id']}/complete", {})).status_code == 200
    assert perf_counter() - begun < 2
    found = await open_tasks(ann, project)
    assert [each["deadline"] for each in found] == (["9998-12-29"] if rule.endswith("99991231") else [])


def test_the_database_holds_no_rule_that_is_empty_or_too_long(api: Api) -> None:
    with psycopg.connect(api.superuser_url) as connection:
        for length in (0, 501):
            with pytest.raises(psycopg.errors.CheckViolation), connection.transaction():
                connection.execute(
                    "insert into tasks (company_id, id, project_id, number, title, priority, status, column_id, rank,"
                    " version, created_at, updated_at, recurrence) values (gen_random_uuid(), gen_random_uuid(),"
                    " gen_random_uuid(), 1, 'x', 'low', 'todo', gen_random_uuid(), 'a', 1, now(), now(), repeat('x', %s))",
                    (length,),
                )
