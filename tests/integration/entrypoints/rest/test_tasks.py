"""Tasks: creating, finding, changing, moving, completing and deleting them; sections 2, 3 and 7 of the contract."""

import asyncio
import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.integration.api import NOBODYS_ID, Api, Person

Task = dict[str, Any]
PRIORITIES = ("low", "medium", "high", "urgent")


def assert_refused(response: httpx.Response, status: int, code: str, pointer: str | None = None) -> None:
    assert (response.status_code, response.json().get("code")) == (status, code), response.text
    if pointer is not None:
        assert [each["pointer"] for each in response.json()["errors"]] == [pointer]


def column_of(board: dict[str, Any], category: str) -> dict[str, Any]:
    return next(column for column in board["columns"] if column["category"] == category)


async def pages(person: Person, path: str) -> list[Task]:
    """All items of a list, from page to page by its links."""
    found: list[Task] = []
    address: str | None = path
    while address is not None:
        answer = await person.get(address)
        assert answer.status_code == 200, answer.text
        assert answer.json() or not found, "a link led to an empty page"
        found.extend(answer.json())
        link = re.fullmatch(r'</api/v1(/.*)>; rel="next"', answer.headers.get("link", ""))
        assert link or "link" not in answer.headers
        address = link[1] if link else None
    return found


async def ids(person: Person, path: str) -> set[str]:
    answer = await person.get(path)
    assert answer.status_code == 200, answer.text
    return {each["id"] for each in answer.json()}


def add_column(api: Api, project: dict[str, Any], *, name: str, category: str, position: int) -> str:
    """Makes another column, which has no route yet."""
    column_id = str(uuid4())
    api.sql(
        "insert into board_columns (company_id, id, project_id, name, category, position, version, created_at,"
        " updated_at) select company_id, %s, id, %s, %s, %s, 1, now(), now() from projects where id = %s",
        (column_id, name, category, position, project["id"]),
    )
    return column_id


# Creating


async def test_a_new_task_says_everything_about_itself(api: Api) -> None:
    ann = await api.register(name="Ann Miller")
    project = await ann.project(name="Website")
    board = await ann.board(project)
    answer = await ann.post(
        "/tasks",
        {
            "project_id": project["id"],
            "title": "  Draw the landing page ",
            "description": "# Big\n\tand *bold*",
            "priority": "urgent",
            "deadline": "2026-12-24",
            "assigned_to": ann.user_id,
        },
    )
    task = answer.json()
    assert answer.status_code == 201
    assert UUID(task["id"]).version == 7
    assert task == {
        "id": task["id"],
        "key": "WEB-1",
        "number": 1,
        "title": "Draw the landing page",
        "description": "# Big\n\tand *bold*",
        "priority": "urgent",
        "status": "todo",
        "column_id": column_of(board, "todo")["id"],
        "deadline": "2026-12-24",
        "project_id": project["id"],
        "cycle_id": None,
        "parent_id": None,
        "labels": [],
        "external_id": None,
        "recurrence": None,
        "watching": True,
        "sub_tasks": {"total": 0, "done": 0},
        "assigned_to": ann.user_id,
        "assigned_to_name": "Ann Miller",
        "created_by": ann.user_id,
        "completed_at": None,
        "version": 1,
        "created_at": task["created_at"],
        "updated_at": task["created_at"],
    }
    assert answer.headers["location"] == f"/api/v1/tasks/{task['id']}"
    again = await ann.get(f"/tasks/{task['id']}")
    assert again.json() == task
    assert again.headers["etag"] == answer.headers["etag"]


async def test_what_is_left_out_has_the_usual_value(api: Api) -> None:
    ann = await api.register()
    task = await ann.task(await ann.project())
    for name, value in {
        "description": None,
        "priority": "medium",
        "status": "todo",
        "deadline": None,
        "cycle_id": None,
        "assigned_to": None,
        "assigned_to_name": None,
    }.items():
        assert task[name] == value


