from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from core.kernel.events import Audience, Channel, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiTokenFact(Fact):
    """The admins hear of it, and the token's holder."""

    channel: ClassVar[Channel] = Channel.NOTIFICATIONS

    token_id: UUID
    user_id: UUID
    name: str

    def audience(self) -> Audience:
        return Audience(named=(self.user_id,))


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiTokenCreated(ApiTokenFact):
    event: ClassVar[str] = "token_created"

    scopes: tuple[str, ...]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiTokenRevoked(ApiTokenFact):
    event: ClassVar[str] = "token_revoked"
