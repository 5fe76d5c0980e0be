import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from core.kernel import text
from core.kernel.actor import Role
from core.kernel.errors import Fault, Invalid
from core.kernel.events import Change
from core.oidc.errors import LoginStateInvalid
from core.oidc.events import (
    EmailDomainCreated,
    EmailDomainDeleted,
    EmailDomainVerified,
    OidcConnectionCreated,
    OidcConnectionDeleted,
    OidcConnectionUpdated,
)

MOST_CONNECTIONS = 20
MOST_DOMAINS = 50
MOST_ROLES = 100
CODE_LIFE = timedelta(seconds=60)
STATE_LIFE = timedelta(minutes=10)

# Where the record that proves a domain stands, and what it says before the token.
RECORD_PREFIX = "_flowtrack"
RECORD_VALUE = "flowtrack-domain="

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SECRET = "client_secret"  # noqa: S105  (a field's name)
# What decides whose word is taken.
_TRUSTED = frozenset({"issuer", "client_id", "email_domains"})
# What decides who gets in at all, and what it hangs on where there is no other way in.
_ENTRANCE = frozenset({"enforce_sso", "break_glass_user_id"})
_ONLY_WAY = _TRUSTED | {_SECRET}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFields:
    """What of a connection is chosen. `client_secret` is sealed; none of it is for a provider that asks for none.

    `role_claim` names a claim, or the path to it (`realm_access.roles`), whose values `role_map` makes roles of.
    `break_glass_user_id` is the owner who may enter by password although `enforce_sso`.
    """

    name: str
    issuer: str
    client_id: str
    client_secret: bytes = field(default=b"", repr=False)
    email_domains: tuple[str, ...] = ()
    default_role: Role = Role.MEMBER
    role_claim: str | None = None
    role_map: Mapping[str, Role] = field(default_factory=dict)
    jit_provisioning: bool = False
    enforce_sso: bool = False
    break_glass_user_id: UUID | None = None


FIELDS = frozenset(each.name for each in fields(ConnectionFields))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionChanges:
    """Fields to change, by their names. `unchanged` are read-only fields and the values that the caller takes them to
    have.
    """

    given: Mapping[str, object]
    unchanged: Mapping[str, object] = field(default_factory=dict)


def checked(given: Mapping[str, object], *, plain_http: bool) -> dict[str, object]:
    """Fields of a connection in the form that is kept. `plain_http`: to this machine itself, for development.

    Raises Invalid, naming the field.
    """
    found = dict(given)
    for name, value in given.items():
        if name == "name":
            found[name] = text.name(str(value))
        elif name == "issuer":
            found[name] = _issuer(str(value), plain_http=plain_http)
        elif name == "default_role" and value is Role.OWNER:
            raise Invalid(faults=(Fault("owners are made by owners alone", pointer="/default_role"),))
        elif name == "role_map":
            assert isinstance(value, Mapping)
            for said, role in value.items():
                if role is Role.OWNER:
                    # RFC 6901: these two signs mean something in a pointer.
                    place = str(said).replace("~", "~0").replace("/", "~1")
                    raise Invalid(faults=(Fault("owners are made by owners alone", pointer=f"/role_map/{place}"),))
    return found


def _issuer(issuer: str, *, plain_http: bool) -> str:
    """An issuer to the letter, since it is compared so. Raises Invalid."""
    if len(issuer) > 500 or set(issuer) & set("?#") or not leads_to_provider(issuer, plain_http=plain_http):
        raise Invalid(faults=(Fault("must be the provider's https:// address", pointer="/issuer"),))
    return issuer


def leads_to_provider(address: str, *, plain_http: bool) -> bool:
    """Whether browsers may be sent there to sign in: to a whole https:// address, whoever named it. `plain_http`: to
    this machine itself without TLS as well.
    """
    if not address.isascii() or not address.isprintable() or set(address) & set(" #\\"):
        return False
    try:
        parts = urlsplit(address)
        is_whole = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False
    is_local = plain_http and parts.scheme == "http" and parts.hostname in _LOOPBACK
    return is_whole and (parts.scheme == "https" or is_local)


