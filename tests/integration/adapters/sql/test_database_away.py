"""PostgreSQL stopped, killed and started again under one Database, on a server of these tests' own."""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, select

from adapters.postgres_embedded.database import make_database, urls
from adapters.postgres_embedded.postmaster import Postmaster
from adapters.postgres_embedded.server import EmbeddedPostgres
from adapters.sql.connection import Database
from adapters.sql.migrating import migrate
from adapters.sql.statement import Statement
from adapters.sql.system import SqlIdentityUnitOfWork
from adapters.sql.tables.log import events
from adapters.sql.unit_of_work import SqlUnitOfWork
from adapters.system.clock import SystemClock
from core.kernel.actor import Actor
from core.kernel.errors import DatabaseAway
from tests.integration.adapters.sql.conftest import opened
from tests.integration.adapters.sql.firms import Firms, Noted

COUNTED = Statement(select(func.count()).select_from(events))
PATIENCE = 6.0  # seconds within which every question is answered, one way or the other


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A migrated database on a server that may be stopped."""

    server: EmbeddedPostgres
    url: str
    owner: Actor

    def stop(self) -> None:
        self.server.stop()

    def start(self) -> None:
        self.server.start()

    def kill(self) -> None:
        running = Postmaster.of(cluster=self.server.folder.resolve())
        assert running is not None
        os.kill(running.process, signal.SIGKILL)


@contextmanager
def made(folder: Path) -> Iterator[Cluster]:
    server = EmbeddedPostgres(folder=folder / "postgres")
    superuser_url = server.start()
    try:
        make_database(superuser_url=superuser_url, data_dir=folder)
        found = urls(superuser_url=superuser_url, data_dir=folder)
        migrate(owner_url=found.owner, application_url=found.application)
        with psycopg.connect(superuser_url.replace("/postgres?", "/flowtrack?"), autocommit=True) as connection:
            owner = Firms(connection=connection).new().owner
        yield Cluster(server=server, url=found.application, owner=owner)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def one_cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="flowtrack-away-") as folder, made(Path(folder)) as cluster:
        yield cluster


@pytest.fixture
def cluster(one_cluster: Cluster) -> Iterator[Cluster]:
    """Running before and after each test."""
    one_cluster.start()
    yield one_cluster
    one_cluster.start()


@pytest.fixture
async def database(cluster: Cluster) -> AsyncIterator[Database]:
    async with opened(Database(url=cluster.url, largest=8)) as found:
        yield found


async def read(database: Database, cluster: Cluster) -> int:
    """How many events there are."""
    return int((await database.rows(cluster.owner, COUNTED, {})).rows[0][0])


async def write(database: Database, cluster: Cluster) -> int:
    async with SqlUnitOfWork(database, SystemClock(), cluster.owner) as uow:
        uow.record(Noted(text="written"))
        return await uow.commit()


async def sign_in(database: Database, cluster: Cluster) -> None:
    async with SqlIdentityUnitOfWork(database) as uow:
        assert await uow.memberships(cluster.owner.account_id) != ()


DOORS: list[Callable[[Database, Cluster], Awaitable[Any]]] = [read, write, sign_in]


async def warm(database: Database, cluster: Cluster, *, connections: int = 8) -> None:
    """Fills the pool with connections that were used."""
    started = 0
    everybody = asyncio.Event()

    async def hold() -> None:
        nonlocal started
        async with database.connection() as connection:
            await connection.execute("select 1")
            started += 1
            if started == connections:
                everybody.set()
            await asyncio.wait_for(everybody.wait(), 5)

    await asyncio.gather(*(hold() for _ in range(connections)))


async def within(seconds: float, asked: Awaitable[Any]) -> Any:
    begun = time.monotonic()
    try:
        return await asked
    finally:
        assert time.monotonic() - begun < seconds


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
async def test_after_a_restart_the_first_question_is_answered_although_all_connections_are_stale(
    cluster: Cluster, database: Database, door: Callable[[Database, Cluster], Awaitable[Any]]
) -> None:
    await warm(database, cluster)
    cluster.stop()
    cluster.start()
    await within(PATIENCE, door(database, cluster))


async def test_after_a_restart_many_questions_at_once_are_answered(cluster: Cluster, database: Database) -> None:
    await warm(database, cluster)
    cluster.stop()
    cluster.start()
    answers = await asyncio.gather(
        *(door(database, cluster) for door in DOORS for _ in range(8)), return_exceptions=True
    )
    assert [answer for answer in answers if isinstance(answer, BaseException)] == []


async def test_while_it_is_away_every_door_says_so_in_time_and_afterwards_all_goes_on(
    cluster: Cluster, database: Database
) -> None:
    await warm(database, cluster, connections=4)
    before = await write(database, cluster)
    cluster.stop()
    for _ in range(2):  # at first on stale connections, then on none
        *answers, alive = await asyncio.gather(
            *(within(PATIENCE, door(database, cluster)) for door in DOORS),
            within(PATIENCE, database.is_alive()),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [DatabaseAway] * 3
        assert alive is False
    cluster.start()
    begun = time.monotonic()
    while not await database.is_alive():
        assert time.monotonic() - begun < 5, "it did not come back without a restart of the process"
    assert await write(database, cluster) == before + 1
    assert await read(database, cluster) == before + 1


async def test_a_server_that_is_killed_loses_no_acknowledged_write_and_invents_none(
    cluster: Cluster, database: Database
) -> None:
    before = await read(database, cluster)
    acknowledged: list[int] = []
    refused = 0

    async def writer() -> None:
        nonlocal refused
        while not refused:
            try:
                acknowledged.append(await write(database, cluster))
            except DatabaseAway:
                refused += 1

    writers = [asyncio.create_task(writer()) for _ in range(4)]
    await asyncio.sleep(0.3)
    cluster.kill()
    await asyncio.gather(*writers)
    await asyncio.to_thread(cluster.start)
    begun = time.monotonic()
    while not await database.is_alive():
        assert time.monotonic() - begun < 5
    kept = await read(database, cluster)
    assert len(acknowledged) > 20
    assert sorted(acknowledged) == list(range(before + 1, before + 1 + len(acknowledged)))
    # One whose answer was lost on the way may have been written too.
    assert before + len(acknowledged) <= kept <= before + len(acknowledged) + len(writers)
    assert await write(database, cluster) == kept + 1


async def test_a_transaction_under_way_when_the_server_goes_is_a_passing_trouble(
    cluster: Cluster, database: Database
) -> None:
    before = await read(database, cluster)
    with pytest.raises(DatabaseAway):
        async with SqlUnitOfWork(database, SystemClock(), cluster.owner) as uow:
            uow.record(Noted(text="lost"))
            cluster.stop()
            await uow.commit()
    cluster.start()
    assert await read(database, cluster) == before


async def test_opening_while_it_is_away_says_so(cluster: Cluster) -> None:
    cluster.stop()
    with pytest.raises(DatabaseAway):
        async with opened(Database(url=cluster.url)):
            pytest.fail("it was opened")
