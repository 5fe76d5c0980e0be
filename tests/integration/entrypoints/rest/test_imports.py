"""Imports over HTTP: from the file to the tasks on the board, as the application's role."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from entrypoints.container import Container
from tests.integration.api import Api
from tests.integration.importing import CSV, Imports, tasks_of


@pytest.fixture
def imports(api: Api, container: Container) -> Imports:
    return Imports(api, container)


async def test_a_file_becomes_tasks(api: Api, imports: Imports) -> None:
    ann = await api.register()
    project = await ann.project(key="WEB")
    content = (
        "\ufefftitle,description,priority,status,deadline,assigned_to,labels,external_id,weather\r\n"
        'Draw,"Two lines,\nand a ""quote""",high,In progress,2026-12-31,'
        + ann.email.upper()
        + ',"design, Web",A-1,x\r\n'
        "Write,,,,,,design,,\r\n"
        ",,,,,,,,\r\n"
        "Ship,,Urgent,Done,24/Dec/26 10:00 AM,,,A-3,\r\n"
    )
    answer = await imports.send(ann, project, content)
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"/api/v1/jobs/{job['id']}"
    assert (job["state"], job["kind"], job["created_by"]) == ("queued", "task_import", ann.user_id)
    before = int((await ann.get("/tasks")).headers["x-event-seq"])
    job = await imports.carry_out(ann, job["id"])
    assert job["progress"] == {"done": 4, "total": 4, "unit": "rows"}
    assert job["result"] == {
        "dry_run": False, "rows": 4, "created": 3, "updated": 0, "unchanged": 0, "skipped": 1, "archived": 0, "linked": 0,
        "error_count": 0,
        "errors": [], "label_count": 2, "labels": ["design", "Web"], "ignored_columns": ["weather"],
    }  # fmt: skip
    draw, write, ship = await tasks_of(ann, project)
    assert (draw["title"], draw["description"], draw["priority"]) == ("Draw", 'Two lines,\nand a "quote"', "high")
    assert (draw["status"], draw["deadline"], draw["assigned_to"]) == ("in_progress", "2026-12-31", ann.user_id)
    assert (draw["labels"], draw["external_id"], draw["key"]) == (["design", "Web"], "A-1", "WEB-1")
    assert (write["status"], write["priority"], write["labels"]) == ("todo", "medium", ["design"])
    assert (ship["status"], ship["deadline"], ship["priority"]) == ("done", "2026-12-24", "urgent")
    assert ship["completed_at"] is not None
    events = (await ann.get(f"/events?after={before}&limit=50")).json()
    assert [each["event"] for each in events] == [
        "label_created", "label_created", "task_created", "task_created", "task_created",
    ]  # fmt: skip
    assert [each["via"] for each in events] == ["session"] * 5
    board = await ann.board(project)
    assert [card["title"] for column in board["columns"] for card in column["tasks"]] == ["Write", "Draw", "Ship"]
    assert (await ann.task(project))["key"] == "WEB-4"


async def test_what_is_known_by_its_external_id_is_changed_and_nothing_is_doubled(api: Api, imports: Imports) -> None:
    ann = await api.register()
    project = await ann.project()
    first = 'title,external_id,labels,status\nDraw,A-1,"one,two",\nWrite,A-2,,\nShip,A-3,,\n'
    await imports.done(ann, project, first)
    again = await imports.result(ann, project, first)
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 3)
    before = int((await ann.get("/tasks")).headers["x-event-seq"])
    changed = 'title,external_id,labels,status\nPaint,A-1,"TWO,three",done\n,A-2,,In Progress\nShip,A-3,,\nNew,A-4,,\n'
    result = await imports.result(ann, project, changed)
    assert (result["created"], result["updated"], result["unchanged"], result["labels"]) == (1, 2, 1, ["three"])
    paint, write, ship, new = await tasks_of(ann, project)
    assert (paint["title"], paint["labels"], paint["status"], paint["version"]) == (
        "Paint",
        ["three", "two"],
        "done",
        3,
    )
    assert (write["title"], write["status"], ship["version"], new["number"]) == ("Write", "in_progress", 1, 4)
    events = (await ann.get(f"/events?after={before}&limit=50")).json()
    assert [each["event"] for each in events] == [
        "label_created", "task_updated", "task_moved", "task_moved", "task_created",
    ]  # fmt: skip
    assert [each["title"] for each in (await ann.get("/tasks?label=two")).json()] == ["Paint"]
    assert (await ann.get("/tasks?label=one")).json() == []
    assert (await ann.patch(f"/tasks/{paint['id']}", {"labels": []})).json()["labels"] == []


