from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from core.kernel.events import Audience, Change, Channel, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFact(Fact):
    """Whoever may see the project now hears of its tasks."""

    channel: ClassVar[Channel] = Channel.TASKS

    task_id: UUID
    project_id: UUID
    version: int

    def audience(self) -> Audience:
        return Audience(project_id=self.project_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCreated(TaskFact):
    event: ClassVar[str] = "task_created"

    task_key: str
    task_title: str
    status: str
    column_id: UUID
    cycle_id: UUID | None
    parent_id: UUID | None
    labels: tuple[str, ...]
    assigned_to: UUID | None
    created_by: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskUpdated(TaskFact):
    """`left` are the members of the project that the task went away from, if it did, who hear of that."""

    event: ClassVar[str] = "task_updated"

    changes: dict[str, Change]
    left: tuple[UUID, ...] = ()

    def audience(self) -> Audience:
        return Audience(project_id=self.project_id, named=self.left)

    def body(self) -> dict[str, Any]:
        return {
            "task_id": self.task_id,
            "project_id": self.project_id,
            "changes": self.changes,
            "version": self.version,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMoved(TaskFact):
    """A change of column or place. `after_id` is the card it now stands after, None at the top."""

    event: ClassVar[str] = "task_moved"
    channel: ClassVar[Channel] = Channel.KANBAN

    old_status: str
    new_status: str
    old_column_id: UUID
    new_column_id: UUID
    after_id: UUID | None
    moved_by: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRestored(TaskFact):
    event: ClassVar[str] = "task_restored"

    task_key: str
    task_title: str
    status: str
    column_id: UUID
    cycle_id: UUID | None
    parent_id: UUID | None
    assigned_to: UUID | None
    restored_by: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardFact(Fact):
    """Whoever may see the project now hears of its board."""

    channel: ClassVar[Channel] = Channel.KANBAN

    project_id: UUID

    def audience(self) -> Audience:
        return Audience(project_id=self.project_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnCreated(BoardFact):
    """The columns from its position on stand one further to the right."""

    event: ClassVar[str] = "column_created"

    column_id: UUID
    name: str
    category: str
    position: int
    wip_limit: int | None
    created_by: UUID
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnUpdated(BoardFact):
    event: ClassVar[str] = "column_updated"

    column_id: UUID
    changes: dict[str, Change]
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDeleted(BoardFact):
    """`moved_to` is where its cards went, None if it had none."""

    event: ClassVar[str] = "column_deleted"

    column_id: UUID
    name: str
    category: str
    moved_to: UUID | None
    deleted_by: UUID
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnsOrdered(BoardFact):
    """`column_ids` are all columns of the board, from left to right."""

    event: ClassVar[str] = "columns_ordered"

    column_ids: tuple[UUID, ...]
    ordered_by: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDeleted(TaskFact):
    event: ClassVar[str] = "task_deleted"

    task_key: str
    task_title: str
    deleted_by: UUID
