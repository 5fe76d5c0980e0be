"""Loading and saving a company's connections to providers, and its domains."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import (
    Boolean,
    DateTime,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from adapters.sql.connection import Database
from adapters.sql.pipeline import Row
from adapters.sql.statement import Statement
from adapters.sql.tables.identity import companies
from adapters.sql.tables.oidc import email_domains, oidc_connections
from adapters.sql.tables.people import users
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.kernel.actor import Actor, Role
from core.kernel.once import Once
from core.kernel.ports import Clock
from core.oidc.model import ConnectionFields, EmailDomain, Entrance, OidcConnection

_instant = DateTime(timezone=True)
_KINDS: dict[str, Any] = {
    "id": Uuid,
    "name": Text,
    "issuer": Text,
    "client_id": Text,
    "sealed_client_secret": LargeBinary,
    "domains": ARRAY(Text),
    "default_role": Text,
    "role_claim": Text,
    "role_map": JSONB,
    "jit_provisioning": Boolean,
    "enforce_sso": Boolean,
    "break_glass_user_id": Uuid,
    "admits_owners": Boolean,
    "version": Integer,
    "created_at": _instant,
    "updated_at": _instant,
}
CONNECTION_COLUMNS = [oidc_connections.c[name] for name in _KINDS]
_DOMAIN_KINDS: dict[str, Any] = {
    "id": Uuid,
    "domain": Text,
    "token": Text,
    "verified_at": _instant,
    "version": Integer,
    "created_at": _instant,
    "updated_at": _instant,
}
DOMAIN_COLUMNS = [email_domains.c[name] for name in _DOMAIN_KINDS]

# How a company is entered is decided with its row locked; foreign keys to the company do not wait for this.
_LOCK_COMPANY = Statement(select(companies.c.id).with_for_update(of=companies, key_share=True))
_ALL = Statement(select(*CONNECTION_COLUMNS).order_by(oidc_connections.c.name, oidc_connections.c.id).with_for_update())
_the_user = bindparam("user_id", type_=Uuid)
_IS_OWNER = Statement(
    select(
        select(users.c.id)
        .where(
            users.c.id == _the_user,
            users.c.role == "owner",
            users.c.kind == "person",
            users.c.is_active.is_(True),
            users.c.accepted_at.is_not(None),
        )
        .exists()
    )
)
_ADD = Statement(insert(oidc_connections).values({name: bindparam(name, type_=kind) for name, kind in _KINDS.items()}))
_SAVE = Statement(
    update(oidc_connections)
    .where(
        oidc_connections.c.id == bindparam("connection_id", type_=Uuid),
        oidc_connections.c.version == bindparam("new_version", type_=Integer) - 1,
    )
    .values(
        {
            oidc_connections.c[name]: bindparam(f"new_{name}", type_=kind)
            for name, kind in _KINDS.items()
            if name not in ("id", "created_at")
        }
    )
)
_REMOVE = Statement(delete(oidc_connections).where(oidc_connections.c.id == bindparam("connection_id", type_=Uuid)))
_ENFORCE = Statement(update(companies).values(sso_enforced=bindparam("enforced", type_=Boolean)))
# One after the other: there is never more than one.
_NO_BREAK_GLASS = Statement(update(users).where(users.c.break_glass.is_(True)).values(break_glass=False))
_BREAK_GLASS = Statement(update(users).where(users.c.id == _the_user).values(break_glass=True))

_the_domain = bindparam("domain_id", type_=Uuid)
_LOAD_DOMAIN = Statement(select(*DOMAIN_COLUMNS).where(email_domains.c.id == _the_domain).with_for_update())
_COUNT_DOMAINS = Statement(select(func.count()).select_from(email_domains))
ADD_DOMAIN = Statement(
    insert(email_domains).values({name: bindparam(name, type_=kind) for name, kind in _DOMAIN_KINDS.items()})
)
SAVE_DOMAIN = Statement(
    update(email_domains)
    .where(email_domains.c.id == _the_domain)
    .values(
        verified_at=bindparam("new_verified_at", type_=_instant),
        version=bindparam("new_version", type_=Integer),
        updated_at=bindparam("new_updated_at", type_=_instant),
    )
)
_REMOVE_DOMAIN = Statement(delete(email_domains).where(email_domains.c.id == _the_domain))


class SqlConnections:
    """The connections of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def all(self) -> list[OidcConnection]:
        _, rows = await self._unit.fetch((_LOCK_COMPANY, {}), (_ALL, {}))
        return [connection_of(row) for row in rows]

    async def is_owner(self, user_id: UUID) -> bool:
        (rows,) = await self._unit.fetch((_IS_OWNER, {"user_id": user_id}))
        return bool(rows[0][0])

    def add(self, connection: OidcConnection) -> None:
        self._unit.write(_ADD, _values(connection))

    def save(self, connection: OidcConnection) -> None:
        values = {f"new_{name}": value for name, value in _values(connection).items()}
        self._unit.write(_SAVE, {**values, "connection_id": connection.id}, rows=1)

    def remove(self, connection: OidcConnection) -> None:
        self._unit.write(_REMOVE, {"connection_id": connection.id}, rows=1)

    def set_entrance(self, entrance: Entrance) -> None:
        self._unit.write(_ENFORCE, {"enforced": entrance.sso_enforced})
        self._unit.write(_NO_BREAK_GLASS, {})
        if entrance.break_glass_user_id is not None:
            self._unit.write(_BREAK_GLASS, {"user_id": entrance.break_glass_user_id})


