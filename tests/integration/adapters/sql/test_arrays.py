"""Arrays that are written by hand, as PostgreSQL reads them."""

import uuid
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest

from adapters.sql.arrays import array, array_of_texts
from core.tasks.fields import Status
from tests.integration.conftest import TestDatabase

FIRST, SECOND = uuid.UUID(int=1), uuid.UUID("0193f1c2-5a1e-7c3b-9d2f-112233445566")
NASTY = ["", " ", '"', "\\", '\\"', "a,b", "{a}", "NULL", "null", "'", "\n\t", "\u00fc\u4e00\U0001f600", ' "x" ', "\\n"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("uuid", [FIRST, SECOND, None]),
        ("uuid", [FIRST] * 3),
        ("uuid", [None, None]),
        ("text", NASTY),
        ("text", [*NASTY, None]),
        ("text", ["same"] * 3),
        ("text", [Status.TODO, Status.IN_PROGRESS]),
        ("integer", [1, -2, None]),
        ("integer", [0, 1, 0]),
        ("bigint", range(3)),
        ("boolean", [True, False]),
        ("boolean", [True, True]),
        ("date", [date(2026, 12, 31), date(1, 1, 1), None]),
        ("timestamptz", [datetime(2026, 12, 31, 23, 59, 59, 999999, UTC), datetime(2026, 1, 1, tzinfo=UTC), None]),
        ("uuid", []),
    ],
)
def test_an_array_is_read_as_the_values_that_it_was_written_from(
    test_database: TestDatabase, kind: str, values: Any
) -> None:
    assert read(test_database, kind, array(values)) == [*values]


def test_lists_of_texts_are_read_as_the_texts_of_arrays(test_database: TestDatabase) -> None:
    lists = [(), ("a",), tuple(NASTY), ("NULL", "b")]
    written = read(test_database, "text", array(lists))
    assert [read(test_database, "text", each) for each in written] == [[*each] for each in lists]


def test_texts_are_read_whatever_stands_in_them(test_database: TestDatabase) -> None:
    assert read(test_database, "text", array_of_texts(NASTY)) == NASTY


def read(database: TestDatabase, kind: str, text: str) -> list[Any]:
    with psycopg.connect(database.application) as connection:
        row = connection.execute(f"select %s::{kind}[]", [text]).fetchone()
        assert row is not None
        found: list[Any] = row[0]
        return found
