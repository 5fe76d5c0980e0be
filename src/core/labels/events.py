from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from core.kernel.events import Audience, Change, Channel, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFact(Fact):
    """Labels are the whole company's, and so is what happens to them."""

    channel: ClassVar[Channel] = Channel.TASKS

    label_id: UUID
    version: int

    def audience(self) -> Audience:
        return Audience(everyone=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCreated(LabelFact):
    """A label was made."""

    event: ClassVar[str] = "label_created"

    name: str
    color: str | None
    created_by: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelUpdated(LabelFact):
    """A label was changed. The tasks that bear it show its new name; they say nothing of that themselves."""

    event: ClassVar[str] = "label_updated"

    changes: dict[str, Change]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelDeleted(LabelFact):
    """A label was deleted. It has left all tasks; they say nothing of that themselves."""

    event: ClassVar[str] = "label_deleted"

    name: str
    deleted_by: UUID
