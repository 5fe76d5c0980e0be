"""Several statements in one round trip: what they answer, what is kept prepared, and what a cancellation leaves."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from sqlalchemy import Integer, Text, bindparam, func, literal_column, select

from adapters.sql.connection import Connection, Database
from adapters.sql.pipeline import MOST_PREPARED, Asked, PipelineFailed, send
from adapters.sql.statement import Statement
from adapters.sql.system import SqlIdentityUnitOfWork
from adapters.sql.tables.work import tasks
from adapters.sql.unit_of_work import SqlUnitOfWork
from adapters.system.clock import SystemClock
from core.auth.errors import SessionEnded
from core.kernel.actor import Actor
from tests.integration.adapters.sql.conftest import narrow_database, no_context_is_left, opened, process_of
from tests.integration.adapters.sql.firms import Firm, Noted
from tests.integration.conftest import TestDatabase

COUNTED = Statement(select(func.count()).select_from(tasks))
NUMBER = Statement.plain("select %(number)s::integer")
ZERO_DIVIDED = Statement.plain("select 1 / %(zero)s::integer")
BOTH = pytest.mark.parametrize("prepared", [True, False], ids=["prepared", "not prepared"])


def the(number: int) -> Asked:
    return Asked(NUMBER, {"number": number})


def counted_as(number: int) -> Statement:
    """The tasks of a company, by a statement of its own for each number."""
    return Statement(select(func.count(), literal_column(str(number))).select_from(tasks))


async def kept(database: Database) -> list[str]:
    """The statements that the server keeps prepared on the one connection, but for psycopg's own ROLLBACK."""
    async with database.connection() as connection:
        cursor = await connection.execute("select statement from pg_prepared_statements", prepare=False)
        return [text for (text,) in await cursor.fetchall() if text != "rollback"]


@pytest.fixture
async def connection(narrow: Database) -> AsyncIterator[Connection]:
    async with narrow.connection() as found:
        yield found


# Statements


def test_a_parameter_that_is_named_twice_is_one_and_stands_where_it_came_first() -> None:
    statement = Statement.plain("select %(b)s::int, %(a)s::int, %(b)s::int")
    assert statement.text == "select $1::int, $2::int, $1::int"
    assert statement.order == ("b", "a")
    assert statement.parameters({"a": 1, "b": 2, "c": 3}) == [2, 1]


def test_a_value_that_is_missing_is_a_defect_and_not_null() -> None:
    with pytest.raises(KeyError):
        NUMBER.parameters({})


def test_a_value_that_the_statement_holds_is_used_unless_another_is_given() -> None:
    statement = Statement(select(bindparam("word", "held", type_=Text), bindparam("number", type_=Integer)))
    assert statement.parameters({"number": 1}) == ["held", 1]
    assert statement.parameters({"number": 1, "word": "given"}) == ["given", 1]


# What is answered


@BOTH
async def test_every_statement_is_answered_in_order(test_database: TestDatabase, prepared: bool) -> None:
    several = Statement.plain("select * from generate_series(1, %(most)s::integer)")
    async with narrow_database(test_database.application, prepared_statements=prepared) as database:
        async with database.connection() as connection:
            for _ in range(4):
                one, many, none = await send(
                    connection, [the(7), Asked(several, {"most": 3}), Asked(several, {"most": 0})]
                )
                assert (one.rows(), one.first(), one.count) == ([(7,)], (7,), 1)
                assert (many.rows(), many.first(), many.count) == ([(1,), (2,), (3,)], (1,), 3)
                assert (none.rows(), none.first(), none.count) == ([], None, 0)


