"""What asks for many tasks, or writes them, looks each up instead of reading all of them over and over: those of a
company that is newer than the last ANALYZE, of which the planner expects a single row, and those of one it knows.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import RawCursor

from adapters.sql import counting, notifying, told
from adapters.sql.arrays import array
from adapters.sql.migrating import migrate
from adapters.sql.repositories import batch_names, batch_writes, batches, many_tasks, task_kin
from adapters.sql.repositories import tasks as single
from adapters.sql.repositories.looked_up import WITHOUT_SORTING
from adapters.sql.statement import Statement
from tests.integration.adapters.sql.firms import Firm, Firms, Ground
from tests.integration.adapters.sql.test_plans import executing, explained, nodes
from tests.integration.conftest import Server

# So many that the indexes of tasks differ in height, and it does not depend on chance which one seems the best.
KNOWN, NEW, NAMED = 7_000, 3_000, 100
STATEMENTS: dict[str, Statement] = {
    "projects": batches._lock_projects(by_key=False),
    "tasks": batches._tasks(leaving=False),
    "tasks with sub-tasks": batches._tasks(leaving=True),
    "keys": batch_names.KEYS,
    "projects by keys": batches._lock_projects(by_key=True),
    "external ids": batch_names.EXTERNAL_IDS,
    "beside": batches._BESIDE,
    "boards": batches._BOARDS,
    "above": task_kin.KIN_ABOVE,
    "below": task_kin.KIN_BELOW,
    "people": batches._PEOPLE,
    "members": batches._MEMBERS,
    "labels": batches._BORNE,
    "changed": batch_writes._CHANGE,
    "orphaned": batch_writes._ORPHAN,
    "freed": batch_writes._FREE,
    "ranked": batch_writes._RANK,
    "labels off": batch_writes._LABELS_OFF,
    "labels of one": task_kin.LABELS_ON,
    "board of an import": many_tasks._BOARD,
    "external ids of an import": many_tasks._FIND,
    "tasks of an import": many_tasks._TASKS,
    "labels of an import": many_tasks._LABELS,
    "to be counted": counting._TASKS,
    "counted": counting._COUNTED,
    "told of": notifying._TASKS,
    "watched": notifying._WATCHERS,
    "people who are told": notifying._PEOPLE,
    "members who are told": told._MEMBERS,
}

# Nothing but a join finds what is to be deleted, and members are few: at worst all there is, but once.
READ_THROUGH, ONCE = {"labels off", "members"}, 2 * NEW + 2 * NAMED
FILLED = ("users", "project_members", "tasks", "labels", "task_labels", "task_watchers", "counted_tasks")
FILL = (
    "insert into users (company_id, id, account_id, kind, name, email, username, role, is_active, accepted_at,"
    "  version, created_at, updated_at)"
    " select %(company)s, gen_random_uuid(), null, 'service', 'Robin ' || n, null, 'robin-' || n, 'member', true,"
    "        now(), 1, now(), now()"
    "   from generate_series(1, %(count)s / 2) n",
    "insert into project_members (company_id, project_id, user_id, added_at)"
    " select company_id, %(project)s, id, now() from users where company_id = %(company)s",
    "insert into tasks (company_id, id, project_id, number, title, priority, status, column_id, rank, created_by,"
    "  external_id, version, created_at, updated_at)"
    " select %(company)s, gen_random_uuid(), %(project)s, n, 'Task ' || n, 'medium', c.category, c.id,"
    "        lpad(n::text, 8, '0'), %(owner)s, 'X-' || n, 1, now(), now()"
    "   from generate_series(1, %(count)s) n"
    "   join board_columns c on c.company_id = %(company)s and c.project_id = %(project)s and c.category = 'todo'",
    "insert into labels (company_id, id, name, folded, color, created_by, version, created_at, updated_at)"
    " select %(company)s, gen_random_uuid(), 'L' || n, 'l' || n, '#112233', %(owner)s, 1, now(), now()"
    "   from generate_series(1, 20) n",
    "insert into task_labels (company_id, task_id, label_id, created_at)"
    " select t.company_id, t.id, l.id, t.created_at from tasks t join labels l on l.company_id = t.company_id"
    "  where t.company_id = %(company)s and l.folded in ('l1', 'l2')",
    "insert into task_watchers (company_id, task_id, user_id, watching)"
    " select company_id, id, created_by, true from tasks where company_id = %(company)s",
    "insert into counted_tasks (company_id, task_id, project_id, status, is_counted)"
    " select company_id, id, project_id, status, true from tasks where company_id = %(company)s",
)


@pytest.fixture(scope="module")
def firms(postgres_server: Server) -> Iterator[tuple[psycopg.Connection[Any], dict[str, tuple[Firm, Ground]]]]:
    database = postgres_server.database("newcomers")
    migrate(owner_url=database.owner, application_url=database.application)
    with (
        psycopg.connect(database.superuser, autocommit=True) as superuser,
        psycopg.connect(database.application, autocommit=True) as connection,
    ):
        for table in FILLED:
            superuser.execute(f"alter table {table} set (autovacuum_enabled = false)")
        made = Firms(connection=superuser)
        for _ in range(3):
            known = made.new()
            home = known.project()
            fill(known, home, KNOWN)
        superuser.execute("vacuum analyze")
        new = made.new()
        project = new.project()
        fill(new, project, NEW)
        yield connection, {"new": (new, project), "known": (known, home)}


def fill(firm: Firm, project: Ground, count: int) -> None:
    values = {"company": firm.id, "project": project.id, "owner": firm.owner.user_id, "count": count}
    for statement in FILL:
        firm.sql(statement, values)


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("whose", ["new", "known"])
@pytest.mark.parametrize("name", STATEMENTS)
def test_many_tasks_of_a_company_are_looked_up_one_by_one(
    firms: tuple[psycopg.Connection[Any], dict[str, tuple[Firm, Ground]]], name: str, whose: str, mode: str
) -> None:
    connection, found = firms
    firm, project = found[whose]
    statement = STATEMENTS[name]
    with connection.transaction(force_rollback=True):
        connection.execute("select from open_company(%s, %s)", (firm.owner.session_id, firm.id))
        connection.execute(WITHOUT_SORTING.text)
        values = {**values_of(connection, firm, project, name), **statement.given}
        plan = planned(connection, statement, values, mode)
    assert most_read(plan) <= (ONCE if name in READ_THROUGH else 4 * NAMED), plan


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("whose", ["new", "known"])
@pytest.mark.parametrize("into", [None, "todo"])
def test_of_a_board_the_last_cards_alone_are_read(
    firms: tuple[psycopg.Connection[Any], dict[str, tuple[Firm, Ground]]], into: str | None, whose: str, mode: str
) -> None:
    connection, found = firms
    firm, project = found[whose]
    board = single._BOARD if into is None else single._BOARD_INTO
    values = {"project": project.id, "for_user": firm.owner.user_id, "into_category": into, "into_column": None}
    with connection.transaction(force_rollback=True):
        connection.execute("select from open_company(%s, %s)", (firm.owner.session_id, firm.id))
        number = single._TAKE_NUMBER
        RawCursor(connection).execute(number.text, number.parameters({**number.given, "project": project.id}))
        plan = planned(connection, board, {**board.given, **values}, mode)
    assert most_read(plan) <= NAMED, plan


def test_tasks_of_other_projects_are_neither_found_by_an_import_nor_waited_for(
    firms: tuple[psycopg.Connection[Any], dict[str, tuple[Firm, Ground]]],
) -> None:
    connection, found = firms
    firm, project = found["new"]
    statement, superuser = many_tasks._TASKS, firm.connection
    elsewhere = firm.project()
    (own,) = superuser.execute("select id from tasks where project_id = %s limit 1", [project.id]).fetchone() or ()
    values = {**statement.given, "project": elsewhere.id, "ids": array([own])}
    with superuser.transaction(force_rollback=True), connection.transaction(force_rollback=True):
        superuser.execute("select from tasks where id = %s for update", [own])
        connection.execute("select from open_company(%s, %s)", (firm.owner.session_id, firm.id))
        connection.execute("set local lock_timeout = '100ms'")
        rows = RawCursor(connection).execute(statement.text, statement.parameters(values)).fetchall()
    assert rows == []


def planned(
    connection: psycopg.Connection[Any], statement: Statement, values: dict[str, Any], mode: str
) -> dict[str, Any]:
    connection.execute(f"set local plan_cache_mode = {mode}")
    connection.execute("deallocate all")
    RawCursor(connection).execute(f"prepare asked as {statement.text}")
    asked = executing(statement.parameters(values)).as_string(connection)
    return explained(connection, asked, options="analyze, timing off")


def values_of(connection: psycopg.Connection[Any], firm: Firm, project: Ground, name: str) -> dict[str, Any]:
    found = connection.execute(f"select id, created_at, number from tasks order by id limit {NAMED}").fetchall()
    labels = [row[0] for row in connection.execute("select id from labels where folded in ('l1', 'l2')")]
    ids = array([row[0] for row in found])
    nothing, one = array([None] * NAMED), array(["x"] * NAMED)
    values: dict[str, Any] = dict.fromkeys((each for each in STATEMENTS[name].order), ids)
    values |= {"projects": [project.id], "project": project.id, "for_user": firm.owner.user_id, "touched": []}
    values |= dict.fromkeys(("title", "status", "external_id", "rank"), one)
    values |= {"priority": array(["low"] * NAMED), "status": array(["todo"] * NAMED)}
    values |= dict.fromkeys(("description", "recurrence", "deadline", "completed_at", "recurred_at"), nothing)
    values |= dict.fromkeys(("deleted_at", "assigned_to", "cycle_id", "parent_id", "previous_column_id"), nothing)
    values |= {"created_by": array([firm.owner.user_id] * NAMED), "labels": array([()] * NAMED)}
    values |= {"column_id": array([project.columns[0]] * NAMED), "project_id": array([project.id] * NAMED)}
    values |= dict.fromkeys(("created_at", "updated_at"), array([row[1] for row in found]))
    values |= {"was": array([1] * NAMED), "version": array([2] * NAMED), "number": array([row[2] for row in found])}
    values |= {"external_id": nothing, "external_ids": array([f"X-{each}" for each in range(NAMED)])}
    values |= {"keys": array([project.key] * NAMED), "numbers": array([row[2] for row in found])}
    values |= {"folded": ["l3"], "label_id": array([labels[0]] * NAMED)}
    if name.endswith("who are told"):
        people = [row[0] for row in connection.execute(f"select id from users order by id limit {NAMED}")]
        values |= {"people": people, "users": people, "projects": [project.id] * NAMED}
    if name == "labels of one":
        connection.execute("delete from task_labels where task_id = %s", [found[0][0]])
        values |= {"task": found[0][0], "labels": labels}
    return values


def most_read(plan: dict[str, Any]) -> float:
    """How many rows the node went through that went through most, over and over counted each time."""
    left_out = ("Rows Removed by Filter", "Rows Removed by Join Filter", "Rows Removed by Index Recheck")
    return max(
        node["Actual Loops"] * (node["Actual Rows"] + sum(node.get(each, 0) for each in left_out))
        for node in nodes(plan)
    )
