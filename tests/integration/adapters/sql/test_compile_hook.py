"""The second brick of the wall: what SQLAlchemy renders for a tenant table, pinned, and every statement of the product."""

import ast
import functools
import inspect
import itertools
import pkgutil
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, Table, select

import adapters.sql
from adapters.sql.readers import api_tokens as token_reader
from adapters.sql.readers import audit as audit_reader
from adapters.sql.readers import companies as company_reader
from adapters.sql.repositories.task_rows import Last
from adapters.sql.readers import activity as activity_reader, comments as comment_reader
from adapters.sql.readers import notifications as notification_reader
from adapters.sql.readers import cycles as cycle_reader, labels as label_reader, members as member_reader
from adapters.sql.readers import (
    cycles as cycle_reader,
    jobs as job_reader,
    webhooks as webhook_reader,
    labels as label_reader,
    members as member_reader,
)
from adapters.sql import login_sessions as session_reader, purging
from adapters.sql.readers import projects as project_reader
from adapters.sql.readers import task_lists as task_reader
from adapters.sql.readers import users as user_reader
from adapters.sql.statement import Statement
from adapters.sql.tables.identity import GLOBAL_TABLES
from adapters.sql.tables.work import tasks
from adapters.sql.tenancy import TenantTable, metadata
from core.kernel.paging import Sort
from tests.integration.adapters.sql.shapes import READING, WRITING

OWN = "current_setting('app.company_id')::uuid"
TASKS = f"(SELECT * FROM tasks WHERE company_id = {OWN} AND deleted_at IS NULL)"
ALL_TASKS = f"(SELECT * FROM tasks WHERE company_id = {OWN})"
PROJECTS = f"(SELECT * FROM projects WHERE company_id = {OWN} AND deleted_at IS NULL)"
USERS = f"(SELECT * FROM users WHERE company_id = {OWN})"
OWN_ONCE = f"(SELECT {OWN})"
EVENT_SEQUENCES = f"(SELECT * FROM event_sequences WHERE company_id = {OWN_ONCE})"

