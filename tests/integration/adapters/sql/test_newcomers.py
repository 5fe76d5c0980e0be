"""A company that is newer than the last ANALYZE, of which the planner expects a single row: what asks for many of its
tasks, or writes them, looks each up instead of reading all of them over and over.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import RawCursor

from adapters.sql import counting
from adapters.sql.arrays import array
from adapters.sql.migrating import migrate
from adapters.sql.repositories import batch_writes, batches, many_tasks, task_kin
from adapters.sql.repositories.looked_up import WITHOUT_SORTING
from adapters.sql.statement import Statement
from tests.integration.adapters.sql.firms import Firm, Firms, Ground
from tests.integration.adapters.sql.test_plans import executing, explained, nodes
from tests.integration.conftest import Server

KNOWN, NEW, NAMED = 2_000, 3_000, 100
STATEMENTS: dict[str, Statement] = {
    "projects": batches._lock_projects(by_key=False),
    "tasks": batches._tasks(leaving=False),
    "tasks with sub-tasks": batches._tasks(leaving=True),
    "beside": batches._BESIDE,
    "boards": batches._BOARDS,
    "above": task_kin.KIN_ABOVE,
    "below": task_kin.KIN_BELOW,
    "people": batches._PEOPLE,
    "members": batches._MEMBERS,
    "labels": batches._BORNE,
    "changed": batch_writes._CHANGE,
    "board of an import": many_tasks._BOARD,
    "external ids of an import": many_tasks._FIND,
    "counted": counting._TASKS,
}


@pytest.fixture(scope="module")
def newcomer(postgres_server: Server) -> Iterator[tuple[psycopg.Connection[Any], Firm, Ground]]:
    database = postgres_server.database("newcomers")
    migrate(owner_url=database.owner, application_url=database.application)
    with (
        psycopg.connect(database.superuser, autocommit=True) as superuser,
        psycopg.connect(database.application, autocommit=True) as connection,
    ):
        for table in ("tasks", "task_labels"):
            superuser.execute(f"alter table {table} set (autovacuum_enabled = false)")
        firms = Firms(connection=superuser)
        for _ in range(3):
            firm = firms.new()
            fill(firm, firm.project(), KNOWN)
        superuser.execute("vacuum analyze")
        firm = firms.new()
        project = firm.project()
        fill(firm, project, NEW)
        yield connection, firm, project


def fill(firm: Firm, project: Ground, count: int) -> None:
    firm.sql(
        "insert into tasks (company_id, id, project_id, number, title, priority, status, column_id, rank, created_by,"
        "  external_id, version, created_at, updated_at)"
        " select %(company)s, gen_random_uuid(), %(project)s, n, 'Task ' || n, 'medium', c.category, c.id,"
        "        lpad(n::text, 8, '0'), %(owner)s, 'X-' || n, 1, now(), now()"
        "   from generate_series(1, %(count)s) n"
        "   join board_columns c on c.company_id = %(company)s and c.project_id = %(project)s and c.category = 'todo'",
        {"company": firm.id, "project": project.id, "owner": firm.owner.user_id, "count": count},
    )


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("name", STATEMENTS)
def test_many_tasks_of_a_new_company_are_looked_up_one_by_one(
    newcomer: tuple[psycopg.Connection[Any], Firm, Ground], name: str, mode: str
) -> None:
    connection, firm, project = newcomer
    statement = STATEMENTS[name]
    with connection.transaction(force_rollback=True):
        connection.execute("select from open_company(%s, %s)", (firm.owner.session_id, firm.id))
        found = connection.execute(f"select id, created_at, number from tasks order by id limit {NAMED}").fetchall()
        ids = array([row[0] for row in found])
        nothing, one = array([None] * NAMED), array(["x"] * NAMED)
        values: dict[str, Any] = dict.fromkeys((each for each in statement.order if each not in statement.given), ids)
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
        connection.execute(WITHOUT_SORTING.text)
        connection.execute(f"set local plan_cache_mode = {mode}")
        connection.execute("deallocate all")
        RawCursor(connection).execute(f"prepare asked as {statement.text}")
        asked = executing(statement.parameters(values)).as_string(connection)
        plan = explained(connection, asked, options="analyze, timing off")
    assert most_read(plan) <= 3 * NAMED, plan


def most_read(plan: dict[str, Any]) -> float:
    """How many rows the node went through that went through most, over and over counted each time."""
    left_out = ("Rows Removed by Filter", "Rows Removed by Join Filter", "Rows Removed by Index Recheck")
    return max(
        node["Actual Loops"] * (node["Actual Rows"] + sum(node.get(each, 0) for each in left_out))
        for node in nodes(plan)
    )
