from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol, Self
from uuid import UUID

from core.auth.model import LoginSession
from core.auth.ports import IdentityUnitOfWork, OfferedMembership
from core.kernel.actor import Actor, Origin
from core.kernel.audit import Note
from core.kernel.events import Fact
from core.kernel.once import Once
from core.kernel.paging import Answer
from core.kernel.ports import UnitOfWork
from core.oidc.model import EmailDomain, Entrance, ExternalIdentity, OidcConnection
from core.oidc.read_models import Claimed, ConnectionView, EmailDomainView, WayIn
from core.users.model import Invitation, User


class Sealing(Protocol):
    """Seals what is kept where others could read it."""

    def seal(self, secret: bytes) -> bytes: ...

    def opened(self, sealed: bytes) -> bytes | None:
        """What was sealed; None if it never was, or with a secret that is gone."""
        ...


class LoginSecrets(Protocol):
    """Makes what nobody can guess."""

    def new(self) -> str:
        """43 characters that are safe in addresses."""
        ...

    def digest(self, secret: str) -> bytes:
        """What is stored of it; equal secrets have equal digests, and nothing leads back."""
        ...


class DomainRecords(Protocol):
    """Asks the DNS."""

    async def texts(self, name: str) -> Sequence[str]:
        """The TXT records of a name; none where there are none, or where nobody answers."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderClient:
    """As whom we speak to a provider. Browsers come back from it to the address of `connection_id`; without, to that of
    the installation's providers.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    connection_id: UUID | None = None


class LoginRequest(NamedTuple):
    """What one sign-in is known by: to the provider, in its token, and in exchange for its code. `anew`: whoever signs
    in is to prove who they are, also if the provider knows their browser still.
    """

    state: str
    nonce: str
    verifier: str
    anew: bool = False


class Providers(Protocol):
    """Speaks to providers. Never within a transaction."""

    async def login_address(self, client: ProviderClient, request: LoginRequest) -> str:
        """Where a browser signs in. Raises ProviderAway and ProviderUnusable."""
        ...

    async def claimed(
        self, client: ProviderClient, request: LoginRequest, *, code: str, issuer: str | None, role_claim: str | None
    ) -> Claimed:
        """Exchanges the code that came back, perhaps with the name of who sent it, for whom it says somebody is.

        Raises ProviderAway, ProviderUnusable, and LoginRefused for whatever is not valid.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceProvider:
    """A provider of the whole installation, by the operator's settings. It vouches for addresses of `email_domains`, or
    of all domains if there are none.
    """

    id: UUID
    name: str
    client: ProviderClient
    email_domains: tuple[str, ...] = ()


class Connections(Protocol):
    """The connections of the company that the unit of work was opened for."""

    async def all(self) -> list[OidcConnection]:
        """All of them, by name. Locked until the transaction ends, and nobody adds one meanwhile."""
        ...

    async def is_owner(self, user_id: UUID) -> bool:
        """Whether that user is an owner here who can act."""
        ...

    def add(self, connection: OidcConnection) -> None: ...

    def save(self, connection: OidcConnection) -> None: ...

    def remove(self, connection: OidcConnection) -> None: ...

    def set_entrance(self, entrance: Entrance) -> None:
        """How the company is entered from now on."""
        ...


class EmailDomains(Protocol):
    """The domains of the company that the unit of work was opened for."""

    async def load(self, domain_id: UUID) -> EmailDomain | None: ...

    async def count(self) -> int:
        """How many there are. Nobody adds one until the transaction ends."""
        ...

    def add(self, domain: EmailDomain) -> None:
        """The commit raises EmailDomainNamed."""
        ...

    def save(self, domain: EmailDomain) -> None: ...

    def remove(self, domain: EmailDomain) -> None: ...


class OidcUnitOfWork(UnitOfWork, Protocol):
    @property
    def connections(self) -> Connections: ...

    @property
    def domains(self) -> EmailDomains: ...


class OpenOidcUnitOfWork(Protocol):
    def __call__(self, actor: Actor, *, once: Once | None = None) -> OidcUnitOfWork: ...


class OidcReader(Protocol):
    """What admins see. Each call is one round trip, and one snapshot."""

    async def connections(self, actor: Actor) -> Answer[list[ConnectionView]]:
        """By name."""
        ...

    async def domains(self, actor: Actor) -> Answer[list[EmailDomainView]]:
        """By domain."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyConnection:
    """A connection with its company, and which of its domains the company has proved."""

    company_id: UUID
    connection: OidcConnection
    proved_domains: frozenset[str]


class LinkingUnitOfWork(IdentityUnitOfWork, Protocol):
    """A transaction over accounts, and over who they are at providers."""

    async def connection(self, connection_id: UUID) -> CompanyConnection | None:
        """A connection of whatever company, if that is active."""
        ...

    async def ways_in(self, domain: str) -> tuple[WayIn, ...]:
        """The connections of companies that have proved the domain, by company and name."""
        ...

    async def account_of(self, issuer: str, subject: str) -> UUID | None: ...

    async def link(self, identity: ExternalIdentity) -> None:
        """Raises ChangedMeanwhile if somebody else has just been linked."""
        ...

    async def user_of(self, account_id: UUID, company_id: UUID) -> User | None:
        """Whoever the account is in the company, active or not, locked."""
        ...

    async def offer_to(self, email: str, company_id: UUID) -> OfferedMembership | None:
        """The open invitation of an address to the company, locked."""
        ...

    async def admit(
        self,
        company_id: UUID,
        user: User,
        facts: list[Fact],
        *,
        invitation: Invitation | None,
        is_new: bool,
        origin: Origin,
        at: datetime,
    ) -> None:
        """Writes the user, the invitation that they used, and the facts into the company's log."""
        ...

    async def add_unredeemed(
        self, session: LoginSession, *, code_digest: bytes, state_digest: bytes, until: datetime
    ) -> None:
        """Adds a login session that is nobody's yet: it opens by its code, until then. Raises LoginStateInvalid if the
        state was used before.
        """
        ...

    async def unredeemed(self, code_digest: bytes, *, state_digest: bytes, at: datetime) -> LoginSession | None:
        """The login session that waits for that code from the browser with that state; None if there is none, or none
        any more.
        """
        ...

    async def redeem(self, session: LoginSession, *, code_digest: bytes) -> bool:
        """Opens the login session as it is given, and uses its code up. No if somebody else just has."""
        ...

    async def note_of_nobody(
        self, note: Note, *, company_id: UUID | None, origin: Origin, at: datetime, coalesced_by: str
    ) -> None:
        """Tells the auditors of a company what happened there to nobody who is known; or of the installation."""
        ...

    async def company_of_code(self, code: str) -> UUID | None:
        """The company of that code, if it is active."""
        ...

    async def prove_domain(self, company_id: UUID, domain: EmailDomain, *, at: datetime) -> EmailDomain:
        """Names the domain if it is not named yet, takes it for proved, and writes that into the company's log."""
        ...

    async def __aenter__(self) -> Self: ...


class OpenLinkingUnitOfWork(Protocol):
    def __call__(self) -> LinkingUnitOfWork: ...