PINNED = {
    "plain select": (f"SELECT tasks.company_id FROM {TASKS} AS tasks WHERE tasks.title = $1::VARCHAR"),
    "select of all columns of a small table": (
        "SELECT event_sequences.company_id, event_sequences.last_seq, event_sequences.last_for_people, "
        f"event_sequences.last_for_mail FROM {EVENT_SEQUENCES} AS event_sequences"
    ),
    "alias": (f"SELECT others.company_id FROM {TASKS} AS others WHERE others.title = $1::VARCHAR"),
    "self join": (
        f"SELECT tasks.company_id, others.company_id AS company_id_1 FROM {TASKS} AS tasks JOIN {TASKS} AS others ON "
        "others.title = tasks.title"
    ),
    "inner join of two tables": (
        f"SELECT tasks.company_id, users.company_id AS company_id_1 FROM {TASKS} AS tasks JOIN {USERS} AS users ON "
        "users.name = $1::VARCHAR"
    ),
    "outer join": (
        f"SELECT tasks.company_id, projects.company_id AS company_id_1 FROM {TASKS} AS tasks LEFT OUTER JOIN "
        f"{PROJECTS} AS projects ON projects.status = $1::VARCHAR"
    ),
    "full join": (
        f"SELECT tasks.company_id, projects.company_id AS company_id_1 FROM {TASKS} AS tasks FULL OUTER JOIN "
        f"{PROJECTS} AS projects ON projects.id = tasks.project_id"
    ),
    "several tables without a join": (
        f"SELECT tasks.company_id, users.company_id AS company_id_1 FROM {TASKS} AS tasks, {USERS} AS users WHERE "
        "users.name = $1::VARCHAR"
    ),
    "subquery in FROM": (
        f"SELECT derived.company_id FROM (SELECT tasks.company_id AS company_id, tasks.title AS title FROM {TASKS} AS "
        "tasks) AS derived WHERE derived.title = $1::VARCHAR"
    ),
    "IN with a subquery": (
        f"SELECT projects.company_id FROM {PROJECTS} AS projects WHERE projects.id IN (SELECT others.project_id FROM "
        f"{TASKS} AS others WHERE others.title = $1::VARCHAR)"
    ),
    "EXISTS": (
        f"SELECT projects.company_id FROM {PROJECTS} AS projects WHERE EXISTS (SELECT * FROM {TASKS} AS tasks WHERE "
        "tasks.title = $1::VARCHAR AND tasks.project_id = projects.id)"
    ),
    "NOT EXISTS": (
        f"SELECT projects.company_id FROM {PROJECTS} AS projects WHERE NOT (EXISTS (SELECT * FROM {TASKS} AS tasks "
        "WHERE tasks.title = $1::VARCHAR AND tasks.project_id = projects.id))"
    ),
    "correlated scalar subquery": (
        f"SELECT projects.company_id, (SELECT others.company_id FROM {TASKS} AS others WHERE others.project_id = "
        f"projects.id LIMIT $1::INTEGER) AS anon_1 FROM {PROJECTS} AS projects"
    ),
    "LATERAL": (
        f"SELECT tasks.company_id, doubles.company FROM {TASKS} AS tasks JOIN LATERAL (SELECT others.company_id AS "
        f"company, others.title AS title FROM {TASKS} AS others WHERE others.title = tasks.title LIMIT "
        "$1::INTEGER) AS doubles ON true"
    ),
    "CTE": (
        f"WITH named AS (SELECT tasks.company_id AS company_id, tasks.title AS title FROM {TASKS} AS tasks WHERE "
        "tasks.title = $1::VARCHAR) SELECT named.company_id, tasks.company_id AS company_id_1 FROM named "
        f"JOIN {TASKS} AS tasks ON tasks.title = named.title"
    ),
    "recursive CTE": (
        "WITH RECURSIVE chain(company_id, title, depth) AS (SELECT tasks.company_id AS company_id, tasks.title AS "
        f"title, $1::INTEGER AS depth FROM {TASKS} AS tasks UNION ALL SELECT others.company_id AS company_id, "
        f"others.title AS title, chain.depth + $2::INTEGER AS anon_1 FROM {TASKS} AS others, chain WHERE "
        "others.title = chain.title AND chain.depth < $3::INTEGER) SELECT chain.company_id FROM chain"
    ),
    "UNION": (
        f"SELECT tasks.company_id FROM {TASKS} AS tasks UNION ALL SELECT others.company_id FROM {TASKS} AS others "
        f"UNION ALL SELECT users.company_id FROM {USERS} AS users"
    ),
    "aggregate with GROUP BY": (
        f"SELECT tasks.company_id, count(*) AS count_1 FROM {TASKS} AS tasks GROUP BY tasks.company_id"
    ),
    "window": (
        "SELECT tasks.company_id, row_number() OVER (PARTITION BY tasks.status ORDER BY tasks.title) AS anon_1 FROM "
        f"{TASKS} AS tasks"
    ),
    "DISTINCT ON": (
        f"SELECT DISTINCT ON (tasks.title) tasks.company_id FROM {TASKS} AS tasks ORDER BY tasks.title, tasks.id"
    ),
    "FOR UPDATE OF": (
        f"SELECT tasks.company_id, projects.company_id AS company_id_1 FROM {TASKS} AS tasks JOIN {PROJECTS} AS "
        "projects ON projects.id = tasks.project_id FOR UPDATE OF tasks"
    ),
    "FOR UPDATE OF an alias": (f"SELECT others.company_id FROM {TASKS} AS others FOR NO KEY UPDATE OF others"),
    "companies, whose own id is the company": (
        f"SELECT companies.id FROM (SELECT * FROM companies WHERE id = {OWN} AND deleted_at IS NULL) AS companies"
    ),
    "companies joined with their users": (
        f"SELECT companies.id, users.company_id FROM (SELECT * FROM companies WHERE id = {OWN} AND deleted_at IS NULL) AS companies JOIN "
        f"{USERS} AS users ON users.name = $1::VARCHAR"
    ),
    "deleted ones too": (f"SELECT tasks.company_id FROM {ALL_TASKS} AS tasks WHERE tasks.title = $1::VARCHAR"),
    "an alias of deleted ones too beside the living": (
        f"SELECT tasks.company_id, also.company_id AS company_id_1 FROM {TASKS} AS tasks JOIN {ALL_TASKS} AS also ON "
        "also.title = tasks.title"
    ),
    "FOR UPDATE OF deleted ones too": (
        f"SELECT tasks.company_id, projects.company_id AS company_id_1 FROM {ALL_TASKS} AS tasks JOIN {PROJECTS} AS "
        "projects ON projects.id = tasks.project_id FOR NO KEY UPDATE OF tasks"
    ),
    "beside a global table": (
        f"SELECT users.company_id FROM {USERS} AS users JOIN accounts ON accounts.id = users.account_id"
    ),
    "UPDATE": (
        "UPDATE tasks SET title=$1::VARCHAR WHERE tasks.title = $2::VARCHAR AND tasks.company_id = "
        f"{OWN} AND tasks.deleted_at IS NULL"
    ),
    "UPDATE of everything": (f"UPDATE users SET name=$1::VARCHAR WHERE users.company_id = {OWN}"),
    "UPDATE .. FROM": (
        f"UPDATE tasks SET title=projects.name FROM {PROJECTS} AS projects WHERE projects.status = "
        f"$1::VARCHAR AND tasks.title = $2::VARCHAR AND tasks.company_id = {OWN} AND "
        "tasks.deleted_at IS NULL"
    ),
    "UPDATE .. FROM itself": (
        f"UPDATE tasks SET title=(others.title || $1::VARCHAR) FROM {TASKS} AS others WHERE others.title = "
        f"tasks.title AND tasks.company_id = {OWN} AND tasks.deleted_at IS NULL"
    ),
    "UPDATE with a subquery as value": (
        f"UPDATE tasks SET title=(SELECT users.name FROM {USERS} AS users WHERE users.name = $1::VARCHAR LIMIT "
        f"$2::INTEGER) WHERE tasks.company_id = {OWN} AND tasks.deleted_at IS NULL"
    ),
    "UPDATE .. RETURNING in a CTE": (
        f"WITH changed AS (UPDATE projects SET name=$2::VARCHAR WHERE projects.company_id = {OWN} AND "
        "projects.deleted_at IS NULL RETURNING projects.company_id, projects.id) UPDATE tasks SET "
        f"title=$1::VARCHAR FROM changed WHERE tasks.project_id = changed.id AND tasks.company_id = {OWN} AND "
        "tasks.deleted_at IS NULL"
    ),
    "UPDATE of companies": (
        f"UPDATE companies SET name=$1::VARCHAR WHERE companies.id = {OWN} AND companies.deleted_at IS NULL"
    ),
    "UPDATE of a counter": (
        "UPDATE event_sequences SET last_seq=(event_sequences.last_seq + $1::BIGINT) WHERE "
        f"event_sequences.company_id = {OWN_ONCE}"
    ),
    "UPDATE of deleted ones too": (
        f"UPDATE tasks SET title=$1::VARCHAR WHERE tasks.title = $2::VARCHAR AND tasks.company_id = {OWN}"
    ),
    "UPDATE .. FROM deleted ones too": (
        f"UPDATE tasks SET title=(also.title || $1::VARCHAR) FROM {ALL_TASKS} AS also WHERE also.title = "
        f"tasks.title AND tasks.company_id = {OWN} AND tasks.deleted_at IS NULL"
    ),
    "DELETE of deleted ones too": (f"DELETE FROM tasks WHERE tasks.title = $1::VARCHAR AND tasks.company_id = {OWN}"),
    "DELETE": (
        f"DELETE FROM tasks WHERE tasks.title = $1::VARCHAR AND tasks.company_id = {OWN} AND tasks.deleted_at IS NULL"
    ),
    "DELETE of everything": (f"DELETE FROM project_members WHERE project_members.company_id = {OWN}"),
    "DELETE .. USING": (
        f"DELETE FROM tasks USING {PROJECTS} AS projects WHERE tasks.title = $1::VARCHAR AND projects.status "
        f"= $2::VARCHAR AND tasks.company_id = {OWN} AND tasks.deleted_at IS NULL"
    ),
    "DELETE .. WHERE EXISTS": (
        f"DELETE FROM project_keys WHERE (EXISTS (SELECT * FROM {PROJECTS} AS projects WHERE projects.status = "
        f"$1::VARCHAR)) AND project_keys.company_id = {OWN}"
    ),
    "INSERT": (
        "INSERT INTO project_keys (key, project_id) VALUES ($1::VARCHAR, $2::UUID) RETURNING project_keys.company_id"
    ),
    "INSERT of several rows": (
        "INSERT INTO project_keys (key, project_id) VALUES ($1::VARCHAR, $2::UUID), ($3::VARCHAR, $2::UUID)"
    ),
    "INSERT .. SELECT": (
        "INSERT INTO project_keys (key, project_id) SELECT $1::VARCHAR || CAST(projects.last_number AS TEXT) "
        f"AS anon_1, projects.id FROM {PROJECTS} AS projects WHERE projects.status = $2::VARCHAR"
    ),
    "INSERT .. ON CONFLICT DO UPDATE": (
        "INSERT INTO project_keys (key, project_id) VALUES ($1::VARCHAR, $2::UUID) ON CONFLICT "
        "(company_id, key) DO UPDATE SET project_id = project_keys.project_id RETURNING project_keys.company_id"
    ),
    "INSERT .. ON CONFLICT DO NOTHING": (
        "INSERT INTO event_sequences (last_seq) VALUES ($1::BIGINT) ON CONFLICT DO NOTHING RETURNING "
        "event_sequences.company_id"
    ),
}