@dataclass(slots=True, kw_only=True)
class OidcConnection:
    """A company's way to sign people in at a provider.

    `admits_owners`: an owner has set up whose word it takes. Whoever names the provider can be anybody there, and
    admins must not become owners.
    """

    id: UUID
    chosen: ConnectionFields
    admits_owners: bool
    created_at: datetime
    updated_at: datetime
    version: int = 1

    @staticmethod
    def connect(
        *, id: UUID, chosen: ConnectionFields, by: Role, at: datetime
    ) -> "tuple[OidcConnection, OidcConnectionCreated]":
        """Adds a connection."""
        connection = OidcConnection(id=id, chosen=chosen, admits_owners=by is Role.OWNER, created_at=at, updated_at=at)
        created = OidcConnectionCreated(oidc_connection_id=id, name=chosen.name, issuer=chosen.issuer, version=1)
        return connection, created

    def change(self, changes: ConnectionChanges, *, by: Role, at: datetime) -> OidcConnectionUpdated | None:
        """Changes fields; None if nothing is different."""
        present = {each.name: getattr(self.chosen, each.name) for each in fields(ConnectionFields)}
        wanted = dict(changes.given)
        if "role_map" in changes.given:
            wanted["role_map"] = self._merged(wanted["role_map"])
        changed = {name: Change(old=present[name], new=new) for name, new in wanted.items() if present[name] != new}
        if not changed:
            return None
        self.chosen = ConnectionFields(**{**present, **wanted})
        self.admits_owners = by is Role.OWNER or (self.admits_owners and not changed.keys() & _TRUSTED)
        self.version += 1
        self.updated_at = at
        said = {name: Change(old=None, new=None) if name == _SECRET else each for name, each in changed.items()}
        return OidcConnectionUpdated(oidc_connection_id=self.id, changes=said, version=self.version)

    @property
    def decides_entrance(self) -> bool:
        """Whether it says how the company is entered by whoever does not come through it."""
        return self.chosen.enforce_sso or self.chosen.break_glass_user_id is not None

    def changes_entrance(self, wanted: Mapping[str, object]) -> bool:
        """Whether these fields would shut people out, or let them in again, who do not come through it; or all, where
        it is the only way in.
        """
        differing = {name for name, value in wanted.items() if getattr(self.chosen, name) != value}
        return bool(differing & (_ENTRANCE | (_ONLY_WAY if self.chosen.enforce_sso else frozenset())))

    def is_only_way_of(self, domain: str) -> bool:
        """Whether people with addresses of that domain get in through it, and by no other way."""
        return self.chosen.enforce_sso and domain in self.chosen.email_domains

    def _merged(self, given: Any) -> dict[str, Role]:
        """The words that are meant after a merge patch; those without a role are forgotten."""
        merged = {said: role for said, role in {**self.chosen.role_map, **given}.items() if role is not None}
        if len(merged) > MOST_ROLES:
            raise Invalid(faults=(Fault(f"has more than {MOST_ROLES} words", pointer="/role_map"),))
        return merged

    def delete(self) -> OidcConnectionDeleted:
        """Nobody signs in by it any more; whoever is signed in by it stays until their session ends."""
        return OidcConnectionDeleted(
            oidc_connection_id=self.id, name=self.chosen.name, issuer=self.chosen.issuer, version=self.version
        )

    def role_for(self, roles: tuple[str, ...]) -> Role:
        """The role that a provider's words mean: of several the highest, and never owner."""
        meant = {self.chosen.role_map[each] for each in roles if each in self.chosen.role_map}
        return Role.ADMIN if Role.ADMIN in meant else Role.MEMBER if meant else self.chosen.default_role

    @property
    def decides_roles(self) -> bool:
        """Whether each sign-in sets the role anew."""
        return self.chosen.role_claim is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """How a company is entered: whether only by its own connections, and which owner may do without."""

    sso_enforced: bool
    break_glass_user_id: UUID | None

    @staticmethod
    def by(connections: Iterable[OidcConnection]) -> "Entrance":
        """What the connections ask for together; of several owners, the one of the oldest connection."""
        enforcing = [each.chosen for each in sorted(connections, key=lambda each: each.id) if each.chosen.enforce_sso]
        named = (each.break_glass_user_id for each in enforcing if each.break_glass_user_id is not None)
        return Entrance(sso_enforced=bool(enforcing), break_glass_user_id=next(named, None))


@dataclass(slots=True, kw_only=True)
class EmailDomain:
    """A domain that a company says is its own; proved once `verified_at` is set.

    `token` is what the company publishes in the domain's DNS. It is no secret.
    """

    id: UUID
    domain: str
    token: str
    created_at: datetime
    updated_at: datetime
    verified_at: datetime | None = None
    version: int = 1

    @staticmethod
    def claim(*, id: UUID, domain: str, token: str, at: datetime) -> "tuple[EmailDomain, EmailDomainCreated]":
        """Names a domain, not proved yet."""
        claimed = EmailDomain(id=id, domain=domain, token=token, created_at=at, updated_at=at)
        return claimed, EmailDomainCreated(email_domain_id=id, domain=domain, version=1)

    @property
    def record_name(self) -> str:
        """Where the TXT record stands that proves it."""
        return f"{RECORD_PREFIX}.{self.domain}"

    @property
    def record_value(self) -> str:
        """What the TXT record says."""
        return f"{RECORD_VALUE}{self.token}"

    def verify(self, *, at: datetime) -> EmailDomainVerified | None:
        """Takes it for proved; None if it is already."""
        if self.verified_at is not None:
            return None
        self.verified_at = at
        self.updated_at = at
        self.version += 1
        return EmailDomainVerified(email_domain_id=self.id, domain=self.domain, version=self.version)

    def delete(self) -> EmailDomainDeleted:
        """Its addresses are nobody's to vouch for any more."""
        return EmailDomainDeleted(email_domain_id=self.id, domain=self.domain, version=self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalIdentity:
    """Somebody at a provider, and which account that is."""

    issuer: str
    subject: str
    account_id: UUID
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginState:
    """A sign-in that is under way, kept by the browser alone, sealed."""

    state: str
    nonce: str
    verifier: str
    connection_id: UUID
    redirect_to: str
    begun_at: datetime

    def written(self) -> bytes:
        return json.dumps({name: str(value) for name, value in asdict(self).items()}).encode()

    @staticmethod
    def read(written: bytes, *, at: datetime) -> "LoginState":
        """Raises LoginStateInvalid if it was begun too long ago."""
        found = json.loads(written)
        begun_at = datetime.fromisoformat(found.pop("begun_at"))
        if at - begun_at > STATE_LIFE:
            raise LoginStateInvalid
        return LoginState(begun_at=begun_at, connection_id=UUID(found.pop("connection_id")), **found)
