"""Loading and saving tasks that were deleted, to restore them."""

from functools import cache
from uuid import UUID

from sqlalchemy import exists, select

from adapters.sql.readers.task_names import named_task, ref_values
from adapters.sql.repositories.looked_up import AND_WITHOUT_SORTING
from adapters.sql.repositories.task_kin import NO_TASK, lineage, lineage_of
from adapters.sql.repositories.task_rows import (
    CHANGED,
    LOADED,
    assignee_in,
    board_in,
    board_of,
    changed_values,
    is_member_in,
    loading,
    lock_of,
    saving,
    task_of,
)
from adapters.sql.statement import Statement
from adapters.sql.tables.people import users
from adapters.sql.tables.work import cycles, projects, tasks
from adapters.sql.tenancy import including_deleted
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.tasks.model import Task
from core.tasks.ports import Assignee, LoadedDeletedTask, TaskRef

_all = including_deleted(tasks)
_others = tasks.alias("others")


@cache
def _lock_project(by_key: bool) -> Statement:
    of_task = select(_all.c.project_id).where(named_task(by_key, _all)).scalar_subquery()
    return Statement(
        select(projects.c.key, projects.c.is_active, projects.c.id, AND_WITHOUT_SORTING)
        .where(projects.c.id == of_task)
        .with_for_update(of=projects, key_share=True)
    )


@cache
def _load(by_key: bool) -> Statement:
    taken = exists().where(_others.c.column_id == _all.c.column_id, _others.c.rank == _all.c.rank)
    over = exists().where(cycles.c.id == _all.c.cycle_id, cycles.c.status == "completed")
    return Statement(
        loading(_all)
        .add_columns(_all.c.deleted_at, taken, over)
        .where(named_task(by_key, _all))
        .with_for_update(of=_all, key_share=True)
    )


@cache
def _assignee(by_key: bool) -> Statement:
    task = select(_all.c.assigned_to, _all.c.project_id).where(named_task(by_key, _all)).subquery("task")
    return Statement(assignee_in(task.c.project_id).where(users.c.id == task.c.assigned_to))


@cache
def _board(by_key: bool) -> Statement:
    return Statement(board_in(select(_all.c.project_id).where(named_task(by_key, _all)).scalar_subquery()))


@cache
def _lineage(by_key: bool) -> Statement:
    task = select(_all.c.parent_id, _all.c.project_id).where(named_task(by_key, _all))
    parent, project = (task.with_only_columns(each).scalar_subquery() for each in (_all.c.parent_id, _all.c.project_id))
    return Statement(lineage(parent, project, NO_TASK))


_RESTORE = Statement(saving(_all).values({_all.c[str(each.key)]: value for each, value in CHANGED.items()}))


class SqlDeletedTasks:
    """The tasks of one unit of work's company, deleted or not."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def load(self, ref: TaskRef, *, for_user: UUID) -> LoadedDeletedTask | None:
        by_key, values = not isinstance(ref, UUID), ref_values(ref)
        asking = {**values, "for_user": for_user}
        locked, loaded, columns, assignees, lineage = await self._unit.fetch(
            (_lock_project(by_key), values),
            (_load(by_key), asking),
            (_board(by_key), asking),
            (_assignee(by_key), asking),
            (_lineage(by_key), values),
        )
        if not locked or not loaded:
            return None
        row = loaded[0]
        key, is_active = lock_of(locked, row)
        is_member = is_member_in(columns)
        task = task_of(row, key)
        watching, task.deleted_at, is_taken, is_over = row[len(LOADED) + 1 :]
        assignee = Assignee._make(assignees[0]) if assignees else None
        return LoadedDeletedTask(
            task, is_active, is_member, board_of(columns), is_taken, is_over, assignee, lineage_of(lineage), watching
        )

    def restore(self, task: Task, *, was: int) -> None:
        self._unit.write(_RESTORE, changed_values(task, was=was), rows=1)