@BOTH
async def test_values_come_back_as_they_went(test_database: TestDatabase, prepared: bool) -> None:
    given = {
        "text": 'It\'s "odd" \\ ✓ $1 %(x)s',
        "uuid": uuid.uuid4(),
        "instant": datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
        "bytes": b"\x00\xff",
        "words": ["a", None, "b,c"],
        "flag": True,
        "nothing": None,
        "large": 2**60,
    }
    asked = Statement.plain(
        "select %(text)s::text, %(uuid)s::uuid, %(instant)s::timestamptz, %(bytes)s::bytea, %(words)s::text[],"
        " %(flag)s::boolean, %(nothing)s::text, %(large)s::bigint"
    )
    async with narrow_database(test_database.application, prepared_statements=prepared) as database:
        async with database.connection() as connection:
            for _ in range(2):
                (found,) = await send(connection, [Asked(asked, given)])
                assert found.first() == tuple(given.values())


@BOTH
async def test_one_statement_with_values_of_several_types_is_each_time_understood(
    test_database: TestDatabase, prepared: bool
) -> None:
    async with narrow_database(test_database.application, prepared_statements=prepared) as database:
        async with database.connection() as connection:
            for _ in range(2):
                for number in (1, 40_000, None, 2_000_000_000):
                    (found,) = await send(connection, [Asked(NUMBER, {"number": number})])
                    assert found.rows() == [(number,)]


@BOTH
async def test_what_fails_is_named_with_what_was_done_before_it_and_the_rest_is_not_carried_out(
    test_database: TestDatabase, prepared: bool
) -> None:
    async with narrow_database(test_database.application, prepared_statements=prepared) as database:
        process = await process_of(database)
        async with database.connection() as connection:
            for _ in range(4):
                with pytest.raises(PipelineFailed) as failed:
                    await send(connection, [the(1), the(2), Asked(ZERO_DIVIDED, {"zero": 0}), the(3)])
                assert isinstance(failed.value.cause, psycopg.errors.DivisionByZero)
                assert [result.rows() for result in failed.value.done] == [[(1,)], [(2,)]]
                assert [result.rows() for result in await send(connection, [the(4)])] == [[(4,)]]
        assert await process_of(database) == process, "it was not one connection"


async def test_outside_of_a_transaction_all_statements_are_one(connection: Connection, firm: Firm) -> None:
    note = Statement.plain("select set_config('app.noted', %(word)s, false)")
    with pytest.raises(PipelineFailed):
        await send(connection, [Asked(note, {"word": "here"}), Asked(ZERO_DIVIDED, {"zero": 0})])
    (found,) = await send(connection, [Asked(Statement.plain("select current_setting('app.noted', true)"), {})])
    assert found.first() in ((None,), ("",))


# What is kept prepared


async def test_a_connection_keeps_so_many_statements_prepared_and_no_more(
    test_database: TestDatabase, firm: Firm
) -> None:
    firm.task(firm.project())
    numbers = range(MOST_PREPARED + 60)
    async with narrow_database(test_database.application) as database:
        process = await process_of(database)
        for turn in range(2):
            for number in numbers:
                found = await database.rows(firm.owner, counted_as(number), {}, also=(COUNTED, {}))
                assert (found.rows, found.also) == ([(1, number)], [(1,)])
            texts = await kept(database)
            assert len(texts) == len(set(texts)) == MOST_PREPARED
            # The oldest have gone; what every read uses never does.
            assert counted_as(numbers[-1]).text in texts
            assert counted_as(numbers[0]).text not in texts
            assert COUNTED.text in texts
            assert sum("open_company" in text for text in texts) == 1, turn
        assert await process_of(database) == process, "it was not one connection"


async def test_so_many_are_kept_whatever_the_statements_are_sent_within(
    test_database: TestDatabase, firm: Firm
) -> None:
    async with narrow_database(test_database.application) as database:
        for number in range(MOST_PREPARED + 30):
            async with SqlUnitOfWork(database, SystemClock(), firm.owner) as uow:
                ((found,),) = await uow.fetch((counted_as(number), {}))
                assert found == (0, number)
                uow.record(Noted(text="written"))
                if number % 2:
                    await uow.commit()
        assert len(await kept(database)) <= MOST_PREPARED
    assert firm.count("events") == (MOST_PREPARED + 30) // 2


