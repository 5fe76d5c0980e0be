"""One transaction of one actor in one company: repositories exist only on it."""

from hashlib import blake2b
from types import TracebackType
from typing import Any, NamedTuple, Self

import psycopg
from psycopg import AsyncCursor

from adapters.sql import event_log, once_ledger
from adapters.sql.connection import Connection, Database, Opened, Row, translated
from adapters.sql.statement import Statement
from adapters.sql.violations import ChangedMeanwhile
from core.kernel.actor import Actor
from core.kernel.events import Fact
from core.kernel.once import InFlight, Made, Once
from core.kernel.ports import Clock


class Write(NamedTuple):
    """A statement that is sent with the commit; `rows` is how many rows it must change, if that counts."""

    statement: Statement
    values: dict[str, Any]
    rows: int | None


class SqlUnitOfWork:
    """The transaction itself; features add their repositories to it.

    Writes are collected and sent in one pipeline together with the events, the Idempotency-Key and COMMIT: an insert
    and its event cost one round trip. Where a write must hit a row, the writes go first, alone, and are counted.
    """

    def __init__(self, database: Database, clock: Clock, actor: Actor, *, once: Once | None = None) -> None:
        self._database = database
        self._clock = clock
        self._caller = actor
        self._once = once
        self._writes: list[Write] = []
        self._facts: list[Fact] = []
        self._connection: Connection | None = None
        self._opened: Opened | None = None

    @property
    def actor(self) -> Actor:
        """The caller as the database knows them."""
        assert self._opened is not None, "the unit of work is not open"
        return self._opened.actor

    def record(self, *facts: Fact) -> None:
        """Adds facts to the log of the company, written with the commit."""
        self._facts.extend(facts)

    def write(self, statement: Statement, values: dict[str, Any], *, rows: int | None = None) -> None:
        """Adds a statement to those that are sent with the commit, in order."""
        self._writes.append(Write(statement, values, rows))

    async def fetch(self, *asked: tuple[Statement, dict[str, Any]]) -> list[list[Row]]:
        """The rows of each statement. One round trip for all of them."""
        cursors: list[AsyncCursor[Row]] = []
        connection = self._open_connection
        try:
            if len(asked) == 1:
                cursors.append(await _send(connection, *asked[0]))
            else:
                async with connection.pipeline():
                    cursors.extend([await _send(connection, *each) for each in asked])
            return [await cursor.fetchall() for cursor in cursors]
        except psycopg.Error as error:
            raise translated(error) from error

    async def flush(self) -> None:
        """Sends the collected writes. Raises ChangedMeanwhile where one did not change the rows that it must."""
        writes, self._writes = self._writes, []
        if not writes:
            return
        connection = self._open_connection
        try:
            async with connection.pipeline():
                cursors = [await _send(connection, write.statement, write.values) for write in writes]
        except psycopg.Error as error:
            raise translated(error) from error
        for write, cursor in zip(writes, cursors, strict=True):
            if write.rows is not None and cursor.rowcount != write.rows:
                raise ChangedMeanwhile

    async def commit(self, *, made: Made | None = None) -> int:
        """Writes what was collected, the facts, and what the Idempotency-Key resulted in; then commits."""
        assert self._opened is not None, "the unit of work is not open"
        if any(write.rows is not None for write in self._writes):
            await self.flush()
        connection, seq = self._open_connection, self._opened.seq
        appended: AsyncCursor[Row] | None = None
        try:
            async with connection.pipeline():
                for write in self._writes:
                    await _send(connection, write.statement, write.values)
                if self._facts:
                    values = event_log.of_actor(self._facts, self.actor, at=self._clock.now())
                    appended = await _send(connection, event_log.APPEND, values)
                if self._once is not None and made is not None:
                    values = once_ledger.made_values(self._once, made, user_id=self.actor.user_id)
                    await _send(connection, once_ledger.KEEP, values)
                await connection.execute("commit")
            if appended is not None:
                seq = max(row[0] for row in await appended.fetchall())
        except psycopg.Error as error:
            raise translated(error) from error
        self._writes, self._facts = [], []
        return seq

    async def __aenter__(self) -> Self:
        if self._once is None:
            self._connection, self._opened, _ = await self._database.begin(self._caller)
            return self
        key = once_ledger.key_values(self._once, user_id=self._caller.user_id)
        lock = (once_ledger.LOCK, {"lock": _lock_number(self._caller, self._once)})
        self._connection, self._opened, (locked, found) = await self._database.begin(
            self._caller, [lock, (once_ledger.FIND.text, once_ledger.FIND.values(key))]
        )
        try:
            if locked is None or not locked[0]:
                raise InFlight
            once_ledger.ensure_new(self._once, found)
        except BaseException:
            await self._database.end(self._connection)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._database.end(connection)

    @property
    def _open_connection(self) -> Connection:
        assert self._connection is not None, "the unit of work is not open"
        return self._connection


async def _send(connection: Connection, statement: Statement, values: dict[str, Any]) -> AsyncCursor[Row]:
    cursor: AsyncCursor[Row] = connection.cursor(binary=True)
    return await cursor.execute(statement.text, statement.values(values))


def _lock_number(actor: Actor, once: Once) -> int:
    parts = (str(actor.company_id), str(actor.user_id), once.method, once.path, once.key)
    digest = blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)
