from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from core.kernel.actor import Role
from core.users.model import Invitation, InvitationStatus, User, UserKind, UserStatus


class UserView(NamedTuple):
    """A user as the company's people see them. Only admins and the user see `email` and `last_login_at`."""

    id: UUID
    kind: UserKind
    name: str
    email: str | None
    username: str
    role: Role
    is_active: bool
    status: UserStatus
    last_login_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def of(user: User, *, last_login_at: datetime | None) -> "UserView":
        return UserView(
            id=user.id,
            kind=user.kind,
            name=user.name,
            email=user.email,
            username=user.username,
            role=user.role,
            is_active=user.is_active,
            status=status_of(user.kind, last_login_at),
            last_login_at=last_login_at,
            version=user.version,
            created_at=user.created_at,
            updated_at=user.updated_at,
        )

    @property
    def embedded(self) -> tuple[str, ...]:
        """Signing in changes no version."""
        return (self.last_login_at.isoformat() if self.last_login_at else "", self.email or "")

    def for_colleagues(self) -> "UserView":
        """What people who share a project see of each other."""
        return self._replace(email=None, last_login_at=None)


def status_of(kind: UserKind, last_login_at: datetime | None) -> UserStatus:
    """A person who never signed in to the company is invited, whether or not their account existed before."""
    return UserStatus.INVITED if kind is UserKind.PERSON and last_login_at is None else UserStatus.ACTIVE


class InvitationView(NamedTuple):
    """An invitation as admins see it; never its link."""

    id: UUID
    email: str
    role: Role
    status: InvitationStatus
    user_id: UUID | None
    invited_by: UUID | None
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None

    @staticmethod
    def of(invitation: Invitation, *, at: datetime) -> "InvitationView":
        return InvitationView(
            id=invitation.id,
            email=invitation.email,
            role=invitation.role,
            status=invitation_status(invitation, at=at),
            user_id=invitation.user_id,
            invited_by=invitation.invited_by,
            created_at=invitation.created_at,
            expires_at=invitation.expires_at,
            accepted_at=invitation.accepted_at,
            revoked_at=invitation.revoked_at,
        )


def invitation_status(invitation: Invitation, *, at: datetime) -> InvitationStatus:
    """What has become of it."""
    if invitation.accepted_at is not None:
        return InvitationStatus.ACCEPTED
    if invitation.revoked_at is not None:
        return InvitationStatus.REVOKED
    return InvitationStatus.PENDING if at < invitation.expires_at else InvitationStatus.EXPIRED


class NewUserView(NamedTuple):
    """A user who was just made, with the secret of the link that lets them in; None for services, and when the request
    is answered again.
    """

    user: UserView
    token: str | None = None
    expires_at: datetime | None = None


class NewInvitationView(NamedTuple):
    """An invitation that was just made, with the secret of its link; None when the request is answered again."""

    invitation: InvitationView
    token: str | None = None
