from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from core.kernel.events import Audience, Change, Channel, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleFact(Fact):
    """Whoever may see the project now hears of its cycles."""

    channel: ClassVar[Channel] = Channel.PROJECTS

    cycle_id: UUID
    project_id: UUID
    version: int

    def audience(self) -> Audience:
        return Audience(project_id=self.project_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleCreated(CycleFact):
    """A cycle was planned."""

    event: ClassVar[str] = "cycle_created"

    number: int
    name: str
    created_by: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleUpdated(CycleFact):
    """A cycle's fields were changed."""

    event: ClassVar[str] = "cycle_updated"

    changes: dict[str, Change]


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleStarted(CycleFact):
    """A cycle was started."""

    event: ClassVar[str] = "cycle_started"

    number: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleCompleted(CycleFact):
    """A cycle was completed. `carried_over` is how many tasks were unfinished, and went to `carry_over_to` or, without
    it, to no cycle.
    """

    event: ClassVar[str] = "cycle_completed"

    number: int
    name: str
    carried_over: int
    carry_over_to: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleDeleted(CycleFact):
    """A cycle was deleted; its tasks are in none."""

    event: ClassVar[str] = "cycle_deleted"

    number: int
    name: str