async def test_what_comes_again_does_so_when_a_file_says_that_it_is_done(api: Api, imports: Imports) -> None:
    ann = await api.register()
    project = await ann.project(key="WEB")
    await ann.post("/labels", {"name": "home"})
    task = await ann.task(project, recurrence="FREQ=DAILY", deadline="2026-11-30", external_id="A-1", labels=["home"])
    content = "title,external_id,status\nNew,A-2,\nA task,A-1,Done\nMore,A-3,\n"
    assert (await imports.result(ann, project, content))["updated"] == 1
    found = await tasks_of(ann, project)
    assert [(each["key"], each["status"], each["deadline"], each["labels"]) for each in found] == [
        ("WEB-1", "done", "2026-11-30", ["home"]),
        ("WEB-2", "todo", None, []),
        ("WEB-3", "todo", None, []),
        ("WEB-4", "todo", "2026-12-01", ["home"]),
    ]
    board = await ann.board(project)
    assert [card["key"] for card in board["columns"][0]["tasks"]] == ["WEB-2", "WEB-3", "WEB-4"]
    await imports.result(ann, project, "title,external_id,status\nA task,A-1,To do\n")
    await imports.result(ann, project, "title,external_id,status\nA task,A-1,Done\n")
    assert len(await tasks_of(ann, project)) == 4
    assert found[0]["id"] == task["id"]
    # From one column of what is done to another it is not done once more, though its rule is a new one.
    await ann.post(f"/projects/{project['id']}/columns", {"name": "Released", "category": "done"})
    assert (await ann.patch(f"/tasks/{task['id']}", {"recurrence": "FREQ=WEEKLY"})).status_code == 200
    assert (await imports.result(ann, project, "title,external_id,status\nA task,A-1,Released\n"))["updated"] == 1
    assert len(await tasks_of(ann, project)) == 4


async def test_each_row_says_what_is_wrong_with_it(api: Api, imports: Imports) -> None:
    ann = await api.register()
    stranger = await api.register()
    project = await ann.project()
    outside = await api.colleague(ann)
    labels = ",".join(f"l{number}" for number in range(51))
    content = (
        "title,status,priority,deadline,assigned_to,labels,external_id\n"
        ",,,,,,\n"
        "a,nowhere,,,,,\n"
        "b,,soon,31.12.2026,,,\n"
        f"c,,,,{stranger.email},,\n"
        f"d,,,,{outside.email},,\n"
        f'e,,,,,"{labels}",\n'
        "f,,,,,,A\n"
        "g,,,,,,A\n"
        "h,,,,,,,,\n"
        ",todo,,,,,\n"
        f"{'x' * 501},,,,,,\n"
        "i,,,,nobody@example.com,,\n"
    )
    nobody = "nobody who sees the project has that address, username or name"
    for dry_run in ("true", "false"):
        result = await imports.result(ann, project, content, dry_run=dry_run)
        assert result["errors"] == [
            {"row": 3, "column": "status", "detail": "is no column of the board, and no status"},
            {"row": 4, "column": "priority", "detail": "is no priority: low, medium, high or urgent"},
            {"row": 4, "column": "deadline", "detail": "is no day; write it as 2026-12-31"},
            {"row": 5, "column": "assigned_to", "detail": nobody},
            {"row": 6, "column": "assigned_to", "detail": nobody},
            {"row": 7, "column": "labels", "detail": "has more than 50 labels"},
            {"row": 9, "column": "external_id", "detail": "row 8 of the file has the same"},
            {"row": 10, "column": None, "detail": "has 9 cells, and the header 7"},
            {"row": 11, "column": "title", "detail": "must not be empty"},
            {"row": 12, "column": "title", "detail": "has more than 500 characters"},
            {"row": 13, "column": "assigned_to", "detail": nobody},
        ]
        assert (result["created"], result["skipped"], result["error_count"]) == (1, 11, 11)
    assert [task["title"] for task in await tasks_of(ann, project)] == ["f"]


