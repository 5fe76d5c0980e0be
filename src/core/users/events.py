from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from core.kernel.events import Channel, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCreated(Fact):
    event: ClassVar[str] = "user_created"
    channel: ClassVar[Channel] = Channel.NOTIFICATIONS

    user_id: UUID
    name: str
    username: str
    role: str
    version: int
