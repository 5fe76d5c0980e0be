"""Taking tasks away from those who were to do them, many at once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Uuid, bindparam, null, update

from adapters.sql.statement import Statement
from adapters.sql.tables.work import tasks
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.tasks.ports import Released

# Whoever changes a task locks its project's row first, and so has whoever asks for this: the rows wait for nobody.
_RELEASE = Statement(
    update(tasks)
    .where(
        tasks.c.project_id == bindparam("project", type_=Uuid),
        tasks.c.assigned_to == bindparam("assignee", type_=Uuid),
        tasks.c.status != "done",
    )
    .values(assigned_to=null(), version=tasks.c.version + 1, updated_at=bindparam("at", type_=DateTime(timezone=True)))
    .returning(tasks.c.number, tasks.c.id, tasks.c.version)
)


class SqlAssignments:
    """Who is to do which tasks of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def release(self, user_id: UUID, *, project_id: UUID, at: datetime) -> list[Released]:
        (rows,) = await self._unit.fetch((_RELEASE, {"project": project_id, "assignee": user_id, "at": at}))
        return [Released(task_id, version) for _, task_id, version in sorted(rows)]