async def test_whoever_puts_a_label_on_a_task_the_list_has_it_in_its_place(api: Api, imports: Imports) -> None:
    """However it came to be, was taken off and on, away and back, or into another project."""
    ann = await api.register()
    web, other = await ann.project(), await ann.project(key="OTHER")
    for name in ("design", "draft"):
        await ann.post("/labels", {"name": name})
    first = await ann.task(web)
    created = await ann.task(web, labels=["design", "draft"])
    new = {"op": "create", "project_id": web["id"], "title": "Many", "labels": ["design"]}
    await ann.post("/tasks/bulk", {"operations": [new]})
    await imports.done(ann, web, 'title,labels,external_id\nFiled,design,A-1\nFiled too,"design,draft",A-2\n')
    rule = {"recurrence": "FREQ=DAILY", "deadline": "2030-01-01"}
    again = await ann.task(web, labels=["design"], **rule)
    last = await ann.task(web)
    await ann.patch(f"/tasks/{again['id']}", {"status": "done"})
    await ann.patch(f"/tasks/{last['id']}", {"labels": ["design"]})
    await ann.post("/tasks/bulk", {"operations": [{"op": "update", "id": first["id"], "labels": ["design"]}]})
    await ann.delete(f"/tasks/{created['id']}")
    await ann.post(f"/tasks/{created['id']}/restore")
    await ann.patch(f"/tasks/{first['id']}", {"project_id": other["id"]})
    for sort, way in (("created_at", 1), ("-created_at", -1)):
        everything = (await ann.get(f"/tasks?project_id={web['id']},{other['id']}&sort={sort}&limit=200")).json()
        wanted = [task["id"] for task in everything if "design" in task["labels"]]
        assert len(wanted) == 8
        found: list[str] = []
        path: str | None = f"/tasks?label=design&sort={sort}&limit=3"
        while path is not None:
            page = await ann.get(path)
            found += [task["id"] for task in page.json()]
            link = page.headers.get("link")
            path = link.partition("/api/v1")[2].partition(">")[0] if link else None
        assert found == wanted
        assert wanted[0 if way == 1 else -1] == first["id"]
    await ann.delete(f"/tasks/{created['id']}")
    assert len((await ann.get("/tasks?label=design")).json()) == 7
    assert len((await ann.get("/tasks?label=draft")).json()) == 1


async def test_a_dry_run_writes_nothing_and_tells_the_same(api: Api, imports: Imports) -> None:
    ann = await api.register()
    project = await ann.project()
    await ann.task(project, external_id="A-1")
    # More than one step of it.
    rows = "".join(f'Task {n},A-{n},"l{n % 7}"\n' for n in range(1, 1200)) + "Twice,A-3,\n"
    content = "title,external_id,labels\n" + rows
    before = api.sql("select count(*), max(seq) from events where company_id = %s", (ann.company_id,))
    dry = await imports.result(ann, project, content, dry_run="true")
    assert api.sql("select count(*), max(seq) from events where company_id = %s", (ann.company_id,)) == before
    assert (api.count("tasks", ann.company_id), api.count("labels", ann.company_id)) == (1, 0)
    real = await imports.result(ann, project, content)
    assert dry == {**real, "dry_run": True}
    assert (real["created"], real["updated"], real["label_count"]) == (1198, 1, 7)
    assert (api.count("tasks", ann.company_id), api.count("labels", ann.company_id)) == (1199, 7)
    numbers = api.sql("select number from tasks where company_id = %s order by number", (ann.company_id,))
    assert [number for (number,) in numbers] == list(range(1, 1200))
    ranks = api.sql("select count(distinct rank) from tasks where company_id = %s", (ann.company_id,))
    assert ranks == [(1199,)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('title\na\n"b\n', "Row 3: a quoted field is not closed."),
        ('title,status\na,\n"b"c,\n', "Row 3: text follows a quoted field; a quote inside of one is doubled."),
        (b"title\na\nb\xe9\n", "Row 3: is not in UTF-8."),
        (b"title\na\nb\x00\n", "Row 3: holds NUL; the file is no CSV, or not in UTF-8."),
        ("title".encode("utf-16"), "Row 1: holds NUL; the file is no CSV, or not in UTF-8."),
        (b"title\ra\rb\r", "Row 1: ends with a carriage return alone; lines end with a newline."),
        (",,,\n,,,\n", "Row 1: no column is the title; it is looked for as 'title'."),
        (b"," * 3_000_000 + b"\n", "Row 1: is larger than 1 MiB."),
        (b"title" + b",x" * 2_000 + b"\n", "Row 1: has more than 1,000 columns."),
        ('title\na\n"' + "x" * 140_000 + '"\n', "Row 3: a field has more than 131,072 characters."),
        (b"title\na\n" + b"x" * 6_000_000, "Row 3: is larger than 1 MiB."),
        (b'title\na\n"' + b"x\n" * 3_000_000, "Row 3: a field has more than 131,072 characters."),
    ],
)
async def test_what_is_no_csv_is_refused_as_a_whole_by_row(
    api: Api, imports: Imports, content: str | bytes, said: str
) -> None:
    ann = await api.register()
    project = await ann.project()
    job = (await imports.send(ann, project, content)).json()
    job = await imports.carry_out(ann, job["id"])
    assert (job["state"], job["error"]) == ("failed", {"code": "import.file_malformed", "detail": said})
    assert api.count("tasks", ann.company_id) == 0
    assert api.count("task_imports", ann.company_id) == 0