async def test_a_task_is_created_at_the_end_of_the_column_or_status_it_names(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    second = add_column(api, project, name="Review", category="in_progress", position=9)
    board = await ann.board(project)
    first = column_of(board, "in_progress")["id"]
    a = await ann.task(project, status="in_progress")
    b = await ann.task(project, column_id=second)
    c = await ann.task(project, column_id=first, status="in_progress")
    done = await ann.task(project, status="done")
    assert (a["column_id"], b["column_id"], c["column_id"]) == (first, second, first)
    assert [b["status"], done["status"]] == ["in_progress", "done"]
    assert done["completed_at"] == done["created_at"]
    columns = {
        column["id"]: [task["id"] for task in column["tasks"]] for column in (await ann.board(project))["columns"]
    }
    assert columns[first] == [a["id"], c["id"]]
    assert columns[second] == [b["id"]]


async def test_a_task_whose_column_has_another_status_is_a_contradiction(api: Api) -> None:
    ann = await api.register()
    project, other = await ann.project(), await ann.project()
    done = column_of(await ann.board(project), "done")["id"]
    given = {"project_id": project["id"], "title": "x", "column_id": done, "status": "todo"}
    assert_refused(await ann.post("/tasks", given), 422, "task.move_contradicts", "/column_id")
    elsewhere = column_of(await ann.board(other), "todo")["id"]
    given = {"project_id": project["id"], "title": "x", "column_id": elsewhere}
    assert_refused(await ann.post("/tasks", given), 422, "reference.not_found", "/column_id")
    assert api.count("tasks", ann.company_id) == 0


async def test_numbers_rise_and_none_is_used_again(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    made = [await ann.task(project) for _ in range(3)]
    assert [task["number"] for task in made] == [1, 2, 3]
    await ann.delete(f"/tasks/{made[2]['id']}")
    assert (await ann.task(project))["number"] == 4


async def test_twenty_tasks_created_at_once_have_different_rising_numbers(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    made = await asyncio.gather(*(ann.task(project) for _ in range(20)))
    assert sorted(task["number"] for task in made) == list(range(1, 21))
    listed = await pages(ann, f"/tasks?project_id={project['id']}&sort=number&limit=7")
    assert [task["number"] for task in listed] == list(range(1, 21))
    ordered = column_of(await ann.board(project), "todo")["tasks"]
    assert [task["number"] for task in ordered] == list(range(1, 21)), "the board is in the order of creation"


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"title": ""}, "/title"),
        ({"title": "   "}, "/title"),
        ({"title": "two\nlines"}, "/title"),
        ({"title": "x" * 501}, "/title"),
        ({"title": None}, "/title"),
        ({"title": 5}, "/title"),
        ({"title": "bell\u0007"}, "/title"),
        ({"description": "x" * 100_001}, "/description"),
        ({"description": "escape\u001b"}, "/description"),
        ({"priority": "hot"}, "/priority"),
        ({"priority": None}, "/priority"),
        ({"status": "waiting"}, "/status"),
        ({"deadline": "2026-02-30"}, "/deadline"),
        ({"deadline": "tomorrow"}, "/deadline"),
        ({"deadline": 86400}, "/deadline"),
        ({"deadline": "2026-12-24T00:00:00Z"}, "/deadline"),
        ({"deadline": "10000-01-01"}, "/deadline"),
        ({"assigned_to": "ann"}, "/assigned_to"),
        ({"column_id": 7}, "/column_id"),
        ({"project_id": None}, "/project_id"),
        ({"key": "WEB-7"}, "/key"),
        ({"number": 7}, "/number"),
        ({"labels": ["nowhere"]}, "/labels/0"),
        ({"company_id": NOBODYS_ID}, "/company_id"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_field_that_cannot_be_accepted_is_named(api: Api, fields: dict[str, Any], pointer: str) -> None:
    ann = await api.register()
    project = await ann.project()
    answer = await ann.post("/tasks", {"project_id": project["id"], "title": "A task", **fields})
    assert answer.status_code == 422, answer.text
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    assert api.count("tasks", ann.company_id) == 0


async def test_the_longest_texts_are_taken_as_they_are(api: Api) -> None:
    ann = await api.register()
    title, description = "ü" * 500, "🎉" * 50_000 + "\n\t" + "x" * 49_998
    task = await ann.task(await ann.project(), title=title, description=description)
    assert (task["title"], task["description"]) == (title, description)
    assert (await ann.get(f"/tasks/{task['id']}")).json()["description"] == description


@pytest.mark.parametrize("deadline", ["0001-01-01", "1969-12-31", "2024-02-29", "9999-12-31"])
async def test_any_day_of_the_calendar_can_be_a_deadline(api: Api, deadline: str) -> None:
    ann = await api.register()
    task = await ann.task(await ann.project(), deadline=deadline)
    assert task["deadline"] == deadline
    assert (await ann.get(f"/tasks/{task['id']}")).json()["deadline"] == deadline


# Finding


async def test_a_key_finds_a_task_in_any_case(api: Api) -> None:
    ann = await api.register()
    project = await ann.project(key="WEB")
    task = await ann.task(project)
    for key in ("WEB-1", "web-1", "wEb-1"):
        assert (await ann.get(f"/tasks/{key}")).json() == task
    for wrong in (
        "WEB-2",
        "WEB-0",
        "WEB-01",
        "WEB-",
        "WEB",
        "WEBB-1",
        "-1",
        "WEB-1-1",
        "WEB-999999999",
        f"{uuid4()}",
        "x",
        "1",
    ):
        assert_refused(await ann.get(f"/tasks/{wrong}"), 404, "task.not_found")


async def test_an_old_key_of_the_project_goes_on_finding_its_tasks(api: Api) -> None:
    ann = await api.register()
    project = await ann.project(key="OLD")
    task = await ann.task(project)
    api.sql(
        "insert into project_keys (company_id, key, project_id) values (%s, 'NEW', %s)", (ann.company_id, project["id"])
    )
    api.sql("update projects set key = 'NEW' where id = %s", (project["id"],))
    for key in ("OLD-1", "NEW-1", "old-1"):
        found = await ann.get(f"/tasks/{key}")
        assert (found.json()["id"], found.json()["key"]) == (task["id"], "NEW-1")
    assert (await ann.patch("/tasks/OLD-1", {"title": "By its old key"})).status_code == 200
    assert (await ann.patch("/tasks/OLD-1/move", {"new_status": "done"})).status_code == 200
    assert (await ann.get("/projects/OLD")).json()["key"] == "NEW"


# Lists


async def seeded(api: Api, ann: Person, *, count: int = 215) -> dict[str, Any]:
    """A project with many tasks whose values repeat, are missing, and come in no order."""
    project = await ann.project()
    made = await asyncio.gather(*(ann.task(project, title=f"T{number}") for number in range(10)))
    columns = [column["id"] for column in (await ann.board(project))["columns"]]
    api.sql(
        """
        insert into tasks (company_id, id, project_id, number, title, priority, status, column_id, rank, deadline,
                           created_by, version, created_at, updated_at, completed_at)
        select p.company_id, gen_random_uuid(), p.id, 10 + n, 'T' || n,
               (array['low', 'medium', 'high', 'urgent'])[1 + (n * 7) %% 4],
               (array['todo', 'in_progress', 'done'])[1 + n %% 3],
               (%s::uuid[])[1 + n %% 3],
               lpad((n * 7919 %% 10007)::text, 8, '0'),
               case when n %% 4 = 0 then null else date '2026-01-01' + (n * 13) %% 17 end,
               %s, 1,
               timestamptz '2026-03-01Z' + (n * 31 %% 40) * interval '1 second',
               timestamptz '2026-03-02Z' + (n * 17 %% 23) * interval '1.000001 second',
               case when n %% 3 = 2 then now() end
          from projects p, generate_series(1, %s) n where p.id = %s
        """,
        (columns, ann.user_id, count - len(made), project["id"]),
    )
    api.sql("update projects set last_number = %s where id = %s", (count, project["id"]))
    return project


SORTS: dict[str, tuple[str, str]] = {
    "created_at": ("created_at", "created_at"),
    "updated_at": ("updated_at", "updated_at"),
    "deadline": ("deadline", "deadline"),
    "priority": ("priority_rank", "priority"),
    "number": ("number", "number"),
    "position": ('rank collate "C"', ""),
}


@pytest.fixture(scope="module")
async def many(api: Api) -> tuple[Person, dict[str, Any]]:
    ann = await api.register()
    return ann, await seeded(api, ann)


@pytest.mark.parametrize("descending", [False, True], ids=["ascending", "descending"])
@pytest.mark.parametrize("sort", SORTS)
async def test_paging_in_every_order_shows_each_task_once_and_in_that_order(
    api: Api, many: tuple[Person, dict[str, Any]], sort: str, descending: bool
) -> None:
    ann, project = many
    column, way = SORTS[sort][0], "desc" if descending else "asc"
    wanted = [
        str(row[0])
        for row in api.sql(
            f"select id from tasks where project_id = %s order by {column} {way} nulls last, id {way}", (project["id"],)
        )
    ]
    assert len(wanted) > 200
    sign = "-" if descending else ""
    found = await pages(ann, f"/tasks?project_id={project['id']}&sort={sign}{sort}&limit=37")
    assert [task["id"] for task in found] == wanted
    if sort == "deadline":
        assert found[-1]["deadline"] is None and found[0]["deadline"] is not None
    if sort == "priority":
        ranks = [PRIORITIES.index(task["priority"]) for task in found]
        assert ranks == sorted(ranks, reverse=descending)


@pytest.mark.parametrize("sort", [sign + sort for sort in SORTS for sign in ("", "-")])
async def test_what_is_created_between_two_pages_neither_repeats_nor_hides_a_task(api: Api, sort: str) -> None:
    ann = await api.register()
    project = await seeded(api, ann, count=60)
    before = await ids(ann, f"/tasks?project_id={project['id']}&limit=200")
    found: list[str] = []
    address: str | None = f"/tasks?project_id={project['id']}&sort={sort}&limit=11"
    while address is not None:
        answer = await ann.get(address)
        found.extend(task["id"] for task in answer.json())
        link = re.fullmatch(r'</api/v1(/.*)>; rel="next"', answer.headers.get("link", ""))
        address = link[1] if link else None
        for deadline in (None, "2026-01-05", "2026-01-10"):
            await ann.task(project, priority="high", **({"deadline": deadline} if deadline else {}))
        assert len(found) < 500
    assert len(found) == len(set(found))
    assert before <= set(found)


async def test_newest_first_is_the_usual_order(many: tuple[Person, dict[str, Any]]) -> None:
    ann, project = many
    usual = (await ann.get(f"/tasks?project_id={project['id']}")).json()
    assert usual == (await ann.get(f"/tasks?project_id={project['id']}&sort=-created_at")).json()
    assert len(usual) == 50
    assert [task["created_at"] for task in usual] == sorted((task["created_at"] for task in usual), reverse=True)


async def test_skip_leaves_out_as_many_and_links_go_on_from_there(many: tuple[Person, dict[str, Any]]) -> None:
    ann, project = many
    path = f"/tasks?project_id={project['id']}&sort=number"
    everything = await pages(ann, f"{path}&limit=200")
    assert (await ann.get(f"{path}&skip=30&limit=20")).json() == everything[30:50]
    assert await pages(ann, f"{path}&skip=30&limit=50") == everything[30:]
    assert (await ann.get(f"{path}&skip=10000")).json() == []


async def test_the_total_is_counted_only_when_asked_for(many: tuple[Person, dict[str, Any]]) -> None:
    ann, project = many
    path = f"/tasks?project_id={project['id']}"
    assert "x-total-count" not in (await ann.get(path)).headers
    assert "x-total-count" not in (await ann.get(f"{path}&include_total=false")).headers
    assert (await ann.get(f"{path}&include_total=true&limit=1")).headers["x-total-count"] == "215"
    assert (await ann.get(f"{path}&include_total=true&skip=300")).headers["x-total-count"] == "215"
    low = await ann.get(f"{path}&include_total=true&priority=low&limit=200")
    assert low.headers["x-total-count"] == str(len(low.json()))
    second = re.search("<([^>]*)>", (await ann.get(f"{path}&include_total=true&limit=50")).headers["link"])
    assert second is not None
    page = await ann.client.get(second[1], headers={"Authorization": f"Bearer {ann.token}"})
    assert page.headers["x-total-count"] == "215"


async def test_a_page_that_is_exactly_full_links_to_nothing(many: tuple[Person, dict[str, Any]]) -> None:
    ann, project = many
    path = f"/tasks?project_id={project['id']}&sort=number"
    assert "link" not in (await ann.get(f"{path}&skip=165&limit=50")).headers
    assert "link" in (await ann.get(f"{path}&skip=164&limit=50")).headers


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=201", "limit=-1", "limit=x", "limit=", "limit=1.5", "skip=-1", "skip=10001", "skip=x",
        "include_total=maybe", "sort=", "sort=title", "sort=--number", "sort=number,priority", "sort=+number",
        "status=waiting", "status=", "status=todo,,done", "priority=hot", "assigned_to=ann", "assigned_to=",
        "created_by=none", "project_id=WEB", "project_id=", "column_id=x", "deadline_before=2026-02-30",
        "deadline_before=tomorrow", "deadline_before=", "deadline_after=10000-01-01", "deadline_after=86400",
        "updated_after=yesterday", "updated_after=", "updated_after=1700000000", "updated_after=2026-01-01T00:00:00",
        "external_id=", "external_id=%00", f"external_id={'x' * 201}",
    ],
)  # fmt: skip
async def test_a_parameter_that_cannot_be_accepted_is_named(api: Api, query: str) -> None:
    ann = await api.register()
    answer = await ann.get(f"/tasks?{query}")
    assert_refused(answer, 422, "request.invalid")
    assert {each["parameter"] for each in answer.json()["errors"]} == {query.partition("=")[0]}


