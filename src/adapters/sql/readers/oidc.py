"""Reading a company's connections to providers, and its domains."""

from sqlalchemy import select

from adapters.sql.connection import Database
from adapters.sql.repositories.oidc import CONNECTION_COLUMNS, DOMAIN_COLUMNS, connection_of, domain_of
from adapters.sql.statement import Statement
from adapters.sql.tables.oidc import email_domains, oidc_connections
from core.kernel.actor import Actor
from core.kernel.paging import Answer
from core.oidc.read_models import ConnectionView, EmailDomainView

_CONNECTIONS = Statement(select(*CONNECTION_COLUMNS).order_by(oidc_connections.c.name, oidc_connections.c.id))
_DOMAINS = Statement(select(*DOMAIN_COLUMNS).order_by(email_domains.c.domain))


class SqlOidcReader:
    """What admins see of how their people sign in."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def connections(self, actor: Actor) -> Answer[list[ConnectionView]]:
        found = await self._database.rows(actor, _CONNECTIONS, {})
        return Answer([ConnectionView.of(connection_of(row)) for row in found.rows], found.seq)

    async def domains(self, actor: Actor) -> Answer[list[EmailDomainView]]:
        found = await self._database.rows(actor, _DOMAINS, {})
        return Answer([EmailDomainView.of(domain_of(row)) for row in found.rows], found.seq)