async def test_a_row_of_a_million_cells_is_one_fault(api: Api, imports: Imports) -> None:
    ann = await api.register()
    project = await ann.project()
    result = await imports.result(ann, project, b"title\na\n" + b"," * 1_000_000 + b"x\nb\n")
    assert result["errors"] == [{"row": 3, "column": None, "detail": "has 1,000,001 cells, and the header 1"}]
    assert result["created"] == 2


async def test_exports_of_other_trackers_are_understood(api: Api, imports: Imports) -> None:
    ann = await api.register()
    jira = "Summary,Issue key,Status,Priority,Labels,Labels,Due date,Assignee\nDraw,OLD-7,To Do,Highest,one,two,03/Dec/26 12:00 AM,\n"
    trello = "Card ID,Card Name,Card Description,List Name,Labels\nabc,Draw,Nicely,Done,one\n"
    asana = "Task ID,Name,Section/Column,Assignee Email,Due Date,Tags,Notes\n1,Draw,Doing,,2026-12-03,one,Nicely\n"
    linear = "ID,Team,Title,Status,Priority,Labels\nWEB-1,Web,Draw,Backlog,No priority,one\n"
    own = "title;column;label\n'=Draw;Done;one\n"
    named = "What; Where\nDraw;Done\n"
    for mapping, content, wanted in (
        (
            "jira",
            jira,
            {"external_id": "OLD-7", "priority": "urgent", "labels": ["one", "two"], "deadline": "2026-12-03"},
        ),
        ("trello", trello, {"external_id": "abc", "description": "Nicely", "status": "done", "labels": ["one"]}),
        ("Asana", asana, {"external_id": "1", "status": "in_progress", "deadline": "2026-12-03", "labels": ["one"]}),
        ("linear", linear, {"external_id": "WEB-1", "status": "todo", "priority": "medium"}),
        ("", own, {"title": "=Draw", "status": "done", "labels": ["one"]}),
        ("what:title, where:status", named, {"title": "Draw", "status": "done"}),
        (json.dumps({"What": "title", "where": "status"}), named, {"title": "Draw", "status": "done"}),
    ):
        project = await ann.project()
        result = await imports.result(ann, project, content, mapping=mapping)
        assert (result["created"], result["errors"]) == (1, []), mapping
        (task,) = await tasks_of(ann, project)
        assert {name: task[name] for name in wanted} == wanted, mapping


