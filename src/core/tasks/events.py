from dataclasses import dataclass
from typing import ClassVar
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
    column_id: UUID
    assigned_to: UUID | None
    created_by: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskUpdated(TaskFact):
    event: ClassVar[str] = "task_updated"

    changes: dict[str, Change]


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
class TaskDeleted(TaskFact):
    event: ClassVar[str] = "task_deleted"

    task_key: str
    task_title: str
    deleted_by: UUID
