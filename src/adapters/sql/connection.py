"""The one pool, and the two doors through which everything reaches PostgreSQL.

`rows` sends the opening statement and one query in a pipeline: one round trip, one implicit transaction, one snapshot.
`begin` sends BEGIN and the opening statement in one round trip and holds the connection until it is committed.

The opening statement finds the login session, the API token or the job, the membership and the role, and only then
sets the company that the tenant wall compares with. What it does not find is a session that has ended, or a token that
works no more.
"""

import logging
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from adapters.sql.event_log import APPENDS, traced
from adapters.sql.pipeline import Asked, Herald, Observer, PipelineConnection, PipelineFailed, Result, Row, send
from adapters.sql.pool import Pool
from adapters.sql.roles import INSPECT, INSPECTED, UPKEEP, refuse_wrong_role
from adapters.sql.statement import Statement
from adapters.sql.violations import refusal
from core.auth.errors import SessionEnded, TokenInvalid
from core.jobs.errors import AskerGone
from core.kernel.actor import Actor, ActorChanged, Role
from core.kernel.errors import Contended, DatabaseAway, StorageFull, TooSlow, Unauthenticated, Unavailable

log = logging.getLogger("flowtrack.sql")

set_json_dumps(msgspec.json.encode)
set_json_loads(msgspec.json.decode)

Connection = PipelineConnection
NAMED = "flowtrack "
# By what PostgreSQL shows of a connection, processes are told from one another.
_NAME = NAMED + secrets.token_hex(4)
CONNECTIONS = 10
"""So many connections a process takes at most: more than a process on one core keeps busy. Each is a process of the
server with memory of its own, and the fewer take turns, the more of it is found in the processor's caches.
"""

OPEN = Statement.plain(
    "select user_id, account_id, role, edits_all, last_seq, authenticated_at, is_general"
    " from open_company(%(session)s::uuid, %(company)s::uuid)"
)
OPEN_BY_TOKEN = Statement.plain(
    "select user_id, account_id, role, edits_all, last_seq, authenticated_at, is_general"
    " from open_company_by_token(%(token)s::uuid, %(company)s::uuid)"
)
OPEN_BY_JOB = Statement.plain(
    "select user_id, account_id, role, edits_all, last_seq, authenticated_at, is_general"
    " from open_company_by_job(%(job)s::uuid, %(company)s::uuid)"
)
BEGIN = Statement.plain("begin isolation level read committed")
COMMIT = Statement.plain("commit")
SOON = Statement.plain("set local synchronous_commit = off")
"""Before a COMMIT that does not wait for the disk: all that its loss in a crash costs is doing it again."""
_AS_UPKEEP = Statement.plain(f"set local role {UPKEEP}")
_ALIVE = Statement.plain("select 1")


class Opened(NamedTuple):
    """Who the caller is now, and where the company's event log stands."""

    actor: Actor
    seq: int


class Rows(NamedTuple):
    """The rows of one query and the event sequence of the same snapshot."""

    rows: list[Row]
    seq: int
    also: list[Row]


class Occupancy(NamedTuple):
    """How many connections there are, how many of them have nothing to do, and how many requests wait for one."""

    connections: int
    idle: int
    waiting: int


