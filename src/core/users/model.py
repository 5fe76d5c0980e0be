import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from core.kernel import text
from core.kernel.actor import Role
from core.kernel.errors import Fault, Invalid
from core.kernel.slug import plain_words
from core.users.events import UserCreated

_USERNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,48}[A-Za-z0-9])?\Z")


class UserKind(StrEnum):
    """A person signs in; a service holds API tokens and never signs in."""

    PERSON = "person"
    SERVICE = "service"


@dataclass(slots=True, kw_only=True)
class User:
    """A membership of one company. `username` is unique in it, in any case.

    `accepted_at` is None while the person has been made a user by somebody else and has not accepted yet: until then
    they cannot act in the company.
    """

    id: UUID
    account_id: UUID | None
    kind: UserKind
    name: str
    email: str
    username: str
    role: Role
    is_active: bool
    accepted_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int = 1

    @staticmethod
    def join(
        *, id: UUID, account_id: UUID, name: str, email: str, username: str, role: Role, at: datetime
    ) -> "tuple[User, UserCreated]":
        """Makes an account a user of a company. Raises Invalid for a name or username that is none."""
        user = User(
            id=id,
            account_id=account_id,
            kind=UserKind.PERSON,
            name=text.name(name),
            email=email,
            username=checked_username(username),
            role=role,
            is_active=True,
            accepted_at=at,
            created_at=at,
            updated_at=at,
        )
        return user, UserCreated(user_id=id, name=user.name, username=user.username, role=role, version=1)


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
