from datetime import date, datetime
from typing import NamedTuple, TypedDict
from uuid import UUID

from core.tasks.columns import BoardColumn
from core.tasks.model import Task


class SubTasks(TypedDict):
    """How many tasks stand right below a task, and how many of them are done."""

    total: int
    done: int


class TaskView(NamedTuple):
    """A task as a screen shows it; `labels` are names in their order. `watching`: whoever looks at it does."""

    id: UUID
    key: str
    number: int
    title: str
    description: str | None
    priority: str
    status: str
    column_id: UUID
    deadline: date | None
    project_id: UUID
    cycle_id: UUID | None
    parent_id: UUID | None
    labels: list[str]
    external_id: str | None
    recurrence: str | None
    assigned_to: UUID | None
    assigned_to_name: str | None
    created_by: UUID | None
    completed_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime
    watching: bool
    sub_tasks: SubTasks

    @staticmethod
    def of(task: Task, *, assigned_to_name: str | None, watching: bool) -> "TaskView":
        return TaskView(
            id=task.id,
            key=task.key,
            number=task.number,
            title=task.title,
            description=task.description,
            priority=task.priority,
            status=task.status,
            column_id=task.column_id,
            deadline=task.deadline,
            project_id=task.project_id,
            cycle_id=task.cycle_id,
            parent_id=task.parent_id,
            labels=list(task.labels),
            external_id=task.external_id,
            recurrence=task.recurrence,
            assigned_to=task.assigned_to,
            assigned_to_name=assigned_to_name,
            created_by=task.created_by,
            completed_at=task.completed_at,
            version=task.version,
            created_at=task.created_at,
            updated_at=task.updated_at,
            watching=watching,
            sub_tasks={"total": task.sub_tasks_total, "done": task.sub_tasks_done},
        )

    @property
    def embedded(self) -> tuple[str, ...]:
        """Names that belong to other things and change without this one's version, the counts of its sub-tasks, and
        whether it is watched.
        """
        return _embedded(self)


class TaskTag(NamedTuple):
    """What the tag of a task's present state is made of."""

    version: int
    key: str
    assigned_to_name: str | None
    labels: list[str]
    watching: bool
    sub_tasks: SubTasks

    @property
    def embedded(self) -> tuple[str, ...]:
        """The same as in TaskView."""
        return _embedded(self)


def _embedded(state: TaskView | TaskTag) -> tuple[str, ...]:
    counts = f"{state.sub_tasks['done']}/{state.sub_tasks['total']}"
    return (state.key, state.assigned_to_name or "", counts, "watching" if state.watching else "", *state.labels)


class DeletedTask(NamedTuple):
    """A task that can be restored, and when it was deleted."""

    task: TaskView
    deleted_at: datetime


class ColumnDetails(NamedTuple):
    """A column by itself; `task_count` counts its cards."""

    id: UUID
    project_id: UUID
    name: str
    category: str
    position: int
    wip_limit: int | None
    over_limit: bool
    task_count: int
    version: int
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def of(column: BoardColumn) -> "ColumnDetails":
        return ColumnDetails(
            id=column.id,
            project_id=column.project_id,
            name=column.name,
            category=column.category,
            position=column.position,
            wip_limit=column.wip_limit,
            over_limit=column.over_limit,
            task_count=column.task_count,
            version=column.version,
            created_at=column.created_at,
            updated_at=column.updated_at,
        )

    @property
    def embedded(self) -> tuple[str, ...]:
        """What changes without this one's version: its place, and its cards."""
        return (str(self.position), str(self.task_count))


class ColumnView(NamedTuple):
    """A column of a board with its first cards; `task_count` counts all of them."""

    id: UUID
    name: str
    category: str
    position: int
    wip_limit: int | None
    over_limit: bool
    task_count: int
    tasks: list[TaskView]


class BoardView(NamedTuple):
    """A project's board, columns from left to right."""

    project_id: UUID
    columns: list[ColumnView]
