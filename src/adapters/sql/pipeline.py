"""Several statements in one round trip, straight on libpq's pipeline mode.

psycopg's own pipeline does the same in general; for the one use that every request makes of it, this is 2.7 times
cheaper in processor time (docs/decisions/0001), and the processor is what limits the server. The public parts of
psycopg do the work: its adapters, its conversations, its errors.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import Enum, auto
from itertools import count, zip_longest
from time import perf_counter
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from psycopg import AsyncConnection, errors, generators
from psycopg.abc import PQGen
from psycopg.abc import Transformer as Adapting
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait

from adapters.sql.statement import Statement
from core.realtime.read_models import Moment

log = logging.getLogger("flowtrack.sql")

Row = tuple[Any, ...]
# What one connection keeps prepared at most: each costs the server's memory, and shapes of filters are many.
MOST_PREPARED = 150
# Seconds that the server has for giving up what was cancelled.
_CANCELLED_WITHIN = 5.0

# The results up to the first failure, and that failure.
_Answered = tuple[list[PGresult], errors.Error | None]


class Asked(NamedTuple):
    """A statement and its parameters by name."""

    statement: Statement
    values: Mapping[str, Any]


class Result:
    """What one statement answered; rows are read on demand."""

    __slots__ = ("_result", "_transformer")

    def __init__(self, transformer: Adapting, result: PGresult) -> None:
        self._transformer = transformer
        self._result = result

    @property
    def count(self) -> int:
        """How many rows were selected, or changed."""
        return self._result.command_tuples or 0

    def rows(self) -> list[Row]:
        """All rows, in order."""
        result, transformer = self._result, self._transformer
        if not result.ntuples:
            return []
        transformer.set_pgresult(result, set_loaders=True)
        rows = transformer.load_rows(0, result.ntuples, tuple)
        # It outlives the result, which may be large.
        transformer.set_pgresult(None)
        return rows

    def first(self) -> Row | None:
        """The first row, None if there is none."""
        if not self._result.ntuples:
            return None
        self._transformer.set_pgresult(self._result, set_loaders=True)
        row: Row | None = self._transformer.load_row(0, tuple)
        return row


class PipelineFailed(Exception):
    """A statement of the pipeline failed, and what followed it was not carried out.

    `done` are the results of those before it; `cause` is psycopg's error.
    """

    def __init__(self, cause: errors.Error, done: list[Result]) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.done = done


class Observer(Protocol):
    """Is told what is asked of the database. It must be quick, and must not fail."""

    def waited(self, seconds: float) -> None:
        """Somebody waited so long for a connection, and got it or gave up."""
        ...

    def sent(self, asked: Sequence[Asked], *, seconds: float, failure: BaseException | None) -> None:
        """A round trip is over; it asked all these statements, and ended with the failure if there is one."""
        ...


class Herald(Protocol):
    """Is told of what was committed. It must be quick, and must not fail."""

    def appended(self, company_id: UUID, seq: int) -> None:
        """The company's log goes on at that position, if not farther."""
        ...

    def ended(self, account_id: UUID) -> None:
        """Login sessions of an account ended."""
        ...

    def tell(self, moment: Moment) -> None:
        """Something is so at this moment."""
        ...


class _Kind(Enum):
    PREPARE = auto()
    EXECUTE = auto()
    FORGET = auto()


# What a statement is prepared by: its text, and the types of its values.
_Key = tuple[str, tuple[int, ...]]
# One message to the server: its kind, key, name, text, values, and their types and forms. Without a name it is executed
# as it stands.
_Send = tuple[_Kind, _Key | None, bytes | None, bytes, Sequence[Any] | None, Sequence[int], Sequence[Format] | None]


