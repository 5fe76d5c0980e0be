"""Who calls. Every use case takes its caller first."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar
from uuid import UUID

from core.kernel.errors import Forbidden, Unavailable


class Role(StrEnum):
    """A user's role in one company; each may do all that the next may."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class Via(StrEnum):
    """By which key a change came in."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105  (a word, not a secret)
    SYSTEM = "system"


class NotByToken(Forbidden):
    code = "auth.not_by_token"
    title = "No API token does this, whatever its scopes; sign in"


class SignedInAs(NamedTuple):
    """Whose login session somebody acts by."""

    account_id: UUID
    session_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a request comes from, as the audit tells it: address, program, and the request's id."""

    address: str | None = None
    agent: str | None = None
    request_id: str | None = None


NOWHERE = Origin()
"""What the installation does by itself comes from no request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A user of one company, acting in it, by a login session or by an API token.

    `role` and `edits_all_project_tasks` are hints until the database opened the request's transaction: what counts is
    the actor that the unit of work or the reader found there. Known only there: `authenticated_at`, when the login
    session last proved who it is, and `is_general`, whether it began in a way that opens the account as a whole and not
    one company alone.

    Whoever acts by a token (`token_id`) has no `session_id`, may do what its `scopes` grant at most, and, if it is a
    service user's, has no account either. Whoever acts in a job (`job_id`) that they asked for has none of these.
    """

    company_id: UUID
    user_id: UUID
    account_id: UUID | None
    session_id: UUID | None
    role: Role
    edits_all_project_tasks: bool = False
    via: Via = Via.SESSION
    token_id: UUID | None = None
    job_id: UUID | None = None
    scopes: frozenset[str] | None = None
    authenticated_at: datetime | None = field(default=None, compare=False)
    is_general: bool = field(default=False, compare=False)
    origin: Origin = field(default=NOWHERE, compare=False)

    @property
    def administers(self) -> bool:
        """Whether the caller is an owner or an admin of the company."""
        return self.role is not Role.MEMBER

    @property
    def key_id(self) -> UUID:
        """The id of what the caller acts by: of the API token, of the job, or of the login session."""
        key = self.token_id or self.job_id or self.session_id
        assert key is not None, "an actor has a login session, a token or a job"
        return key

    @property
    def signed_in(self) -> SignedInAs:
        """The account and the login session. Raises NotByToken if the caller acts by an API token."""
        if self.account_id is None or self.session_id is None:
            raise NotByToken
        return SignedInAs(self.account_id, self.session_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody who has not signed in. `address` and `agent` are as the request said, for the login session's list.

    `device` is the token, not yet verified, that a browser was given when somebody signed in with it before.
    """

    address: str | None = None
    agent: str | None = None
    request_id: str | None = None
    device: str | None = field(default=None, repr=False)

    @property
    def origin(self) -> Origin:
        """The same, as the audit tells it."""
        return Origin(address=self.address, agent=self.agent, request_id=self.request_id)


@dataclass(frozen=True, slots=True)
class System:
    """The installation itself: its operator at the command line, or its clock. It may do what it is asked to."""


class ActorChanged(Exception):
    """The caller's role is no longer the one that the token hints at; `actor` is the caller as of now."""

    def __init__(self, actor: Actor) -> None:
        super().__init__("the caller's role changed")
        self.actor = actor


Given = ParamSpec("Given")
Asker = TypeVar("Asker")
Result = TypeVar("Result")


def reading(
    verb: Callable[Concatenate[Asker, Actor, Given], Awaitable[Result]],
) -> Callable[Concatenate[Asker, Actor, Given], Coroutine[Any, Any, Result]]:
    """Asks once more, as who the caller is now, when the role in the token proves outdated.

    A read sends its question together with the check of session and role, in one round trip, so what a caller may see
    is computed from the token's hint. An answer made from a wrong hint is never used: the reader raises `ActorChanged`.
    """

    @wraps(verb)
    async def as_of_now(self: Asker, actor: Actor, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        for _ in range(3):
            try:
                return await verb(self, actor, *args, **kwargs)
            except ActorChanged as changed:
                actor = changed.actor
        raise Unavailable("The caller's role changes faster than it can be read.")

    return as_of_now  # type: ignore[return-value]  # wraps() forgets that it is still a function
