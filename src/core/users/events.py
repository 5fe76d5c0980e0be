from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from core.kernel.audit import AuditType, Note
from core.kernel.events import Audience, Change, Channel, Concern, Fact


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
    """Somebody, or a service, was made a user of the company."""

    event: ClassVar[str] = "user_created"

    name: str
    username: str
    role: str

    def notes(self) -> tuple[Note, ...]:
        details = {"user_id": self.user_id, "role": self.role}
        return (Note(type=AuditType.USER_CREATED, details=details, personal={"name": self.name}),)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserUpdated(UserFact):
    """A user's fields or role were changed."""

    event: ClassVar[str] = "user_updated"

    changes: dict[str, Change]

    def notes(self) -> tuple[Note, ...]:
        noted = []
        fields = sorted(self.changes.keys() - {"role"})
        if fields:
            personal = {name: {"old": self.changes[name].old, "new": self.changes[name].new} for name in fields}
            details: dict[str, object] = {"user_id": self.user_id, "fields": fields}
            noted.append(Note(type=AuditType.USER_UPDATED, details=details, personal=personal))
        role = self.changes.get("role")
        if role is not None:
            details = {"user_id": self.user_id, "old": role.old, "new": role.new}
            noted.append(Note(type=AuditType.ROLE_CHANGED, details=details))
        return tuple(noted)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDeactivated(UserFact):
    """A user was deactivated."""

    event: ClassVar[str] = "user_deactivated"

    def notes(self) -> tuple[Note, ...]:
        return (Note(type=AuditType.USER_DEACTIVATED, details={"user_id": self.user_id}),)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserActivated(UserFact):
    """A user was activated again."""

    event: ClassVar[str] = "user_activated"

    def notes(self) -> tuple[Note, ...]:
        return (Note(type=AuditType.USER_ACTIVATED, details={"user_id": self.user_id}),)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserLeft(UserFact):
    """A user left the company by themselves."""

    event: ClassVar[str] = "user_left"

    def notes(self) -> tuple[Note, ...]:
        return (Note(type=AuditType.USER_LEFT, details={"user_id": self.user_id}),)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationFact(Fact):
    """The admins hear of it. `user_id` is known of who was made a user already, or has accepted."""

    channel: ClassVar[Channel] = Channel.NOTIFICATIONS

    audited: ClassVar[AuditType]

    invitation_id: UUID
    email: str
    role: str
    user_id: UUID | None = None

    def notes(self) -> tuple[Note, ...]:
        details = {"invitation_id": self.invitation_id, "role": self.role}
        if self.user_id is not None:
            details["user_id"] = self.user_id
        return (Note(type=self.audited, details=details, personal={"email": self.email}),)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationCreated(InvitationFact):
    """Somebody was invited."""

    event: ClassVar[str] = "invitation_created"
    audited: ClassVar[AuditType] = AuditType.INVITATION_SENT

    def concern(self) -> Concern:
        return Concern.MAIL


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationRevoked(InvitationFact):
    """An invitation was taken back."""

    event: ClassVar[str] = "invitation_revoked"
    audited: ClassVar[AuditType] = AuditType.INVITATION_REVOKED


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationAccepted(InvitationFact):
    """An invitation was accepted."""

    event: ClassVar[str] = "invitation_accepted"
    audited: ClassVar[AuditType] = AuditType.INVITATION_ACCEPTED

    user_id: UUID
