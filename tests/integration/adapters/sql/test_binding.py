"""Values as they are written once their types are known: the same as psycopg would have sent, or left to it."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Text,
    Uuid,
    bindparam,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from adapters.sql.connection import Connection, Database
from adapters.sql.pipeline import Asked, PipelineFailed, send
from adapters.sql.statement import Statement
from tests import pooler

ID = uuid.UUID("01920000-0000-7000-8000-0000000000ff")
AT = datetime(2026, 11, 29, 12, 30, 15, 123456, UTC)

FITTING = [
    (Uuid, "uuid", [ID, uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)]),
    (Text, "text", ["", "words", "Ünï ☃ \U0001f600", "1"]),
    (SmallInteger, "smallint", [0, -(2**15), 2**15 - 1]),
    (Integer, "integer", [0, -(2**31), 2**31 - 1]),
    (BigInteger, "bigint", [0, -(2**63), 2**63 - 1]),
    (Boolean, "boolean", [True, False]),
    (LargeBinary, "bytea", [b"", b"\x00\xff"]),
    (
        DateTime(timezone=True),
        "timestamptz",
        [
            AT,
            datetime(1970, 1, 1, tzinfo=UTC),
            datetime(1, 1, 1, tzinfo=UTC),
            AT.astimezone(timezone(timedelta(hours=9))),
        ],
    ),
    (Date, "date", [date(2026, 11, 29), date(1, 1, 1), date(9999, 12, 31)]),
    (JSONB, "jsonb", [Jsonb({"a": [1, None, "Ü"]}), Jsonb("text")]),
    (ARRAY(Uuid), "uuid[]", [[], [ID], [ID, None, uuid.UUID(int=0)]]),
    (ARRAY(Text), "text[]", [[], [""], ["a,b", '"', "\\", None, "NULL", "{}"]]),
    (ARRAY(BigInteger), "bigint[]", [[], [1, None, 2**63 - 1]]),
    (ARRAY(Integer), "integer[]", [[1, -1]]),
    (ARRAY(Boolean), "boolean[]", [[True, None, False]]),
    (ARRAY(Date), "date[]", [[date(2026, 11, 29), None]]),
]
# The kind, a value of another one, and whether PostgreSQL takes that all the same.
MISFITS = [
    (Uuid, str(ID), True),
    (Uuid, "none at all", False),
    (Text, 12, True),
    (Text, "with a \x00", False),
    (Integer, 2**31, False),
    (Integer, "12", True),
    (Integer, "twelve", False),
    (BigInteger, 2**63, False),
    (Boolean, 1, True),
    (LargeBinary, memoryview(b"seen"), True),
    (DateTime(timezone=True), datetime(2026, 11, 29), True),  # noqa: DTZ001  (this is about one without a zone)
    (DateTime(timezone=True), "2026-11-29T00:00:00Z", True),
    (Date, AT, True),
    (ARRAY(Uuid), [str(ID)], True),
    (ARRAY(Text), "{a,b}", True),
    (ARRAY(Text), ["with a \x00"], False),
]


@pytest.fixture
async def connection(narrow: Database) -> AsyncIterator[Connection]:
    async with narrow.connection() as found:
        yield found


def asking(type_: Any) -> Statement:
    return Statement(select(bindparam("value", type_=type_)))


async def as_psycopg_sends(connection: Connection, statement: Statement, value: Any) -> Any:
    cursor = psycopg.AsyncRawCursor(connection)
    cursor.format = psycopg.pq.Format.BINARY
    await cursor.execute(statement.text, statement.parameters({"value": value}))
    found = await cursor.fetchone()
    assert found is not None
    return found[0]


@pytest.mark.parametrize(("type_", "cast", "values"), FITTING, ids=[cast for _, cast, _ in FITTING])
async def test_what_fits_arrives_as_if_psycopg_had_sent_it(
    connection: Connection, type_: Any, cast: str, values: list[Any]
) -> None:
    for statement in (asking(type_), Statement.plain(f"select %(value)s::{cast}")):
        for value in [*values, None]:
            assert statement.written({"value": value}) is not None, (statement.text, value)
            (result,) = await send(connection, [Asked(statement, {"value": value})])
            assert result.rows() == [(await as_psycopg_sends(connection, statement, value),)]


@pytest.mark.parametrize(("type_", "value", "is_taken"), MISFITS)
async def test_what_does_not_fit_is_left_to_psycopg(
    connection: Connection, type_: Any, value: Any, is_taken: bool
) -> None:
    statement = asking(type_)
    assert statement.written({"value": value}) is None
    if is_taken:
        (result,) = await send(connection, [Asked(statement, {"value": value})])
        assert result.rows() == [(await as_psycopg_sends(connection, statement, value),)]
    else:
        with pytest.raises((psycopg.Error, PipelineFailed)):
            await send(connection, [Asked(statement, {"value": value})])


async def test_one_prepared_statement_serves_whatever_is_null_in_it(narrow: Database) -> None:
    statement = Statement.plain("select %(a)s::uuid, %(b)s::text, %(c)s::integer")
    given = {"a": ID, "b": "b", "c": 70_000}
    async with narrow.connection() as connection:
        before = len(connection.names)
        for left_out in (None, *given):
            values = {name: None if name == left_out else value for name, value in given.items()}
            (result,) = await send(connection, [Asked(statement, {**values, "c": values["c"] and 1})])
            assert result.count == 1
        # Behind a pooler nothing is prepared.
        assert len(connection.names) == before + (0 if pooler.is_wanted() else 1)


async def test_one_text_with_values_of_two_kinds_is_prepared_for_each(narrow: Database) -> None:
    boolean, octets = asking(Boolean), asking(LargeBinary)
    assert boolean.text == octets.text
    async with narrow.connection() as connection:
        both = await send(connection, [Asked(boolean, {"value": True}), Asked(octets, {"value": b"abc"})])
        assert [each.rows() for each in both] == [[(True,)], [(b"abc",)]]


def test_a_kind_that_nobody_knows_here_is_psycopgs_for_the_whole_statement() -> None:
    statement = Statement(select(bindparam("price", type_=Numeric), bindparam("number", type_=Integer)))
    assert statement.binding is None
    assert Statement.plain("select %(number)s::integer, %(either)s").binding is None
    assert Statement.plain("select %(a)s::integer, %(a)s::text").binding is None


def test_a_value_that_is_missing_is_a_defect_here_too() -> None:
    with pytest.raises(KeyError):
        asking(Integer).written({})


def test_what_the_statement_holds_is_written_unless_another_is_given() -> None:
    statement = Statement(select(bindparam("word", "held", type_=Text)))
    assert statement.written({}) == [b"held"]
    assert statement.written({"word": "given"}) == [b"given"]