async def test_one_pipeline_may_hold_more_statements_than_are_kept(connection: Connection) -> None:
    numbers = range(MOST_PREPARED + 20)
    for _ in range(2):
        asked = [Asked(Statement.plain(f"select {number}"), {}) for number in numbers]
        assert [result.first() for result in await send(connection, asked)] == [(number,) for number in numbers]


async def test_what_a_connection_found_out_of_values_holds_for_the_next_ones(connection: Connection) -> None:
    """Arrays of bytes are written as text, which only the connection knows how to escape."""
    every = [bytes(range(256)), b"", bytes(reversed(range(256)))]
    statement = Statement.plain("select %(bytes)s::bytea[], %(number)s::bigint, %(at)s::timestamptz")
    at = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    for given, number in ((every, 1), ([b"\\x00"], 2**40), ([], -(2**40)), (every, 1)):
        (result,) = await send(connection, [Asked(statement, {"bytes": given, "number": number, "at": at})])
        assert result.rows() == [(given, number, at)]


async def test_statements_that_are_not_to_be_prepared_are_not(test_database: TestDatabase, firm: Firm) -> None:
    async with narrow_database(test_database.application, prepared_statements=False) as database:
        for number in range(20):
            await database.rows(firm.owner, counted_as(number), {})
            async with SqlUnitOfWork(database, SystemClock(), firm.owner) as uow:
                uow.record(Noted(text="written"))
                await uow.commit()
        assert await kept(database) == []


async def test_reads_that_are_refused_leave_no_statements_behind_without_end(
    test_database: TestDatabase, firm: Firm
) -> None:
    """As when somebody who was signed out asks again and again."""
    stranger = firm.user()
    firm.sql("update login_sessions set revoked_at = now() where id = %s", (stranger.session_id,))
    async with narrow_database(test_database.application) as database:
        for _ in range(30):
            with pytest.raises(SessionEnded):
                await database.rows(stranger, COUNTED, {}, also=(counted_as(1), {}))
        assert len(await kept(database)) <= 5
        for _ in range(3):
            assert (await database.rows(firm.owner, COUNTED, {})).rows == [(0,)]
        assert len(await kept(database)) <= 5


async def test_refused_reads_of_many_shapes_stay_within_what_is_kept(test_database: TestDatabase, firm: Firm) -> None:
    stranger = firm.user()
    firm.sql("update login_sessions set revoked_at = now() where id = %s", (stranger.session_id,))
    async with narrow_database(test_database.application) as database:
        for number in range(MOST_PREPARED + 30):
            await database.rows(firm.owner, counted_as(number), {})
        for number in range(1_000, 1_000 + MOST_PREPARED):
            with pytest.raises(SessionEnded):
                await database.rows(stranger, counted_as(number), {})
        await database.rows(firm.owner, counted_as(2_000), {})
        assert len(await kept(database)) <= MOST_PREPARED + 5


@BOTH
@pytest.mark.parametrize("unsendable", ["a\0b", "a\ud800b"], ids=["nul", "surrogate"])
async def test_a_value_that_cannot_be_sent_spoils_nothing_for_the_next_caller(
    test_database: TestDatabase, firm: Firm, prepared: bool, unsendable: str
) -> None:
    """It is noticed before anything is sent: what stands before it in the pipeline is not prepared either."""
    word = Statement.plain("select %(word)s::text")
    new = counted_as(uuid.uuid4().int % 1_000_000)
    async with narrow_database(test_database.application, prepared_statements=prepared) as database:
        process = await process_of(database)
        for _ in range(2):
            with pytest.raises((psycopg.Error, ValueError)):
                await database.rows(firm.owner, new, {}, also=(word, {"word": unsendable}))
            for _ in range(2):
                found = await database.rows(firm.owner, new, {}, also=(word, {"word": "well"}))
                assert found.also == [("well",)]
        assert await process_of(database) == process, "it was not one connection"


