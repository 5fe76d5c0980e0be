"""Tasks by what people call them: an id, or a key that they have or had."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Integer, Text, Uuid, bindparam, func, select

from adapters.sql.tables.work import project_keys, task_keys, tasks
from core.tasks.ports import TaskRef


def named_task(by_key: bool, rows: FromClause = tasks) -> ColumnElement[bool]:
    """The task that `:ref` names by id, or `:ref` and `:number` name by a key that its project has or had and the
    number that it has or had there.
    """
    if not by_key:
        return rows.c.id == bindparam("ref", type_=Uuid)
    key = select(project_keys.c.project_id).where(project_keys.c.key == bindparam("ref", type_=Text))
    project, number = key.scalar_subquery(), bindparam("number", type_=Integer)
    numbered = rows.alias("numbered")
    stands = select(numbered.c.id).where(numbered.c.project_id == project, numbered.c.number == number)
    stood = select(task_keys.c.task_id).where(task_keys.c.project_id == project, task_keys.c.number == number)
    # Asked for first and by itself: as part of a condition, COALESCE would keep row-level security from the index.
    found = select(func.coalesce(stands.scalar_subquery(), stood.scalar_subquery())).scalar_subquery()
    return rows.c.id == found


def ref_values(ref: TaskRef) -> dict[str, Any]:
    """The parameters of `named_task`."""
    if isinstance(ref, UUID):
        return {"ref": ref}
    key, _, number = ref.rpartition("-")
    return {"ref": key.upper(), "number": int(number)}