@pytest.mark.parametrize("name", [*READING, *WRITING])
def test_a_shape_is_rendered_as_it_always_was(name: str) -> None:
    text = Statement({**READING, **WRITING}[name]).text
    assert " ".join(text.split()) == PINNED[name]


def test_every_shape_is_pinned() -> None:
    assert set(PINNED) == {*READING, *WRITING}


def test_a_plain_copy_of_a_table_has_no_wall_so_that_these_tests_prove_something() -> None:
    plain = tasks.to_metadata(MetaData())
    assert not isinstance(plain, TenantTable)
    assert holes(Statement(select(plain.c.title)).text)
    assert not holes(Statement(select(tasks.c.title)).text)


# The product's own statements

TENANT_TABLES = {table.name: table for table in metadata.tables.values() if isinstance(table, TenantTable)}


def own_rows(table: Table, *, deleted: bool = False) -> str:
    """What stands for a tenant table in a FROM; `deleted` if deleted rows are read on purpose."""
    column = "id" if table.name == "companies" else "company_id"
    alive = " AND deleted_at IS NULL" if "deleted_at" in table.c and not deleted else ""
    return f"(SELECT * FROM {table.name} WHERE {column} = {own_of(table)}{alive})"


def own_of(table: Table) -> str:
    """What the company is in the predicate of a table: found out once where a company has one row."""
    return OWN_ONCE if table.name == "event_sequences" else OWN


