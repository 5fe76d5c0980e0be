"""What belongs together stays so from file to file: our own exports, and sub-tasks as other trackers name them."""

import csv
import io
from typing import Any

import pytest

from entrypoints.container import Container
from tests.integration.api import Api, Person
from tests.integration.importing import Imports, tasks_of

LEFT_OUT = "nobody who sees the project has that address, username or name; the row was taken without"
# What each export has of its own: ids, keys, times, and what counts changes.
OWN = {
    "id", "key", "column_id", "project_id", "cycle_id", "parent_id", "external_id", "created_by", "completed_at",
    "version", "created_at", "updated_at", "watching",
}  # fmt: skip


@pytest.fixture
def imports(api: Api, container: Container) -> Imports:
    return Imports(api, container)


async def exported(person: Person, project: dict[str, Any]) -> str:
    return (await person.get(f"/tasks/export?project_id={project['id']}&sort=number")).text


def rows_of(content: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content, newline="")))


def told_of(content: str) -> list[dict[str, str]]:
    """What an export tells, without what is its own; of a parent its title."""
    rows = rows_of(content)
    titles = {row["id"]: row["title"] for row in rows}
    return [
        {name: cell for name, cell in row.items() if name not in OWN} | {"parent": titles.get(row["parent_id"], "")}
        for row in rows
    ]


def counts(result: dict[str, Any]) -> dict[str, int]:
    names = ("created", "updated", "unchanged", "skipped", "linked", "error_count")
    return {name: result[name] for name in names if result[name]}


async def a_project_like(ann: Person, key: str) -> dict[str, Any]:
    """With one column more than others, and a cycle."""
    project = await ann.project(key=key)
    made = await ann.post(f"/projects/{project['id']}/columns", {"name": "In review", "category": "in_progress"})
    assert made.status_code == 201
    made = await ann.post("/cycles", {"project_id": project["id"], "name": "Sprint 1"})
    assert made.status_code == 201, made.text
    return {**project, "column": (await ann.board(project))["columns"], "cycle": made.json()["id"]}


async def a_full_project(api: Api, ann: Person) -> dict[str, Any]:
    web = await a_project_like(ann, "WEB")
    bea = await api.colleague(ann, who=await api.register(name="Bea Bloom"), projects=(web,))
    review = next(column["id"] for column in web["column"] if column["name"] == "In review")
    for label in ("a;b", "=label", "Web"):
        await ann.post("/labels", {"name": label})
    root = await ann.task(web, title="=Root", description='Two lines,\nand a "quote"', labels=["a;b", "=label", "Web"])
    branch = await ann.task(web, title="Branch", parent_id=root["id"], external_id="OLD-7", assigned_to=bea.user_id)
    await ann.task(web, title="Leaf", parent_id=branch["id"], column_id=review, cycle_id=web["cycle"], priority="low")
    await ann.task(web, title="Done", status="done", deadline="2026-12-31", priority="urgent", recurrence="FREQ=DAILY")
    await ann.task(web, title="Leaf", external_id="OLD-8", recurrence="FREQ=WEEKLY;BYDAY=MO", deadline="2026-12-07")
    return {**web, "bea": bea}


async def test_what_was_exported_comes_back_the_same_in_another_project(api: Api, imports: Imports) -> None:
    ann = await api.register()
    web = await a_full_project(api, ann)
    there = await a_project_like(ann, "THERE")
    api.add_member(ann.company_id, there["id"], web["bea"].user_id)
    content = await exported(ann, web)
    dry = await imports.result(ann, there, content, dry_run="true")
    result = await imports.result(ann, there, content)
    assert (counts(result), counts(dry)) == ({"created": 6, "linked": 2}, {"created": 6})
    again = await exported(ann, there)
    assert told_of(again) == told_of(content)
    assert {row["column"] for row in rows_of(content)} == {"To do", "In review", "Done"}
    assert [row["cycle"] for row in rows_of(again)] == ["", "", "Sprint 1", "", "", ""]
    # What was called so elsewhere before still is; what was not is called by the id that it had.
    before = [row["external_id"] or row["id"] for row in rows_of(content)]
    assert [row["external_id"] for row in rows_of(again)] == before
    # Nothing is doubled: neither by the same file, nor where it came from, nor on the way back.
    for project, file in ((there, content), (web, content), (there, again), (web, again)):
        assert counts(await imports.result(ann, project, file)) == {"unchanged": 6}
    assert await exported(ann, web) == content


