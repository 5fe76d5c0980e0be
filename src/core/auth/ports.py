from collections.abc import Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import NamedTuple, Protocol, Self
from uuid import UUID

from core.auth.letters import Letter, Link
from core.auth.model import Account, LoginSession
from core.auth.read_models import Claims, Enrolment, Membership, Profile, SessionView, Ticket
from core.companies.model import Company
from core.companies.read_models import CompanyView
from core.kernel.actor import NOWHERE, Actor, Origin, Role
from core.kernel.audit import Note
from core.kernel.events import Fact
from core.kernel.limits import Limit
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.users.model import Invitation, User
from core.users.read_models import UserView


class Passwords(Protocol):
    """Hashes and verifies passwords, off the event loop; each call takes about 0.1 s of a core. Raises Busy where too
    many wait for theirs.
    """

    async def hash(self, password: str) -> str: ...

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether they belong together. Does the same work when `password_hash` is None, and then answers no."""
        ...

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash is of an older system, or made with less effort than hashes are made now."""
        ...


class AccessTokens(Protocol):
    """Signs and reads access tokens."""

    def sign(self, claims: Claims, *, at: datetime) -> str: ...

    def verify(self, token: str, *, at: datetime) -> Claims:
        """Raises TokenInvalid for anything but a token of ours that is valid at that time."""
        ...


class RefreshTokens(Protocol):
    """Derives the secret of a login session's generation."""

    def new_nonce(self) -> bytes: ...

    def derive(self, *, session_id: UUID, nonce: bytes, generation: int) -> str: ...

    def read(self, token: str) -> tuple[UUID, int]:
        """The session and generation that a token names, unverified. Raises RefreshInvalid if it names none."""
        ...

    def matches(self, token: str, *, session_id: UUID, nonce: bytes, generation: int) -> bool:
        """Compares in constant time."""
        ...


class OfferedMembership(NamedTuple):
    """An invitation and its company; `user` is the one who was made already and only has to accept. `inviter` is the
    role of its sender; None if they can act no more. `is_mailed`: it was found by the link that was mailed, which only
    the holder of the address has. Where `sso_enforced`, the company is entered by its own providers alone, the first of
    which is `sso_connection_id`.
    """

    company_id: UUID
    invitation: Invitation
    user: User | None
    inviter: Role | None
    is_mailed: bool = False
    sso_enforced: bool = False
    sso_connection_id: UUID | None = None

    @property
    def breaks_glass(self) -> bool:
        """Whoever has yet to join keeps no password to enter by."""
        return False


class LinkTokens(Protocol):
    """The secrets of links that are mailed: derived, nowhere stored, and known to nobody before they are sent."""

    def derive(self, link: Link) -> str: ...

    def read(self, token: str) -> Link | None:
        """The link that a token names, unverified and bound to nothing; nothing for any other text."""
        ...

    def fits(self, token: str, link: Link) -> bool:
        """Compares in constant time."""
        ...


class Attempts(Protocol):
    """Remembers attempts, those of other processes too: of whom they are about, each place they come from apart."""

    async def begin(self, whose: str, place: str, limit: Limit) -> int:
        """Counts an attempt, and answers 0; or how many seconds to wait, if the limit leaves no room for one more."""
        ...

    async def take_back(self, whose: str, place: str, limit: Limit) -> None:
        """Forgets the last attempt from a place: it was none after all."""
        ...

    async def forget(self, whose: str, place: str, limit: Limit) -> None:
        """Forgets the attempts from a place."""
        ...

    async def forget_everywhere(self, whose: str) -> None:
        """Forgets the attempts from all places. It takes no more than knowing whose they are."""
        ...


class DeviceTokens(Protocol):
    """Tokens by which a browser is known again after somebody signed in with it. They open nothing."""

    def issue(self, account_id: UUID, *, bound: bytes) -> str: ...

    def read(self, token: str, *, bound: bytes) -> tuple[UUID, UUID] | None:
        """The account that a token of ours was given to, and the device; nothing for any other text, nor for one that
        is bound to something else.
        """
        ...


class LoginTickets(Protocol):
    """Tickets between the two steps of signing in: sealed, since they hold what nobody else may read or write."""

    def issue(self, ticket: Ticket) -> str: ...

    def read(self, text: str) -> Ticket | None:
        """What we sealed there, expired or not; nothing for any other text."""
        ...


class TimeCodes(Protocol):
    """Codes that an authenticator makes of a shared secret and the time (RFC 6238). Secrets come and go sealed."""

    def new_secret(self) -> bytes: ...

    def enrolment(self, secret: bytes, *, account: str) -> Enrolment:
        """The secret, opened, for the one who is to put it into an authenticator."""
        ...

    def step_of(self, secret: bytes, code: str, *, at: datetime) -> int | None:
        """The number of the time step that the code is of: the present one, or one before or after; else nothing."""
        ...


class RecoveryCodes(Protocol):
    """Codes to write down, long and random, so that a fast hash of them is enough."""

    def new(self) -> tuple[str, ...]: ...

    def digest(self, code: str) -> bytes:
        """What is stored of it, however it is written."""
        ...

    def place_of(self, code: str, digests: tuple[bytes, ...]) -> int | None:
        """Which one it is. Compares with each of them, in constant time."""
        ...