async def test_a_whole_export_of_another_tracker_is_taken_with_people_by_name_and_statuses_by_category(
    api: Api, imports: Imports
) -> None:
    ann = await api.register(name="Ann Miller")
    project = await ann.project(key="SHOP")
    bea = await api.colleague(ann, who=await api.register(name="Bea Bloom"), projects=(project,))
    for _ in range(2):
        await api.colleague(ann, who=await api.register(name="Cid Twin"), projects=(project,))
    await api.colleague(ann, who=await api.register(name="Dan Outside"))
    content = (
        "\ufeffSummary,Issue key,Issue id,Issue Type,Status,Status Category,Priority,Assignee,Created,Due date,Labels,Labels\r\n"
        "Safari,SHOP-12,1,Bug,In Review,In Progress,High,ann miller,03/Nov/26 9:12 AM,03/Dec/26 12:00 AM,ui,web\r\n"
        "Epic,SHOP-1,2,Epic,Waiting for legal,To Do,Medium,Bea Bloom,03/Nov/26 9:12 AM,,,\r\n"
        "Twins,SHOP-3,3,Task,Won't Do,Done,Lowest,Cid Twin,03/Nov/26 9:12 AM,,,\r\n"
        "Left,SHOP-4,4,Task,To Do,To Do,Low,Dan Outside,03/Nov/26 9:12 AM,,,\r\n"
        "Odd,SHOP-5,5,Task,Somewhere,,Low,,03/Nov/26 9:12 AM,,,\r\n"
    )
    told = "nobody who sees the project has that address, username or name; the row was taken without"
    for dry_run in ("true", "false"):
        result = await imports.result(ann, project, content, mapping="jira", dry_run=dry_run)
        assert result["errors"] == [
            {"row": 4, "column": "Assignee", "detail": told},
            {"row": 5, "column": "Assignee", "detail": told},
            {"row": 6, "column": "Status", "detail": "is no column of the board, and no status"},
        ]
        assert (result["created"], result["skipped"], result["error_count"]) == (4, 1, 3)
    found = {task["external_id"]: task for task in await tasks_of(ann, project)}
    assert {key: (task["status"], task["assigned_to"]) for key, task in found.items()} == {
        "SHOP-12": ("in_progress", ann.user_id),
        "SHOP-1": ("todo", bea.user_id),
        "SHOP-3": ("done", None),
        "SHOP-4": ("todo", None),
    }
    # What somebody did meanwhile stays where a file names nobody who is known.
    await ann.patch(f"/tasks/{found['SHOP-4']['id']}", {"assigned_to": bea.user_id})
    again = await imports.result(ann, project, content, mapping="jira")
    assert (again["unchanged"], again["updated"]) == (4, 0)


async def test_what_was_completed_elsewhere_is_done_and_an_instant_is_a_day_of_the_company(
    api: Api, imports: Imports
) -> None:
    ann = await api.register(name="Ann Miller")
    settings = {"settings": {"time_zone": "Europe/Berlin"}}
    assert (await ann.patch(f"/companies/{ann.company_id}", settings)).status_code == 200
    project = await ann.project()
    asana = (
        "Task ID,Created At,Completed At,Last Modified,Name,Section/Column,Assignee,Assignee Email,Due Date,Tags\n"
        f"1,2026-01-05,2026-01-09,2026-01-09,Book,To do,Somebody Else,{ann.email},2026-01-10,\n"
        "2,2026-01-05,,2026-01-09,Pack,Doing,ann miller,,,\n"
    )
    assert (await imports.result(ann, project, asana, mapping="asana"))["errors"] == []
    book, pack = await tasks_of(ann, project)
    assert (book["status"], book["assigned_to"], pack["status"], pack["assigned_to"]) == (
        "done", ann.user_id, "in_progress", ann.user_id,
    )  # fmt: skip
    assert (await imports.result(ann, project, asana, mapping="asana"))["unchanged"] == 2
    trello = 'Card ID,Card Name,List Name,Members,Due Date\na,Tea,Done,"nobody, Ann Miller",2026-12-03T23:30:00.000Z\n'
    assert (await imports.result(ann, project, trello, mapping="trello"))["errors"] == []
    (tea,) = (task for task in await tasks_of(ann, project) if task["title"] == "Tea")
    assert (tea["deadline"], tea["assigned_to"]) == ("2026-12-04", ann.user_id)
    github = "Title\tURL\tAssignees\tStatus\tLabels\nFlake\thttps://github.com/x/y/issues/3\tann\tIn progress\tbug\n"
    result = await imports.result(ann, project, github, mapping="github")
    assert (result["created"], result["skipped"], result["error_count"]) == (1, 0, 1)