class Database:
    """PostgreSQL, as the application role. What is asked of it is told to the observer."""

    def __init__(
        self,
        *,
        url: str,
        prepared_statements: bool = True,
        largest: int = CONNECTIONS,
        observer: Observer | None = None,
        herald: Herald | None = None,
        on_noted: Callable[[], None] | None = None,
        on_written: Callable[[int, int], None] | None = None,
        trace: Callable[[], str | None] | None = None,
    ) -> None:
        """The herald is told of what was committed; `on_noted` is called after each commit that added to the audit, and
        `on_written` after each that wrote events, with the first position and the last. `trace` answers the
        `traceparent` that events remember.
        """
        self._herald = herald
        self._on_written = on_written
        self._trace = trace
        self._observer = observer
        self._on_noted = on_noted
        self._pool = Pool(
            url,
            min_size=2,
            max_size=largest,
            timeout=3.0,
            # A server that comes back is found within two seconds, however long it was away.
            reconnect_timeout=2.0,
            max_idle=300.0,
            configure=self._configured,
            kwargs={
                "autocommit": True,
                "prepare_threshold": 2 if prepared_statements else None,
                "application_name": _NAME,
                "connect_timeout": 3,
            },
        )

    async def open(self) -> None:
        """Connects. Raises WrongRole if row-level security would not bind us, DatabaseAway if nobody answers."""
        await self._pool.open()
        async with self.connection() as connection:
            cursor = await connection.execute(INSPECT, INSPECTED)
            found = await cursor.fetchone()
        assert found is not None
        refuse_wrong_role(*found)

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
        """One query as the caller's company sees it, and perhaps another beside it; as `several`."""
        found, seq = await self.several(actor, (statement, values), *([also] if also is not None else ()))
        return Rows(found[0], seq, found[1] if also is not None else [])

    async def several(self, actor: Actor, *questions: tuple[Statement, dict[str, Any]]) -> tuple[list[list[Row]], int]:
        """Queries as the caller's company sees it, and its event sequence. One round trip, one snapshot.

        Raises SessionEnded or TokenInvalid, ActorChanged if the caller's role is no longer the one the query was made
        for, and DatabaseAway.
        """
        asked = [opening(actor), *(Asked(*each) for each in questions)]
        for last in (False, True):
            connection = await self._take()
            try:
                door, *found = await send(connection, asked)
                now = opened(actor, door)
                answer = [each.rows() for each in found], now.seq
            except (PipelineFailed, psycopg.Error) as error:
                if last or not connection.closed:
                    raise _shut(error, actor, door=0) or _meaning(error) from error
                # It had died unnoticed, as after a restart of the server: nothing was answered, ask again.
            else:
                if now.actor.role is not actor.role:
                    raise ActorChanged(now.actor)
                return answer
            finally:
                await self._pool.putconn(connection)
            await self._pool.check()
        raise AssertionError("unreachable: the second attempt returns or raises")

    async def asked(self, *asked: Asked) -> list[Result]:
        """Reads without anybody's session, for the doors across companies alone. One round trip, one snapshot.

        Raises DatabaseAway.
        """
        for last in (False, True):
            connection = await self._take()
            try:
                return await send(connection, asked)
            except (PipelineFailed, psycopg.Error) as error:
                if last or not connection.closed:
                    raise _meaning(error) from error
                # It had died unnoticed, as after a restart of the server, and so may have others.
            finally:
                await self._pool.putconn(connection)
            await self._pool.check()
        raise AssertionError("unreachable: the second attempt returns or raises")

    async def begin(self, actor: Actor, also: Sequence[Asked] = ()) -> tuple[Connection, Opened, list[Result]]:
        """Opens a transaction, and answers what the `also` statements found in it. One round trip.

        The connection must be given back by `end`. Retries once, and only if the connection proved dead on opening.
        """
        connection, (_, door, *more) = await self._begin([Asked(BEGIN, {}), opening(actor), *also], actor=actor)
        try:
            return connection, opened(actor, door), more
        except BaseException:
            await self.end(connection)
            raise

    async def begin_upkeep(self) -> Connection:
        """Opens a transaction across companies, for the doors in `system` alone. It ends by `end`, as any other."""
        connection, _ = await self.begin_bare(Asked(_AS_UPKEEP, {}))
        return connection

    async def begin_bare(self, *asked: Asked) -> tuple[Connection, list[Result]]:
        """Opens a transaction of nobody in particular, for the doors across companies alone, and answers what was asked
        in it. One round trip. It ends by `end`, as any other.
        """
        connection, (_, *found) = await self._begin([Asked(BEGIN, {}), *asked])
        return connection, found

    async def _begin(self, asked: list[Asked], *, actor: Actor | None = None) -> tuple[Connection, list[Result]]:
        for last in (False, True):
            connection = await self._take()
            try:
                return connection, await send(connection, asked)
            except (PipelineFailed, psycopg.Error) as error:
                stale = connection.closed
                await self.end(connection)
                if last or not stale:
                    raise _shut(error, actor, door=1) or _meaning(error) from error
                await self._pool.check()
            except BaseException:
                await self.end(connection)
                raise
        raise AssertionError("unreachable: the second attempt returns or raises")

    async def end(self, connection: Connection) -> None:
        """Takes back what was not committed, and gives the connection back."""
        connection.appended, connection.ended, connection.moments = {}, set(), []
        try:
            if not connection.closed and connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                await connection.execute("rollback")
        except psycopg.Error:
            log.warning("a transaction could not be rolled back; its connection is dropped")
            await connection.close()
        finally:
            await self._pool.putconn(connection)

    def noted(self) -> None:
        """To be called after a commit that added to the audit."""
        if self._on_noted is not None:
            self._on_noted()

    async def is_alive(self) -> bool:
        """Whether a query is answered."""
        try:
            async with self.connection() as connection:
                await send(connection, [Asked(_ALIVE, {})])
        except (Unavailable, PipelineFailed):
            return False
        return True

    def occupancy(self) -> Occupancy:
        """The state of the pool."""
        found = self._pool.get_stats()
        return Occupancy(found["pool_size"], found["pool_available"], found["requests_waiting"])

    async def _configured(self, connection: Connection) -> None:
        connection.observer, connection.herald = self._observer, self._herald
        connection.trace, connection.on_written = self._trace, self._on_written

    async def _take(self) -> Connection:
        began = perf_counter()
        try:
            return await self._pool.getconn()
        except (PoolTimeout, PoolClosed, TooManyRequests) as error:
            raise DatabaseAway from error
        finally:
            if self._observer is not None:
                self._observer.waited(perf_counter() - began)


