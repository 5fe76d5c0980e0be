from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from core.labels.model import Label


class LabelView(NamedTuple):
    """A label as a screen shows it."""

    id: UUID
    name: str
    color: str | None
    created_by: UUID | None
    version: int
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def of(label: Label) -> "LabelView":
        return LabelView._make(getattr(label, name) for name in LabelView._fields)

    @property
    def embedded(self) -> tuple[str, ...]:
        """Nothing in it belongs to other things."""
        return ()
