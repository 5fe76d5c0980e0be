"""What the next occurrences of tasks are made from. The project of the tasks is locked by then."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Text, Uuid, bindparam, func, null, or_, select, true, update
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.repositories.task_kin import labels_named, labels_of
from adapters.sql.repositories.task_rows import INSTANT, loading, task_of
from adapters.sql.statement import Statement
from adapters.sql.tables.identity import companies
from adapters.sql.tables.labels import labels
from adapters.sql.tables.people import users
from adapters.sql.tables.work import board_columns, project_members, projects, tasks
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.kernel.errors import ChangedMeanwhile
from core.tasks.fields import Status
from core.tasks.model import Column, Task
from core.tasks.recurring_ports import Recurring

_project = bindparam("project", type_=Uuid)
_into = bindparam("into", type_=Uuid)
_TAKE_NUMBERS = Statement(
    update(projects)
    .where(projects.c.id == _project)
    .values(last_number=projects.c.last_number + bindparam("count", type_=Integer))
    .returning(projects.c.key, projects.c.last_number)
)
_last = (
    select(tasks.c.id, tasks.c.rank)
    .where(tasks.c.column_id == board_columns.c.id)
    .order_by(tasks.c.rank.desc(), tasks.c.id.desc())
    .limit(1)
    .lateral("last")
)
_COLUMN = Statement(
    select(board_columns.c.id, board_columns.c.category, _last.c.id, _last.c.rank)
    .select_from(board_columns.outerjoin(_last, true()))
    .where(
        board_columns.c.project_id == _project,
        or_(board_columns.c.id == _into, (_into == null()) & (board_columns.c.category == "todo")),
    )
    .order_by(board_columns.c.position, board_columns.c.id)
    .limit(1)
)
_member = select(project_members.c.user_id).where(
    project_members.c.project_id == _project, project_members.c.user_id == users.c.id
)
_ABLE = Statement(
    select(users.c.id).where(
        users.c.id == func.any(bindparam("assignees", type_=ARRAY(Uuid))),
        users.c.is_active,
        or_(users.c.role != "member", _member.exists()),
    )
)
# One that is renamed or deleted just now is left out, and not waited for: who does that waits for the project.
LABELS = Statement(
    select(labels.c.id, labels.c.name)
    .where(labels.c.folded == func.any(bindparam("folded", type_=ARRAY(Text))))
    .with_for_update(read=True, key_share=True, skip_locked=True, of=labels)
)
TIME_ZONE = Statement(select(companies.c.time_zone))

_OF_COLUMN = Statement(
    loading(tasks)
    .add_columns(projects.c.key)
    .join(projects, projects.c.id == tasks.c.project_id)
    .where(
        tasks.c.column_id == bindparam("column", type_=Uuid),
        tasks.c.recurrence.is_not(None),
        tasks.c.recurred_at.is_(None),
    )
    .order_by(tasks.c.rank, tasks.c.id)
    .limit(bindparam("most", type_=Integer))
)
_KEEP = Statement(
    update(tasks)
    .where(tasks.c.id == func.any(bindparam("ids", type_=ARRAY(Uuid))), tasks.c.recurred_at.is_(None))
    .values(recurred_at=bindparam("at", type_=INSTANT))
)
_RENEW = Statement(
    update(tasks)
    .where(tasks.c.id == func.any(bindparam("ids", type_=ARRAY(Uuid))), tasks.c.recurred_at.is_not(None))
    .values(recurred_at=null())
)


class SqlRecurrences:
    """The recurring tasks of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def begin(self, tasks: Sequence[Task], *, into: UUID | None = None) -> Recurring:
        project: dict[str, Any] = {"project": tasks[0].project_id}
        names = tuple({name: None for task in tasks for name in task.labels})
        assignees = list({task.assigned_to: None for task in tasks if task.assigned_to is not None})
        taken, columns, able, borne, zone = await self._unit.fetch(
            (_TAKE_NUMBERS, {**project, "count": len(tasks)}),
            (_COLUMN, {**project, "into": into}),
            (_ABLE, {**project, "assignees": assignees}),
            (LABELS, labels_named(names)),
            (TIME_ZONE, {}),
        )
        if len(borne) != len(names):
            raise ChangedMeanwhile
        key, last_number = taken[0]
        column_id, category, last_id, last_rank = columns[0]
        return Recurring(
            project_key=key,
            number=last_number - len(tasks) + 1,
            column=Column(id=column_id, category=Status(category), last_id=last_id, last_rank=last_rank),
            able=frozenset(user_id for (user_id,) in able),
            labels=labels_of(borne),
            time_zone=zone[0][0],
        )

    async def of_column(self, column_id: UUID, *, most: int) -> list[Task]:
        values = {"column": column_id, "for_user": self._unit.actor.user_id, "most": most}
        (rows,) = await self._unit.fetch((_OF_COLUMN, values))
        return [task_of(row, row[-1]) for row in rows]

    def keep(self, tasks: Sequence[Task]) -> None:
        if tasks:
            values = {"ids": [task.id for task in tasks], "at": tasks[0].recurred_at}
            self._unit.write(_KEEP, values, rows=len(tasks))

    def renew(self, task: Task) -> None:
        self._unit.write(_RENEW, {"ids": [task.id]}, rows=1)
