"""What somebody wants changed of a task."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from core.kernel import text
from core.tasks.fields import Priority, Status, checked_external_id, checked_labels
from core.tasks.recurrence import checked_recurrence


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskChanges:
    """Fields to change; what is not in `given` stays as it is. `unchanged` are read-only fields and the values that the
    caller takes them to have.
    """

    given: frozenset[str]
    unchanged: Mapping[str, object] = field(default_factory=dict)
    title: str = ""
    description: str | None = None
    priority: Priority = Priority.MEDIUM
    deadline: date | None = None
    assigned_to: UUID | None = None
    cycle_id: UUID | None = None
    parent_id: UUID | None = None
    labels: tuple[str, ...] = ()
    external_id: str | None = None
    recurrence: str | None = None
    status: Status | None = None
    column_id: UUID | None = None
    project_id: UUID | None = None

    def __post_init__(self) -> None:
        # Bad values are refused before anything is looked up.
        if "title" in self.given:
            text.title(self.title)
        if self.description is not None:
            text.description(self.description)
        if self.external_id is not None:
            object.__setattr__(self, "external_id", checked_external_id(self.external_id))
        if self.recurrence is not None:
            object.__setattr__(self, "recurrence", checked_recurrence(self.recurrence))
        object.__setattr__(self, "labels", checked_labels(self.labels))

    def narrowed(self, names: frozenset[str]) -> "TaskChanges":
        """Of what is given only those fields."""
        given = self.given & names
        return TaskChanges(given=given, unchanged=self.unchanged, **{name: getattr(self, name) for name in given})

    @property
    def fields(self) -> frozenset[str]:
        """What is given, but for the project and the place on its board."""
        return self.given - {"status", "column_id", "project_id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """What a task is made from. Without a column it goes to the first of its status."""

    project_id: UUID
    title: str
    description: str | None = None
    priority: Priority = Priority.MEDIUM
    status: Status | None = None
    column_id: UUID | None = None
    deadline: date | None = None
    assigned_to: UUID | None = None
    cycle_id: UUID | None = None
    parent_id: UUID | None = None
    labels: tuple[str, ...] = ()
    external_id: str | None = None
    recurrence: str | None = None

    def __post_init__(self) -> None:
        # Bad values are refused before anything is looked up.
        text.title(self.title)
        if self.description is not None:
            text.description(self.description)
        if self.external_id is not None:
            object.__setattr__(self, "external_id", checked_external_id(self.external_id))
        if self.recurrence is not None:
            object.__setattr__(self, "recurrence", checked_recurrence(self.recurrence))
        object.__setattr__(self, "labels", checked_labels(self.labels))
