import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain, islice
from uuid import UUID

from core.kernel import text
from core.kernel.actor import Role
from core.kernel.errors import Fault, Invalid
from core.kernel.events import Change
from core.kernel.slug import plain_words
from core.users.events import (
    InvitationAccepted,
    InvitationCreated,
    InvitationRevoked,
    UserActivated,
    UserCreated,
    UserDeactivated,
    UserFact,
    UserLeft,
    UserUpdated,
)

_USERNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,48}[A-Za-z0-9])?\Z")
INVITATION_LIFE = timedelta(days=7)
_CHECKED_AT_ONCE = 100


class UserKind(StrEnum):
    """A person signs in; a service holds API tokens and never signs in."""

    PERSON = "person"
    SERVICE = "service"


class UserStatus(StrEnum):
    """A person is invited until they first sign in to the company."""

    ACTIVE = "active"
    INVITED = "invited"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChanges:
    """Fields to change; what is not in `given` stays as it is. `unchanged` are read-only fields and the values that the
    caller takes them to have.
    """

    given: frozenset[str]
    unchanged: Mapping[str, object] = field(default_factory=dict)
    name: str = ""
    username: str = ""
    email: str | None = None
    role: Role = Role.MEMBER
    is_active: bool = True

    def __post_init__(self) -> None:
        # Bad values are refused before anything is looked up.
        if "name" in self.given:
            object.__setattr__(self, "name", text.name(self.name))
        if "username" in self.given:
            object.__setattr__(self, "username", checked_username(self.username))


@dataclass(slots=True, kw_only=True)
class User:
    """A membership of one company. `username` is unique in it, in any case; a service has neither account nor address.

    `accepted_at` is None while the person has been made a user by somebody else and has not accepted yet: until then
    they cannot act in the company.
    """

    id: UUID
    account_id: UUID | None
    kind: UserKind
    name: str
    email: str | None
    username: str
    role: Role
    is_active: bool
    accepted_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int = 1

    @staticmethod
    def join(
        *,
        id: UUID,
        account_id: UUID | None,
        name: str,
        email: str | None,
        username: str,
        role: Role,
        at: datetime,
        has_accepted: bool = True,
    ) -> "tuple[User, UserCreated]":
        """Makes an account a user of a company, or, without one, makes a service. Raises Invalid for a name or username
        that is none.
        """
        user = User(
            id=id,
            account_id=account_id,
            kind=UserKind.SERVICE if account_id is None else UserKind.PERSON,
            name=text.name(name),
            email=email,
            username=checked_username(username),
            role=role,
            is_active=True,
            accepted_at=at if has_accepted else None,
            created_at=at,
            updated_at=at,
        )
        return user, UserCreated(user_id=id, name=user.name, username=user.username, role=role, version=1)

    @property
    def owns(self) -> bool:
        """Whether the user is one of those that a company must have one of: an owner who can act."""
        return (
            self.role is Role.OWNER and self.kind is UserKind.PERSON and self.is_active and self.accepted_at is not None
        )

    def differing(self, changes: UserChanges) -> frozenset[str]:
        """The fields that would be different after the changes."""
        return frozenset(name for name in changes.given if getattr(self, name) != getattr(changes, name))

    def change(self, changes: UserChanges, *, at: datetime) -> tuple[UserFact, ...]:
        """Changes fields, and says what happened; nothing if nothing is different. Raises Invalid."""
        differing = self.differing(changes)
        if not differing:
            return ()
        if "email" in differing and changes.email is None:
            raise Invalid(faults=(Fault("a person needs one", pointer="/email"),))
        self.version += 1
        self.updated_at = at
        changed: dict[str, Change] = {}
        for name in sorted(differing - {"is_active"}):
            changed[name] = Change(old=getattr(self, name), new=getattr(changes, name))
            setattr(self, name, getattr(changes, name))
        facts: list[UserFact] = []
        if changed:
            facts.append(UserUpdated(user_id=self.id, changes=changed, version=self.version))
        if "is_active" in differing:
            self.is_active = changes.is_active
            kind = UserActivated if changes.is_active else UserDeactivated
            facts.append(kind(user_id=self.id, version=self.version))
        return tuple(facts)

    def accept(self, *, name: str | None, username: str | None, at: datetime) -> tuple[UserFact, ...]:
        """Joins as the one who was invited, perhaps by another name."""
        self.accepted_at = self.accepted_at or at
        given = {field for field, value in (("name", name), ("username", username)) if value is not None}
        return self.change(UserChanges(given=frozenset(given), name=name or "", username=username or ""), at=at)

    def leave(self, *, at: datetime) -> UserLeft:
        """Ends the membership by the user's own wish; history and assignments stay. Nobody brings them back who does
        not ask them.
        """
        self.is_active = False
        self.accepted_at = None
        self.version += 1
        self.updated_at = at
        return UserLeft(user_id=self.id, version=self.version)


