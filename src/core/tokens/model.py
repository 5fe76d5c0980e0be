from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from core.kernel import text
from core.kernel.errors import Fault, Invalid
from core.tokens.events import ApiTokenCreated, ApiTokenRevoked

USUAL_LIFE: Final = timedelta(days=90)
LONGEST_LIFE: Final = timedelta(days=366)
MOST_OF_ONE_USER: Final = 100


class Scope(StrEnum):
    """What a token may be good for: reading what a feature holds, or changing it. `write` grants `read` too."""

    COMPANIES_READ = "companies:read"
    COMPANIES_WRITE = "companies:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    PROJECTS_READ = "projects:read"
    PROJECTS_WRITE = "projects:write"
    CYCLES_READ = "cycles:read"
    CYCLES_WRITE = "cycles:write"
    TASKS_READ = "tasks:read"
    TASKS_WRITE = "tasks:write"
    SEARCH_READ = "search:read"
    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    NOTIFICATIONS_READ = "notifications:read"
    NOTIFICATIONS_WRITE = "notifications:write"
    EVENTS_READ = "events:read"
    REPORTS_READ = "reports:read"
    AUDIT_READ = "audit:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"


class ApiTokenStatus(StrEnum):
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class UsualExpiry:
    """Stands for an expiry that nobody chose."""


USUAL: Final = UsualExpiry()
Expiry = datetime | UsualExpiry | None


@dataclass(slots=True, kw_only=True)
class ApiToken:
    """A key by which a program acts as its holder, the user `user_id`, in their company.

    Of its secret only the digest is stored, and `hint`, how it begins, by which people recognise it. It never changes
    but for being revoked. `expires_at` None: it works until then.
    """

    id: UUID
    user_id: UUID
    name: str
    scopes: tuple[str, ...]
    digest: bytes
    hint: str
    created_by: UUID | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    @staticmethod
    def issue(
        *,
        id: UUID,
        user_id: UUID,
        is_service: bool,
        name: str,
        scopes: tuple[Scope, ...],
        expires_at: Expiry,
        digest: bytes,
        hint: str,
        by: UUID | None,
        at: datetime,
    ) -> "tuple[ApiToken, ApiTokenCreated]":
        """Makes a token for 90 days, or until `expires_at`, a year ahead at most; a service user's may have no end.

        Raises Invalid for a name that is none, for no scope at all, and for an end that it may not have.
        """
        token = ApiToken(
            id=id,
            user_id=user_id,
            name=text.name(name),
            scopes=_checked(scopes),
            digest=digest,
            hint=hint,
            created_by=by,
            created_at=at,
            expires_at=_ends(expires_at, at=at, is_service=is_service),
        )
        created = ApiTokenCreated(
            token_id=id, user_id=user_id, name=token.name, scopes=token.scopes, expires_at=token.expires_at
        )
        return token, created

    def status(self, *, at: datetime) -> ApiTokenStatus:
        """Whether it works; that its holder and their company are active is not its own to know."""
        if self.revoked_at is not None:
            return ApiTokenStatus.REVOKED
        is_over = self.expires_at is not None and at >= self.expires_at
        return ApiTokenStatus.EXPIRED if is_over else ApiTokenStatus.ACTIVE

    def revoke(self, *, at: datetime) -> ApiTokenRevoked:
        """Ends it for good, from the next request on."""
        self.revoked_at = at
        return ApiTokenRevoked(token_id=self.id, user_id=self.user_id, name=self.name)


def _checked(scopes: tuple[Scope, ...]) -> tuple[str, ...]:
    if not scopes:
        raise Invalid(faults=(Fault("name one scope at least", pointer="/scopes"),))
    return tuple(str(scope) for scope in Scope if scope in scopes)


def _ends(given: Expiry, *, at: datetime, is_service: bool) -> datetime | None:
    if isinstance(given, UsualExpiry):
        return at + USUAL_LIFE
    if given is None:
        if not is_service:
            raise Invalid(faults=(Fault("only the token of a service user may have no end", pointer="/expires_at"),))
        return None
    if not at < given <= at + LONGEST_LIFE:
        detail = f"must be in the future, and at most {LONGEST_LIFE.days} days ahead"
        raise Invalid(faults=(Fault(detail, pointer="/expires_at"),))
    return given