async def test_rows_of_ones_own_export_change_the_tasks_that_they_are_of(api: Api, imports: Imports) -> None:
    ann = await api.register()
    web, ops = await ann.project(key="WEB"), await ann.project(key="OPS")
    one, two, three = [await ann.task(web, title=title) for title in ("One", "Two", "Three")]
    named = await ann.task(web, title="Named", external_id="OLD-1")
    elsewhere = await ann.task(ops, title="Elsewhere")
    content = (
        "id,title,external_id,parent_id\n"
        f"{one['id'].upper()},Uno,NEW-1,\n"
        f"{two['id']},,,{one['id']}\n"
        f"{three['id']},,OLD-1,\n"
        f"{named['id']},,OTHER,\n"
        f"{one['id']},Again,,\n"
        ",Again,NEW-1,\n"
        f"{elsewhere['id']},Copied,,{three['id']}\n"
    )
    faults = [
        {"row": 4, "column": "external_id", "detail": "another task of the project has that"},
        {"row": 5, "column": "external_id", "detail": "the task with that id has another one"},
        {"row": 6, "column": "id", "detail": "row 2 of the file has the same"},
        {"row": 7, "column": "external_id", "detail": "row 2 of the file has the same"},
    ]
    dry = await imports.result(ann, web, content, dry_run="true")
    result = await imports.result(ann, web, content)
    assert dry["errors"] == result["errors"] == faults
    assert counts(result) == {
        "created": 1, "updated": 1, "unchanged": 1, "skipped": 4, "linked": 2, "error_count": 4,
    }  # fmt: skip
    found = {task["title"]: task for task in await tasks_of(ann, web)}
    assert (found["Uno"]["id"], found["Uno"]["external_id"]) == (one["id"], "NEW-1")
    assert (found["Two"]["parent_id"], found["Copied"]["parent_id"]) == (one["id"], three["id"])
    assert (found["Copied"]["external_id"], (await ann.get(f"/tasks/{elsewhere['id']}")).json()["title"]) == (
        elsewhere["id"], "Elsewhere",
    )  # fmt: skip
    # A row that means a task by its id, and another by what it is called elsewhere, are of one task all the same.
    twice = await imports.result(ann, web, f"id,external_id,title\n,NEW-1,Eins\n{one['id']},,Zwei\n")
    assert (counts(twice), twice["errors"]) == (
        {"updated": 1, "skipped": 1, "error_count": 1},
        [{"row": 3, "column": "id", "detail": "another row of the file is of that task"}],
    )


async def test_what_was_exported_comes_to_another_company_without_those_who_are_not_there(
    api: Api, imports: Imports
) -> None:
    ann, bob = await api.register(), await api.register()
    web, there = await a_full_project(api, ann), await bob.project()
    content = await exported(ann, web)
    result = await imports.result(bob, there, content)
    branch, leaf = "Branch", "Leaf"
    assert counts(result) == {"created": 6, "linked": 2, "error_count": 2}
    assert result["errors"] == [
        {"row": 3, "column": "assigned_to", "detail": LEFT_OUT},
        {"row": 4, "column": "cycle_id", "detail": "no cycle of the project has that name; the row was taken without"},
    ]
    found = await tasks_of(bob, there)
    assert [(task["title"], task["status"]) for task in found] == [
        ("=Root", "todo"), (branch, "todo"), (leaf, "in_progress"), ("Done", "done"), ("Done", "todo"),
        (leaf, "todo"),
    ]  # fmt: skip
    assert [task["assigned_to"] for task in found] == [None] * 6
    # Whoever is called the same there, and alone is, gets it.
    dora = await api.colleague(bob, who=await api.register(name="Bea Bloom"), projects=(there,))
    assert counts(await imports.result(bob, there, content)) == {"updated": 1, "unchanged": 5, "error_count": 1}
    assert (await tasks_of(bob, there))[1]["assigned_to"] == dora.user_id


