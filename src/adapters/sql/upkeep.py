"""Going from company to company, for what the installation does by itself: purging, and sealing anew.

Companies are listed as the upkeep role; what belongs to one is touched as the application role, inside its wall. Only
the modules beside it and the container may import this.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from adapters.sql.connection import COMMIT, Connection, Database, execute
from adapters.sql.pipeline import Asked, Result
from adapters.sql.roles import UPKEEP
from adapters.sql.statement import Statement

COMPANIES: Final = "select id from companies order by id"
ENTER: Final = "select set_config('app.company_id', %(company)s, true)"
AS_APPLICATION: Final = "set local role none"

_ENTER = Statement.plain(ENTER)
# `set local` says that it is of no use where nothing was begun; the transaction of a pipeline ends it as well.
_AS_UPKEEP = Statement.plain(f"select set_config('role', '{UPKEEP}', true)")
_ALL = Statement.plain(COMPANIES)
_TRY_LOCK = Statement.plain("select pg_try_advisory_xact_lock(%(number)s)")
# Whoever holds a lock for long waits in the open transaction that it belongs to.
_WAIT = Statement.plain("set local idle_in_transaction_session_timeout = 0")


class Upkeep:
    """Transactions of nobody in particular."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def across(self) -> AsyncIterator[Connection]:
        """A transaction as the upkeep role. What is not committed in it is taken back."""
        connection = await self._database.begin_upkeep()
        try:
            yield connection
        finally:
            await self._database.end(connection)

    async def ask(self, *asked: Asked) -> list[Result]:
        """Reads as the upkeep role: one round trip, one snapshot. Raises DatabaseAway."""
        _, *found = await self._database.asked(Asked(_AS_UPKEEP, {}), *asked)
        return found

    @asynccontextmanager
    async def within(self, company_id: UUID) -> AsyncIterator[Connection]:
        """A transaction as the application role, inside the wall of one company."""
        async with self.entered(company_id) as (connection, _):
            yield connection

    @asynccontextmanager
    async def entered(self, company_id: UUID, *asked: Asked) -> AsyncIterator[tuple[Connection, list[Result]]]:
        """The same, with what was asked in the same round trip."""
        entering = Asked(_ENTER, {"company": str(company_id)})
        connection, (_, *found) = await self._database.begin_bare(entering, *asked)
        try:
            yield connection, found
        finally:
            await self._database.end(connection)

    @asynccontextmanager
    async def alone(self, number: int) -> AsyncIterator[bool]:
        """Whether we hold an advisory lock, until the end. The lock is a transaction's, since a pooler may hand the
        session to somebody else.
        """
        async with self.across() as connection:
            _, tried = await execute(connection, Asked(_WAIT, {}), Asked(_TRY_LOCK, {"number": number}))
            yield tried.first() == (True,)

    async def companies(self) -> list[UUID]:
        """All there are, the deleted ones too."""
        async with self.across() as connection:
            found, _ = await execute(connection, Asked(_ALL, {}), Asked(COMMIT, {}))
            return [row[0] for row in found.rows()]
