from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from urllib.parse import urlencode
from uuid import UUID

from core.auth.model import LoginSession
from core.auth.ports import OfferedMembership
from core.kernel.actor import Actor, Origin
from core.kernel.audit import Note
from core.kernel.errors import ChangedMeanwhile, Conflict
from core.kernel.events import Fact
from core.kernel.once import Once
from core.kernel.paging import Answer
from core.oidc.errors import EmailDomainNamed, LoginStateInvalid
from core.oidc.model import EmailDomain, Entrance, ExternalIdentity, OidcConnection
from core.oidc.ports import CompanyConnection, LoginRequest, ProviderClient
from core.oidc.read_models import Claimed, ConnectionView, EmailDomainView, WayIn
from core.users.model import Invitation, User
from tests.fakes.identity import InMemoryIdentityUnitOfWork
from tests.fakes.people import put_user
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables, Tables, Unredeemed
from tests.fakes.unit_of_work import InMemoryUnitOfWork


class InMemoryConnections:
    def __init__(self, unit: InMemoryUnitOfWork) -> None:
        self._unit = unit

    async def all(self) -> list[OidcConnection]:
        found = [replace(each) for each in self._unit.now.oidc_connections.values()]
        return sorted(found, key=lambda each: (each.chosen.name, each.id))

    async def is_owner(self, user_id: UUID) -> bool:
        person = self._unit.now.people.get(user_id)
        return person is not None and person.user.owns

    def add(self, connection: OidcConnection) -> None:
        self._put(replace(connection))

    def save(self, connection: OidcConnection) -> None:
        changed = replace(connection)

        def put(tables: CompanyTables) -> None:
            if tables.oidc_connections[changed.id].version != changed.version - 1:
                raise Conflict("the connection changed meanwhile")
            tables.oidc_connections[changed.id] = changed

        self._unit.transaction.defer(self._unit.within(put))

    def remove(self, connection: OidcConnection) -> None:
        self._unit.transaction.defer(self._unit.within(lambda tables: tables.oidc_connections.pop(connection.id)))

    def set_entrance(self, entrance: Entrance) -> None:
        def put(tables: CompanyTables) -> None:
            tables.sso_enforced = entrance.sso_enforced
            tables.break_glass_user_id = entrance.break_glass_user_id

        self._unit.transaction.defer(self._unit.within(put))

    def _put(self, connection: OidcConnection) -> None:
        def put(tables: CompanyTables) -> None:
            tables.oidc_connections[connection.id] = connection

        self._unit.transaction.defer(self._unit.within(put))


class InMemoryEmailDomains:
    def __init__(self, unit: InMemoryUnitOfWork) -> None:
        self._unit = unit

    async def load(self, domain_id: UUID) -> EmailDomain | None:
        found = self._unit.now.email_domains.get(domain_id)
        return replace(found) if found is not None else None

    async def count(self) -> int:
        return len(self._unit.now.email_domains)

    def add(self, domain: EmailDomain) -> None:
        new = replace(domain)

        def put(tables: CompanyTables) -> None:
            if any(each.domain == new.domain for each in tables.email_domains.values()):
                raise EmailDomainNamed
            tables.email_domains[new.id] = new

        self._unit.transaction.defer(self._unit.within(put))

    def save(self, domain: EmailDomain) -> None:
        changed = replace(domain)

        def put(tables: CompanyTables) -> None:
            tables.email_domains[changed.id] = changed

        self._unit.transaction.defer(self._unit.within(put))

    def remove(self, domain: EmailDomain) -> None:
        self._unit.transaction.defer(self._unit.within(lambda tables: tables.email_domains.pop(domain.id)))


class InMemoryOidcUnitOfWork(InMemoryUnitOfWork):
    """A unit of work with connections and domains."""

    def __init__(self, store: Store, actor: Actor, *, once: Once | None = None) -> None:
        super().__init__(store, actor, once=once)
        self.connections = InMemoryConnections(self)
        self.domains = InMemoryEmailDomains(self)


