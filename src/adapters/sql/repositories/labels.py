"""Loading and saving labels.

A label is locked before the tasks that bear it, by whoever renames it and by whoever puts it on a task.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Integer, Select, Text, Uuid, bindparam, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, array

from adapters.sql.connection import Database
from adapters.sql.statement import Statement
from adapters.sql.tables.around_tasks import labels, task_labels
from adapters.sql.tables.work import tasks
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
_LOAD = Statement(
    select(*(labels.c[name] for name in _KINDS)).where(labels.c.id == _label).with_for_update(of=labels)
)
_ADD = Statement(
    insert(labels).values(
        {name: bindparam(name, type_=kind) for name, kind in _KINDS.items()} | {"folded": _folded}
    )
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


def _names(but: Any = None) -> Select[Any]:
    """The names of a task's labels in the order in which it shows them."""
    query = (
        select(func.array_agg(func.aggregate_order_by(labels.c.name, labels.c.folded, labels.c.name)))
        .select_from(_borne.join(labels, labels.c.id == _borne.c.label_id))
        .where(_borne.c.task_id == _all.c.id)
    )
    return query if but is None else query.where(labels.c.id != but)
