"""Loading and saving cycles.

Every change locks the project's row first, as changes of its tasks do: so one cycle at most is ever started, and no
task enters a cycle while that ends.
"""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import (
    Date,
    DateTime,
    Integer,
    Text,
    Uuid,
    bindparam,
    delete,
    exists,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from adapters.sql.connection import Database
from adapters.sql.repositories.task_rows import belongs_to
from adapters.sql.repositories.tasks import CYCLE_STATUS, SqlTasks
from adapters.sql.statement import Statement
from adapters.sql.tables.work import cycles, projects
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.cycles.model import Cycle, CycleStatus
from core.cycles.ports import LoadedCycle, Opening
from core.kernel.actor import Actor
from core.kernel.once import Once
from core.kernel.ports import Clock

_instant = DateTime(timezone=True)
_cycle = bindparam("cycle", type_=Uuid)
_project = bindparam("project", type_=Uuid)

_TAKE_NUMBER = Statement(
    update(projects)
    .where(projects.c.id == _project)
    .values(last_cycle_number=projects.c.last_cycle_number + 1)
    .returning(projects.c.key, projects.c.is_active, projects.c.last_cycle_number)
)
# Asked once the project is locked: see `board_in`.
_MEMBER = Statement(select(belongs_to(_project, "for_user")))
_LOCK_PROJECT = Statement(
    select(projects.c.is_active)
    .where(projects.c.id == select(cycles.c.project_id).where(cycles.c.id == _cycle).scalar_subquery())
    .with_for_update(of=projects, key_share=True)
)

_WRITTEN: dict[str, Any] = {
    "name": Text,
    "s3_prefix": Text,
    "status": Text,
    "description": Text,
    "metadata": JSONB,
    "starts_on": Date,
    "ends_on": Date,
    "started_at": _instant,
    "completed_at": _instant,
    "version": Integer,
    "updated_at": _instant,
}
_FIXED: dict[str, Any] = {
    "id": Uuid,
    "project_id": Uuid,
    "number": Integer,
    "created_by": Uuid,
    "created_at": _instant,
}
_FIELDS = (*_FIXED, *_WRITTEN)

_others = cycles.alias("others")
_LOAD = Statement(
    select(
        *(cycles.c[name] for name in _FIELDS),
        belongs_to(cycles.c.project_id, "for_user"),
        exists().where(
            _others.c.project_id == cycles.c.project_id, _others.c.status == "active", _others.c.id != cycles.c.id
        ),
    )
    .where(cycles.c.id == _cycle)
    .with_for_update(of=cycles, key_share=True)
)
_ADD = Statement(
    insert(cycles).values({name: bindparam(name, type_=kind) for name, kind in {**_FIXED, **_WRITTEN}.items()})
)
_present = (cycles.c.id == _cycle, cycles.c.version == bindparam("was", type_=Integer))
_SAVE = Statement(
    update(cycles)
    .where(*_present)
    .values({cycles.c[name]: bindparam(f"new_{name}", type_=kind) for name, kind in _WRITTEN.items()})
)
_DELETE = Statement(delete(cycles).where(*_present))


class SqlCycles:
    """The cycles of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def begin(self, project_id: UUID, *, for_user: UUID) -> Opening | None:
        named = {"project": project_id}
        taken, member = await self._unit.fetch((_TAKE_NUMBER, named), (_MEMBER, {**named, "for_user": for_user}))
        if not taken:
            return None
        key, is_active, number = taken[0]
        return Opening(key, is_active, member[0][0], number)

    async def load(self, cycle_id: UUID, *, for_user: UUID) -> LoadedCycle | None:
        locked, loaded = await self._unit.fetch(
            (_LOCK_PROJECT, {"cycle": cycle_id}), (_LOAD, {"cycle": cycle_id, "for_user": for_user})
        )
        if not locked or not loaded:
            return None
        (is_active,) = locked[0]
        *values, is_member, another_is_active = loaded[0]
        fields = dict(zip(_FIELDS, values, strict=True))
        cycle = Cycle(**{**fields, "status": CycleStatus(fields["status"])})
        return LoadedCycle(cycle, is_active, is_member, another_is_active)

    async def status(self, cycle_id: UUID, *, project_id: UUID) -> CycleStatus | None:
        (rows,) = await self._unit.fetch((CYCLE_STATUS, {"cycle": cycle_id, "project": project_id}))
        return CycleStatus(rows[0][0]) if rows else None

    def add(self, cycle: Cycle) -> None:
        self._unit.write(_ADD, {name: _stored(cycle, name) for name in _FIELDS})

    def save(self, cycle: Cycle) -> None:
        values = {f"new_{name}": _stored(cycle, name) for name in _WRITTEN}
        self._unit.write(_SAVE, {**values, "cycle": cycle.id, "was": cycle.version - 1}, rows=1)

    def delete(self, cycle: Cycle) -> None:
        self._unit.write(_DELETE, {"cycle": cycle.id, "was": cycle.version}, rows=1)


def _stored(cycle: Cycle, name: str) -> object:
    if name == "metadata":
        return Jsonb(cycle.metadata)
    return str(cycle.status) if name == "status" else getattr(cycle, name)


class SqlCycleUnitOfWork(SqlUnitOfWork):
    """A unit of work with cycles, and with the tasks that are told when one ends."""

    def __init__(
        self, database: Database, clock: Clock, actor: Actor, *, once: Once | None = None, lazy: bool = False
    ) -> None:
        super().__init__(database, clock, actor, once=once, lazy=lazy)
        self.cycles = SqlCycles(self)
        self.tasks = SqlTasks(self)