class InMemoryOidcReader:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def connections(self, actor: Actor) -> Answer[list[ConnectionView]]:
        tables = self._store.read(actor)
        found = [ConnectionView.of(each) for each in tables.oidc_connections.values()]
        return Answer(sorted(found, key=lambda each: (each.name, each.id)), tables.last_seq)

    async def domains(self, actor: Actor) -> Answer[list[EmailDomainView]]:
        tables = self._store.read(actor)
        found = [EmailDomainView.of(each) for each in tables.email_domains.values()]
        return Answer(sorted(found, key=lambda each: each.domain), tables.last_seq)


class InMemoryLinkingUnitOfWork(InMemoryIdentityUnitOfWork):
    """A transaction over accounts, and over who they are at providers."""

    async def connection(self, connection_id: UUID) -> CompanyConnection | None:
        for tables in self._transaction.seen().companies.values():
            found = tables.oidc_connections.get(connection_id)
            if found is not None and tables.company.is_active:
                return CompanyConnection(
                    company_id=tables.company.id, connection=replace(found), proved_domains=_proved(tables)
                )
        return None

    async def ways_in(self, domain: str) -> tuple[WayIn, ...]:
        found = [
            (tables.company.name, connection.chosen.name, connection.id)
            for tables in self._transaction.seen().companies.values()
            for connection in tables.oidc_connections.values()
            if tables.company.is_active and domain in _proved(tables) and domain in connection.chosen.email_domains
        ]
        return tuple(WayIn(connection_id, name, company) for company, name, connection_id in sorted(found))

    async def account_of(self, issuer: str, subject: str) -> UUID | None:
        found = self._transaction.seen().identities.get((issuer, subject))
        return found.account_id if found is not None else None

    async def link(self, identity: ExternalIdentity) -> None:
        def put(tables: Tables) -> None:
            if (identity.issuer, identity.subject) in tables.identities:
                raise ChangedMeanwhile
            tables.identities[identity.issuer, identity.subject] = identity

        self._transaction.do(put)

    async def user_of(self, account_id: UUID, company_id: UUID) -> User | None:
        people = self._transaction.seen().companies[company_id].people.values()
        return next((replace(each.user) for each in people if each.user.account_id == account_id), None)

    async def offer_to(self, email: str, company_id: UUID) -> OfferedMembership | None:
        for each in self._transaction.seen().companies[company_id].invitations.values():
            if each.email == email and each.accepted_at is None and each.revoked_at is None:
                return await self.invitation(each.token_digest)
        return None

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
        admitted, used = replace(user), replace(invitation) if invitation is not None else None

        def put(tables: Tables) -> None:
            here = tables.companies[company_id]
            put_user(here, admitted, is_new=is_new)
            if used is not None:
                here.invitations[used.id] = used
            here.append(facts, actor_id=admitted.id, via="session", at=at)
            notes = [note for fact in facts for note in fact.notes()]
            tables.note(notes, company_id=company_id, actor_id=admitted.id, via="session", origin=origin, at=at)

        self._transaction.do(put)

    async def add_unredeemed(
        self, session: LoginSession, *, code_digest: bytes, state_digest: bytes, until: datetime
    ) -> None:
        new = replace(session)

        def put(tables: Tables) -> None:
            if any(each.state_digest == state_digest for each in tables.unredeemed.values()):
                raise LoginStateInvalid
            tables.sessions[new.id] = new
            tables.unredeemed[new.id] = Unredeemed(code_digest=code_digest, state_digest=state_digest, until=until)

        self._transaction.do(put)

    async def unredeemed(self, code_digest: bytes, *, state_digest: bytes, at: datetime) -> LoginSession | None:
        tables = self._transaction.seen()
        for session_id, waiting in tables.unredeemed.items():
            session = tables.sessions[session_id]
            is_it = waiting.code_digest == code_digest and waiting.state_digest == state_digest and waiting.until > at
            if is_it and session.revoked_at is None:
                return replace(session)
        return None

    async def redeem(self, session: LoginSession, *, code_digest: bytes) -> bool:
        tables = self._transaction.seen()
        waiting = tables.unredeemed.get(session.id)
        if waiting is None or waiting.code_digest != code_digest or tables.sessions[session.id].revoked_at is not None:
            return False
        opened = replace(session)

        def put(tables: Tables) -> None:
            tables.sessions[opened.id] = opened
            tables.unredeemed[opened.id] = replace(tables.unredeemed[opened.id], code_digest=None)

        self._transaction.do(put)
        return True

    async def note_of_nobody(
        self, note: Note, *, company_id: UUID | None, origin: Origin, at: datetime, coalesced_by: str
    ) -> None:
        def tell(tables: Tables) -> None:
            tables.note(
                [note],
                company_id=company_id,
                actor_id=None,
                via="visitor",
                origin=origin,
                at=at,
                coalesced_by=coalesced_by,
            )

        self._transaction.do(tell)

    async def company_of_code(self, code: str) -> UUID | None:
        for tables in self._transaction.seen().companies.values():
            if tables.company.code == code and tables.company.is_active:
                return tables.company.id
        return None

    async def prove_domain(self, company_id: UUID, domain: EmailDomain, *, at: datetime) -> EmailDomain:
        present = self._transaction.seen().companies[company_id].email_domains.values()
        proved = replace(next((each for each in present if each.domain == domain.domain), domain))
        verified = proved.verify(at=at)

        def put(tables: Tables) -> None:
            here = tables.companies[company_id]
            here.email_domains[proved.id] = proved
            facts: list[Fact] = [verified] if verified is not None else []
            here.append(facts, actor_id=None, via="system", at=at)
            notes = [note for fact in facts for note in fact.notes()]
            tables.note(notes, company_id=company_id, actor_id=None, via="system", at=at)

        self._transaction.do(put)
        return proved


