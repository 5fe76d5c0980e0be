from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.kernel.ports import UnitOfWork
from core.tokens.model import ApiToken, ApiTokenStatus
from core.tokens.read_models import ApiTokenView, Recognised
from core.users.ports import Accounts, Users


class NewSecret(NamedTuple):
    """The text of a new token, shown once, with what is kept of it."""

    text: str
    digest: bytes
    hint: str


class ApiTokenTexts(Protocol):
    """Knows what the text of a token looks like."""

    def new(self) -> NewSecret: ...

    def digest(self, text: str) -> bytes | None:
        """What is stored of it; nothing leads back. None for what no token of ours can be: it was mangled."""
        ...


class ApiTokens(Protocol):
    """The API tokens of the company that the unit of work was opened for."""

    async def load(self, token_id: UUID) -> ApiToken | None:
        """The token, locked until the transaction ends."""
        ...

    async def active_of(self, user_id: UUID, *, at: datetime) -> tuple[ApiToken, ...]:
        """Those of a user that work, locked until the transaction ends, the first one first."""
        ...

    def add(self, token: ApiToken) -> None: ...

    def save(self, token: ApiToken) -> None:
        """Writes that it was revoked."""
        ...


class ApiTokenUnitOfWork(UnitOfWork, Protocol):
    @property
    def users(self) -> Users: ...

    @property
    def accounts(self) -> Accounts: ...

    @property
    def api_tokens(self) -> ApiTokens: ...


class OpenApiTokenUnitOfWork(Protocol):
    def __call__(self, actor: Actor, *, once: Once | None = None) -> ApiTokenUnitOfWork: ...


class ApiTokenReader(Protocol):
    """What screens show of tokens. Each call is one round trip, and one snapshot."""

    async def page(
        self,
        actor: Actor,
        user_id: UUID,
        *,
        status: tuple[ApiTokenStatus, ...],
        at: datetime,
        sort: Sort,
        page: PageRequest,
    ) -> Answer[Page[ApiTokenView]]:
        """Those of a user; of any `status`, of all where it names none."""
        ...

    async def one(self, actor: Actor, token_id: UUID, *, at: datetime) -> Answer[ApiTokenView | None]: ...


class PresentedTokens(Protocol):
    """Tokens of all companies, as requests bring them: a door across companies."""

    async def recognise(self, digest: bytes) -> Recognised | None:
        """Whose token that is, if it works at this moment."""
        ...

    async def note_uses(self, uses: Mapping[UUID, datetime]) -> None:
        """Keeps when tokens were last used, unless a later use is known."""
        ...
