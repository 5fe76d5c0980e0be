"""The one pool, and the two doors through which everything reaches PostgreSQL.

`rows` sends the opening statement and one query in a pipeline: one round trip, one implicit transaction, one snapshot.
`transaction` sends BEGIN and the opening statement in one round trip and holds the connection until it is committed.

The opening statement finds the login session, the membership and the role, and only then sets the company that the
tenant wall compares with. What it does not find is a session that has ended.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from adapters.sql.roles import INSPECT, UPKEEP, refuse_wrong_role
from adapters.sql.statement import Statement
from adapters.sql.violations import refusal
from core.auth.errors import SessionEnded
from core.kernel.actor import Actor, ActorChanged, Role
from core.kernel.errors import Unavailable

log = logging.getLogger("flowtrack.sql")

set_json_dumps(msgspec.json.encode)
set_json_loads(msgspec.json.decode)

Connection = AsyncConnection[Any]
Row = tuple[Any, ...]

OPEN = "select user_id, account_id, role, edits_all, last_seq from open_company(%(session)s, %(company)s)"
BEGIN = "begin isolation level read committed"


class DatabaseAway(Unavailable):
    code = "service.database_away"
    title = "The database cannot be reached at the moment"


class Opened(NamedTuple):
    """Who the caller is now, and where the company's event log stands."""

    actor: Actor
    seq: int


class Rows(NamedTuple):
    """The rows of one query and the event sequence of the same snapshot."""

    rows: list[Row]
    seq: int
    also: list[Row]


class Database:
    """PostgreSQL, as the application role."""

    def __init__(self, *, url: str, prepared_statements: bool = True, largest: int = 20) -> None:
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            open=False,
            min_size=2,
            max_size=largest,
            timeout=3.0,
            # A server that comes back is found within two seconds, however long it was away.
            reconnect_timeout=2.0,
            max_idle=300.0,
            kwargs={
                "autocommit": True,
                "prepare_threshold": 2 if prepared_statements else None,
                "application_name": "flowtrack",
                "connect_timeout": 3,
            },
        )

    async def open(self) -> None:
        """Connects. Raises WrongRole if row-level security would not bind us, DatabaseAway if nobody answers."""
        await self._pool.open()
        async with self.connection() as connection:
            cursor = await connection.execute(INSPECT, {"upkeep": UPKEEP})
            found = await cursor.fetchone()
        assert found is not None
        refuse_wrong_role(
            found[0],
            is_superuser=found[1],
            bypasses=found[2],
            inherits_owner=found[3],
            inherits_upkeep=found[4],
        )

    async def close(self) -> None:
        """Gives all connections back."""
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection without company. Raises DatabaseAway and refusals instead of the driver's errors."""
        connection = await self._take()
        try:
            yield connection
        except psycopg.Error as error:
            raise _meaning(error) from error
        finally:
            await self._pool.putconn(connection)

    async def rows(
        self,
        actor: Actor,
        statement: Statement,
        values: dict[str, Any],
        *,
        also: tuple[Statement, dict[str, Any]] | None = None,
    ) -> Rows:
        """One query as the caller's company sees it, and perhaps another beside it. One round trip, one snapshot.

        Raises SessionEnded, ActorChanged if the caller's role is no longer the one the query was made for, and
        DatabaseAway.
        """
        opening = {"session": actor.session_id, "company": actor.company_id}
        given = statement.values(values)
        for last in (False, True):
            connection = await self._take()
            door = None
            try:
                async with connection.pipeline():
                    door = await connection.execute(OPEN, opening)
                    cursor = connection.cursor(binary=True)
                    await cursor.execute(statement.text, given)
                    beside = connection.cursor(binary=True) if also is not None else None
                    if beside is not None and also is not None:
                        await beside.execute(also[0].text, also[0].values(also[1]))
                opened = _opened(actor, await door.fetchone())
                rows = await cursor.fetchall()
                more = await beside.fetchall() if beside is not None else []
            except psycopg.OperationalError as error:
                # A connection that died unnoticed, as after a restart of the server: nothing was answered, ask again.
                if last or not connection.broken:
                    raise _meaning(error) from error
            except psycopg.Error as error:
                raise _refused_door(door) or _meaning(error) from error
            else:
                if opened.actor.role is not actor.role:
                    raise ActorChanged(opened.actor)
                return Rows(rows, opened.seq, more)
            finally:
                await self._pool.putconn(connection)
            await self._pool.check()
        raise AssertionError("unreachable: the second attempt returns or raises")

    async def begin(
        self, actor: Actor, also: Sequence[tuple[str, dict[str, Any]]] = ()
    ) -> "tuple[Connection, Opened, list[Row | None]]":
        """Opens a transaction, and answers the first row of each of the `also` statements. One round trip.

        The connection must be given back by `end`. Retries once, and only if the connection proved dead on opening.
        """
        opening = {"session": actor.session_id, "company": actor.company_id}
        for last in (False, True):
            connection = await self._take()
            door = None
            try:
                async with connection.pipeline():
                    await connection.execute(BEGIN)
                    door = await connection.execute(OPEN, opening)
                    cursors = [await connection.execute(text, values) for text, values in also]
                opened = _opened(actor, await door.fetchone())
                return connection, opened, [await cursor.fetchone() for cursor in cursors]
            except psycopg.OperationalError as error:
                stale = connection.broken
                await self.end(connection)
                if last or not stale:
                    raise _meaning(error) from error
                await self._pool.check()
            except psycopg.Error as error:
                await self.end(connection)
                raise _refused_door(door) or _meaning(error) from error
            except BaseException:
                await self.end(connection)
                raise
        raise AssertionError("unreachable: the second attempt returns or raises")

    async def begin_upkeep(self) -> Connection:
        """Opens a transaction across companies, for the doors in `system` alone. It ends by `end`, as any other."""
        for last in (False, True):
            connection = await self._take()
            try:
                async with connection.pipeline():
                    await connection.execute(BEGIN)
                    await connection.execute(f"set local role {UPKEEP}")
                return connection
            except psycopg.OperationalError as error:
                stale = connection.broken
                await self.end(connection)
                if last or not stale:
                    raise _meaning(error) from error
                await self._pool.check()
        raise AssertionError("unreachable: the second attempt returns or raises")

    async def end(self, connection: Connection) -> None:
        """Takes back what was not committed, and gives the connection back."""
        try:
            if not connection.broken and connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                await connection.execute("rollback")
        except psycopg.Error:
            log.warning("a transaction could not be rolled back; its connection is dropped")
            await connection.close()
        finally:
            await self._pool.putconn(connection)

    async def is_alive(self) -> bool:
        """Whether a query is answered."""
        try:
            async with self.connection() as connection:
                await connection.execute("select 1")
        except Unavailable:
            return False
        return True

    async def _take(self) -> Connection:
        try:
            return await self._pool.getconn()
        except (PoolTimeout, PoolClosed, TooManyRequests) as error:
            raise DatabaseAway from error