async def test_sub_tasks_may_stand_before_what_they_are_sub_tasks_of(api: Api, imports: Imports) -> None:
    ann = await api.register()
    project = await ann.project(key="ENG")
    content = (
        "ID,Title,Status,Parent issue\n"
        "ENG-3,Leaf,Todo,ENG-2\n"
        "ENG-2,Branch,Done,ENG-1\n"
        "ENG-1,Root,Todo,\n"
        "ENG-4,Lost,Todo,OTHER-1\n"
        "ENG-5,Own,Todo,ENG-5\n"
        ",Nameless,Todo,ENG-1\n"
        ",,Todo,ENG-1\n"
    )
    nothing = "no task of the project has that id or external_id"
    faults = [
        {"row": 8, "column": "Title", "detail": "must not be empty"},
        {"row": 5, "column": "Parent issue", "detail": nothing},
    ]
    dry = await imports.result(ann, project, content, mapping="linear", dry_run="true")
    assert (dry["errors"], dry["created"], dry["linked"]) == (faults, 6, 0)
    before = int((await ann.get("/tasks")).headers["x-event-seq"])
    result = await imports.result(ann, project, content, mapping="linear")
    within = {"row": 6, "column": "Parent issue", "detail": "is the task itself, or one of its sub-tasks"}
    assert (result["errors"], result["created"], result["linked"], result["rows"]) == ([*faults, within], 6, 3, 7)
    found = {task["title"]: task for task in await tasks_of(ann, project)}
    assert [found[title]["parent_id"] for title in ("Leaf", "Branch", "Root", "Lost", "Own", "Nameless")] == [
        found["Branch"]["id"], found["Root"]["id"], None, None, None, found["Root"]["id"],
    ]  # fmt: skip
    assert (found["Root"]["sub_tasks"], found["Branch"]["sub_tasks"]) == (
        {"total": 2, "done": 1}, {"total": 1, "done": 0},
    )  # fmt: skip
    events = (await ann.get(f"/events?after={before}&types=task_updated")).json()
    assert [event["changes"] for event in events] == [
        {"parent_id": {"old": None, "new": found[title]["id"]}} for title in ("Branch", "Root", "Root")
    ]
    again = await imports.result(ann, project, content.replace(",Nameless", ",Another"), mapping="linear")
    assert (again["unchanged"], again["created"], again["linked"]) == (5, 1, 1)


async def test_sub_tasks_of_files_stand_no_deeper_than_others_and_belong_to_who_may_edit_them(
    api: Api, imports: Imports
) -> None:
    ann = await api.register()
    project = await ann.project()
    bea = await api.colleague(ann, projects=(project,))
    rows = [f"T{n},T{n},{f'T{n - 1}' if n else ''}\n" for n in range(8)]
    # However far apart they stand.
    content = "title,external_id,parent\n" + "".join(reversed(rows)) + "".join(f"x{n},X{n},T0\n" for n in range(600))
    result = await imports.result(ann, project, content)
    deep = "more than 5 tasks would stand above a sub-task"
    assert (result["errors"], result["linked"]) == ([{"row": 7, "column": "parent", "detail": deep}], 606)
    found = {task["title"]: task for task in await tasks_of(ann, project)}
    assert found["T0"]["sub_tasks"]["total"] == 601
    refused = await imports.result(bea, project, "external_id,parent\nX1,X2\n")
    told = "you may not edit the task that has it"
    assert (refused["errors"], refused["linked"]) == ([{"row": 2, "column": "external_id", "detail": told}], 0)


async def test_what_comes_again_is_known_from_its_file(api: Api, imports: Imports) -> None:
    ann = await api.register()
    project = await ann.project()
    content = (
        "title,status,deadline,recurrence,external_id\n"
        "Water,todo,2026-11-30,FREQ=WEEKLY,A-1\n"
        "Pay,done,2026-11-30,FREQ=MONTHLY,A-2\n"
        "Bad,todo,,FREQ=SECONDLY,A-3\n"
    )
    result = await imports.result(ann, project, content)
    assert result["errors"] == [{"row": 4, "column": "recurrence", "detail": "SECONDLY has no meaning for days"}]
    found = [(task["title"], task["status"], task["deadline"]) for task in await tasks_of(ann, project)]
    # What a file brings as done does not come again: what followed it is in the file.
    assert found == [("Water", "todo", "2026-11-30"), ("Pay", "done", "2026-11-30")]
    await imports.result(ann, project, "external_id,recurrence\nA-1,FREQ=DAILY\n")
    assert (await tasks_of(ann, project))[0]["recurrence"] == "FREQ=DAILY"
    # By another rule what was done comes again.
    await imports.result(ann, project, "external_id,status,recurrence\nA-2,todo,FREQ=YEARLY\n")
    await imports.result(ann, project, "external_id,status\nA-2,done\n")
    assert [task["deadline"] for task in await tasks_of(ann, project)][2:] == ["2027-11-30"]


