"""What the product is compared with: the same server, the same rows, and nothing else.

A bare Starlette application on uvicorn with the product's options: no tokens, no tenant wall, no validation, no request
ids, no log. Each handler is one statement by psycopg, binary and prepared, on a connection in autocommit, and bytes
out by msgspec. It works as a role that row-level security does not bind, with the company as a plain predicate.
"""

import gc
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec
import uuid_utils.compat
import uvicorn
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FIELDS = (
    "id", "key", "number", "title", "description", "priority", "status", "column_id", "deadline", "project_id",
    "cycle_id", "parent_id", "labels", "external_id", "recurrence", "assigned_to", "assigned_to_name", "created_by",
    "completed_at", "version", "created_at", "updated_at", "watching", "sub_tasks",
)  # fmt: skip
# Whether a task is watched is shown as whoever created it sees it: the same look-up, and it need not be told who asks.
_VIEW = """
select t.id, p.key || '-' || t.number::text, t.number, t.title, t.description, t.priority, t.status, t.column_id,
       t.deadline, t.project_id, t.cycle_id, t.parent_id, t.label_names, t.external_id, t.recurrence, t.assigned_to,
       u.name, t.created_by, t.completed_at, t.version, t.created_at, t.updated_at,
       coalesce((select w.watching from task_watchers w
                  where w.company_id = t.company_id and w.task_id = t.id and w.user_id = t.created_by), true),
       t.sub_tasks_total, t.sub_tasks_done
  from {tasks} t
  join projects p on p.company_id = t.company_id and p.id = t.project_id and p.deleted_at is null
  left join users u on u.company_id = t.company_id and u.id = t.assigned_to
"""
# The page first and the names afterwards, as the product does; joined first, the planner sometimes sorts the company.
LIST = (
    _VIEW.format(
        tasks="(select * from tasks where company_id = %(company)s and deleted_at is null"
        " order by created_at desc, id desc limit 50)"
    )
    + " order by t.created_at desc, t.id desc"
)
ONE = _VIEW.format(tasks="tasks") + " where t.company_id = %(company)s and t.deleted_at is null and t.id = %(id)s"
# The columns, an empty one too, with their cards; counted beside them, once each.
BOARD = (
    """
select c.id, c.name, c.category, c.position, c.wip_limit, n.cards, t.*
  from board_columns c
 cross join lateral (select count(*) as cards from tasks
                      where company_id = c.company_id and column_id = c.id and deleted_at is null) n
  left join lateral (
"""
    + _VIEW.format(tasks="tasks")
    + """
 where t.company_id = c.company_id and t.column_id = c.id and t.deleted_at is null
 order by t.rank, t.id limit 500) t on true
 where c.company_id = %(company)s and c.project_id = %(project)s
 order by c.position, c.id
"""
)
# The same columns, types, checks and indexes; what it lacks are foreign keys and row-level security.
TABLE = "create table reference_tasks (like tasks including all)"
FILL = """
insert into reference_tasks ({columns}) select {columns} from tasks
"""
UPDATE = """
update reference_tasks set rank = %(rank)s, version = version + 1, updated_at = %(at)s
 where company_id = %(company)s and id = %(id)s
"""
INSERT = """
insert into reference_tasks
       (company_id, id, project_id, number, title, description, priority, status, column_id, rank, previous_column_id,
        deadline, assigned_to, cycle_id, created_by, completed_at, version, created_at, updated_at)
values (%(company_id)s, %(id)s, %(project_id)s, %(number)s, %(title)s, %(description)s, %(priority)s, %(status)s,
        %(column_id)s, %(rank)s, null, %(deadline)s, %(assigned_to)s, null, %(created_by)s, null, 1, %(at)s, %(at)s)
"""

Shown: Any = msgspec.defstruct("Shown", [(name, Any) for name in FIELDS], frozen=True)

COLUMN_FIELDS = ("id", "name", "category", "position", "wip_limit", "over_limit", "task_count", "tasks")
ShownColumn: Any = msgspec.defstruct("ShownColumn", [(name, Any) for name in COLUMN_FIELDS], frozen=True)


class Given(msgspec.Struct):
    """A task to insert. What the product finds out by itself, the reference is told."""

    company_id: UUID
    project_id: UUID
    column_id: UUID
    created_by: UUID
    title: str
    description: str | None = None
    priority: str = "medium"
    deadline: date | None = None
    assigned_to: UUID | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Given).decode