def holes(text: str) -> list[str]:
    """Where a statement names a tenant table without its predicate."""
    text = " ".join(text.split())
    found = []
    for table in TENANT_TABLES.values():
        name = table.name
        if name not in text:
            continue
        column = "id" if name == "companies" else "company_id"
        rest = text.replace(own_rows(table), "(its own rows)").replace(own_rows(table, deleted=True), "(its own rows)")
        for write in (f"UPDATE {name} SET", f"DELETE FROM {name}"):
            if write in rest and f"{name}.{column} = {own_of(table)}" in rest:
                rest = rest.replace(write, "(its own rows)", 1)
        # The database fills in the company; a statement that names the column could name another.
        for columns in re.findall(rf"INSERT INTO {name} \(([^)]*)\)", rest):
            if name == "companies" or "company_id" not in columns.split(", "):
                rest = rest.replace(f"INSERT INTO {name} ({columns})", "(its own rows)", 1)
        rest = re.sub(rf"(FOR \w+(?: KEY)?(?: \w+)? OF|AS) {name}\b", "", rest)
        found += re.findall(rf".{{0,40}}(?<![.\w]){name}\b(?!\.|_).{{0,20}}", rest)
    return found


def modules() -> list[Any]:
    return [import_module(module.name) for module in pkgutil.walk_packages(adapters.sql.__path__, "adapters.sql.")]


