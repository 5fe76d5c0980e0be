"""One transaction of one actor in one company: repositories exist only on it."""

from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import UUID

import psycopg

from adapters.sql import audit_log, event_log, once_ledger
from adapters.sql.connection import COMMIT, Connection, Database, Opened, execute
from adapters.sql.pipeline import Asked, Result, Row
from adapters.sql.statement import Statement
from core.kernel.actor import Actor
from core.kernel.audit import Note
from core.kernel.errors import ChangedMeanwhile
from core.kernel.events import Fact
from core.kernel.once import Made, Once
from core.kernel.ports import Clock
from core.realtime.read_models import Moment


class Write(NamedTuple):
    """A statement that is sent with the commit; `rows` is how many rows it must change, if that counts."""

    statement: Statement
    values: dict[str, Any]
    rows: int | None


def _counting(write: Write) -> Asked:
    """What is sent with the commit: nothing of that is carried out if too few or too many rows are changed."""
    counted = write.statement.counted() if write.rows is not None else None
    if counted is None:
        return Asked(write.statement, write.values)
    return Asked(counted, {**write.values, "rows": write.rows})


class SqlUnitOfWork:
    """The transaction itself; features add their repositories to it.

    Writes are collected and sent in one pipeline together with the events, the Idempotency-Key and COMMIT: an insert
    and its event cost one round trip. A write that must hit a row counts by itself, and breaks the pipeline off.

    A `lazy` one, for use cases that begin by loading, sends BEGIN and the opening statement with what is fetched first;
    there is no `actor` before.
    """

    def __init__(
        self, database: Database, clock: Clock, actor: Actor, *, once: Once | None = None, lazy: bool = False
    ) -> None:
        self._database = database
        self._clock = clock
        self._caller = actor
        self._key = once_ledger.held(actor, once) if once is not None else None
        self._lazy = lazy
        self._writes: list[Write] = []
        self._facts: list[Fact] = []
        self._notes: list[Note] = []
        self._moments: list[Moment] = []
        self._connection: Connection | None = None
        self._opened: Opened | None = None
        self._is_over = False
        self._keep = once_ledger.KEEP

    @property
    def actor(self) -> Actor:
        """The caller as the database knows them."""
        assert self._opened is not None, "the unit of work is not open"
        return self._opened.actor

    def record(self, *facts: Fact) -> None:
        """Adds facts to the log of the company, written with the commit."""
        self._facts.extend(facts)

    def note(self, *notes: Note) -> None:
        """Adds audit events to those that the facts tell, written with the commit."""
        self._notes.extend(notes)

    def tell(self, moment: Moment) -> None:
        """Adds something that is told once it is committed, and stored nowhere."""
        self._moments.append(moment)

    def signed_out(self, account_id: UUID) -> None:
        """Adds that login sessions of an account ended, which is told once it is committed."""
        self._open_connection.ended.add(account_id)

    def write(self, statement: Statement, values: dict[str, Any], *, rows: int | None = None) -> None:
        """Adds a statement to those that are sent with the commit, in order."""
        self._writes.append(Write(statement, values, rows))

    async def fetch(self, *asked: tuple[Statement, dict[str, Any]], guarded: bool = False) -> list[list[Row]]:
        """The rows of each statement. One round trip for all of them.

        `guarded`: none of them locks anything unless it holds the key's lock, so that a `lazy` unit of work with a key
        may send them before it knows whether it has that lock.
        """
        questions = [Asked(*each) for each in asked]
        if self._connection is None:
            if guarded or self._key is None:
                return [each.rows() for each in await self._open(questions)]
            await self._open([])
        return [each.rows() for each in await execute(self._open_connection, *questions)]

    async def flush(self) -> None:
        """Sends the collected writes. Raises ChangedMeanwhile where one did not change the rows that it must."""
        writes, self._writes = self._writes, []
        if not writes:
            return
        done = await execute(self._open_connection, *(Asked(write.statement, write.values) for write in writes))
        for write, result in zip(writes, done, strict=True):
            if write.rows is not None and result.count != write.rows:
                raise ChangedMeanwhile

    async def commit(self, *, made: Made | None = None) -> int:
        """Writes what was collected, the facts, and what the Idempotency-Key resulted in; then commits."""
        if self._connection is None:
            await self._open([])
        assert self._opened is not None, "the unit of work is not open"
        if not all(write.rows is None or write.statement.counted() for write in self._writes):
            await self.flush()
        asked = [_counting(write) for write in self._writes]
        notes = [*audit_log.notes_of(self._facts), *self._notes]
        if notes:
            asked.extend(audit_log.of_actor(notes, self.actor, at=self._clock.now()))
        place = len(asked)
        if self._facts:
            actor, at = self.actor, self._clock.now()
            asked.append(event_log.append(self._facts, actor_id=actor.user_id, via=str(actor.via), at=at))
        if self._key is not None and made is not None:
            values = once_ledger.made_values(self._key, made, user_id=self.actor.user_id)
            if len(self._facts) == 1 and self._keep is once_ledger.KEEP and made.outline is None:
                asked[place] = Asked(event_log.APPEND_AND_KEEP, {**asked[place].values, **values})
            else:
                asked.append(Asked(self._keep, values))
        self._open_connection.moments.extend(self._moments)
        try:
            done = await execute(self._open_connection, *asked, Asked(COMMIT, {}))
        except psycopg.errors.DivisionByZero as error:
            raise ChangedMeanwhile from error
        seq = max(row[0] for row in done[place].rows()) if self._facts else self._opened.seq
        if notes:
            self._database.noted()
        self._writes, self._facts, self._notes, self._moments = [], [], [], []
        return seq

    async def __aenter__(self) -> Self:
        if not self._lazy:
            await self._open([])
        return self

    async def _open(self, also: list[Asked]) -> list[Result]:
        assert not self._is_over, "the unit of work is over"
        key = self._key
        if key is None:
            self._connection, self._opened, found = await self._database.begin(self._caller, also)
            return found
        self._connection, self._opened, (known, *found) = await self._database.begin(
            self._caller, [once_ledger.opening(key), *also]
        )
        try:
            self._keep = once_ledger.ensure_new(key.once, known.first())
        except BaseException:
            connection, self._connection = self._connection, None
            await self._database.end(connection)
            raise
        return found

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, self._connection, self._is_over = self._connection, None, True
        if connection is not None:
            await self._database.end(connection)

    @property
    def company_id(self) -> UUID:
        """The company that it is opened for."""
        return self._caller.company_id

    @property
    def key_lock(self) -> int | None:
        """The number of the advisory lock that a request with a key holds."""
        return self._key.lock if self._key is not None else None

    @property
    def _open_connection(self) -> Connection:
        assert self._connection is not None, "the unit of work is not open"
        return self._connection