async def test_cursor_and_skip_exclude_each_other(many: tuple[Person, dict[str, Any]]) -> None:
    ann, project = many
    link = (await ann.get(f"/tasks?project_id={project['id']}&limit=5")).headers["link"]
    address = link[1 : link.index(">")].removeprefix("/api/v1")
    assert (await ann.get(address)).status_code == 200
    for skip in (0, 1):
        assert_refused(await ann.get(f"{address}&skip={skip}"), 400, "cursor.invalid")


async def test_a_cursor_may_go_on_with_another_limit_but_with_no_other_question(
    many: tuple[Person, dict[str, Any]],
) -> None:
    ann, project = many
    path = f"/tasks?project_id={project['id']}&sort=number"
    everything = await pages(ann, f"{path}&limit=200")
    link = (await ann.get(f"{path}&limit=5")).headers["link"]
    cursor = re.search("cursor=([^&>]*)", link)[1]  # type: ignore[index]
    assert (await ann.get(f"{path}&limit=9&cursor={cursor}")).json() == everything[5:14]
    assert (await ann.get(f"{path}&limit=9&include_total=true&cursor={cursor}")).json() == everything[5:14]
    assert (await ann.get(f"/tasks?sort=number&limit=9&project_id={project['id']}&cursor={cursor}")).status_code == 200
    for other in (
        f"/tasks?sort=number&cursor={cursor}",
        f"/tasks?project_id={project['id']}&cursor={cursor}",
        f"/tasks?project_id={project['id']}&sort=-number&cursor={cursor}",
        f"{path}&priority=low&cursor={cursor}",
        f"/tasks?project_id={uuid4()}&sort=number&cursor={cursor}",
        f"/projects?cursor={cursor}",
    ):
        assert_refused(await ann.get(other), 400, "cursor.invalid")


# Filters