# Cancelled in the middle


@pytest.fixture
async def pool(test_database: TestDatabase) -> AsyncIterator[Database]:
    """Two connections."""
    async with opened(Database(url=test_database.application, largest=2)) as database:
        yield database


async def is_whole(database: Database, firm: Firm) -> None:
    """All connections are there, free, without a transaction, role or company, and answer what was never asked yet."""
    for _ in range(200):
        stats = database._pool.get_stats()
        if stats["pool_size"] == stats["pool_available"] == 2 and not stats.get("requests_waiting"):
            break
        await asyncio.sleep(0.01)
    else:
        pytest.fail(f"the pool is not whole: {stats}")
    async with database.connection():
        await is_clean(database, firm)  # the one
        async with database.connection():
            pass
    async with database.connection() as first, database.connection() as second:
        assert first is not second
        for each in (first, second):
            assert each.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
            assert each.pgconn.pipeline_status == psycopg.pq.PipelineStatus.OFF
            fresh = uuid.uuid4().int % 1_000_000
            for number in (fresh, fresh + 1):
                one, two = await send(each, [Asked(Statement.plain(f"select {number}"), {}), the(number)])
                assert (one.first(), two.first()) == ((number,), (number,))


async def is_clean(database: Database, firm: Firm) -> None:
    await no_context_is_left(database)
    assert (await database.rows(firm.owner, COUNTED, {})).rows == [(0,)]
    async with SqlUnitOfWork(database, SystemClock(), firm.owner) as uow:
        assert await uow.fetch((COUNTED, {})) == [[(0,)]]
        await uow.commit()
    async with SqlIdentityUnitOfWork(database) as identity:
        assert await identity.memberships(firm.owner.account_id) != ()


async def cancelled(asked: Awaitable[Any], *, when: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.ensure_future(asked)
    await when()
    assert not task.done(), "it was too quick to be cancelled"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)


def working(superuser: psycopg.Connection[Any]) -> Callable[[], Awaitable[None]]:
    """Waits until the server works on what was asked."""

    async def wait() -> None:
        for _ in range(200):
            await asyncio.sleep(0.01)
            found = superuser.execute(
                "select from pg_stat_activity where usename = 'test_app' and datname = current_database()"
                " and (wait_event_type = 'Lock' or wait_event = 'PgSleep')"
            ).fetchall()
            if found:
                return
        pytest.fail("nothing was asked")

    return wait


SLOW = Statement(select(func.count(), func.pg_sleep(20)).select_from(tasks))


@pytest.mark.parametrize("used_before", [False, True], ids=["fresh", "used"])
async def test_a_read_that_is_cancelled_leaves_the_pool_whole(
    pool: Database, firm: Firm, superuser: psycopg.Connection[Any], used_before: bool
) -> None:
    if used_before:
        await is_whole(pool, firm)
    for _ in range(3):
        await cancelled(pool.rows(firm.owner, SLOW, {}, also=(COUNTED, {})), when=working(superuser))
        await is_whole(pool, firm)


@pytest.mark.parametrize("used_before", [False, True], ids=["fresh", "used"])
async def test_a_beginning_that_is_cancelled_leaves_the_pool_whole(
    pool: Database, firm: Firm, superuser: psycopg.Connection[Any], used_before: bool
) -> None:
    if used_before:
        await is_whole(pool, firm)
    for _ in range(3):
        await cancelled(pool.begin(firm.owner, [Asked(SLOW, {})]), when=working(superuser))
        await is_whole(pool, firm)