def _proved(tables: CompanyTables) -> frozenset[str]:
    return frozenset(each.domain for each in tables.email_domains.values() if each.verified_at is not None)


class PlainSealing:
    """Seals so that tests can read it, for one purpose or for any."""

    def __init__(self, purpose: str = "") -> None:
        self._mark = f"sealed {purpose}".strip().encode() + b" "

    def seal(self, secret: bytes) -> bytes:
        return self._mark + secret

    def opened(self, sealed: bytes) -> bytes | None:
        return sealed.removeprefix(self._mark) if sealed.startswith(self._mark) else None


class CountedLoginSecrets:
    """One after the other."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def new(self) -> str:
        return f"secret-{next(self._numbers):036}"

    def digest(self, secret: str) -> bytes:
        return f"digest of {secret}".encode()


class KnownDomainRecords:
    """What a test publishes."""

    def __init__(self) -> None:
        self.published: dict[str, list[str]] = {}

    async def texts(self, name: str) -> Sequence[str]:
        return self.published.get(name, [])


@dataclass(kw_only=True)
class ScriptedProviders:
    """Says of whoever comes back what a test has it say, or refuses."""

    says: Claimed | Exception | None = None
    away: Exception | None = None
    before_answering: Callable[[], None] = lambda: None

    async def login_address(self, client: ProviderClient, request: LoginRequest) -> str:
        if self.away is not None:
            raise self.away
        own = {"connection": client.connection_id} if client.connection_id is not None else {}
        given = {"state": request.state, "nonce": request.nonce, **own, **({"max_age": 0} if request.anew else {})}
        return f"{client.issuer}/authorize?{urlencode(given)}"

    async def claimed(
        self, client: ProviderClient, request: LoginRequest, *, code: str, issuer: str | None, role_claim: str | None
    ) -> Claimed:
        self.before_answering()
        assert self.says is not None, "the test says nothing of who comes back"
        if isinstance(self.says, Exception):
            raise self.says
        return self.says