class PipelineConnection(AsyncConnection[Any]):
    """psycopg's connection, and what is kept of it: the statements that it has prepared, the least recently used first;
    how values are adapted for it, found out once for each type; and who is told of what is sent, and of what was
    committed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.observer: Observer | None = None
        self.herald: Herald | None = None
        # Which trace this is in, as a `traceparent`; None where nothing is traced.
        self.trace: Callable[[], str | None] | None = None
        # Told of the positions that a committed transaction wrote, the first and the last of each company.
        self.on_written: Callable[[int, int], None] | None = None
        # What the transaction did that others are told of once it is committed.
        self.appended: dict[UUID, tuple[int, int]] = {}
        self.ended: set[UUID] = set()
        self.moments: list[Moment] = []
        self.adapting: Adapting = Transformer(self)
        self.names: OrderedDict[_Key, bytes] = OrderedDict()
        self.numbers = count()

    def proclaim(self) -> None:
        """Tells what the transaction did, which was committed."""
        appended, ended, moments = self.appended, self.ended, self.moments
        self.appended, self.ended, self.moments = {}, set(), []
        try:
            if self.on_written is not None:
                for first, last in appended.values():
                    self.on_written(first, last)
            if self.herald is None:
                return
            for company_id, (_, last) in appended.items():
                self.herald.appended(company_id, last)
            for account_id in ended:
                self.herald.ended(account_id)
            for moment in moments:
                self.herald.tell(moment)
        except Exception:
            # It is committed, whoever hears of it.
            log.exception("what was committed could not be announced")


async def send(connection: PipelineConnection, asked: Sequence[Asked]) -> list[Result]:
    """Sends all statements at once and answers their results: one round trip.

    Outside a transaction they are one implicit transaction. Raises PipelineFailed. A connection whose state is unclear
    afterwards, as when the task was cancelled, is closed.
    """
    prepares = connection.prepare_threshold is not None
    transformer, names = connection.adapting, connection.names
    # All values first: one that cannot be sent fails here, before anything counts as prepared.
    dumped = [_dumped(transformer, statement, values) for statement, values in asked]
    sends: list[_Send] = []
    for key, text, given, types, formats in dumped:
        if not prepares:
            sends.append((_Kind.EXECUTE, None, None, text.encode(), given, types, formats))
            continue
        name = names.get(key)
        if name is None:
            name = names[key] = b"flowtrack_%d" % next(connection.numbers)
            sends.append((_Kind.PREPARE, key, name, text.encode(), None, types, None))
        else:
            names.move_to_end(key)
        sends.append((_Kind.EXECUTE, None, name, b"", given, types, formats))
    if len(names) > MOST_PREPARED:
        sends.extend(
            (_Kind.FORGET, each, None, b"deallocate " + names[each], None, (), None)
            for each in [*names][: len(names) - MOST_PREPARED]
        )
    observer, began = connection.observer, perf_counter()
    try:
        async with connection.lock:
            done, error = await _carried_out(connection, _converse(connection.pgconn, sends))
    except BaseException as failure:
        # Whatever interrupted it, what the server has done of it is not known.
        connection.pgconn.finish()
        if observer is not None:
            observer.sent(asked, seconds=perf_counter() - began, failure=failure)
        raise
    if observer is not None:
        observer.sent(asked, seconds=perf_counter() - began, failure=error)
    kept: list[Result] = []
    for (kind, prepared, *_), result in zip_longest(sends, done):
        if kind is _Kind.EXECUTE and result is not None:
            kept.append(Result(transformer, result))
        elif prepared is not None and (kind is _Kind.PREPARE) is (result is None):
            # It was to be prepared and was not, or was to be forgotten and was.
            names.pop(prepared, None)
    if error is not None:
        raise PipelineFailed(error, kept)
    return kept


def _dumped(
    transformer: Adapting, statement: Statement, values: Mapping[str, Any]
) -> tuple[_Key, str, Sequence[Any] | None, Sequence[int], Sequence[Format] | None]:
    text, binding = statement.text, statement.binding
    if not statement.order:
        return (text, ()), text, None, (), None
    written = statement.written(values)
    if binding is not None and written is not None:
        return (text, binding.types), text, written, binding.types, binding.formats
    parameters = statement.parameters(values)
    given = transformer.dump_sequence(parameters, [PyFormat.AUTO] * len(parameters))
    types = transformer.types or ()
    return (text, types), text, given, types, transformer.formats


async def _carried_out(connection: PipelineConnection, conversation: PQGen[_Answered]) -> _Answered:
    """What psycopg's own waiting does, without its timer for each wait: a cancelled task is told so by the loop."""
    loop = asyncio.get_running_loop()
    try:
        awaited = next(conversation)
        while True:
            socket, found = connection.pgconn.socket, loop.create_future()
            if awaited & Wait.R:
                loop.add_reader(socket, _settle, found, Ready.R)
            if awaited & Wait.W:
                loop.add_writer(socket, _settle, found, Ready.W)
            try:
                ready = await found
            finally:
                loop.remove_reader(socket)
                if awaited & Wait.W:
                    loop.remove_writer(socket)
            awaited = conversation.send(ready)
    except StopIteration as end:
        answered: _Answered = end.value
        return answered
    except asyncio.CancelledError:
        # What nobody waits for any longer should not hold its locks either.
        with suppress(errors.Error):
            await connection.cancel_safe(timeout=_CANCELLED_WITHIN)
        raise


def _settle(found: asyncio.Future[Ready], ready: Ready) -> None:
    if not found.done():
        found.set_result(ready)


def _converse(connection: PGconn, sends: Sequence[_Send]) -> PQGen[_Answered]:
    """Sends everything, and answers the results up to the first failure, and that failure."""
    connection.enter_pipeline_mode()
    for kind, _, name, text, values, types, formats in sends:
        if name is None:
            connection.send_query_params(text, values, types, formats, Format.BINARY)
        elif kind is _Kind.PREPARE:
            connection.send_prepare(name, text, types)
        else:
            connection.send_query_prepared(name, values, formats, Format.BINARY)
    connection.pipeline_sync()
    yield from generators.send(connection)
    done: list[PGresult] = []
    error: errors.Error | None = None
    for _ in sends:
        (result, *_) = yield from generators.fetch_many(connection)
        if error is None and result.status == ExecStatus.FATAL_ERROR:
            error = errors.error_from_result(result)
        elif error is None:
            done.append(result)
    yield from generators.fetch_many(connection)
    connection.exit_pipeline_mode()
    return done, error