FILTERS = (
    "project_id", "cycle_id", "column_id", "created_by", "assigned_to", "parent_id", "status", "priority",
)  # fmt: skip
GIVEN: dict[str, tuple[Any, ...]] = {
    "by_key": (False, True),
    "leaving": (False, True),
    "member": (False, True),
    "everything": (False, True),
    "typed": (False, True),
    "after": (False, True),
    "also": (False, True),
    "deleted": (False, True),
    "project": tuple(itertools.starmap(member_reader.Project, itertools.product((False, True), repeat=2))),
    "addresses": (False, True),
    "search": (False, True),
    "counted": (False, True),
    "finished_too": (False, True),
    "searches": (False, True),
    "last": tuple(Last),
    "names_task": (False, True),
    "own": (False, True),
}
CYCLE_FILTERS = [
    frozenset(filters)
    for filters in (
        (), ("member_id",), ("project_id is",), ("project_id among", "status"), ("project_id is", "status", "member_id"),
    )
]  # fmt: skip
USER_FILTERS = [frozenset(), frozenset({"search"}), frozenset({"search", "role", "is_active"})]
STATUSES = [frozenset(), frozenset({"pending"}), frozenset({"pending", "accepted", "revoked", "expired"})]
TOKEN_STATUSES = [frozenset(), frozenset({"active"}), frozenset({"active", "expired", "revoked"})]
DELIVERY_FILTERS = [(), ("state",), ("state", "type")]
JOB_FILTERS = [(), ("kind",), ("kind", "state")]
AUDIT_FILTERS = [frozenset(), frozenset({"types"}), frozenset({"types", "actor_id", "since", "until"})]
INBOXES = [notification_reader.Shape(member, unread) for member in (False, True) for unread in (None, False, True)]
ACTIVITY = [
    activity_reader.Shape(everything, of, member)
    for everything in (False, True)
    for of in ("company", "one project", "projects", "task by id", "task by key")
    for member in ((False, True) if of.startswith("task") else (False,))
]
MADE_BY_HAND = {
    "adapters.sql.readers.api_tokens._page": [
        (token_reader.Shape(status, Sort(field=field, descending=descending), after, null, 51, skips),)
        for status in TOKEN_STATUSES
        for field in token_reader.SORTS
        for descending in (False, True)
        for after in (False, True)
        for null in ((False, True) if after and token_reader.SORTS[field].nullable else (False,))
        for skips in (False, True)
    ],
    "adapters.sql.readers.api_tokens._count": [(status,) for status in TOKEN_STATUSES],
    "adapters.sql.readers.comments._page": [
        (comment_reader.Shape(by_key, member, Sort(field=field, descending=descending), after, 51, skips),)
        for by_key in (False, True)
        for member in (False, True)
        for field in comment_reader.SORTS
        for descending in (False, True)
        for after in (False, True)
        for skips in (False, True)
    ],
    "adapters.sql.readers.activity._page": [
        (activity_reader.PageShape(shape, descending, after, 51, skips),)
        for shape in ACTIVITY
        for descending in (False, True)
        for after in (False, True)
        for skips in (False, True)
    ],
    "adapters.sql.readers.notifications.page_statement": [
        (notification_reader.PageShape(shape, descending, after, 51, skips),)
        for shape in INBOXES
        for descending in (False, True)
        for after in (False, True)
        for skips in (False, True)
    ],
    "adapters.sql.repositories.notifications._read_all": [(False,), (True,)],
    "adapters.sql.readers.notifications._count": [(shape,) for shape in INBOXES],
    "adapters.sql.readers.activity._count": [(shape,) for shape in ACTIVITY],
    "adapters.sql.readers.activity._about": [
        (shape, counted) for shape in ACTIVITY if shape.of.startswith("task") for counted in (False, True)
    ],
    "adapters.sql.readers.labels._page": [
        (label_reader.Shape(searches, Sort(field=field, descending=descending), after, 51, skips),)
        for searches in (False, True)
        for field in label_reader.SORTS
        for descending in (False, True)
        for after in (False, True)
        for skips in (False, True)
    ],
    "adapters.sql.readers.jobs._page": [
        (job_reader.Shape(filters, own, Sort(field=field, descending=descending), after, 51, skips),)
        for filters in JOB_FILTERS
        for own in (False, True)
        for field in job_reader.SORTS
        for descending in (False, True)
        for after in (False, True)
        for skips in (False, True)
    ],
    "adapters.sql.readers.webhooks._page": [
        (webhook_reader.Shape(filters, Sort(field=field, descending=descending), after, 51, skips),)
        for filters in DELIVERY_FILTERS
        for field in webhook_reader.SORTS
        for descending in (False, True)
        for after in (False, True)
        for skips in (False, True)
    ],
    "adapters.sql.readers.webhooks._beside": list(itertools.product(DELIVERY_FILTERS, (False, True))),
    "adapters.sql.readers.jobs._count": list(itertools.product(JOB_FILTERS, (False, True))),
    "adapters.sql.readers.companies._page": [
        (company_reader.Shape(Sort(field=field, descending=descending), after, 51, skips),)
        for field in company_reader.SORTS
        for descending in (False, True)
        for after in (False, True)
        for skips in (False, True)
    ],
    "adapters.sql.readers.audit._page": [
        (audit_reader.Shape(filters, descending, after, 51, skips),)
        for filters in AUDIT_FILTERS
        for descending in (False, True)
        for after in (False, True)
        for skips in (False, True)
    ],
    "adapters.sql.readers.audit._count": [(filters,) for filters in AUDIT_FILTERS],
    "adapters.sql.readers.users._page": [
        (user_reader.Shape(filters, Sort(field=field, descending=descending), after, null, 51, skips),)
        for filters in USER_FILTERS
        for field in user_reader.SORTS
        for descending in (False, True)
        for after in (False, True)
        for null in ((False, True) if after and user_reader.SORTS[field].nullable else (False,))
        for skips in (False, True)
    ],
    "adapters.sql.readers.users._count": [(filters,) for filters in USER_FILTERS],
    "adapters.sql.readers.users._invitation_page": [
        (user_reader.Shape(status, Sort(field=field, descending=descending), after, False, 51, skips),)
        for status in STATUSES
        for field in user_reader.INVITATION_SORTS
        for descending in (False, True)
        for after in (False, True)
        for skips in (False, True)
    ],
    "adapters.sql.readers.users._invitation_count": [(status,) for status in STATUSES],
    "adapters.sql.readers.cycles.page_statement": [
        (cycle_reader.Shape(filters, Sort(field=field, descending=descending), after, null, 51, skips),)
        for filters in CYCLE_FILTERS
        for field in cycle_reader.SORTS
        for descending in (False, True)
        for after in (False, True)
        for null in ((False, True) if after and cycle_reader.SORTS[field].nullable else (False,))
        for skips in (False, True)
    ],
    "adapters.sql.readers.cycles.count_statement": [(filters,) for filters in CYCLE_FILTERS],
    "adapters.sql.readers.cycles.one_statement": [(filters,) for filters in CYCLE_FILTERS[:2]],
    "adapters.sql.login_sessions._page": [
        (session_reader.Shape(Sort(field=field, descending=descending), after, 51, skips),)
        for field in session_reader.SORTS
        for descending in (False, True)
        for after in (False, True)
        for skips in (False, True)
    ],
    "adapters.sql.readers.companies._page": [
        (company_reader.Shape(Sort(field=field, descending=descending), after, 51, skips),)
        for field in company_reader.SORTS
        for descending in (False, True)
        for after in (False, True)
        for skips in (False, True)
    ],
    "adapters.sql.readers.projects._page": [
        (
            project_reader.Shape(
                frozenset(filters), member, Sort(field=field, descending=descending), after, 51, skips, "since" in filters
            ),
        )
        for filters in ((), ("status",), ("status", "is_active", "query"), ("since",), ("since", "query", "is_active"))
        for member in (False, True)
        for field in project_reader.SORTS
        for descending in (False, True)
        for after in (False, True)
        for skips in (False, True)
    ],
    "adapters.sql.readers.projects._count": [
        (frozenset(filters), member, "since" in filters)
        for filters in ((), ("status",), ("status", "is_active", "query"), ("since",), ("since", "query", "is_active"))
        for member in (False, True)
    ],
    "adapters.sql.readers.members._page": [
        (
            member_reader.Shape(
                project, addresses, search, Sort(field=field, descending=descending), after, 51, skips=skips
            ),
        )
        for project in GIVEN["project"]
        for addresses in (False, True)
        for search in (False, True)
        for field in member_reader.SORTS
        for descending in (False, True)
        for after in (False, True)
        for skips in (False, True)
    ],
    "adapters.sql.readers.task_lists.page_statement": [
        (task_reader.Shape(frozenset(filters), Sort(field=field, descending=descending), after, null, 51, skips),)
        for filters in ((), ("mine", "member_id"))
        for field in task_reader.SORTS
        for descending in (False, True)
        for after in (False, True)
        for null in ((False, True) if after and task_reader.SORTS[field].nullable else (False,))
        for skips in (False, True)
    ]
    + [
        (task_reader.Shape(frozenset(filters), Sort(field="created_at"), False, False, 51, False),)
        for filters in (
            *((f"{name} {how}",) for name in FILTERS for how in ("is", "among", "none")),
            ("deadline_before", "deadline_after", "updated_after", "project_id among", "member_id"),
            ("query", "member_id"),
            ("label is",),
            ("label among",),
            ("label is", "project_id is", "member_id"),
            ("query", "query in key", "query in number"),
            ("query", "query across key"),
            ("external_id", "member_id"),
            ("external_id", "project_id is", "label is"),
        )
    ]
    + [
        (task_reader.Shape(frozenset(filters), Sort(field=field), after, False, 51, False),)
        for filters in (("deleted",), ("deleted", "query", "project_id is", "mine", "member_id"))
        for field in task_reader.SORTS
        for after in (False, True)
    ],
    "adapters.sql.readers.task_lists.count_statement": [
        (frozenset(),), (frozenset({"mine", "member_id"}),), (frozenset({"project_id is", "status among"}),),
        (frozenset({"deleted"}),), (frozenset({"query"}),),
    ],
}  # fmt: skip


