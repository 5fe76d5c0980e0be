"""Workers are woken by procrastinate on PostgreSQL, as the application's role, in a schema of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from uuid import uuid4

import psycopg
import pytest
from procrastinate import App

from adapters.jobs import queue as queues
from adapters.jobs import schema
from adapters.jobs.queue import ProcrastinateQueue
from adapters.sql.migrating import make_job_schema
from core.jobs.model import JobRef
from tests.integration.conftest import APPLICATION, TestDatabase

PATIENCE = 60.0


class Worker:
    """Takes what it is woken for, and may hold it."""

    def __init__(self) -> None:
        self.taken: list[JobRef] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.was_stopped = False

    async def __call__(self, ref: JobRef) -> None:
        self.taken.append(ref)
        try:
            await self.may_go_on.wait()
        except asyncio.CancelledError:
            self.was_stopped = True
            raise

    async def has_taken(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.taken) < count:
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def working(database: TestDatabase, worker: Worker) -> AsyncIterator[ProcrastinateQueue]:
    queue = ProcrastinateQueue(url=database.application)
    task = asyncio.create_task(queue.work(worker))
    try:
        yield queue
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await queue.close()


@pytest.fixture
async def waking(test_database: TestDatabase) -> AsyncIterator[ProcrastinateQueue]:
    queue = ProcrastinateQueue(url=test_database.application)
    yield queue
    await queue.close()


@pytest.fixture(autouse=True)
def nothing_left(test_database: TestDatabase) -> None:
    with psycopg.connect(test_database.superuser, autocommit=True) as connection:
        connection.execute(f"truncate {schema.SCHEMA}.procrastinate_jobs cascade")


def refs(count: int) -> list[JobRef]:
    return [JobRef(uuid4(), uuid4()) for _ in range(count)]


def left(database: TestDatabase) -> list[tuple[str]]:
    with psycopg.connect(database.superuser) as connection:
        return connection.execute(f"select status::text from {schema.SCHEMA}.procrastinate_jobs order by id").fetchall()


async def test_a_worker_of_another_process_is_woken_at_once(
    test_database: TestDatabase, waking: ProcrastinateQueue
) -> None:
    worker, wanted = Worker(), refs(3)
    async with working(test_database, worker):
        await asyncio.sleep(0.5)
        began = asyncio.get_running_loop().time()
        await waking.wake(*wanted)
        await worker.has_taken(3)
        assert asyncio.get_running_loop().time() - began < 2
    assert sorted(worker.taken) == sorted(wanted)
    assert left(test_database) == []


async def test_a_job_that_waits_is_woken_for_once(test_database: TestDatabase, waking: ProcrastinateQueue) -> None:
    (ref,) = refs(1)
    await waking.wake(ref, ref)
    await waking.wake(ref)
    assert left(test_database) == [("todo",)]


async def test_a_worker_that_is_told_to_stop_lets_go_within_seconds(
    test_database: TestDatabase, waking: ProcrastinateQueue
) -> None:
    worker = Worker()
    worker.may_go_on.clear()
    async with working(test_database, worker):
        await waking.wake(*refs(1))
        await worker.has_taken(1)
        began = asyncio.get_running_loop().time()
    assert worker.was_stopped
    assert asyncio.get_running_loop().time() - began < 6
    assert left(test_database) == []


async def test_what_a_dead_worker_had_taken_is_taken_away(
    test_database: TestDatabase, waking: ProcrastinateQueue
) -> None:
    await waking.wake(*refs(1))
    with psycopg.connect(test_database.superuser, autocommit=True) as connection:
        connection.execute(f"set search_path = {schema.SCHEMA}")
        connection.execute(
            f"with dead as (insert into {schema.SCHEMA}.procrastinate_workers (last_heartbeat)"
            f" values (now() - interval '1 hour') returning id)"
            f" update {schema.SCHEMA}.procrastinate_jobs set status = 'doing', worker_id = (select id from dead)"
        )
    await waking.tidy()
    assert left(test_database) == []


async def test_where_nobody_answers_nothing_is_raised_and_nobody_waits_for_long() -> None:
    queue = ProcrastinateQueue(url="postgresql://nobody@127.0.0.1:1/nothing")
    async with asyncio.timeout(PATIENCE):
        await queue.wake(*refs(1))
    await queue.close()


def test_the_schema_of_another_release_is_made_anew(test_database: TestDatabase) -> None:
    with psycopg.connect(test_database.superuser, autocommit=True) as connection:
        assert schema.is_current(connection, application_role=APPLICATION)
        connection.execute(f"comment on schema {schema.SCHEMA} is 'procrastinate 1.0'")
        assert not schema.is_current(connection, application_role=APPLICATION)
        make_job_schema(owner_url=test_database.owner, application_role=APPLICATION)
        assert schema.is_current(connection, application_role=APPLICATION)


async def test_a_worker_that_did_not_hear_that_it_is_to_end_is_told_again(
    waking: ProcrastinateQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where that comes together with a connection of the pool's."""
    working, told = asyncio.Event(), 0

    async def hard_of_hearing(*_: object, **__: object) -> None:
        nonlocal told
        working.set()
        while told < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                told += 1

    monkeypatch.setattr(App, "run_worker_async", hard_of_hearing)
    monkeypatch.setattr(queues, "_TO_END", 0.05)
    monkeypatch.setattr(queues, "_MORE", 0.05)
    task = asyncio.create_task(waking.work(Worker()))
    await working.wait()
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=PATIENCE)
    assert done and task.cancelled()