class InvitationStatus(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    REVOKED = "revoked"
    EXPIRED = "expired"


@dataclass(slots=True, kw_only=True)
class Invitation:
    """An offer to become a user, open for 7 days and for one use.

    `user_id` is the user who was made already and has only to accept; else accepting makes one. What the link holds is
    stored as a digest only.
    """

    id: UUID
    email: str
    role: Role
    user_id: UUID | None
    token_digest: bytes
    invited_by: UUID | None
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None = None
    revoked_at: datetime | None = None

    @staticmethod
    def send(
        *,
        id: UUID,
        email: str,
        role: Role,
        user_id: UUID | None,
        token_digest: bytes,
        invited_by: UUID,
        at: datetime,
    ) -> "tuple[Invitation, InvitationCreated]":
        """Makes an offer."""
        invitation = Invitation(
            id=id,
            email=email,
            role=role,
            user_id=user_id,
            token_digest=token_digest,
            invited_by=invited_by,
            created_at=at,
            expires_at=at + INVITATION_LIFE,
        )
        return invitation, InvitationCreated(invitation_id=id, email=email, role=role, user_id=user_id)

    def is_open(self, *, at: datetime) -> bool:
        """Whether it can still be accepted."""
        return self.accepted_at is None and self.revoked_at is None and at < self.expires_at

    def accept(self, *, user_id: UUID, at: datetime) -> InvitationAccepted:
        """Uses it up."""
        self.accepted_at = at
        self.user_id = user_id
        return InvitationAccepted(invitation_id=self.id, email=self.email, role=self.role, user_id=user_id)

    def revoke(self, *, at: datetime) -> InvitationRevoked:
        """Takes it back."""
        self.revoked_at = at
        return InvitationRevoked(invitation_id=self.id, email=self.email, role=self.role, user_id=self.user_id)


def checked_username(username: str) -> str:
    """1 to 50 letters, digits, dots, hyphens and underscores, beginning and ending with a letter or digit."""
    username = text.cleaned(username, pointer="/username", most=50, least=1)
    if not _USERNAME.match(username):
        detail = "1 to 50 of A-Z a-z 0-9 . _ -, first and last a letter or digit"
        raise Invalid(faults=(Fault(detail, pointer="/username"),))
    return username


def username_from(*, name: str, email: str) -> str:
    """The username that a person gets who chose none: from the address before the @, else from the name."""
    words = plain_words(email.partition("@")[0]) or plain_words(name)
    return ".".join(words).lower()[:50].strip(".") or "user"


def usernames_from(*, name: str, email: str) -> Iterator[str]:
    """Usernames for somebody who chose none, best first; then with numbers."""
    best = username_from(name=name, email=email)
    return chain([best], (f"{best[:44].rstrip('.')}.{number}" for number in range(2, 10_000)))


def batches(candidates: Iterator[str]) -> Iterator[list[str]]:
    """As many candidates as are looked for at once."""
    while batch := list(islice(candidates, _CHECKED_AT_ONCE)):
        yield batch