async def test_what_cannot_be_asked_for(api: Api, imports: Imports) -> None:
    ann, bob = await api.register(), await api.register()
    project, foreign = await ann.project(), await bob.project()

    async def refused(status: int, code: str, where: dict[str, Any] = project, **query: str) -> None:
        answer = await imports.send(ann, where, "title\nx\n", **query)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text

    mappings = ("redmine", "a:b", "{", '{"a": 1}', "a:title,A:status", "a:status", ":title")
    for mapping in (*mappings, r'{"\u0000": "title"}', r'{"\ud800": "title"}'):
        await refused(422, "import.mapping_invalid", mapping=mapping)
    await refused(422, "reference.not_found", foreign)
    await refused(422, "reference.not_found", {"id": str(uuid4())})
    await refused(400, "parameter.unknown", dryrun="true")
    await refused(422, "request.invalid", dry_run="perhaps")
    member = await api.colleague(ann)
    outside = await imports.send(member, project, "title\nx\n")
    assert (outside.status_code, outside.json()["code"]) == (422, "reference.not_found")
    empty = await imports.send(ann, project, "")
    assert (empty.status_code, empty.json()["code"]) == (422, "import.file_empty")
    as_json = await ann.post("/tasks/import", {"title": "x"}, params={"project_id": project["id"]})
    assert (as_json.status_code, as_json.json()["code"]) == (415, "body.media_type_unsupported")
    await ann.patch(f"/projects/{project['id']}", {"is_active": False})
    await refused(409, "project.archived")
    assert api.count("task_imports", ann.company_id) == 0 == api.count("jobs", ann.company_id)


