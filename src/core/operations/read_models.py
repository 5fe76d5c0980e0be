from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from core.tokens.read_models import ApiTokenView


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """How many things of each kind were removed for good. With a project or a company go all that was theirs."""

    companies: int = 0
    accounts: int = 0
    projects: int = 0
    tasks: int = 0
    invitations: int = 0
    api_tokens: int = 0
    jobs: int = 0
    webhook_deliveries: int = 0
    notifications: int = 0
    idempotency_keys: int = 0
    events: int = 0
    login_sessions: int = 0
    signing_keys: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyLine:
    """A company as the operator sees it: no more than who it is, and how many people it has."""

    id: UUID
    code: str
    name: str
    is_active: bool
    people: int
    created_at: datetime
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyOpened:
    """A company that the operator opened. `password_is_new`: its owner signs in with the temporary password."""

    id: UUID
    code: str
    email: str
    password_is_new: bool


class Verdict(StrEnum):
    """What an examination came to: nothing to do, something to know, something to mend first."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found. `fix` is the command or the setting that mends it. Neither holds a secret."""

    verdict: Verdict
    said: str
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLine:
    """An API token as the operator sees it; never its secret."""

    username: str
    token: ApiTokenView


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenMade:
    """An API token that the operator made, with its secret, which is shown this once."""

    secret: str
    token: ApiTokenView