async def execute(connection: Connection, *asked: Asked) -> list[Result]:
    """Runs statements inside a transaction, in one round trip, and says in the product's words what is refused."""
    trace = connection.trace() if connection.trace is not None else None
    try:
        done = await send(connection, asked if trace is None else [traced(each, trace) for each in asked])
    except (PipelineFailed, psycopg.Error) as error:
        raise _meaning(error) from error
    for each, result in zip(asked, done, strict=True):
        if each.statement in APPENDS:
            row = result.first()
            if row is not None:
                # Its events have a range of their own, and come in order.
                first, _ = connection.appended.get(row[1], row)
                connection.appended[row[1]] = (first, row[0] + result.count - 1)
        elif each.statement is COMMIT and (connection.appended or connection.ended or connection.moments):
            connection.proclaim()
    return done


def opening(actor: Actor) -> Asked:
    """The opening statement for a caller."""
    if actor.job_id is not None:
        return Asked(OPEN_BY_JOB, {"job": actor.job_id, "company": actor.company_id})
    if actor.token_id is not None:
        return Asked(OPEN_BY_TOKEN, {"token": actor.token_id, "company": actor.company_id})
    return Asked(OPEN, {"session": actor.session_id, "company": actor.company_id})


def opened(actor: Actor, door: Result) -> Opened:
    """What the opening statement found. If it was nothing, raises SessionEnded, for a token TokenInvalid, and in a job
    AskerGone.
    """
    found = door.first()
    if found is None:
        raise _ended(actor)
    user_id, account_id, role, edits_all, seq, authenticated_at, is_general = found
    now = Actor(
        company_id=actor.company_id,
        user_id=user_id,
        account_id=account_id,
        session_id=actor.session_id,
        role=Role(role),
        edits_all_project_tasks=edits_all,
        via=actor.via,
        token_id=actor.token_id,
        job_id=actor.job_id,
        scopes=actor.scopes,
        authenticated_at=authenticated_at,
        is_general=is_general,
        origin=actor.origin,
    )
    return Opened(now, seq)


def _ended(actor: Actor) -> Unauthenticated:
    if actor.job_id is not None:
        return AskerGone()
    return SessionEnded() if actor.token_id is None else TokenInvalid()


_AWAY = {"57P01", "57P02", "57P03", "53300", "25006", "08006", "08003", "08001"}
_FULL = "53100"
_SLOW = "57014"
# Deadlock, lock not available, serialisation.
_CONTENDED = {"40P01", "55P03", "40001"}


def _shut(error: PipelineFailed | psycopg.Error, actor: Actor | None, *, door: int) -> Unauthenticated | None:
    """What is to be said if the opening statement, at the place `door` of the pipeline, found nothing: then what
    followed it failed on the wall's own predicate, for want of a company.
    """
    if actor is None or not isinstance(error, PipelineFailed) or len(error.done) <= door:
        return None
    return _ended(actor) if error.done[door].count == 0 else None


def _meaning(error: PipelineFailed | psycopg.Error) -> Exception:
    """The refusal that an error stands for, or the driver's error where it is a defect of ours."""
    cause = error.cause if isinstance(error, PipelineFailed) else error
    if isinstance(cause, psycopg.errors.IntegrityError):
        return refusal(cause)
    if cause.sqlstate in _CONTENDED:
        return Contended()
    if cause.sqlstate == _SLOW:
        log.warning("a statement was cancelled after the time that statements are given")
        return TooSlow()
    if cause.sqlstate == _FULL:
        return StorageFull()
    if cause.sqlstate in _AWAY or (isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None):
        return DatabaseAway()
    return cause