async def test_every_filter_answers_exactly_what_fits(api: Api) -> None:
    ann = await api.register()
    bob, eve = await api.colleague(ann, role="admin"), await api.colleague(ann, role="admin")
    projects = [await ann.project(), await ann.project()]
    people: list[str | None] = [ann.user_id, bob.user_id, None]
    makers = [ann, bob]
    tasks: list[Task] = []
    for number in range(36):
        tasks.append(
            await makers[number % 2].task(
                projects[number % 2],
                status=("todo", "in_progress", "done")[number % 3],
                priority=PRIORITIES[number % 4],
                assigned_to=people[(number // 2) % 3],
                deadline=str(date(2026, 5, 1) + timedelta(days=number % 5)) if number % 6 else None,
            )
        )
    todo = column_of(await ann.board(projects[0]), "todo")["id"]
    done = column_of(await ann.board(projects[1]), "done")["id"]
    middle = sorted(task["updated_at"] for task in tasks)[17]
    fitting: dict[str, Callable[[Task], bool]] = {
        f"project_id={projects[0]['id']}": lambda task: task["project_id"] == projects[0]["id"],
        f"project_id={projects[0]['id']},{projects[1]['id']}": lambda task: True,
        f"project_id={uuid4()}": lambda task: False,
        f"column_id={todo}": lambda task: task["column_id"] == todo,
        f"column_id={todo}&column_id={done}": lambda task: task["column_id"] in (todo, done),
        "status=todo": lambda task: task["status"] == "todo",
        "status=todo,done": lambda task: task["status"] in ("todo", "done"),
        "status=todo&status=done": lambda task: task["status"] in ("todo", "done"),
        "status=todo,done&status=in_progress": lambda task: True,
        "priority=urgent": lambda task: task["priority"] == "urgent",
        "priority=low,urgent&status=done": lambda task: (
            task["priority"] in ("low", "urgent") and task["status"] == "done"
        ),
        "assigned_to=me": lambda task: task["assigned_to"] == ann.user_id,
        "assigned_to=none": lambda task: task["assigned_to"] is None,
        f"assigned_to={bob.user_id}": lambda task: task["assigned_to"] == bob.user_id,
        f"assigned_to={bob.user_id},none": lambda task: task["assigned_to"] in (bob.user_id, None),
        "assigned_to=me&assigned_to=none": lambda task: task["assigned_to"] in (ann.user_id, None),
        f"assigned_to=me,none,{bob.user_id}": lambda task: True,
        f"assigned_to={eve.user_id}": lambda task: False,
        "created_by=me": lambda task: task["created_by"] == ann.user_id,
        f"created_by={bob.user_id}": lambda task: task["created_by"] == bob.user_id,
        f"created_by=me,{bob.user_id}": lambda task: True,
        "deadline_before=2026-05-03": lambda task: bool(task["deadline"]) and task["deadline"] < "2026-05-03",
        "deadline_after=2026-05-03": lambda task: bool(task["deadline"]) and task["deadline"] > "2026-05-03",
        "deadline_after=2026-05-01&deadline_before=2026-05-04": lambda task: (
            bool(task["deadline"]) and "2026-05-01" < task["deadline"] < "2026-05-04"
        ),
        f"updated_after={middle}": lambda task: task["updated_at"] > middle,
    }  # fmt: skip
    for query, fits in fitting.items():
        answer = await ann.get(f"/tasks?{query}&limit=200")
        wanted = [task["id"] for task in reversed(tasks) if fits(task)]
        assert [task["id"] for task in answer.json()] == wanted, query
        total = await ann.get(f"/tasks?{query}&limit=1&include_total=true")
        assert total.headers["x-total-count"] == str(len(wanted)), query


async def test_a_task_is_found_by_what_it_is_called_elsewhere(api: Api) -> None:
    ann = await api.register()
    web, app = await ann.project(), await ann.project(key="APP")
    bea = await api.colleague(ann, projects=(web,))
    one = await ann.task(web, external_id="https://old.example.com/a,b?x=1")
    two = await ann.task(app, external_id="https://old.example.com/a,b?x=1")
    await ann.task(web, external_id="https://old.example.com/a")

    async def found(person: Person, **query: str) -> list[str]:
        params = {"external_id": "https://old.example.com/a,b?x=1", **query}
        exported = await person.get("/tasks/export", params={**params, "format": "ndjson"})
        answer = await person.get("/tasks", params=params)
        assert [json.loads(line)["id"] for line in exported.text.splitlines()] == [task["id"] for task in answer.json()]
        return [task["id"] for task in answer.json()]

    assert await found(ann) == [two["id"], one["id"]]
    assert await found(ann, project_id=web["id"]) == [one["id"]]
    assert await found(ann, project_id=web["id"], external_id=" https://old.example.com/a,b?x=1 ") == [one["id"]]
    assert await found(ann, external_id="HTTPS://old.example.com/a") == []
    # Members see all of a project that they name, and of what is anywhere only what is theirs.
    assert await found(bea, project_id=web["id"]) == [one["id"]]
    assert await found(bea) == []
    await ann.delete(f"/tasks/{one['id']}")
    assert await found(ann) == [two["id"]]
    deleted = await ann.get("/tasks", params={"deleted": "true", "external_id": "https://old.example.com/a,b?x=1"})
    assert [task["id"] for task in deleted.json()] == [one["id"]]
    twice = await ann.get("/tasks?external_id=a&external_id=b")
    assert_refused(twice, 400, "parameter.unknown")


async def test_an_instant_may_be_given_in_another_zone(api: Api) -> None:
    ann = await api.register()
    task = await ann.task(await ann.project())
    api.sql("update tasks set updated_at = '2026-03-01T12:00:00Z' where id = %s", (task["id"],))
    for bound, found in (
        ("2026-03-01T13:59:59%2B02:00", True),
        ("2026-03-01T14:00:00%2B02:00", False),
        ("2026-03-01T11:59:59.999999Z", True),
        ("2026-03-01T12:00:00Z", False),
        ("0001-01-01T00:00:00%2B14:00", True),
        ("9999-12-31T23:59:59-14:00", False),
    ):
        answer = await ann.get(f"/tasks?updated_after={bound}")
        assert (answer.status_code, bool(answer.json())) == (200, found), bound


# Changing


async def test_a_merge_patch_changes_what_it_names_and_nothing_else(api: Api) -> None:
    ann = await api.register()
    task = await ann.task(await ann.project(), description="Long", deadline="2026-01-01", assigned_to=ann.user_id)
    answer = await ann.patch(f"/tasks/{task['id']}", {"title": " New ", "priority": "low"})
    changed = answer.json()
    assert answer.status_code == 200
    assert changed == {
        **task, "title": "New", "priority": "low", "version": 2, "updated_at": changed["updated_at"]
    }  # fmt: skip
    assert changed["updated_at"] > task["updated_at"]
    cleared = await ann.patch(f"/tasks/{task['key']}", {"description": None, "deadline": None, "assigned_to": None})
    assert [cleared.json()[name] for name in ("description", "deadline", "assigned_to", "assigned_to_name")] == [
        None
    ] * 4
    assert (await ann.get(f"/tasks/{task['id']}")).json() == cleared.json()


@pytest.mark.parametrize(
    "kind", ["application/json", "application/merge-patch+json", "Application/JSON; charset=utf-8"]
)
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_both_methods_and_both_media_types_do_the_same(api: Api, method: str, kind: str) -> None:
    ann = await api.register()
    task = await ann.task(await ann.project(), description="kept")
    answer = await ann.send(method, f"/tasks/{task['id']}", content=b'{"title":"x"}', headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["title"], answer.json()["description"]) == (200, "x", "kept")


@pytest.mark.parametrize("field", ["title", "priority", "status", "column_id", "version"])
async def test_null_does_not_clear_what_a_task_must_have(api: Api, field: str) -> None:
    ann = await api.register()
    task = await ann.task(await ann.project())
    assert_refused(await ann.patch(f"/tasks/{task['id']}", {field: None}), 422, "request.invalid", f"/{field}")
    assert (await ann.get(f"/tasks/{task['id']}")).json() == task


async def test_a_task_may_be_sent_back_as_it_was_read_and_nothing_changes(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    for more in ({}, {"status": "done", "assigned_to": ann.user_id, "deadline": "2026-01-01", "description": "x"}):
        task = await ann.task(project, **more)
        before = await ann.get("/tasks")
        answer = await ann.send("PUT", f"/tasks/{task['id']}", json=task)
        assert (answer.status_code, answer.json()) == (200, task)
        assert answer.headers["x-event-seq"] == before.headers["x-event-seq"], "what changes nothing is no event"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", NOBODYS_ID),
        ("key", "WEB-99"),
        ("number", 99),
        ("assigned_to_name", "Somebody"),
        ("created_by", NOBODYS_ID),
        ("created_by", None),
        ("completed_at", "2026-01-01T00:00:00.000000Z"),
        ("created_at", "2026-01-01T00:00:00.000000Z"),
        ("updated_at", "2026-01-01T00:00:00.000000Z"),
    ],
)
async def test_a_read_only_field_with_another_value_is_refused(api: Api, field: str, value: Any) -> None:
    ann = await api.register()
    task = await ann.task(await ann.project())
    answer = await ann.patch(f"/tasks/{task['id']}", {field: value, "title": "never"})
    assert_refused(answer, 422, "field.read_only", f"/{field}")
    assert (await ann.get(f"/tasks/{task['id']}")).json() == task


async def test_a_new_status_or_column_moves_the_card_to_the_end_of_it(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    review = add_column(api, project, name="Review", category="in_progress", position=9)
    first = await ann.task(project, status="in_progress")
    task = await ann.task(project)
    there = (await ann.patch(f"/tasks/{task['id']}", {"status": "in_progress", "title": "Both"})).json()
    board = await ann.board(project)
    assert [each["id"] for each in column_of(board, "in_progress")["tasks"]] == [first["id"], task["id"]]
    assert (there["title"], there["status"]) == ("Both", "in_progress")
    moved = (await ann.patch(f"/tasks/{task['id']}", {"column_id": review})).json()
    assert (moved["column_id"], moved["status"]) == (review, "in_progress")
    stays = (await ann.patch(f"/tasks/{task['id']}", {"status": "in_progress"})).json()
    assert stays == moved, "a task that is in the category already does not move"
    done = column_of(board, "done")["id"]
    contradiction = await ann.patch(f"/tasks/{task['id']}", {"status": "todo", "column_id": done})
    assert_refused(contradiction, 422, "task.move_contradicts", "/column_id")
    missing = await ann.patch(f"/tasks/{task['id']}", {"column_id": str(uuid4())})
    assert_refused(missing, 422, "reference.not_found", "/column_id")


# Versions and tags


async def test_the_tag_is_the_version_and_a_digest_of_names(api: Api) -> None:
    ann = await api.register()
    bob = await api.colleague(ann, role="admin")
    task = await ann.task(await ann.project(), assigned_to=bob.user_id)
    first = (await ann.get(f"/tasks/{task['id']}")).headers["etag"]
    assert re.fullmatch(r'"1\.[0-9a-f]+"', first)
    api.sql("update users set name = 'Another Name' where id = %s", (bob.user_id,))
    renamed = await ann.get(f"/tasks/{task['id']}", headers={"If-None-Match": first})
    assert renamed.status_code == 200, "a name that is shown changed, so the copy is not current"
    assert renamed.json()["version"] == 1
    assert renamed.headers["etag"].startswith('"1.') and renamed.headers["etag"] != first
    assert (await ann.patch(f"/tasks/{task['id']}", {"title": "x"}, headers={"If-Match": first})).status_code == 200


@pytest.mark.parametrize("tag", ['"1"', '"1.abc"', 'W/"1"', "*"])
async def test_the_present_version_may_be_named_in_several_ways(api: Api, tag: str) -> None:
    ann = await api.register()
    task = await ann.task(await ann.project())
    answer = await ann.patch(f"/tasks/{task['id']}", {"title": "x"}, headers={"If-Match": tag})
    assert (answer.status_code, answer.json()["version"]) == (200, 2)


async def test_a_stale_version_is_refused_everywhere_with_the_present_tag(api: Api) -> None:
    ann = await api.register()
    task = await ann.task(await ann.project())
    await ann.patch(f"/tasks/{task['id']}", {"title": "Second"})
    present = await ann.get(f"/tasks/{task['id']}")
    path, old = f"/tasks/{task['id']}", {"headers": {"If-Match": '"1"'}}
    for answer in (
        await ann.patch(path, {"title": "x"}, **old),
        await ann.patch(path, {"title": "x", "version": 1}),
        await ann.patch(path, {"title": "x", "version": 3}),
        await ann.send("PUT", path, json={"title": "x", "version": 1}),
        await ann.delete(path, **old),
        await ann.patch(f"{path}/move", {"new_status": "done"}, **old),
        await ann.patch(f"{path}/move", {"new_status": "done", "version": 1}),
        await ann.post(f"{path}/complete", {"completed": True}, **old),
        await ann.post(f"{path}/complete", {"version": 1}),
        await ann.post(f"{path}/complete", **old),
    ):
        assert_refused(answer, 412, "version.stale")
        assert answer.headers["etag"] == present.headers["etag"]
    assert (await ann.get(path)).json() == present.json()


async def test_of_two_who_change_the_same_version_at_once_one_is_stale(api: Api) -> None:
    ann = await api.register()
    task = await ann.task(await ann.project())
    changes = (ann.patch(f"/tasks/{task['id']}", {"title": f"T{n}"}, headers={"If-Match": '"1"'}) for n in range(8))
    answers = await asyncio.gather(*changes)
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    winner = next(answer for answer in answers if answer.status_code == 200)
    assert (await ann.get(f"/tasks/{task['id']}")).json() == winner.json()


async def test_changes_at_once_without_a_version_are_all_kept(api: Api) -> None:
    ann = await api.register()
    task = await ann.task(await ann.project())
    fields = ({"title": "New"}, {"description": "New"}, {"priority": "urgent"}, {"deadline": "2026-01-01"})
    answers = await asyncio.gather(*(ann.patch(f"/tasks/{task['id']}", each) for each in fields))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["version"] for answer in answers) == [2, 3, 4, 5]
    found = (await ann.get(f"/tasks/{task['id']}")).json()
    assert (found["title"], found["description"], found["priority"], found["deadline"], found["version"]) == (
        "New", "New", "urgent", "2026-01-01", 5,
    )  # fmt: skip


async def test_the_place_does_not_change_the_version_and_the_column_does(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    tasks = [await ann.task(project) for _ in range(3)]
    path = f"/tasks/{tasks[0]['id']}"
    tag = (await ann.get(path)).headers["etag"]
    within = await ann.patch(f"{path}/move", {"after": tasks[2]["id"]})
    assert (within.json(), within.headers["etag"]) == (tasks[0], tag)
    assert (await ann.patch(path, {"title": "x"}, headers={"If-Match": tag})).status_code == 200
    across = await ann.patch(f"{path}/move", {"new_status": "in_progress"})
    assert across.json()["version"] == 3
    assert across.json()["updated_at"] > tasks[0]["updated_at"]


# Moving


async def order(person: Person, project: dict[str, Any]) -> list[list[str]]:
    """The numbers of the tasks in each column, from top to bottom."""
    return [[task["number"] for task in column["tasks"]] for column in (await person.board(project))["columns"]]


async def test_a_card_moves_before_and_after_others_and_to_the_end_of_columns(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    t = {number: await ann.task(project) for number in range(1, 5)}

    async def move(number: int, **to: Any) -> int:
        return (await ann.patch(f"/tasks/{t[number]['id']}/move", to)).status_code

    assert await order(ann, project) == [[1, 2, 3, 4], [], []]
    assert await move(4, before=t[1]["id"]) == 200
    assert await order(ann, project) == [[4, 1, 2, 3], [], []]
    assert await move(1, after=t[3]["id"]) == 200
    assert await order(ann, project) == [[4, 2, 3, 1], [], []]
    assert await move(3, before=t[2]["id"]) == 200
    assert await order(ann, project) == [[4, 3, 2, 1], [], []]
    assert await move(3, new_status="done") == 200
    assert await move(4, new_status="done") == 200
    assert await order(ann, project) == [[2, 1], [], [3, 4]]
    assert await move(2, before=t[4]["id"]) == 200, "a neighbour implies its column"
    assert await order(ann, project) == [[1], [], [3, 2, 4]]
    assert await move(2, new_status="done") == 200, "no move if it is in the category already"
    assert await order(ann, project) == [[1], [], [3, 2, 4]]
    assert await move(1, after=t[4]["id"], new_status="done") == 200
    assert await order(ann, project) == [[], [], [3, 2, 4, 1]]
    assert await move(1, before=t[3]["id"], column_id=column_of(await ann.board(project), "done")["id"]) == 200
    assert await order(ann, project) == [[], [], [1, 3, 2, 4]]
    assert await move(1, after=t[3]["id"]) == 200
    assert await move(1, after=t[3]["id"]) == 200, "where it stands already"
    assert await order(ann, project) == [[], [], [3, 1, 2, 4]]


async def test_a_move_that_contradicts_itself_is_refused(api: Api) -> None:
    ann = await api.register()
    project, other = await ann.project(), await ann.project()
    task, near, done = await ann.task(project), await ann.task(project), await ann.task(project, status="done")
    stranger = await ann.task(other)
    board = await ann.board(project)
    todo_column, done_column = column_of(board, "todo")["id"], column_of(board, "done")["id"]
    before = await order(ann, project)
    contradictions = (
        ({"before": near["id"], "after": done["id"]}, "task.move_contradicts"),
        ({"before": task["id"]}, "task.move_contradicts"),
        ({"after": task["id"]}, "task.move_contradicts"),
        ({"before": near["id"], "new_status": "done"}, "task.move_contradicts"),
        ({"after": done["id"], "new_status": "todo"}, "task.move_contradicts"),
        ({"before": near["id"], "column_id": done_column}, "task.move_contradicts"),
        ({"new_status": "todo", "column_id": done_column}, "task.move_contradicts"),
        ({"before": stranger["id"]}, "reference.not_found"),
        ({"after": str(uuid4())}, "reference.not_found"),
        ({"column_id": stranger["column_id"]}, "reference.not_found"),
        ({}, "request.invalid"),
        ({"new_status": None}, "request.invalid"),
        ({"before": "x"}, "request.invalid"),
        ({"new_status": "waiting"}, "request.invalid"),
        ({"position": 3}, "request.invalid"),
    )
    for given, code in contradictions:
        assert_refused(await ann.patch(f"/tasks/{task['id']}/move", given), 422, code)
    assert await order(ann, project) == before
    assert (await ann.patch(f"/tasks/{task['id']}/move", {"column_id": todo_column})).json() == task


async def test_a_card_may_go_between_the_same_two_any_number_of_times(api: Api) -> None:
    """Halving uses ranks up; the column is then spread, and keeps its order."""
    ann = await api.register()
    project = await ann.project()
    tasks = [await ann.task(project) for _ in range(4)]
    ranks = ("00000001", "00000001V", "00000002", "zzzzzzzz")
    for task, rank in zip(tasks, ranks, strict=True):
        api.sql("update tasks set rank = %s where id = %s", (rank, task["id"]))
    a, b, c, d = (task["id"] for task in tasks)
    for turn in range(160):
        mover, neighbour = ((b, a), (c, a))[turn % 2]
        assert (await ann.patch(f"/tasks/{mover}/move", {"after": neighbour})).status_code == 200
    assert [task["id"] for task in column_of(await ann.board(project), "todo")["tasks"]] == [a, c, b, d]
    longest = api.sql("select max(length(rank)) from tasks where project_id = %s", (project["id"],))[0][0]
    assert longest <= 32
    new = await ann.task(project)
    assert column_of(await ann.board(project), "todo")["tasks"][-1]["id"] == new["id"], "after the last possible rank"


async def test_sixteen_moves_at_once_keep_a_total_order_and_lose_nothing(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    tasks = [await ann.task(project) for _ in range(16)]
    head = int((await ann.get("/tasks")).headers["x-event-seq"])
    middle, wanted = tasks[8]["id"], {task["id"] for task in tasks}
    for turn in range(3):
        moves = (
            ann.patch(
                f"/tasks/{task['id']}/move",
                {"new_status": "in_progress"} if task["id"] == middle and turn == 0
                else {("before", "after")[number % 2]: tasks[(number * 5 + turn) % 16]["id"]}
                if tasks[(number * 5 + turn) % 16]["id"] != task["id"] else {"new_status": "todo"},
            )
            for number, task in enumerate(tasks)
        )  # fmt: skip
        answers = await asyncio.gather(*moves)
        assert {answer.status_code for answer in answers} == {200}
        found = [task["id"] for column in (await ann.board(project))["columns"] for task in column["tasks"]]
        assert len(found) == 16 and set(found) == wanted
        ranks = api.sql("select column_id, rank from tasks where project_id = %s", (project["id"],))
        assert len(set(ranks)) == 16, "no two cards of a column share a rank"
    events = (await ann.get(f"/events?after={head}&limit=200")).json()
    assert [int(event["seq"]) for event in events] == list(range(head + 1, head + 1 + len(events)))


# Completing


async def test_completing_toggles_only_without_the_value(api: Api) -> None:
    ann = await api.register()
    task = await ann.task(await ann.project())
    path = f"/tasks/{task['id']}/complete"
    seen = []
    for body in (None, None, {"completed": True}, {"completed": True}, {}, {"completed": False}, {"completed": None}):
        answer = await (ann.post(path, body) if body is not None else ann.post(path))
        assert answer.status_code == 200
        assert (answer.json()["completed_at"] is not None) == (answer.json()["status"] == "done")
        seen.append((answer.json()["status"], answer.json()["version"]))
    assert seen == [("done", 2), ("todo", 3), ("done", 4), ("done", 4), ("todo", 5), ("todo", 5), ("done", 6)]


async def test_undoing_returns_to_the_column_it_came_from(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    review = add_column(api, project, name="Review", category="in_progress", position=9)
    task = await ann.task(project, column_id=review)
    path = f"/tasks/{task['key']}/complete"
    assert (await ann.post(path)).json()["status"] == "done"
    back = (await ann.post(path)).json()
    assert (back["column_id"], back["status"], back["completed_at"]) == (review, "in_progress", None)
    await ann.patch(f"/tasks/{task['id']}/move", {"new_status": "done"})
    assert (await ann.post(path, {"completed": False})).json()["column_id"] == review
    born_done = await ann.task(project, status="done")
    assert (await ann.post(f"/tasks/{born_done['id']}/complete")).json()["status"] == "todo"


async def test_completed_at_is_set_on_entering_done_and_cleared_on_leaving(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    archive = add_column(api, project, name="Shipped", category="done", position=9)
    task = await ann.task(project)
    done = (await ann.patch(f"/tasks/{task['id']}", {"status": "done"})).json()
    assert done["completed_at"] == done["updated_at"]
    shipped = (await ann.patch(f"/tasks/{task['id']}/move", {"column_id": archive})).json()
    assert shipped["completed_at"] == done["completed_at"], "from one done column to another it stays done"
    back = (await ann.patch(f"/tasks/{task['id']}/move", {"new_status": "in_progress"})).json()
    assert back["completed_at"] is None


@pytest.mark.parametrize("completed", ["yes", 1, "true", [], {}])
async def test_completed_is_true_or_false_and_nothing_like_it(api: Api, completed: Any) -> None:
    ann = await api.register()
    task = await ann.task(await ann.project())
    answer = await ann.post(f"/tasks/{task['id']}/complete", {"completed": completed})
    assert_refused(answer, 422, "request.invalid", "/completed")
    assert (await ann.get(f"/tasks/{task['id']}")).json() == task


# Deleting, archives


async def test_a_deleted_task_is_nowhere(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    task, other = await ann.task(project), await ann.task(project)
    answer = await ann.delete(f"/tasks/{task['key']}")
    assert (answer.status_code, answer.content) == (204, b"")
    head = int(answer.headers["x-event-seq"])
    for ref in (task["id"], task["key"]):
        path = f"/tasks/{ref}"
        for gone in (
            await ann.get(path),
            await ann.patch(path, {"title": "x"}),
            await ann.delete(path),
            await ann.patch(f"{path}/move", {"new_status": "done"}),
            await ann.post(f"{path}/complete"),
        ):
            assert_refused(gone, 404, "task.not_found")
    listed = await ann.get("/tasks?include_total=true")
    assert ([each["id"] for each in listed.json()], listed.headers["x-total-count"]) == ([other["id"]], "1")
    assert await order(ann, project) == [[2], [], []]
    assert (await ann.board(project))["columns"][0]["task_count"] == 1
    assert (await ann.get(f"/projects/{project['id']}/progress")).json()["total_tasks"] == 1
    beside = await ann.patch(f"/tasks/{other['id']}/move", {"after": task["id"]})
    assert_refused(beside, 422, "reference.not_found", "/after")
    events = (await ann.get(f"/events?after={head - 1}")).json()
    assert [event["event"] for event in events] == ["task_deleted"]


async def test_the_tasks_of_a_deleted_project_are_hidden_everywhere(api: Api) -> None:
    ann = await api.register()
    project, other = await ann.project(), await ann.project()
    task, kept = await ann.task(project, assigned_to=ann.user_id), await ann.task(other)
    column = (await ann.board(project))["columns"][0]["id"]
    assert (await ann.delete(f"/projects/{project['id']}")).status_code == 204
    for ref in (task["id"], task["key"]):
        path = f"/tasks/{ref}"
        for gone in (
            await ann.get(path),
            await ann.get(path, headers={"If-None-Match": '"1"'}),
            await ann.patch(path, {"title": "x"}),
            await ann.delete(path),
            await ann.patch(f"{path}/move", {"new_status": "done"}),
            await ann.post(f"{path}/complete"),
        ):
            assert_refused(gone, 404, "task.not_found")
    assert await ids(ann, "/tasks") == {kept["id"]}
    for query in ("assigned_to=me", f"project_id={project['id']}", f"column_id={column}"):
        answer = await ann.get(f"/tasks?{query}&include_total=true")
        assert (answer.json(), answer.headers["x-total-count"]) == ([], "0"), query
    beside = await ann.patch(f"/tasks/{kept['id']}/move", {"after": task["id"]})
    assert_refused(beside, 422, "reference.not_found", "/after")
    there = await ann.post("/tasks", {"project_id": project["id"], "title": "x"})
    assert_refused(there, 422, "reference.not_found", "/project_id")


async def test_the_tasks_of_an_archived_project_are_readable_and_not_writable(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    task = await ann.task(project)
    await ann.patch(f"/projects/{project['id']}", {"is_active": False})
    path = f"/tasks/{task['id']}"
    assert (await ann.get(path)).json() == task
    assert await ids(ann, f"/tasks?project_id={project['id']}") == {task["id"]}
    assert await order(ann, project) == [[1], [], []]
    for refused in (
        await ann.post("/tasks", {"project_id": project["id"], "title": "x"}),
        await ann.patch(path, {"title": "x"}),
        await ann.patch(f"{path}/move", {"new_status": "done"}),
        await ann.post(f"{path}/complete"),
        await ann.delete(path),
    ):
        assert_refused(refused, 409, "project.archived")
    assert (await ann.get(path)).json() == task
    await ann.patch(f"/projects/{project['id']}", {"is_active": True})
    assert (await ann.patch(path, {"title": "x"})).status_code == 200


async def test_an_archive_refuses_after_permission_and_version_did(api: Api) -> None:
    """403, then 412, then 409: the order of the contract."""
    ann = await api.register()
    project = await ann.project()
    task = await ann.task(project)
    bob = await api.colleague(ann, projects=(project,))
    await ann.patch(f"/projects/{project['id']}", {"is_active": False})
    path = f"/tasks/{task['id']}"
    for send, status, code in (
        (bob.patch, 403, "permission.denied"),
        (ann.patch, 412, "version.stale"),
    ):
        assert_refused(await send(path, {"title": "x"}, headers={"If-Match": '"7"'}), status, code)
        assert_refused(await send(f"{path}/move", {"new_status": "done"}, headers={"If-Match": '"7"'}), status, code)
    assert_refused(await bob.delete(path), 403, "permission.denied")
    assert_refused(await ann.delete(path, headers={"If-Match": '"7"'}), 412, "version.stale")
    assert_refused(await bob.post(f"{path}/complete"), 403, "permission.denied")
    assert_refused(await ann.post(f"{path}/complete", {"version": 7}), 412, "version.stale")


# Who may


async def test_a_member_sees_the_tasks_of_their_projects_and_no_others(api: Api) -> None:
    owner = await api.register()
    project, hidden = await owner.project(), await owner.project()
    bob = await api.colleague(owner, projects=(project,))
    task, secret = await owner.task(project), await owner.task(hidden, assigned_to=None)
    assert (await bob.get(f"/tasks/{task['id']}")).json() == {**task, "watching": False}
    for ref in (secret["id"], secret["key"]):
        path = f"/tasks/{ref}"
        for refused in (
            await bob.get(path),
            await bob.get(path, headers={"If-None-Match": "*"}),
            await bob.patch(path, {"title": "x"}),
            await bob.patch(path, {"assigned_to": bob.user_id}),
            await bob.patch(path, {"title": "x"}, headers={"If-Match": '"9"'}),
            await bob.delete(path),
            await bob.patch(f"{path}/move", {"new_status": "done"}),
            await bob.post(f"{path}/complete"),
        ):
            assert_refused(refused, 404, "task.not_found")
    there = await bob.post("/tasks", {"project_id": hidden["id"], "title": "x"})
    assert_refused(there, 422, "reference.not_found", "/project_id")
    assert await ids(bob, f"/tasks?project_id={hidden['id']}") == set()
    assert await ids(bob, f"/tasks?column_id={secret['column_id']}") == set()
    api.sql("delete from project_members where user_id = %s", (bob.user_id,))
    assert_refused(await bob.get(f"/tasks/{task['id']}"), 404, "task.not_found")


async def test_a_list_that_names_no_container_shows_members_their_own_and_admins_all(api: Api) -> None:
    owner = await api.register()
    project, hidden = await owner.project(), await owner.project()
    bob = await api.colleague(owner, projects=(project,))
    admin = await api.colleague(owner, role="admin")
    his = await owner.task(project, assigned_to=bob.user_id)
    made = await bob.task(project)
    other = await owner.task(project, assigned_to=owner.user_id)
    secret = await owner.task(hidden)
    api.sql("update tasks set assigned_to = %s where id = %s", (bob.user_id, secret["id"]))
    everything = {task["id"] for task in (his, made, other, secret)}
    assert await ids(bob, "/tasks") == {his["id"]}, "assigned to me, in projects that I see"
    assert await ids(bob, "/tasks?created_by=me") == set()
    assert await ids(bob, "/tasks?assigned_to=none") == set()
    assert (await bob.get("/tasks?include_total=true")).headers["x-total-count"] == "1"
    assert await ids(bob, f"/tasks?project_id={project['id']}") == {his["id"], made["id"], other["id"]}
    assert await ids(bob, f"/tasks?column_id={his['column_id']}") == {his["id"], made["id"], other["id"]}
    assert await ids(bob, f"/tasks?project_id={project['id']},{hidden['id']}") == {his["id"], made["id"], other["id"]}
    for person in (owner, admin):
        assert await ids(person, "/tasks") == everything


async def writes(person: Person, task: Task) -> list[int]:
    """The statuses of every way to write a task; deleting comes last."""
    path = f"/tasks/{task['id']}"
    return [
        (await person.patch(path, {"title": "Changed"})).status_code,
        (await person.patch(f"{path}/move", {"new_status": "in_progress"})).status_code,
        (await person.post(f"{path}/complete", {"completed": True})).status_code,
        (await person.delete(path)).status_code,
    ]


async def test_members_edit_what_is_assigned_to_or_created_by_them(api: Api) -> None:
    owner = await api.register()
    project = await owner.project()
    bob = await api.colleague(owner, projects=(project,))
    assert await writes(bob, await owner.task(project, assigned_to=bob.user_id)) == [200, 200, 200, 204]
    assert await writes(bob, await bob.task(project, assigned_to=owner.user_id)) == [200, 200, 200, 204]
    for task in (await owner.task(project), await owner.task(project, assigned_to=owner.user_id)):
        assert await writes(bob, task) == [403, 403, 403, 403]
        refused = await bob.patch(f"/tasks/{task['id']}", {"title": "x"})
        assert_refused(refused, 403, "permission.denied")
        assert (await bob.get(f"/tasks/{task['id']}")).json() == {**task, "watching": False}
    for role in ("admin", "owner"):
        colleague = await api.colleague(owner, role=role)
        assert await writes(colleague, await bob.task(project)) == [200, 200, 200, 204]


async def test_a_company_may_let_members_edit_all_tasks_of_their_projects(api: Api) -> None:
    owner = await api.register()
    project, hidden = await owner.project(), await owner.project()
    bob = await api.colleague(owner, projects=(project,))
    task = await owner.task(project)
    assert (await bob.patch(f"/tasks/{task['id']}", {"title": "x"})).status_code == 403
    api.sql("update companies set members_edit_all_project_tasks = true where id = %s", (owner.company_id,))
    assert await writes(bob, task) == [200, 200, 200, 204]
    assert await writes(bob, await owner.task(hidden)) == [404, 404, 404, 404]
    api.sql("update companies set members_edit_all_project_tasks = false where id = %s", (owner.company_id,))
    assert await writes(bob, await owner.task(project)) == [403, 403, 403, 403]


async def test_anybody_who_sees_an_unassigned_task_may_take_it(api: Api) -> None:
    owner = await api.register()
    project = await owner.project()
    bob, eve = await api.colleague(owner, projects=(project,)), await api.colleague(owner, projects=(project,))
    task = await owner.task(project)
    path = f"/tasks/{task['id']}"
    assert_refused(await bob.patch(path, {"assigned_to": eve.user_id}), 403, "permission.denied")
    assert_refused(await bob.patch(path, {"assigned_to": bob.user_id, "title": "x"}), 403, "permission.denied")
    assert_refused(await bob.patch(path, {"assigned_to": None}), 403, "permission.denied")
    taken = await bob.patch(path, {"assigned_to": bob.user_id, "version": 1})
    assert (taken.status_code, taken.json()["assigned_to"]) == (200, bob.user_id)
    assert_refused(await eve.patch(path, {"assigned_to": eve.user_id}), 403, "permission.denied")
    assert (await bob.patch(path, {"title": "Mine now"})).status_code == 200


async def test_of_two_who_take_a_task_at_once_one_gets_it(api: Api) -> None:
    owner = await api.register()
    project = await owner.project()
    people = [await api.colleague(owner, projects=(project,)) for _ in range(4)]
    task = await owner.task(project)
    answers = await asyncio.gather(
        *(person.patch(f"/tasks/{task['id']}", {"assigned_to": person.user_id}) for person in people)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403, 403]


async def test_an_assignee_is_active_and_sees_the_project(api: Api) -> None:
    owner = await api.register()
    project, other = await owner.project(), await owner.project()
    bob = await api.colleague(owner, projects=(project,))
    known = await api.colleague(owner, projects=(project, other))
    outside, gone = await api.colleague(owner, projects=(other,)), await api.colleague(owner, projects=(project,))
    api.sql("update users set is_active = false where id = %s", (gone.user_id,))
    admin, stranger = await api.colleague(owner, role="admin"), await api.register()
    task = await owner.task(project)

    async def assign(person: Person, user_id: str) -> tuple[httpx.Response, httpx.Response]:
        made = await person.post("/tasks", {"project_id": project["id"], "title": "x", "assigned_to": user_id})
        return made, await person.patch(f"/tasks/{task['id']}", {"assigned_to": user_id})

    for user_id in (outside.user_id, gone.user_id):
        for answer in await assign(owner, user_id):
            assert_refused(answer, 422, "task.assignee_cannot_see_project", "/assigned_to")
    for user_id in (stranger.user_id, str(uuid4())):
        for answer in await assign(owner, user_id):
            assert_refused(answer, 422, "reference.not_found", "/assigned_to")
    for user_id in (bob.user_id, admin.user_id, owner.user_id, known.user_id):
        made, changed = await assign(owner, user_id)
        assert (made.status_code, changed.status_code) == (201, 200)
    his = {"project_id": project["id"], "title": "x"}
    assert (await bob.post("/tasks", {**his, "assigned_to": known.user_id})).status_code == 201
    unseen = await bob.post("/tasks", {**his, "assigned_to": outside.user_id})
    assert_refused(unseen, 422, "reference.not_found", "/assigned_to")
    assert (await bob.post("/tasks", {**his, "assigned_to": bob.user_id})).status_code == 201


async def test_who_moved_a_task_out_of_sight_sees_no_more_of_it(api: Api) -> None:
    owner = await api.register()
    project = await owner.project()
    bob = await api.colleague(owner, projects=(project,))
    task = await bob.task(project)
    api.sql("delete from project_members where user_id = %s", (bob.user_id,))
    assert await writes(bob, task) == [404, 404, 404, 404]
    assert await ids(bob, "/tasks?created_by=me") == set()


async def test_a_task_may_be_sent_back_with_only_its_status_or_its_column_changed(api: Api) -> None:
    ann = await api.register()
    project = await ann.project()
    task = await ann.task(project)
    columns = {column["category"]: column["id"] for column in (await ann.board(project))["columns"]}
    done = await ann.send("PUT", f"/tasks/{task['id']}", json={**task, "status": "done"})
    assert (done.status_code, done.json()["column_id"]) == (200, columns["done"])
    back = await ann.send("PUT", f"/tasks/{task['id']}", json={**done.json(), "column_id": columns["todo"]})
    assert (back.status_code, back.json()["status"], back.json()["completed_at"]) == (200, "todo", None)


async def test_a_task_may_be_sent_back_with_only_its_project_changed(api: Api) -> None:
    ann = await api.register()
    here, there = await ann.project(), await ann.project()
    cycle = await ann.cycle(here)
    task = await ann.task(here, cycle_id=cycle["id"])
    moved = await ann.send("PUT", f"/tasks/{task['id']}", json={**task, "project_id": there["id"]})
    assert moved.status_code == 200, moved.text
    assert (moved.json()["project_id"], moved.json()["cycle_id"], moved.json()["status"]) == (there["id"], None, "todo")