async def test_cycles_are_known_by_name_where_one_alone_takes_tasks(api: Api, imports: Imports) -> None:
    ann = await api.register()
    project = await ann.project()
    for name in ("Old", "Now", "Twin", "twin"):
        made = await ann.post("/cycles", {"project_id": project["id"], "name": name})
        assert made.status_code == 201
    cycles = (await ann.get(f"/cycles?project_id={project['id']}")).json()
    ids = {cycle["name"]: cycle["id"] for cycle in cycles}
    inside = await ann.task(project, title="Inside", cycle_id=ids["Old"], status="done", external_id="A-0")
    assert (await ann.post(f"/cycles/{ids['Old']}/start")).status_code == 200
    assert (await ann.post(f"/cycles/{ids['Old']}/complete")).status_code == 200
    content = "title,cycle,external_id\na,now,A-1\nb,Twin,A-2\nc,Old,A-3\nd,Never,A-4\ne,,A-5\n,Old,A-0\n"
    result = await imports.result(ann, project, content)
    without = "; the row was taken without"
    assert result["errors"] == [
        {"row": 3, "column": "cycle", "detail": f"several cycles of the project have that name{without}"},
        {"row": 4, "column": "cycle", "detail": f"the cycle is completed: no task can be put into it{without}"},
        {"row": 5, "column": "cycle", "detail": f"no cycle of the project has that name{without}"},
    ]
    assert counts(result) == {"created": 5, "unchanged": 1, "error_count": 3}
    found = {task["title"]: task["cycle_id"] for task in await tasks_of(ann, project)}
    assert found == {"Inside": ids["Old"], "a": ids["Now"], "b": None, "c": None, "d": None, "e": None}
    moved = await imports.result(ann, project, f"cycle_id,external_id\n{ids['Now']},A-2\n")
    assert counts(moved) == {"updated": 1}
    assert (await ann.get(f"/tasks/{inside['id']}")).json()["cycle_id"] == ids["Old"]


async def test_sub_tasks_are_put_below_the_one_row_that_has_the_title_which_asana_names(
    api: Api, imports: Imports
) -> None:
    ann = await api.register()
    project = await ann.project()
    await ann.task(project, title="Only here")
    many = "".join(f"9{n},Row {n},,,\n" for n in range(600))
    content = (
        "Task ID,Name,Section/Column,Completed At,Parent task\n"
        "3,Flyer,,,Launch\n"
        "1,Launch,Doing,,\n" + many + "4,Print,,2026-01-05,Flyer\n"
        "5,Twin,Doing,,\n"
        "6,Twin,Doing,,\n"
        "7,Lost,,,Twin\n"
        "8,Astray,,,Only here\n"
        "9,Row 7,Doing,,\n"
        "10,Far,,,Row 7\n"
        ",Nameless,,,Launch\n"
    )
    several, none = "several rows of the file have that title", "no row of the file that was taken has that title"
    faults = [
        {"row": 607, "column": "Parent task", "detail": several},
        {"row": 608, "column": "Parent task", "detail": none},
        {"row": 610, "column": "Parent task", "detail": several},
    ]
    dry = await imports.result(ann, project, content, mapping="asana", dry_run="true")
    result = await imports.result(ann, project, content, mapping="asana")
    assert dry["errors"] == result["errors"] == faults
    assert counts(result) == {"created": 610, "linked": 3, "error_count": 3}
    page = (await ann.get(f"/tasks?project_id={project['id']}&sort=-number&limit=10")).json()
    found = {task["external_id"]: task for task in [*(await tasks_of(ann, project)), *page]}
    assert [found[each]["parent_id"] for each in ("3", "4", "7", "8", "10", None)] == [
        found["1"]["id"], found["3"]["id"], None, None, None, found["1"]["id"],
    ]  # fmt: skip
    again = await imports.result(ann, project, content.replace(",Nameless,,,Launch\n", ""), mapping="asana")
    assert counts(again) == {"unchanged": 609, "error_count": 3}


async def test_sub_tasks_are_put_below_whom_jira_means_by_the_number_of_an_issue(api: Api, imports: Imports) -> None:
    ann = await api.register()
    project = await ann.project()
    # What somewhere else is called by the number of an issue is not it.
    await ann.task(project, title="Other", external_id="10001")
    content = (
        "Summary,Issue key,Issue id,Parent id,Parent,Parent key,Status\n"
        "Leaf,SHOP-3,10003,10002,,,To Do\n"
        "Branch,SHOP-2,10002,10001,,,To Do\n"
        "Root,SHOP-1,10001,,,,To Do\n"
        "Newer,SHOP-4,10004,,10001,SHOP-1,To Do\n"
        "Keyed,SHOP-5,10005,,99999,SHOP-1,To Do\n"
        "Lost,SHOP-6,10006,77777,,,To Do\n"
    )
    result = await imports.result(ann, project, content, mapping="jira")
    detail = "no task of the project has that id or external_id"
    assert result["errors"] == [{"row": 7, "column": "Parent id", "detail": detail}]
    assert counts(result) == {"created": 6, "linked": 4, "error_count": 1}
    found = {task["title"]: task for task in await tasks_of(ann, project)}
    above = {
        title: next((t for t in found if found[t]["id"] == task["parent_id"]), None) for title, task in found.items()
    }
    assert above == {
        "Other": None, "Leaf": "Branch", "Branch": "Root", "Root": None, "Newer": "Root", "Keyed": "Root", "Lost": None,
    }  # fmt: skip
    assert found["Root"]["external_id"] == "SHOP-1"
    assert counts(await imports.result(ann, project, content, mapping="jira")) == {"unchanged": 6, "error_count": 1}