@functools.cache
def statements() -> list[tuple[str, Statement]]:
    """Every statement that the product can send: those made at import, and those made for each shape."""
    found = []
    for module in modules():
        for name, value in vars(module).items():
            place = f"{module.__name__}.{name}"
            if isinstance(value, Statement):
                found.append((place, value))
            if isinstance(value, functools._lru_cache_wrapper) and value.__module__ == module.__name__:
                signature = inspect.signature(value)
                assert signature.return_annotation is Statement, f"{place} caches something else; teach this test"
                if place in MADE_BY_HAND:
                    shapes = MADE_BY_HAND[place]
                else:
                    unknown = set(signature.parameters) - set(GIVEN)
                    assert not unknown, f"{place} has a new parameter {unknown}; teach this test its values"
                    shapes = list(itertools.product(*(GIVEN[name] for name in signature.parameters)))
                found += [(f"{place}{shape}", value(*shape)) for shape in shapes]
    return found


def test_every_statement_of_the_product_is_seen_here() -> None:
    names = {name for name, _ in statements()}
    assert len(names) > 200
    assert {"adapters.sql.event_log.APPEND", "adapters.sql.repositories.tasks._SAVE"} <= names


def test_every_placeholder_of_a_statement_has_a_parameter_and_every_parameter_a_placeholder() -> None:
    for name, statement in statements():
        assert not re.search(r"%\(\w+\)s", statement.text), name
        placed = {int(number) for number in re.findall(r"\$(\d+)", statement.text)}
        assert placed == set(range(1, len(statement.order) + 1)), name


def test_only_a_list_that_skips_has_an_offset_and_its_limit_is_no_parameter() -> None:
    """A limit that is a parameter is planned for as a tenth of all rows."""
    pages = [(name, statement) for name, statement in statements() if "_page" in name or "page_statement" in name]
    assert len(pages) > 100
    for name, statement in pages:
        # Where it is merged from several places, each has its own.
        assert set(re.findall(r"LIMIT ([^\s)]+)", statement.text)) == {"51"}, name
        assert ("OFFSET" in statement.text) == ("skip" in statement.order) == ("skips=True" in name), name


