"""Which tickets of the live doors were used: a row for each, until it is older than any that still works."""

from sqlalchemy import DateTime, Uuid, bindparam, delete, func
from sqlalchemy.dialects.postgresql import insert

from adapters.sql.connection import COMMIT, Database, execute
from adapters.sql.pipeline import Asked
from adapters.sql.statement import Statement
from adapters.sql.tables.live import used_tickets
from core.realtime.model import Ticket

_USE = Statement(
    insert(used_tickets)
    .values(id=bindparam("id", type_=Uuid), expires_at=bindparam("expires_at", type_=DateTime(timezone=True)))
    .on_conflict_do_nothing()
)
# By the database's clock, and a good while later than the one that they are measured by.
_FORGET = Statement(
    delete(used_tickets).where(used_tickets.c.expires_at < func.now() - func.make_interval(0, 0, 0, 0, 1))
)


class SqlUsedTickets:
    """Each inside the wall of its holder's company."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def use(self, ticket: Ticket) -> bool:
        connection, _, (used,) = await self._database.begin(
            ticket.actor, [Asked(_USE, {"id": ticket.id, "expires_at": ticket.expires_at})]
        )
        try:
            await execute(connection, Asked(_FORGET, {}), Asked(COMMIT, {}))
        finally:
            await self._database.end(connection)
        return used.count == 1
