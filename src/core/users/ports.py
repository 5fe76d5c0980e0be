from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar
from uuid import UUID

from core.kernel.actor import Actor, Role
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.kernel.ports import UnitOfWork
from core.users.model import Invitation, InvitationStatus, User
from core.users.read_models import InvitationView, UserView


class EmailAddresses(Protocol):
    """Knows what an e-mail address is."""

    def canonical(self, address: str) -> str:
        """The address in lower case with its domain in IDNA form. Raises EmailInvalid."""
        ...


class NewPasswords(Protocol):
    """Takes passwords that are chosen for an account."""

    async def __call__(self, password: str, *, name: str, email: str) -> str:
        """Its hash. Raises PasswordTooWeak."""
        ...


class InvitationTokens(Protocol):
    """Makes the secrets of links."""

    def new(self) -> str: ...

    def digest(self, token: str) -> bytes:
        """What is stored of it; equal tokens have equal digests, and nothing leads back."""
        ...


class LoadedUser(NamedTuple):
    """A user to change, locked until the transaction ends, and what policies ask about them."""

    user: User
    last_login_at: datetime | None
    shares_project: bool


class FoundAccount(NamedTuple):
    """The account of an address. `is_new`: it did not exist before this transaction."""

    id: UUID
    is_new: bool


class Holding(NamedTuple):
    """How an account is held. `is_shared`: it has a membership elsewhere, of whatever state. `is_proved`: its holder
    has chosen the password that it has.
    """

    is_shared: bool
    is_proved: bool


class SecondFactor(NamedTuple):
    """Whether an account has a second factor, and when a login session of it last showed a code."""

    is_enabled: bool
    proved_at: datetime | None


class Users(Protocol):
    """The users of the company that the unit of work was opened for."""

    async def lock_ownership(self, caller_id: UUID) -> Role | None:
        """Serialises everything that may leave the company without an owner. Comes before any user is loaded.

        Returns the caller's role as those before have left it; None if they can act no more.
        """
        ...

    async def others_own(self, user_id: UUID) -> bool:
        """Whether there is an owner besides that user who can act, and has."""
        ...

    async def load(self, user_id: UUID, *, for_user: UUID) -> LoadedUser | None: ...

    async def by_address(self, email: str) -> LoadedUser | None:
        """Who has that address here, active or not, locked until the transaction ends. What they share with anybody is
        not looked up.
        """
        ...

    async def free_username(self, candidates: list[str]) -> str | None:
        """The first of the candidates that nobody here has, in any case. Until the transaction ends nobody else looks
        for one here.
        """
        ...

    def add(self, user: User) -> None: ...

    def save(self, user: User) -> None: ...


class Invitations(Protocol):
    """The invitations to the company that the unit of work was opened for."""

    async def load(self, invitation_id: UUID) -> Invitation | None: ...

    async def open_for(self, email: str) -> Invitation | None:
        """The one for that address that was neither accepted nor revoked; it may have expired."""
        ...

    def add(self, invitation: Invitation) -> None: ...

    def save(self, invitation: Invitation) -> None: ...


class Accounts(Protocol):
    """The accounts behind the users: global, and so a door across companies."""

    async def find_or_open(
        self, email: str, *, id: UUID, name: str, temporary_password_hash: str | None, at: datetime
    ) -> FoundAccount:
        """The account of an address; one is opened with that id if there is none. A known one is left as it is."""
        ...

    async def holding(self, account_id: UUID) -> Holding:
        """How the account is held. Locks it until the transaction ends."""
        ...

    async def second_factor(self, session_id: UUID) -> SecondFactor:
        """That of the account that an open login session is of."""
        ...

    async def change_address(self, account_id: UUID, email: str, *, letter_id: UUID, at: datetime) -> None:
        """Gives it another, unproved address, and has the one before told by mail. Raises EmailTaken."""
        ...

    async def change_password(
        self, account_id: UUID, temporary_password_hash: str, *, letter_id: UUID, at: datetime
    ) -> None:
        """Gives it a password that its holder must replace, signs all its devices out, and has them told by mail."""
        ...

    async def end_access(self, account_id: UUID, *, at: datetime) -> None:
        """Ends the account's login sessions as far as they belong to this company: those that last worked here go on
        elsewhere, and all end where nothing else is left to go on to.
        """
        ...


class PeopleUnitOfWork(UnitOfWork, Protocol):
    @property
    def users(self) -> Users: ...

    @property
    def invitations(self) -> Invitations: ...

    @property
    def accounts(self) -> Accounts: ...


PeopleWork = TypeVar("PeopleWork", bound=PeopleUnitOfWork)
PeopleWork_co = TypeVar("PeopleWork_co", bound=PeopleUnitOfWork, covariant=True)
PeopleWork_contra = TypeVar("PeopleWork_contra", bound=PeopleUnitOfWork, contravariant=True)


class OpenPeopleUnitOfWork(Protocol[PeopleWork_co]):
    def __call__(self, actor: Actor, *, once: Once | None = None) -> PeopleWork_co: ...


class OnEnded(Protocol[PeopleWork_contra]):
    """What other features do, in the same transaction, when a user can act in the company no more."""

    async def __call__(self, uow: PeopleWork_contra, user_id: UUID, *, at: datetime) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFilter:
    """Which users: any of `role`; active ones or not, or both where `is_active` is None; whose name, username or
    address holds `search`, in any case.
    """

    search: str | None = None
    role: tuple[Role, ...] = ()
    is_active: bool | None = True


class UserReader(Protocol):
    """What screens show of people. Each call is one round trip, and one snapshot."""

    async def page(
        self, actor: Actor, *, where: UserFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[UserView]]: ...

    async def one(self, actor: Actor, user_id: UUID) -> Answer[tuple[UserView, bool] | None]:
        """A user, and whether they share a project with the caller."""
        ...

    async def invitation(self, actor: Actor, invitation_id: UUID, *, at: datetime) -> Answer[InvitationView | None]: ...

    async def invitations(
        self, actor: Actor, *, status: tuple[InvitationStatus, ...], at: datetime, sort: Sort, page: PageRequest
    ) -> Answer[Page[InvitationView]]: ...