def test_no_statement_names_a_tenant_table_without_its_predicate() -> None:
    """But for the doors across companies, which work as the upkeep role, on what it has policies for and no more."""
    found = {name: found for name, statement in statements() if (found := holes(statement.text))}
    doors = {
        "system": (
            "_BY_USERNAME",
            "_MEMBERSHIPS",
            "_MEMBERSHIP",
            "_NOTE_LOGIN",
            "_NOTE",
            "_DIGEST",
            "_FIND_INVITATION",
            "_LOCK_INVITATION",
            "_USER",
            "_INVITER",
        ),
        "linking": (
            "_CONNECTION",
            "_WAYS_IN",
            "_USER_OF",
            "_OFFER_TO",
            "_COMPANY_OF_CODE",
            "_DOMAIN",
            "_NOTE_OF_NOBODY",
        ),
        "refusals": ("_TELL",),
        "letters": ("_USERS_OF",),
        "stripping": ("_REVOKE_TOKENS", "_OWN_TOKENS"),
        "posting": ("_ADMINISTRATION", "_WAITING", "_BEGIN", "_LEASE", "_READ", "_SETTLE"),
        "counting": (
            "_BEHIND",
            "_RECALL",
            "_TASKS",
            "_COUNTED",
            "_PROJECTS",
            "_CYCLES",
            "_KEEP_TASKS",
            "_KEEP_PROJECT_DAYS",
            "_KEEP_CYCLE_DAYS",
            "_ZONE",
        ),
        "deadlines": (
            "DUE",
            "_BEGIN",
            "_CALENDARS",
            "_TAKE",
            "_TOLD",
        ),
        "digests": (
            "_ADDRESSES",
            "_BEGIN",
            "_LEASE",
            "_LEFT",
            "_MORNINGS",
            "_SENT",
            "_UNREAD",
        ),
        "log_reader": ("_BEGIN", "_TAKE", "_HEAD", "_MOVE_ON"),
        "notifying": (
            "_BEHIND",
            "_CAUSES",
            "_PEOPLE",
            "_PROJECTS",
            "_TASKS",
            "_WATCHERS",
        ),
        "told": ("_KEEP", "_MEMBERS"),
        "operating": ("_COMPANIES",),
        "operating_tokens": ("_HOLDER", "_COMPANY", "_TOKENS", "_TOKEN"),
        "people": ("_HOLDING", "_SIGN_OUT_IF_NOTHING_IS_LEFT"),
        "presented_tokens": ("_NOTE_USES",),
        "purging": (
            "_TO_ERASE",
            "_EVENTS",
            "_AUDIT",
            "_PEOPLE",
            "_ERASE",
            "_ACCOUNTS",
            "_UPTO",
            "_HOLD",
            "_EXPIRE",
        ),
        "audit_chain": ("_WAITING", "_HEADS", "_TAKE_UP", "_CHAINED", "_LEFT", "_COMPANIES", "_PERSON", "_ERASE"),
        "job_runs": ("_DUE",),
        "webhook_queue": (
            "_BEHIND",
            "_WEBHOOKS",
            "_EVENTS",
            "_WAITING",
            "_KEEP",
            "_TOLD",
        ),
        "webhook_dispatch": (
            "_WAITING",
            "_WEBHOOKS",
            "_UNDER_WAY",
            "_STREAMS",
            "_BY_HAND",
            "_EVENTS",
            "_OVERTAKEN",
            "_TAKE",
            "_GIVE_BACK",
            "_WEBHOOK",
            "_ATTEMPT",
            "_DEPTH",
        ),
        "upkeep": ("_ALL",),
        "feeds": ("_ENDED", "_HEADS"),
        "relaying": ("_BACKLOGS", "_HEADS"),
    }
    assert set(found) == {f"adapters.sql.{module}.{name}" for module, names in doors.items() for name in names}, found


def test_what_the_purge_deletes_within_a_company_is_that_companys_by_its_own_words() -> None:
    """What `TenantTable` renders would not show it deleted rows, so these are written by hand."""
    within = (*purging._OF_COMPANY, *purging._emptying())
    assert len(within) > 10
    for name, statement in within:
        predicates = statement.text.count(f" = {OWN}") + statement.text.count("t.company_id = projects.company_id")
        assert len(RAW.findall(statement.text)) == predicates >= 2, name


