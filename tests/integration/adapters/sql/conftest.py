"""The product's Database on the shared, migrated database, as the application role."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import psycopg
import pytest

from adapters.sql.connection import Database
from adapters.system.clock import SystemClock
from tests import pooler
from tests.integration.adapters.sql.firms import Firm, Firms
from tests.integration.conftest import TestDatabase


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[Database]:
    """A Database, connected and closed again."""
    try:
        await database.open()
        yield database
    finally:
        await database.close()


def with_parameters(url: str, **parameters: str) -> str:
    """The URL with more of libpq's parameters."""
    parts = urlsplit(url)
    more = urlencode(parameters, quote_via=quote)
    return urlunsplit(parts._replace(query=f"{parts.query}&{more}" if parts.query else more))


@asynccontextmanager
async def narrow_database(url: str, *, prepared_statements: bool = True) -> AsyncIterator[Database]:
    """A Database with one single connection to give, so that whatever is left on it meets the next caller."""
    narrow = Database(url=url, prepared_statements=prepared_statements, largest=2)
    async with opened(narrow) as database, database.connection():
        yield database


async def process_of(database: Database) -> int:
    """The server's process behind the one connection of a narrow Database."""
    async with database.connection() as connection:
        return connection.info.backend_pid


async def no_context_is_left(database: Database) -> None:
    """The next caller of the one connection finds no company on it, and an open statement sees nothing."""
    async with database.connection() as connection:
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        setting = await (await connection.execute("select current_setting('app.company_id', true)")).fetchone()
        assert setting in ((None,), ("",))
        assert await (await connection.execute("select count(*) from tasks")).fetchone() == (0,)
        assert await (await connection.execute("select current_user = session_user")).fetchone() == (True,)


@pytest.fixture
async def narrow(test_database: TestDatabase) -> AsyncIterator[Database]:
    async with narrow_database(test_database.product, prepared_statements=not pooler.is_wanted()) as database:
        yield database


@pytest.fixture(scope="session")
async def database(test_database: TestDatabase) -> AsyncIterator[Database]:
    async with opened(Database(url=test_database.product, prepared_statements=not pooler.is_wanted())) as found:
        yield found


@pytest.fixture(scope="session")
def superuser(test_database: TestDatabase) -> Iterator[psycopg.Connection[Any]]:
    """Sees everything: for set-up, controls, and looking at what came of it."""
    with psycopg.connect(test_database.superuser, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def firms(superuser: psycopg.Connection[Any]) -> Firms:
    return Firms(connection=superuser)


@pytest.fixture
def firm(firms: Firms) -> Firm:
    return firms.new()


@pytest.fixture
def other(firms: Firms) -> Firm:
    """Another company, of which `firm` is to know nothing."""
    return firms.new()


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()