_numbers = itertools.count(1)
_pool: AsyncConnectionPool[AsyncConnection[Any]]


def _shown(row: Any) -> Any:
    *fields, total, done = row
    return Shown(*fields, {"total": total, "done": done})


async def list_tasks(request: Request) -> Response:
    async with _pool.connection() as connection:
        cursor = connection.cursor(binary=True)
        await cursor.execute(LIST, {"company": UUID(request.path_params["company"])}, prepare=True)
        rows = await cursor.fetchall()
    return Response(_encode([_shown(row) for row in rows]), media_type="application/json")


async def get_task(request: Request) -> Response:
    asked = {"company": UUID(request.path_params["company"]), "id": UUID(request.path_params["id"])}
    async with _pool.connection() as connection:
        cursor = connection.cursor(binary=True)
        await cursor.execute(ONE, asked, prepare=True)
        row = await cursor.fetchone()
    assert row is not None
    return Response(_encode(_shown(row)), media_type="application/json")


async def get_board(request: Request) -> Response:
    asked = {"company": UUID(request.path_params["company"]), "project": UUID(request.path_params["id"])}
    async with _pool.connection() as connection:
        cursor = connection.cursor(binary=True)
        await cursor.execute(BOARD, asked, prepare=True)
        rows = await cursor.fetchall()
    columns: dict[UUID, Any] = {}
    for row in rows:
        column = columns.get(row[0])
        if column is None:
            over = row[4] is not None and row[5] > row[4]
            column = columns[row[0]] = ShownColumn(*row[:5], over, row[5], [])
        if row[6] is not None:
            column.tasks.append(_shown(row[6:]))
    body = {"project_id": asked["project"], "columns": list(columns.values())}
    return Response(_encode(body), media_type="application/json")


async def update_task(request: Request) -> Response:
    """A durable UPDATE of one row by its key."""
    given = msgspec.json.decode(await request.body())
    values = {
        "company": UUID(request.path_params["company"]),
        "id": UUID(request.path_params["id"]),
        "rank": f"{next(_numbers):08d}",
        "at": datetime.now(UTC),
    }
    async with _pool.connection() as connection:
        cursor = connection.cursor(binary=True)
        await cursor.execute(UPDATE, values, prepare=True)
        assert cursor.rowcount == 1
    return Response(_encode({"id": values["id"], **given}), media_type="application/json")


async def insert_task(request: Request) -> Response:
    given = _decode(await request.body())
    number, at = next(_numbers), datetime.now(UTC)
    values = {
        **msgspec.structs.asdict(given),
        "id": uuid_utils.compat.uuid7(),
        "number": number,
        "status": "todo",
        "rank": f"{number:08d}",
        "at": at,
    }
    async with _pool.connection() as connection:
        await connection.cursor(binary=True).execute(INSERT, values, prepare=True)
    shown = Shown(
        values["id"], f"BENCH-{number}", number, given.title, given.description, given.priority, "todo",
        given.column_id, given.deadline, given.project_id, None, None, [], None, None, given.assigned_to, None,
        given.created_by, None, 1, at, at, True, {"total": 0, "done": 0},
    )  # fmt: skip
    return Response(_encode(shown), status_code=201, media_type="application/json")


async def health(_: Request) -> Response:
    return Response(b'{"status":"up"}', media_type="application/json")


@asynccontextmanager
async def _lifespan(_: Starlette) -> AsyncIterator[None]:
    global _pool
    _pool = AsyncConnectionPool(
        os.environ["REFERENCE_DATABASE_URL"], open=False, min_size=2, max_size=20, kwargs={"autocommit": True}
    )
    await _pool.open()
    # As the product does, or the collector's pauses would be compared.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    yield
    await _pool.close()


app = Starlette(
    routes=[
        Route("/health", health),
        Route("/list/{company}", list_tasks),
        Route("/one/{company}/{id}", get_task),
        Route("/board/{company}/{id}", get_board),
        Route("/update/{company}/{id}", update_task, methods=["PATCH"]),
        Route("/insert", insert_task, methods=["POST"]),
    ],
    lifespan=_lifespan,
)


def main() -> None:
    """Serves on PORT, with the options that the product gives uvicorn."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        lifespan="on",
    )


if __name__ == "__main__":
    main()
