from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from core.kernel.events import Audience, Change, Channel, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFact(Fact):
    """The admins hear of it, and the user."""

    channel: ClassVar[Channel] = Channel.NOTIFICATIONS

    user_id: UUID
    version: int

    def audience(self) -> Audience:
        return Audience(named=(self.user_id,))


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCreated(UserFact):
    event: ClassVar[str] = "user_created"

    name: str
    username: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserUpdated(UserFact):
    event: ClassVar[str] = "user_updated"

    changes: dict[str, Change]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDeactivated(UserFact):
    event: ClassVar[str] = "user_deactivated"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserActivated(UserFact):
    event: ClassVar[str] = "user_activated"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserLeft(UserFact):
    event: ClassVar[str] = "user_left"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationFact(Fact):
    """The admins hear of it."""

    channel: ClassVar[Channel] = Channel.NOTIFICATIONS

    invitation_id: UUID
    email: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationCreated(InvitationFact):
    event: ClassVar[str] = "invitation_created"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationRevoked(InvitationFact):
    event: ClassVar[str] = "invitation_revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationAccepted(InvitationFact):
    event: ClassVar[str] = "invitation_accepted"

    user_id: UUID