@pytest.mark.parametrize(("length", "status"), [(200 * 1024 * 1024 + 1, 413), (2 * 1024 * 1024, 202)])
async def test_a_file_is_larger_than_other_bodies_but_not_without_end(
    api: Api, imports: Imports, length: int, status: int
) -> None:
    ann = await api.register()
    project = await ann.project()

    async def content() -> AsyncIterator[bytes]:
        yield b"title\n"
        for _ in range(length // 65_536 + 1):
            yield b"x" * 65_535 + b"\n"

    answer = await ann.post("/tasks/import", content=content(), headers=CSV, params={"project_id": project["id"]})
    assert answer.status_code == status
    assert api.count("task_imports", ann.company_id) == (status == 202)


async def test_import_is_no_task(api: Api) -> None:
    ann = await api.register()
    for method in ("GET", "PATCH", "DELETE", "PUT"):
        answer = await ann.send(method, "/tasks/import")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST"), method


async def test_a_key_makes_one_job_of_a_file_that_is_sent_twice(api: Api, imports: Imports) -> None:
    ann = await api.register()
    project, key = await ann.project(), {"Idempotency-Key": uuid4().hex}
    first = await imports.send(ann, project, "title\nx\n", headers=key)
    again = await imports.send(ann, project, "title\nx\n", headers=key)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    other = await imports.send(ann, project, "title\ny\n", headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.key_reused")
    assert api.count("task_imports", ann.company_id) == 1
    await imports.carry_out(ann, first.json()["id"])
    assert api.count("tasks", ann.company_id) == 1


async def test_a_key_that_was_used_is_answered_whatever_became_of_the_project(api: Api, imports: Imports) -> None:
    ann = await api.register()
    project, key = await ann.project(), {"Idempotency-Key": uuid4().hex}
    first = await imports.send(ann, project, "title\nx\n", headers=key)
    while (await imports.send(ann, project, "title\nx\n")).status_code == 202:
        pass
    again = await imports.send(ann, project, "title\nx\n", headers=key)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    await ann.patch(f"/projects/{project['id']}", {"is_active": False})
    again = await imports.send(ann, project, "title\nx\n", headers=key)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (202, "true")
    other = await imports.send(ann, project, "title\ny\n", headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.key_reused")
    assert api.count("task_imports", ann.company_id) == 20


async def test_a_member_changes_by_import_what_they_may_change_and_nothing_else(api: Api, imports: Imports) -> None:
    ann = await api.register()
    project = await ann.project()
    bea = await api.colleague(ann, projects=(project,))
    await ann.task(project, title="Ann's", external_id="A")
    await ann.task(project, title="Bea's", external_id="B", assigned_to=bea.user_id)
    await ann.task(project, title="Nobody's", external_id="C")
    content = f"title,external_id,assigned_to\nmine,A,\nmine,B,\n,C,{bea.email}\nmine,D,\n"
    for dry_run in ("true", "false"):
        result = await imports.result(bea, project, content, dry_run=dry_run)
        assert result["errors"] == [
            {"row": 2, "column": "external_id", "detail": "you may not edit the task that has it"}
        ]
        assert (result["created"], result["updated"]) == (1, 2)
    titles = {task["external_id"]: (task["title"], task["assigned_to"]) for task in await tasks_of(ann, project)}
    assert titles == {
        "A": ("Ann's", None),
        "B": ("mine", bea.user_id),
        "C": ("Nobody's", bea.user_id),
        "D": ("mine", None),
    }


@pytest.mark.parametrize(
    ("happened", "code"),
    [
        ("update users set is_active = false where id = %(user)s", "job.asker_gone"),
        ("delete from project_members where user_id = %(user)s", "project.not_found"),
        ("update projects set deleted_at = now() where id = %(project)s", "project.not_found"),
        ("update projects set is_active = false where id = %(project)s", "project.archived"),
    ],
)
async def test_whoever_may_no_more_writes_no_more(api: Api, imports: Imports, happened: str, code: str) -> None:
    ann = await api.register()
    project = await ann.project()
    bea = await api.colleague(ann, projects=(project,))
    answer = await imports.send(bea, project, "title\nx\n")
    api.sql(happened, {"user": bea.user_id, "project": project["id"]})  # type: ignore[arg-type]
    await imports.carry_out(ann, answer.json()["id"])
    job = (await ann.get(f"/jobs/{answer.json()['id']}")).json()
    assert (job["state"], job["error"]["code"]) == ("failed", code)
    assert api.count("tasks", ann.company_id) == 0


async def test_jobs_are_ones_own_or_for_admins_all(api: Api, imports: Imports) -> None:
    ann = await api.register()
    project = await ann.project()
    bea = await api.colleague(ann, projects=(project,))
    job = (await imports.send(bea, project, "title\nx\n")).json()
    other = (await imports.send(ann, project, "title\nx\n")).json()
    assert [each["id"] for each in (await bea.get("/jobs")).json()] == [job["id"]]
    assert [each["id"] for each in (await ann.get("/jobs?state=queued&kind=task_import")).json()] == [
        other["id"],
        job["id"],
    ]
    assert (await bea.get(f"/jobs/{other['id']}")).status_code == 404
    assert (await bea.post(f"/jobs/{other['id']}/cancel")).status_code == 404
    cancelled = await bea.post(f"/jobs/{job['id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    await imports.carry_out(ann, job["id"])
    assert api.count("tasks", ann.company_id) == 0


async def test_a_company_has_twenty_at_once_also_if_they_are_asked_for_at_once(api: Api, imports: Imports) -> None:
    ann = await api.register()
    project = await ann.project()
    answers = await asyncio.gather(*(imports.send(ann, project, "title\nx\n") for _ in range(26)))
    statuses = [answer.status_code for answer in answers]
    # Files that come in at the same moment count too.
    assert set(statuses) <= {202, 409} and statuses.count(202) <= 20
    while len((await ann.get("/jobs?limit=50")).json()) < 20:
        assert (await imports.send(ann, project, "title\nx\n")).status_code == 202
    refused = await imports.send(ann, project, "title\nx\n")
    assert (refused.status_code, refused.json()["code"]) == (409, "job.too_many")
    assert api.count("task_imports", ann.company_id) == 20


async def test_by_a_token_with_the_scope(api: Api, imports: Imports) -> None:
    ann = await api.register()
    project = await ann.project()
    for scope, status in (("tasks:read", 403), ("tasks:write", 202)):
        made = (await ann.post("/auth/tokens", {"name": "x", "scopes": [scope]})).json()
        answer = await api.client.post(
            "/api/v1/tasks/import",
            params={"project_id": project["id"]},
            content=b"title\nx\n",
            headers={**CSV, "Authorization": f"Bearer {made['token']}"},
        )
        assert answer.status_code == status
    job = await imports.carry_out(ann, answer.json()["id"])
    assert job["state"] == "finished"
    (event, *_) = (await ann.get("/events?types=task_created&after=0")).json()
    assert event["via"] == "token"
