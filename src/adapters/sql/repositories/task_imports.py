"""Keeping the files of imports, in pieces, and how far they are read."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import (
    DateTime,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    bindparam,
    column,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import insert as on_key

from adapters.sql.arrays import array
from adapters.sql.connection import Database
from adapters.sql.repositories.jobs import SqlJobs
from adapters.sql.repositories.many_tasks import SqlManyTasks
from adapters.sql.repositories.tasks import SqlTaskUnitOfWork
from adapters.sql.statement import Statement
from adapters.sql.tables.jobs import import_chunks, import_rows, jobs, task_imports
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.imports import names
from core.imports.fields import Field, Meaning
from core.imports.model import CHUNK, Phase, TaskImport
from core.imports.names import Stand
from core.imports.values import RowFault
from core.kernel.actor import Actor
from core.kernel.once import Once
from core.kernel.ports import Clock

_INSTANT = DateTime(timezone=True)
_import = bindparam("import", type_=Uuid)
_PROGRESS = (
    "mapping", "dry_run", "time_zone", "size", "phase", "delimiter", "columns", "ignored", "width", "begin", "offset",
    "row", "total", "created", "updated", "unchanged", "skipped", "archived", "linked", "fault_count", "faults",
    "new_labels",
)  # fmt: skip

_its_job = exists().where(jobs.c.id == task_imports.c.id)
_MAKE_ROOM = Statement(
    delete(task_imports).where(
        or_(
            _its_job.where(jobs.c.finished_at.is_not(None)),
            (task_imports.c.created_at < bindparam("before", type_=_INSTANT)) & ~_its_job,
        )
    )
)
_WAITING = Statement(select(func.count()).select_from(task_imports).where(~_its_job))
_ADD = Statement(
    insert(task_imports).values(
        id=_import,
        project_id=bindparam("project", type_=Uuid),
        progress=bindparam("progress", type_=JSONB),
        created_at=bindparam("created_at", type_=_INSTANT),
    )
)
_KEEP = Statement(
    insert(import_chunks).values(
        import_id=_import,
        number=bindparam("number", type_=Integer),
        content=bindparam("content", type_=LargeBinary),
    )
)
_LOAD = Statement(
    select(task_imports.c.id, task_imports.c.project_id, task_imports.c.created_at, task_imports.c.progress)
    .where(task_imports.c.id == _import)
    .with_for_update(of=task_imports)
)
_CHUNKS = Statement(
    select(import_chunks.c.content)
    .where(
        import_chunks.c.import_id == _import,
        import_chunks.c.number >= bindparam("first", type_=Integer),
        import_chunks.c.number <= bindparam("last", type_=Integer),
    )
    .order_by(import_chunks.c.number)
)
_SAVE = Statement(
    update(task_imports).where(task_imports.c.id == _import).values(progress=bindparam("progress", type_=JSONB))
)
_REMOVE = Statement(delete(task_imports).where(task_imports.c.id == _import))
# Locked first: whoever makes a job of it at this moment holds it, and is seen only by what begins after them.
_HOLD = Statement(select(task_imports.c.id).where(task_imports.c.id == _import).with_for_update(of=task_imports))
_GIVE_UP = Statement(delete(task_imports).where(task_imports.c.id == _import, ~_its_job))
_given = (
    func.unnest(bindparam("external_ids", type_=ARRAY(Text)))
    .table_valued(column("external_id", Text), name="given")
    .render_derived()
)
# One by one in the index, however large the file is of which the table knows nothing yet.
_seen = (
    select(import_rows.c.number, import_rows.c.task_id)
    .where(import_rows.c.import_id == _import, import_rows.c.external_id == _given.c.external_id)
    .limit(1)
    .lateral("seen")
)
_SEEN = Statement(select(_given.c.external_id, _seen.c.number, _seen.c.task_id).select_from(_given.join(_seen, true())))
_note = on_key(import_rows).from_select(
    ["import_id", "external_id", "number", "task_id"],
    select(
        _import,
        func.unnest(bindparam("external_ids", type_=ARRAY(Text))),
        func.unnest(bindparam("numbers", type_=ARRAY(Integer))),
        func.unnest(bindparam("tasks", type_=ARRAY(Uuid))),
    ),
)
_NOTE_SEEN = Statement(
    _note.on_conflict_do_update(
        index_elements=["company_id", "import_id", "external_id"],
        set_={"number": literal(names.SEVERAL), "task_id": null()},
        where=func.starts_with(import_rows.c.external_id, literal(names.TITLE)),
    )
)


class SqlTaskImports:
    """The files of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def make_room(self, *, before: datetime) -> int:
        _, rows = await self._unit.fetch((_MAKE_ROOM, {"before": before}), (_WAITING, {}))
        return int(rows[0][0])

    def add(self, task_import: TaskImport) -> None:
        values = {
            "import": task_import.id,
            "project": task_import.project_id,
            "progress": _progress(task_import),
            "created_at": task_import.created_at,
        }
        self._unit.write(_ADD, values)

    def keep(self, import_id: UUID, number: int, content: bytes) -> None:
        self._unit.write(_KEEP, {"import": import_id, "number": number, "content": content})

    async def load(self, import_id: UUID) -> TaskImport | None:
        (rows,) = await self._unit.fetch((_LOAD, {"import": import_id}))
        if not rows:
            return None
        found, project_id, created_at, progress = rows[0]
        return _import_of(found, project_id, created_at, progress)

    async def piece(self, import_id: UUID, *, offset: int, length: int) -> bytes:
        first, begin = divmod(offset, CHUNK)
        values = {"import": import_id, "first": first, "last": (offset + length - 1) // CHUNK}
        (rows,) = await self._unit.fetch((_CHUNKS, values))
        return b"".join(content for (content,) in rows)[begin : begin + length]

    def save(self, task_import: TaskImport) -> None:
        self._unit.write(_SAVE, {"import": task_import.id, "progress": _progress(task_import)}, rows=1)

    def remove(self, import_id: UUID) -> None:
        self._unit.write(_REMOVE, {"import": import_id})

    async def give_up(self, import_id: UUID) -> None:
        await self._unit.fetch((_HOLD, {"import": import_id}))
        self._unit.write(_GIVE_UP, {"import": import_id})

    async def seen(self, import_id: UUID, called: Sequence[str]) -> dict[str, Stand]:
        (rows,) = await self._unit.fetch((_SEEN, {"import": import_id, "external_ids": array(called)}))
        return {name: Stand(number, task_id) for name, number, task_id in rows}

    def note_seen(self, import_id: UUID, rows: Mapping[str, Stand]) -> None:
        values = {
            "import": import_id,
            "external_ids": array([*rows]),
            "numbers": array([stand.row for stand in rows.values()]),
            "tasks": array([stand.task_id for stand in rows.values()]),
        }
        self._unit.write(_NOTE_SEEN, values)


class SqlImportUnitOfWork(SqlTaskUnitOfWork):
    """A unit of work with imports: their jobs and files, and the tasks that come of them."""

    def __init__(
        self, database: Database, clock: Clock, actor: Actor, *, once: Once | None = None, lazy: bool = False
    ) -> None:
        super().__init__(database, clock, actor, once=once, lazy=lazy)
        self.jobs = SqlJobs(self)
        self.imports = SqlTaskImports(self)
        self.many_tasks = SqlManyTasks(self)


def _progress(task_import: TaskImport) -> Jsonb:
    return Jsonb({name: getattr(task_import, name) for name in _PROGRESS})


def _import_of(import_id: UUID, project_id: UUID, created_at: datetime, progress: dict[str, Any]) -> TaskImport:
    columns = tuple(Meaning(place, name, Field(field)) for place, name, field in progress.pop("columns"))
    mapping = {name: Field(field) for name, field in progress.pop("mapping").items()}
    return TaskImport(
        id=import_id,
        project_id=project_id,
        created_at=created_at,
        mapping=mapping,
        columns=columns,
        phase=Phase(progress.pop("phase")),
        ignored=tuple(progress.pop("ignored")),
        faults=[RowFault._make(fault) for fault in progress.pop("faults")],
        **progress,
    )