class SqlEmailDomains:
    """The domains of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def load(self, domain_id: UUID) -> EmailDomain | None:
        (rows,) = await self._unit.fetch((_LOAD_DOMAIN, {"domain_id": domain_id}))
        return domain_of(rows[0]) if rows else None

    async def count(self) -> int:
        _, rows = await self._unit.fetch((_LOCK_COMPANY, {}), (_COUNT_DOMAINS, {}))
        return int(rows[0][0])

    def add(self, domain: EmailDomain) -> None:
        self._unit.write(ADD_DOMAIN, added_domain(domain))

    def save(self, domain: EmailDomain) -> None:
        self._unit.write(SAVE_DOMAIN, saved_domain(domain), rows=1)

    def remove(self, domain: EmailDomain) -> None:
        self._unit.write(_REMOVE_DOMAIN, {"domain_id": domain.id}, rows=1)


class SqlOidcUnitOfWork(SqlUnitOfWork):
    """A unit of work with connections and domains."""

    def __init__(self, database: Database, clock: Clock, actor: Actor, *, once: Once | None = None) -> None:
        super().__init__(database, clock, actor, once=once)
        self.connections = SqlConnections(self)
        self.domains = SqlEmailDomains(self)


def _values(connection: OidcConnection) -> dict[str, Any]:
    chosen = connection.chosen
    return {
        "id": connection.id,
        "name": chosen.name,
        "issuer": chosen.issuer,
        "client_id": chosen.client_id,
        "sealed_client_secret": chosen.client_secret,
        "domains": list(chosen.email_domains),
        "default_role": str(chosen.default_role),
        "role_claim": chosen.role_claim,
        "role_map": Jsonb({said: str(role) for said, role in chosen.role_map.items()}),
        "jit_provisioning": chosen.jit_provisioning,
        "enforce_sso": chosen.enforce_sso,
        "break_glass_user_id": chosen.break_glass_user_id,
        "admits_owners": connection.admits_owners,
        "version": connection.version,
        "created_at": connection.created_at,
        "updated_at": connection.updated_at,
    }


def connection_of(row: Row) -> OidcConnection:
    """A connection from a row of CONNECTION_COLUMNS."""
    values = dict(zip(_KINDS, row, strict=True))
    return OidcConnection(
        id=values["id"],
        chosen=ConnectionFields(
            name=values["name"],
            issuer=values["issuer"],
            client_id=values["client_id"],
            client_secret=bytes(values["sealed_client_secret"]),
            email_domains=tuple(values["domains"]),
            default_role=Role(values["default_role"]),
            role_claim=values["role_claim"],
            role_map={said: Role(role) for said, role in values["role_map"].items()},
            jit_provisioning=values["jit_provisioning"],
            enforce_sso=values["enforce_sso"],
            break_glass_user_id=values["break_glass_user_id"],
        ),
        admits_owners=values["admits_owners"],
        version=values["version"],
        created_at=values["created_at"],
        updated_at=values["updated_at"],
    )


def domain_of(row: Row) -> EmailDomain:
    """A domain from a row of DOMAIN_COLUMNS."""
    return EmailDomain(**dict(zip(_DOMAIN_KINDS, row, strict=True)))


def added_domain(domain: EmailDomain) -> dict[str, Any]:
    """The parameters of ADD_DOMAIN."""
    return {name: getattr(domain, name) for name in _DOMAIN_KINDS}


def saved_domain(domain: EmailDomain) -> dict[str, Any]:
    """The parameters of SAVE_DOMAIN."""
    return {
        "domain_id": domain.id,
        "new_verified_at": domain.verified_at,
        "new_version": domain.version,
        "new_updated_at": domain.updated_at,
    }
