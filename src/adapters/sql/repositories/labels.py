"""Loading and saving labels.

A label is locked before the projects and tasks that bear it, by whoever renames it and by whoever puts it on a task.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Integer, Text, Uuid, bindparam, cast, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, array

from adapters.sql.connection import Database
from adapters.sql.statement import Statement
from adapters.sql.tables.labels import labels, task_labels
from adapters.sql.tables.work import projects, tasks
from adapters.sql.tenancy import including_deleted
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.kernel.actor import Actor
from core.kernel.once import Once
from core.kernel.ports import Clock
from core.labels.model import Label, folded

_INSTANT = DateTime(timezone=True)
_KINDS: dict[str, Any] = {
    "id": Uuid,
    "name": Text,
    "color": Text,
    "created_by": Uuid,
    "created_at": _INSTANT,
    "updated_at": _INSTANT,
    "version": Integer,
}
_label = bindparam("label", type_=Uuid)
_folded = bindparam("folded", type_=Text)

_COUNT = Statement(select(func.count()).select_from(labels))
_LOAD = Statement(select(*(labels.c[name] for name in _KINDS)).where(labels.c.id == _label).with_for_update(of=labels))
_ADD = Statement(
    insert(labels).values({name: bindparam(name, type_=kind) for name, kind in _KINDS.items()} | {"folded": _folded})
)
_SAVE = Statement(
    update(labels)
    .where(labels.c.id == _label, labels.c.version == bindparam("was", type_=Integer))
    .values(
        name=bindparam("new_name", type_=Text),
        folded=_folded,
        color=bindparam("new_color", type_=Text),
        updated_at=bindparam("new_updated_at", type_=_INSTANT),
        version=bindparam("new_version", type_=Integer),
    )
)
_DELETE = Statement(delete(labels).where(labels.c.id == _label))

# Deleted tasks can be restored, and are to show what their labels are called by then.
_all = including_deleted(tasks)
_borne = task_labels.alias("borne")
_of_label = select(task_labels.c.task_id).where(task_labels.c.label_id == _label)


def _names(but: Any = None) -> Any:
    """The names of a task's labels in the order in which it shows them."""
    names = func.array_agg(aggregate_order_by(labels.c.name, labels.c.folded, labels.c.name))
    query = (
        select(func.coalesce(names, cast(array([]), ARRAY(Text))))
        .select_from(_borne.join(labels, labels.c.id == _borne.c.label_id))
        .where(_borne.c.task_id == _all.c.id)
    )
    return (query if but is None else query.where(labels.c.id != but)).scalar_subquery()


# Locked as whoever changes a task does it, after the label: its project, then itself, each in the order of their ids;
# so nobody waits in a circle. By statements of their own: one that waits for a lock goes on to see what else there was
# before it waited, and what others put on or renamed meanwhile would be lost.
_their_projects = select(_all.c.project_id).where(_all.c.id.in_(_of_label))
_LOCK_PROJECTS = Statement(
    select(projects.c.id)
    .where(projects.c.id.in_(_their_projects))
    .order_by(projects.c.id)
    .with_for_update(of=projects, key_share=True)
)
_LOCK_TASKS = Statement(
    select(_all.c.id).where(_all.c.id.in_(_of_label)).order_by(_all.c.id).with_for_update(of=_all, key_share=True)
)
_SHOW = Statement(update(_all).where(_all.c.id.in_(_of_label)).values(labels=_names()))
_TAKE_OFF = Statement(update(_all).where(_all.c.id.in_(_of_label)).values(labels=_names(but=_label)))


class SqlLabels:
    """The labels of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def count(self) -> int:
        (rows,) = await self._unit.fetch((_COUNT, {}), guarded=True)
        return int(rows[0][0])

    async def load(self, label_id: UUID) -> Label | None:
        (rows,) = await self._unit.fetch((_LOAD, {"label": label_id}))
        return Label(**dict(zip(_KINDS, rows[0], strict=True))) if rows else None

    def add(self, label: Label) -> None:
        self._unit.write(_ADD, {name: getattr(label, name) for name in _KINDS} | {"folded": folded(label.name)})

    def save(self, label: Label, *, renamed: bool) -> None:
        values = {
            "label": label.id,
            "was": label.version - 1,
            "new_name": label.name,
            "folded": folded(label.name),
            "new_color": label.color,
            "new_updated_at": label.updated_at,
            "new_version": label.version,
        }
        self._unit.write(_SAVE, values, rows=1)
        if renamed:
            self._write_into_tasks(label, _SHOW)

    def delete(self, label: Label) -> None:
        self._write_into_tasks(label, _TAKE_OFF)
        self._unit.write(_DELETE, {"label": label.id}, rows=1)

    def _write_into_tasks(self, label: Label, statement: Statement) -> None:
        for each in (_LOCK_PROJECTS, _LOCK_TASKS, statement):
            self._unit.write(each, {"label": label.id})


class SqlLabelUnitOfWork(SqlUnitOfWork):
    """A unit of work with labels."""

    def __init__(
        self, database: Database, clock: Clock, actor: Actor, *, once: Once | None = None, lazy: bool = False
    ) -> None:
        super().__init__(database, clock, actor, once=once, lazy=lazy)
        self.labels = SqlLabels(self)
