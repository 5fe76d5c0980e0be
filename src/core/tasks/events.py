from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from core.kernel.events import Audience, Change, Channel, Concern, Fact


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
    """A task was made: by hand, in a batch, by an import, or because it comes again."""

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

    def concern(self) -> Concern | None:
        return Concern.PEOPLE if self.assigned_to is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskUpdated(TaskFact):
    """A task's fields were changed, but for its place. Of one that went to another project the members of the one that
    it `left` hear as well.
    """

    event: ClassVar[str] = "task_updated"
    untold: ClassVar[frozenset[str]] = frozenset({"left"})

    changes: dict[str, Change]
    left: tuple[UUID, ...] = ()

    def audience(self) -> Audience:
        return Audience(project_id=self.project_id, named=self.left)

    def concern(self) -> Concern | None:
        return Concern.PEOPLE if "assigned_to" in self.changes else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMoved(TaskFact):
    """A card was put into another column or place. Without `after_id`, the card before it, it is the first."""

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
    """A deleted task was brought back."""

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
    """A column was added to a board. The columns from its position on stand one further to the right."""

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
    """A column's fields were changed."""

    event: ClassVar[str] = "column_updated"

    column_id: UUID
    changes: dict[str, Change]
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDeleted(BoardFact):
    """A column was taken off a board, and later ones close up. `moved_to` is where its cards went, if it had any."""

    event: ClassVar[str] = "column_deleted"

    column_id: UUID
    name: str
    category: str
    moved_to: UUID | None
    deleted_by: UUID
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnsOrdered(BoardFact):
    """The columns of a board were put in another order. `column_ids` are all of them, from left to right."""

    event: ClassVar[str] = "columns_ordered"

    column_ids: tuple[UUID, ...]
    ordered_by: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDeleted(TaskFact):
    """A task was deleted."""

    event: ClassVar[str] = "task_deleted"

    task_key: str
    task_title: str
    deleted_by: UUID
