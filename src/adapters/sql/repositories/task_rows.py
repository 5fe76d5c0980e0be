"""What the repositories of tasks share: the row of a task, the lock of its project, its board, its assignee."""

from enum import Enum, auto
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Integer,
    Select,
    Text,
    Update,
    Uuid,
    bindparam,
    exists,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.pipeline import Row
from adapters.sql.readers.users import shares_project
from adapters.sql.readers.watching import watches
from adapters.sql.tables.people import users
from adapters.sql.tables.work import board_columns, project_members, tasks
from adapters.sql.tenancy import TenantTable
from core.kernel.errors import ChangedMeanwhile
from core.tasks.fields import Priority, Status
from core.tasks.model import Board, Column, Task

INSTANT = DateTime(timezone=True)
_assignees = users.alias("assignees")


def belongs_to(project_id: Any, user: str) -> ColumnElement[bool]:
    """Whether the user in that parameter is a member of a project."""
    return exists().where(
        project_members.c.project_id == project_id,
        project_members.c.user_id == bindparam(user, type_=Uuid),
    )


class Last(Enum):
    """Of which columns of a board the last card is looked up: an index scan for each, which is to be saved."""

    OF_ALL = auto()
    # Of those of the category `:into_category`, and of the column `:into_column`.
    WHERE_IT_MAY_GO = auto()
    OF_NONE = auto()


def board_in(project: Any, last: Last = Last.OF_ALL) -> Select[Any]:
    """The columns of a project from left to right, each with its last card, and whether `:for_user` is a member.

    That is asked here, once the project is locked, and not where it is locked: a statement that waits for a lock goes
    on to see what else there was before it waited.
    """
    columns: FromClause = board_columns
    card: tuple[Any, Any] = (null(), null())
    if last is not Last.OF_NONE:
        cards = select(tasks.c.id, tasks.c.rank).where(tasks.c.column_id == board_columns.c.id)
        if last is Last.WHERE_IT_MAY_GO:
            into = (
                board_columns.c.category == bindparam("into_category", type_=Text),
                board_columns.c.id == bindparam("into_column", type_=Uuid),
            )
            cards = cards.where(or_(*into))
        lowest = cards.order_by(tasks.c.rank.desc(), tasks.c.id.desc()).limit(1).lateral("last")
        columns, card = board_columns.outerjoin(lowest, true()), (lowest.c.id, lowest.c.rank)
    return (
        select(board_columns.c.id, board_columns.c.category, *card, belongs_to(project, "for_user"))
        .select_from(columns)
        .where(board_columns.c.project_id == project)
        .order_by(board_columns.c.position, board_columns.c.id)
    )


def assignee_in(project: Any) -> Select[Any]:
    """What the rules ask about users as assignees of a project's tasks."""
    belongs = exists().where(project_members.c.project_id == project, project_members.c.user_id == users.c.id)
    return select(
        users.c.id,
        users.c.name,
        users.c.is_active,
        or_(users.c.role != "member", belongs),
        shares_project(),
    )


# A task as it is loaded, but for its key.
LOADED = (
    "id",
    "project_id",
    "number",
    "title",
    "description",
    "priority",
    "status",
    "column_id",
    "rank",
    "previous_column_id",
    "deadline",
    "assigned_to",
    "created_by",
    "completed_at",
    "created_at",
    "updated_at",
    "version",
    "cycle_id",
    "parent_id",
    "labels",
    "external_id",
    "recurrence",
    "recurred_at",
    "sub_tasks_total",
    "sub_tasks_done",
)


def loading(rows: TenantTable) -> Select[Any]:
    """What `task_of` reads, and after it the assignee's name, and whether `:for_user` watches it."""
    name = select(_assignees.c.name).where(_assignees.c.id == rows.c.assigned_to).scalar_subquery()
    return select(*(rows.c[each] for each in LOADED), name, watches(rows, "for_user"))


# What every change of a task writes.
WRITTEN: dict[str, Any] = {
    "title": Text,
    "description": Text,
    "priority": Text,
    "status": Text,
    "column_id": Uuid,
    "rank": Text,
    "previous_column_id": Uuid,
    "deadline": Date,
    "assigned_to": Uuid,
    "cycle_id": Uuid,
    "parent_id": Uuid,
    "labels": ARRAY(Text),
    "external_id": Text,
    "recurrence": Text,
    "completed_at": INSTANT,
    "version": Integer,
    "updated_at": INSTANT,
}
CHANGED: dict[ColumnElement[Any], Any] = {
    tasks.c[name]: bindparam(f"new_{name}", type_=kind) for name, kind in WRITTEN.items()
} | {tasks.c.deleted_at: bindparam("new_deleted_at", type_=INSTANT)}


def saving(rows: TenantTable) -> Update:
    """An update of one task, if it still has the version that it was loaded with."""
    return update(rows).where(
        rows.c.id == bindparam("task", type_=Uuid), rows.c.version == bindparam("was", type_=Integer)
    )


def lock_of(projects: list[Row], loaded: Row) -> tuple[str, bool]:
    """Key of the project that the task was found in, and whether it is active.

    Raises ChangedMeanwhile if the task left the project while its lock was waited for.
    """
    for key, is_active, project_id, *_ in projects:
        if project_id == loaded[LOADED.index("project_id")]:
            return key, is_active
    raise ChangedMeanwhile


def task_of(row: Row, project_key: str) -> Task:
    """The task in a row of `loading`."""
    values: dict[str, Any] = dict(zip(LOADED, row, strict=False))
    values["priority"], values["status"] = Priority(values["priority"]), Status(values["status"])
    values["labels"] = tuple(values["labels"])
    return Task(key=f"{project_key}-{values['number']}", **values)


def board_of(rows: list[Row]) -> Board:
    """The board in the rows of `board_in`."""
    return Board(
        columns=tuple(Column(id=row[0], category=Status(row[1]), last_id=row[2], last_rank=row[3]) for row in rows)
    )


def is_member_in(rows: list[Row]) -> bool:
    """Whether the user is a member, in the rows of `board_in`; every board has columns."""
    return bool(rows) and bool(rows[0][4])


def plain(value: object) -> object:
    """A value of a task as the driver takes it."""
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Status | Priority) else value


# What a new task has besides, and no change touches.
FIXED: dict[str, Any] = {
    "id": Uuid,
    "project_id": Uuid,
    "number": Integer,
    "created_by": Uuid,
    "created_at": INSTANT,
}
_ADDED, _CHANGED = (*FIXED, *WRITTEN), tuple(f"new_{name}" for name in (*WRITTEN, "deleted_at"))
_of_new, _of_changed = attrgetter(*_ADDED), attrgetter(*WRITTEN, "deleted_at")


def added_values(task: Task) -> dict[str, Any]:
    """The parameters of what inserts FIXED and WRITTEN."""
    values = dict(zip(_ADDED, _of_new(task), strict=True))
    values["priority"], values["status"] = task.priority.value, task.status.value
    values["labels"] = list(task.labels)
    return values


def changed_values(task: Task, *, was: int) -> dict[str, Any]:
    """The parameters of what `saving` updates to CHANGED."""
    values = dict(zip(_CHANGED, _of_changed(task), strict=True))
    values["new_priority"], values["new_status"] = task.priority.value, task.status.value
    values["new_labels"] = list(task.labels)
    values["task"], values["was"] = task.id, was
    return values