@pytest.mark.parametrize("used_before", [False, True], ids=["fresh", "used"])
async def test_a_commit_that_is_cancelled_leaves_the_pool_whole_and_writes_nothing(
    pool: Database, firm: Firm, superuser: psycopg.Connection[Any], test_database: TestDatabase, used_before: bool
) -> None:
    if used_before:
        await is_whole(pool, firm)

    async def write() -> None:
        async with SqlUnitOfWork(pool, SystemClock(), firm.owner) as uow:
            uow.record(Noted(text="written"))
            await uow.commit()

    for _ in range(3):
        with psycopg.connect(test_database.superuser) as holder:
            holder.execute("select from event_sequences where company_id = %s for update", (firm.id,))
            await cancelled(write(), when=working(superuser))
        await is_whole(pool, firm)
    assert firm.count("events") == 0
    await write()
    assert firm.count("events") == 1


async def test_a_statement_of_a_transaction_that_is_cancelled_leaves_the_pool_whole(
    pool: Database, firm: Firm, superuser: psycopg.Connection[Any]
) -> None:
    async def work() -> None:
        async with SqlUnitOfWork(pool, SystemClock(), firm.owner) as uow:
            await uow.fetch((COUNTED, {}), (SLOW, {}))

    for _ in range(3):
        await cancelled(work(), when=working(superuser))
        await is_whole(pool, firm)


async def read(database: Database, firm: Firm) -> None:
    await database.rows(firm.owner, COUNTED, {}, also=(counted_as(uuid.uuid4().int % 1_000_000), {}))


async def begin(database: Database, firm: Firm) -> None:
    connection, _, _ = await database.begin(firm.owner, [Asked(COUNTED, {}), the(1)])
    await asyncio.shield(database.end(connection))


async def write(database: Database, firm: Firm) -> None:
    async with SqlUnitOfWork(database, SystemClock(), firm.owner) as uow:
        await uow.fetch((COUNTED, {}))
        await uow.commit()


async def sign_in(database: Database, firm: Firm) -> None:
    async with SqlIdentityUnitOfWork(database) as uow:
        await uow.memberships(firm.owner.account_id)
        await uow.commit()


async def begin_upkeep(database: Database, firm: Firm) -> None:
    connection = await database.begin_upkeep()
    await asyncio.shield(database.end(connection))


@pytest.mark.parametrize("door", [read, begin, write, sign_in, begin_upkeep], ids=lambda door: door.__name__)
async def test_wherever_a_request_is_cancelled_the_pool_stays_whole(
    pool: Database, firm: Firm, door: Callable[[Database, Firm], Awaitable[None]]
) -> None:
    """At each turn of the event loop, from before the first to after the last."""
    stopped = 0
    for turns in (*range(40), *range(40, 200, 8)):
        task = asyncio.ensure_future(door(pool, firm))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        try:
            await asyncio.wait_for(task, 10)
        except asyncio.CancelledError:
            stopped += 1
        await is_whole(pool, firm)
    assert stopped >= 5


async def test_callers_that_are_cancelled_by_the_dozen_while_others_go_on_take_nothing_with_them(
    pool: Database, firm: Firm
) -> None:
    answered = 0

    async def stays(turn: int) -> None:
        nonlocal answered
        for door in (read, write, sign_in):
            await door(pool, firm)
            answered += 1

    leaving = [asyncio.ensure_future(door(pool, firm)) for door in (read, write, sign_in, begin) for _ in range(10)]
    staying = [asyncio.ensure_future(stays(turn)) for turn in range(10)]
    for task in leaving:
        await asyncio.sleep(0.001)
        task.cancel()
    await asyncio.gather(*leaving, return_exceptions=True)
    await asyncio.gather(*staying)
    assert answered == 30
    await is_whole(pool, firm)


async def test_the_connection_that_was_used_last_is_taken_first(pool: Database, firm: Firm) -> None:
    await is_whole(pool, firm)
    async with pool.connection() as first:
        async with pool.connection() as second:
            processes = first.info.backend_pid, second.info.backend_pid
    assert len(set(processes)) == 2
    for _ in range(3):
        assert await process_of(pool) == processes[0], "it was given back last"