async def execute(connection: Connection, statement: Statement, values: dict[str, Any]) -> AsyncCursor[Row]:
    """Runs a compiled statement inside a transaction, and says in the product's words what the database refuses."""
    cursor: AsyncCursor[Row] = connection.cursor(binary=True)
    try:
        await cursor.execute(statement.text, statement.values(values))
    except psycopg.Error as error:
        raise _meaning(error) from error
    return cursor


def translated(error: psycopg.Error) -> BaseException:
    """The refusal that an error of the driver stands for, or the error itself where it is a defect."""
    return _meaning(error)


def _opened(actor: Actor, found: Row | None) -> Opened:
    if found is None:
        raise SessionEnded
    user_id, account_id, role, edits_all, seq = found
    now = Actor(
        company_id=actor.company_id,
        user_id=user_id,
        account_id=account_id,
        session_id=actor.session_id,
        role=Role(role),
        edits_all_project_tasks=edits_all,
        via=actor.via,
    )
    return Opened(now, seq)


def _refused_door(door: AsyncCursor[Row] | None) -> SessionEnded | None:
    """The refusal, if the opening statement found no session: what followed it in the pipeline failed for want of a
    company, on the wall's own predicate, and that is not what is to be said.
    """
    return SessionEnded() if door is not None and door.rowcount == 0 else None


# Deadlock, lock not available, serialisation, cancelled by a timeout, too many connections, shutting down, disk full.
_PASSING = {
    "40P01",
    "55P03",
    "40001",
    "57014",
    "53300",
    "57P01",
    "57P02",
    "57P03",
    "53100",
    "25006",
    "08006",
    "08003",
}


def _meaning(error: psycopg.Error) -> BaseException:
    if isinstance(error, psycopg.errors.IntegrityError):
        return refusal(error)
    if error.sqlstate in _PASSING or (isinstance(error, psycopg.OperationalError) and error.sqlstate is None):
        return DatabaseAway()
    return error