class IdentityUnitOfWork(Protocol):
    """A transaction over accounts and login sessions, which belong to no company."""

    async def caller(self, actor: Actor) -> Actor:
        """The caller as of now, and when they last proved who they are. Raises SessionEnded."""
        ...

    async def account(self, account_id: UUID) -> Account | None:
        """The account, locked until the transaction ends."""
        ...

    async def account_by_email(self, email: str) -> Account | None: ...

    async def account_by_username(
        self, username: str, *, company_id: UUID | None, company_code: str | None
    ) -> tuple[UUID | None, Account | None]:
        """The active company that is named, by its id, its code or both, and whose username that is in it."""
        ...

    async def memberships(self, account_id: UUID) -> tuple[Membership, ...]:
        """The active memberships in active companies, the one signed in to last first."""
        ...

    async def membership(self, account_id: UUID, company_id: UUID) -> tuple[UserView, CompanyView] | None: ...

    async def add_account(self, account: Account) -> None:
        """Raises EmailTaken."""
        ...

    async def save_account(self, account: Account) -> None: ...

    async def invitation(self, token_digest: bytes) -> OfferedMembership | None:
        """The invitation whose link holds that secret, locked; None also where its company is gone."""
        ...

    async def invitation_by_id(self, company_id: UUID, invitation_id: UUID) -> OfferedMembership | None:
        """As `invitation`, for who names it."""
        ...

    async def free_username(self, company_id: UUID, candidates: list[str]) -> str | None:
        """The first of the candidates that nobody in the company has, in any case. Until the transaction ends nobody
        else looks for one there.
        """
        ...

    async def join(
        self,
        company_id: UUID,
        user: User,
        invitation: Invitation,
        facts: list[Fact],
        *,
        is_new: bool,
        at: datetime,
        origin: Origin = NOWHERE,
    ) -> None:
        """Writes the user who accepted, the invitation, and the facts into the company's log.

        Raises UsernameTaken.
        """
        ...

    async def add_company(
        self,
        company: Company,
        owner: User,
        facts: Callable[[], tuple[Fact, ...]],
        *,
        at: datetime,
        origin: Origin = NOWHERE,
    ) -> int:
        """Opens a company with its first owner and writes the facts to its log; returns its event sequence.

        A code that is taken gets a suffix, and the company is changed accordingly, before `facts` is called.
        """
        ...

    async def session(self, session_id: UUID, *, and_others: bool = False) -> LoginSession | None:
        """The login session, locked until the transaction ends; with all others of its account, in one order, if
        `and_others`.
        """
        ...

    async def glance(self, session_id: UUID) -> LoginSession | None:
        """The login session as it is, not locked."""
        ...

    async def add_session(self, session: LoginSession) -> None: ...

    async def save_session(self, session: LoginSession) -> None: ...

    async def revoke_sessions(
        self, account_id: UUID, *, at: datetime, but: UUID | None = None, reach: tuple[UUID, ...] | None = None
    ) -> None:
        """Ends the open sessions of the account, all `but` one; of those that no more than the own providers of some
        companies began, if a `reach` is given.
        """
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
        """Tells the auditors of all companies of an account, or of that `company_id` alone. What happens to nobody who
        is known, or to whoever belongs to no company, goes to the installation's own chain, by the same work; so does
        what is not `kept`, which changes nothing.
        """
        ...

    async def note_login(self, user_id: UUID, company_id: UUID, *, at: datetime) -> None: ...

    async def strip(self, account_id: UUID, *, at: datetime, origin: Origin = NOWHERE) -> None:
        """Takes everything away by which somebody could act as the account, but for its password: the login sessions
        end, and so do API tokens, its own in every company and those that it made for service users; at no provider is
        anybody recognised as the account any more. Tells the auditors of each company of the account, with how many
        tokens ended there.
        """
        ...

    async def end_tokens(self, account_id: UUID, *, at: datetime, origin: Origin = NOWHERE) -> None:
        """Revokes the API tokens by which programs act as the account, in every company, and tells each of them; those
        that it made for service users go on. Its users are locked by then, as `users_of` does.
        """
        ...

    async def users_of(self, account_id: UUID) -> list[tuple[UUID, User]]:
        """The users that the account is, each with its company, in active companies, locked in one order. Comes before
        the account is locked.
        """
        ...

    async def save_user(
        self, company_id: UUID, user: User, facts: Sequence[Fact], *, at: datetime, origin: Origin = NOWHERE
    ) -> None:
        """Writes a user who changed themselves, and the facts into the company's log. Of several companies, in the
        order of `users_of`.
        """
        ...

    async def write(self, letter: Letter) -> None:
        """Has a letter sent once the transaction is committed."""
        ...

    async def pretend(self) -> None:
        """Does the work of `save_account` and `write`, and changes nothing: for who must not tell from the time whether
        there is an account.
        """
        ...

    async def commit(self) -> None: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class SessionReader(Protocol):
    """Reads the login sessions of the caller's account."""

    async def open_sessions(self, actor: Actor, *, sort: Sort, page: PageRequest) -> Answer[Page[SessionView]]:
        """Those that are open. Raises SessionEnded."""
        ...


class ProfileReader(Protocol):
    """Reads who the caller is."""

    async def profile(self, actor: Actor) -> Answer[Profile]: ...
