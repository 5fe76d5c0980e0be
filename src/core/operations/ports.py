from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

from core.auth.model import Account
from core.companies.model import Company
from core.kernel.actor import NOWHERE, Origin
from core.kernel.audit import Note
from core.kernel.events import Fact
from core.operations.model import Cutoffs
from core.operations.read_models import CompanyLine, Purged, TokenLine
from core.tokens.model import ApiToken
from core.users.model import User


class Remains(Protocol):
    """What was deleted, has ended or expired, and still takes space."""

    async def purge(self, before: Cutoffs) -> Purged | None:
        """Removes what is older, in small steps. None: another process is at it."""
        ...


class OperatorUnitOfWork(Protocol):
    """A transaction of the installation's operator, across companies."""

    async def account_by_email(self, email: str) -> Account | None: ...

    async def account(self, account_id: UUID) -> Account | None:
        """The account, locked until the transaction ends."""
        ...

    async def save_account(self, account: Account) -> None: ...

    async def add_account(self, account: Account) -> None:
        """Raises EmailTaken."""
        ...

    async def set_temporary_password(self, account_id: UUID, *, password_hash: str, at: datetime) -> None:
        """Gives an account a password that its holder has to replace."""
        ...

    async def revoke_sessions(
        self, account_id: UUID, *, at: datetime, but: UUID | None = None, reach: tuple[UUID, ...] | None = None
    ) -> None: ...

    async def strip(self, account_id: UUID, *, at: datetime, origin: Origin = NOWHERE) -> None:
        """Takes everything away by which somebody could act as the account, but for its password, and tells the
        auditors of its companies.
        """
        ...

    async def users_of(self, account_id: UUID) -> list[tuple[UUID, User]]:
        """The users that the account is, locked. Comes before the account is locked."""
        ...

    async def end_tokens(self, account_id: UUID, *, at: datetime, origin: Origin = NOWHERE) -> None:
        """Revokes the API tokens by which programs act as the account, in every company, and tells each of them."""
        ...

    async def note(
        self,
        note: Note,
        *,
        account_id: UUID | None,
        origin: Origin,
        at: datetime,
        session_id: UUID | None = None,
        company_id: UUID | None = None,
        kept: bool = True,
    ) -> None:
        """Tells the auditors of all companies of an account what the system did to it."""
        ...

    async def open_company(
        self, company: Company, owner: User, facts: Callable[[], tuple[Fact, ...]], *, at: datetime
    ) -> None:
        """Writes a company with its first owner, and the facts into its log, as done by the system.

        A code that is taken gets a suffix, and `company` is changed accordingly, before `facts` is called.
        """
        ...

    async def companies(self) -> tuple[CompanyLine, ...]:
        """All of them, the deleted ones too, by code."""
        ...

    async def commit(self) -> None: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class TokenOperatorUnitOfWork(Protocol):
    """A transaction of the installation's operator over API tokens of all companies."""

    async def holder(self, *, company: str, username: str) -> tuple[UUID, User] | None:
        """A user by their company's code and their username, in any case; locked until the transaction ends."""
        ...

    async def tokens(self, *, company: str, at: datetime) -> tuple[TokenLine, ...] | None:
        """All of a company's, also those that are over, by username; None if there is no such company."""
        ...

    async def token(self, token_id: UUID) -> tuple[UUID, ApiToken] | None:
        """A token and whose company it is of, locked until the transaction ends."""
        ...

    async def add(self, company_id: UUID, token: ApiToken, fact: Fact, *, at: datetime) -> None:
        """Writes a new token, and the fact into the company's log, as done by the system."""
        ...

    async def save(self, company_id: UUID, token: ApiToken, fact: Fact, *, at: datetime) -> None:
        """Writes that a token was revoked, and the fact into the company's log, as done by the system."""
        ...

    async def commit(self) -> None: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
