from collections.abc import Mapping
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from core.cycles.model import Cycle


class CycleView(NamedTuple):
    """A cycle as a screen shows it."""

    id: UUID
    project_id: UUID
    name: str
    number: int
    s3_prefix: str
    status: str
    description: str | None
    metadata: Mapping[str, object]
    starts_on: date | None
    ends_on: date | None
    started_at: datetime | None
    completed_at: datetime | None
    created_by: UUID | None
    version: int
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def of(cycle: Cycle) -> "CycleView":
        return CycleView._make(getattr(cycle, name) for name in CycleView._fields)

    @property
    def embedded(self) -> tuple[str, ...]:
        """Nothing in it belongs to other things."""
        return ()