async def test_cards_that_trello_archived_are_left_out_and_counted_or_are_done_if_somebody_says_so(
    api: Api, imports: Imports
) -> None:
    ann = await api.register()
    project = await ann.project()
    content = (
        "Card ID,Card Name,List Name,Due Date,Archived,Due Complete\n"
        "a,Open,Doing,,false,false\n"
        "b,Put away,Somewhere,never,true,false\n"
        "c,Ticked,Doing,2026-12-03T23:30:00.000Z,false,true\n"
    )
    for dry_run in ("true", "false"):
        result = await imports.result(ann, project, content, mapping="trello", dry_run=dry_run)
        assert (counts(result), result["archived"]) == ({"created": 2, "skipped": 1}, 1)
    assert {task["title"]: task["status"] for task in await tasks_of(ann, project)} == {
        "Open": "in_progress", "Ticked": "done",
    }  # fmt: skip
    mapping = "card id:external_id,card name:title,archived:completed"
    result = await imports.result(ann, project, content, mapping=mapping)
    assert (counts(result), result["archived"]) == ({"created": 1, "unchanged": 2}, 0)
    assert {task["title"]: task["status"] for task in await tasks_of(ann, project)}["Put away"] == "done"


async def test_a_column_goes_before_a_status_and_what_is_no_column_here_means_less_than_it(
    api: Api, imports: Imports
) -> None:
    ann = await api.register()
    project = await ann.project()
    content = "title,status,column\na,todo,Review\nb,,Review\nc,done,in progress\nd,Nowhere,Anywhere\n"
    result = await imports.result(ann, project, content)
    assert result["errors"] == [{"row": 5, "column": "status", "detail": "is no column of the board, and no status"}]
    assert [task["status"] for task in await tasks_of(ann, project)] == ["todo", "in_progress", "in_progress"]


async def test_a_status_that_was_edited_in_an_export_counts_and_sent_again_changes_nothing(
    api: Api, imports: Imports
) -> None:
    ann = await api.register()
    web = await a_full_project(api, ann)
    content = await exported(ann, web)
    rows = rows_of(content)
    branch = next(row for row in rows if row["title"] == "Branch")
    assert (branch["status"], branch["column"]) == ("todo", "To do")
    branch["status"] = "done"
    written = io.StringIO(newline="")
    writer = csv.DictWriter(written, list(branch))
    writer.writeheader()
    writer.writerows(rows)
    assert counts(await imports.result(ann, web, written.getvalue())) == {"updated": 1, "unchanged": 5}
    assert (await ann.get(f"/tasks/{branch['id']}")).json()["status"] == "done"
    assert counts(await imports.result(ann, web, written.getvalue())) == {"unchanged": 6}


@pytest.mark.parametrize("apart", [0, 600])
async def test_what_two_rows_are_called_is_one_thing_whichever_of_their_cells_says_it(
    api: Api, imports: Imports, apart: int
) -> None:
    ann = await api.register()
    project = await ann.project()
    known = await ann.task(project, title="Known", external_id="K-1")
    between = "".join(f",,Row {n}\n" for n in range(apart))
    content = f"id,external_id,title\nX,,One\n{known['id']},,Kept\n{between},X,Two\n,K-1,Three\n"
    result = await imports.result(ann, project, content)
    assert [(fault["row"] - apart, fault["column"]) for fault in result["errors"]] == [
        (4, "external_id"), (5, "external_id"),
    ]  # fmt: skip
    assert counts(result) == {"created": 1 + apart, "updated": 1, "skipped": 2, "error_count": 2}
