from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from core.kernel.audit import AuditType, Note
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
    """An API token was made."""

    event: ClassVar[str] = "token_created"

    scopes: tuple[str, ...]
    expires_at: datetime | None

    def notes(self) -> tuple[Note, ...]:
        ends = self.expires_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if self.expires_at else None
        details = {"token_id": self.token_id, "user_id": self.user_id, "scopes": self.scopes, "expires_at": ends}
        return (Note(type=AuditType.TOKEN_CREATED, details=details, personal={"name": self.name}),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiTokenRevoked(ApiTokenFact):
    """An API token was revoked."""

    event: ClassVar[str] = "token_revoked"

    def notes(self) -> tuple[Note, ...]:
        details = {"token_id": self.token_id, "user_id": self.user_id}
        return (Note(type=AuditType.TOKEN_REVOKED, details=details, personal={"name": self.name}),)