# Deleted rows exist for these statements alone, and each has its reason.
SEE_DELETED: dict[str, str] = {
    "adapters.sql.readers.reports.PENDING": "events of a task go on counting for the days before it was deleted",
    "adapters.sql.readers.task_lists.page_statement": "the list of deleted tasks",
    "adapters.sql.readers.task_lists.count_statement": "the list of deleted tasks",
    "adapters.sql.repositories.columns._REHANG_DELETED": "what can be restored must stand in a column",
    "adapters.sql.repositories.deleted_tasks._lock_project": "restoring a task",
    "adapters.sql.repositories.deleted_tasks._load": "restoring a task",
    "adapters.sql.repositories.deleted_tasks._board": "restoring a task",
    "adapters.sql.repositories.deleted_tasks._assignee": "restoring a task",
    "adapters.sql.repositories.deleted_tasks._lineage": "restoring a task",
    "adapters.sql.repositories.labels._LOCK_PROJECTS": "whose project is to be locked before them",
    "adapters.sql.repositories.labels._LOCK_TASKS": "and they themselves",
    "adapters.sql.repositories.labels._SHOW": "a task that is restored shows what its labels are called by then",
    "adapters.sql.repositories.labels._TAKE_OFF": "nor does it bear what was deleted meanwhile",
    "adapters.sql.repositories.deleted_tasks._RESTORE": "restoring a task",
    "adapters.sql.repositories.task_kin.LABELS_ON": "a batch may put labels on what it then deletes",
    "adapters.sql.repositories.tasks.LABELS_ON": "the same",
    "adapters.sql.readers.projects._count": "how many deleted projects an owner or admin could restore",
    "adapters.sql.readers.projects._page": "the list of those",
    "adapters.sql.repositories.projects._RESTORE_TASKS": "brings tasks back with their project",
    "adapters.sql.repositories.projects._SAVE_RESTORED": "brings a project back",
    "adapters.sql.repositories.projects.load_statement": "loads a project that is to be restored",
}


def sees_deleted(text: str) -> bool:
    """Whether a statement reads or changes rows that were deleted."""
    text = " ".join(text.split())
    for table in TENANT_TABLES.values():
        if "deleted_at" not in table.c:
            continue
        if own_rows(table, deleted=True) in text:
            return True
        for write in (f"UPDATE {table.name} SET", f"DELETE FROM {table.name}"):
            if write in text and f"{table.name}.deleted_at IS NULL" not in text:
                return True
    return False


def test_only_what_is_listed_here_sees_deleted_rows() -> None:
    found = {name.partition("(")[0] for name, statement in statements() if sees_deleted(statement.text)}
    in_doors = {name for name in found if f"{name.split('.')[2]}.py" in DOORS}
    assert found - in_doors == set(SEE_DELETED)


def test_what_sees_deleted_rows_is_told_from_what_does_not() -> None:
    told = {name for name, core in {**READING, **WRITING}.items() if sees_deleted(Statement(core).text)}
    assert told == {name for name in PINNED if "deleted ones too" in name}


def test_a_write_to_companies_is_an_insert_and_nothing_else() -> None:
    """The company itself is founded here and changed nowhere yet: whoever adds that looks at ON CONFLICT too."""
    for name, statement in statements():
        text = " ".join(statement.text.split())
        if "ON CONFLICT" in text:
            # Of these the key begins with the company, which the insert fills in: what conflicts is its own.
            own = any(
                f"INTO {table} " in text for table in ("idempotency_keys", "import_rows", "task_watchers", "tasks")
            )
            assert "DO NOTHING" in text or own, name


RAW = re.compile(
    rf"\b(from|join|update|into)\s+({'|'.join(sorted(TENANT_TABLES, key=len, reverse=True))})\b", re.IGNORECASE
)
DOORS = {
    "system.py",
    "linking.py",
    "login_sessions.py",
    "people.py",
    "presented_tokens.py",
    "operating.py",
    "operating_tokens.py",
    "purging.py",
    "audit_chain.py",
    "letters.py",
    "stripping.py",
    "refusals.py",
    "telling.py",
    "posting.py",
    "counting.py",
    "deadlines.py",
    "digests.py",
    "log_reader.py",
    "notifying.py",
    "told.py",
    "job_runs.py",
    "feeds.py",
    "relaying.py",
    # Run by the owner of the tables, with the server away.
    "restoring.py",
    "webhook_dispatch.py",
    "webhook_queue.py",
    "upkeep.py",
}  # the doors across companies; import-linter says who may use them


def test_no_string_of_sql_names_a_tenant_table_outside_of_the_doors_across_companies() -> None:
    found = []
    for path in Path(adapters.sql.__path__[0]).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        described = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described:
                if path.name not in DOORS and RAW.search(node.value):
                    found.append(f"{path.name}:{node.lineno}")
    assert found == []


def test_every_table_with_a_company_is_a_tenant_table_and_the_others_are_global() -> None:
    for table in metadata.tables.values():
        if "company_id" in table.c:
            assert isinstance(table, TenantTable), table.name
        else:
            assert table.name in GLOBAL_TABLES, table.name
    assert isinstance(metadata.tables["companies"], TenantTable)
