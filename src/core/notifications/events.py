from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from core.kernel.events import Audience, Channel, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationCreated(Fact):
    """Somebody was told of something, and they alone hear of it, admins no more than others. `cause` is the position of
    what it tells of, and `caused_by` who did that; a deadline has neither. Without texts: these are read where they
    stand, by whoever may.
    """

    event: ClassVar[str] = "notification_created"
    channel: ClassVar[Channel] = Channel.NOTIFICATIONS

    notification_id: UUID
    user_id: UUID
    kind: str
    cause: str | None
    caused_by: UUID | None
    task_id: UUID | None
    project_id: UUID | None
    task_count: int

    def audience(self) -> Audience:
        return Audience(named=(self.user_id,), admins=False)
