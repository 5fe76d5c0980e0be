"""Several statements in one round trip, straight on libpq's pipeline mode.

psycopg's own pipeline does the same in general; for the one use that every request makes of it, this is 2.7 times
cheaper in processor time (docs/performance.md), and the processor is what limits the server. The public parts of
psycopg do the work: its adapters, its waiting, its errors.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection, errors, generators
from psycopg.abc import PQGen
from psycopg.abc import Transformer as Adapting
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus, Format, PipelineStatus
from psycopg.pq.abc import PGconn, PGresult

from adapters.sql.statement import Statement

Row = tuple[Any, ...]
# What one connection keeps prepared at most: each costs the server's memory, and shapes of filters are many.
MOST_PREPARED = 150


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
        result = self._result
        if not result.ntuples:
            return []
        self._transformer.set_pgresult(result, set_loaders=True)
        return self._transformer.load_rows(0, result.ntuples, tuple)

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


class _Send(NamedTuple):
    """One message to the server: a statement to prepare, to execute by name, or to execute as it stands."""

    name: bytes | None
    prepares: bool
    text: bytes
    parameters: Sequence[Any] | None
    types: Sequence[int]
    formats: Sequence[Format] | None


class _Prepared:
    """The statements that one connection has prepared, the least recently used first."""

    def __init__(self) -> None:
        self.names: OrderedDict[tuple[str, tuple[int, ...]], bytes] = OrderedDict()
        self.numbers = count()


_prepared: WeakKeyDictionary[AsyncConnection[Any], _Prepared] = WeakKeyDictionary()


async def send(connection: AsyncConnection[Any], asked: Sequence[Asked]) -> list[Result]:
    """Sends all statements at once and answers their results: one round trip.

    Outside a transaction they are one implicit transaction. Raises PipelineFailed. A connection whose state is unclear
    afterwards, as when the task was cancelled, is closed.
    """
    transformer: Adapting = Transformer.from_context(connection)
    prepares = connection.prepare_threshold is not None
    known = _prepared.get(connection)
    if known is None:
        known = _prepared[connection] = _Prepared()
    new: list[tuple[str, tuple[int, ...]]] = []
    sends: list[_Send] = []
    for statement, values in asked:
        parameters = statement.parameters(values)
        given: Sequence[Any] | None = None
        types: tuple[int, ...] = ()
        formats: Sequence[Format] | None = None
        if parameters:
            given = transformer.dump_sequence(parameters, [PyFormat.AUTO] * len(parameters))
            types, formats = transformer.types or (), transformer.formats
        text = statement.text.encode()
        if not prepares:
            sends.append(_Send(None, False, text, given, types, formats))
            continue
        key = (statement.text, types)
        name = known.names.get(key)
        if name is None:
            name = known.names[key] = b"flowtrack_%d" % next(known.numbers)
            new.append(key)
            sends.append(_Send(name, True, text, None, types, None))
        else:
            known.names.move_to_end(key)
        sends.append(_Send(name, False, b"", given, types, formats))
    while len(known.names) > MOST_PREPARED:
        _, forgotten = known.names.popitem(last=False)
        sends.append(_Send(None, False, b"deallocate " + forgotten, None, (), None))
    try:
        async with connection.lock:
            kept, error = await connection.wait(_converse(connection.pgconn, sends))
    except BaseException:
        _prepared.pop(connection, None)
        if connection.pgconn.pipeline_status != PipelineStatus.OFF:
            connection.pgconn.finish()
        raise
    results = [Result(transformer, result) for result in kept[: len(asked)]]
    if error is not None:
        for key in new:
            known.names.pop(key, None)
        raise PipelineFailed(error, results)
    return results


def _converse(connection: PGconn, sends: Sequence[_Send]) -> PQGen[tuple[list[PGresult], errors.Error | None]]:
    connection.enter_pipeline_mode()
    for each in sends:
        if each.name is None:
            connection.send_query_params(each.text, each.parameters, each.types, each.formats, Format.BINARY)
        elif each.prepares:
            connection.send_prepare(each.name, each.text, each.types)
        else:
            connection.send_query_prepared(each.name, each.parameters, each.formats, Format.BINARY)
    connection.pipeline_sync()
    yield from generators.send(connection)
    kept: list[PGresult] = []
    error: errors.Error | None = None
    for each in sends:
        (result, *_) = yield from generators.fetch_many(connection)
        if error is not None:
            continue
        if result.status == ExecStatus.FATAL_ERROR:
            error = errors.error_from_result(result)
        elif not each.prepares:
            kept.append(result)
    yield from generators.fetch_many(connection)
    connection.exit_pipeline_mode()
    return kept, error
