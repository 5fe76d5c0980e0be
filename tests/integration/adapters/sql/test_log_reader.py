"""What all who read the companies' logs from stored positions keep: one contract, held by each of them.

In a database of its own: the applications of other tests read theirs.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import psycopg
import pytest

from adapters.sql import connection as sql_connection
from adapters.sql import log_reader
from adapters.sql.migrating import migrate
from core.kernel.actor import Actor
from core.kernel.errors import Contended, DatabaseAway, StorageFull
from core.notifications.model import Batch as Told
from core.notifications.model import tell
from core.reports.model import Batch as Counted
from core.webhooks.deliveries import queued
from tests.integration.adapters.sql.trips import Trips
from tests.contracts.steps import add_task, open_project
from tests.contracts.webhooks import add_webhook
from tests.integration.conftest import Server, TestDatabase
from tests.integration.contracts.test_sql import SqlWorld, opened_world

Hearing = Callable[[list[int]], None]
Advance = Callable[[SqlWorld, UUID, int, Hearing], Awaitable[bool]]


async def notifications(world: SqlWorld, company_id: UUID, most: int, hear: Hearing) -> bool:
    def told(batch: Told) -> Any:
        found = tell(batch, new_id=world.ids.new, at=world.clock.now())
        hear([cause.seq for cause in batch.causes])
        return found

    return await world.notified_logs.advance(company_id, most=most, told=told)


async def reports(world: SqlWorld, company_id: UUID, most: int, hear: Hearing) -> bool:
    def counted(batch: Counted) -> Any:
        hear([entry.seq for entry in batch.entries])
        return batch.counted()

    return await world.day_counts.advance(company_id, most=most, counted=counted)


async def webhooks(world: SqlWorld, company_id: UUID, most: int, hear: Hearing) -> bool:
    def messages(webhooks: Any, events: Any) -> Any:
        found = queued(webhooks, events, new_id=world.ids.new, at=world.clock.now())
        if events:
            hear([event.seq for event in events if event.event == "task_created"])
        return found

    return await world.event_queues.advance(company_id, most=most, queued=messages)


READERS: dict[str, Advance] = {"notifications": notifications, "reports": reports, "webhooks": webhooks}
# Of each what it calls what it could not read.
FAILURES = {
    "notifications": "nobody can be told what happened in company {}",
    "reports": "the days of company {} cannot be counted",
    "webhooks": "the webhooks of company {} cannot be told",
}


@pytest.fixture(params=READERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def advance(name: str) -> Advance:
    return READERS[name]


@pytest.fixture(scope="module")
def own_database(postgres_server: Server) -> TestDatabase:
    found = postgres_server.database("flowtrack_log_reader")
    migrate(owner_url=found.owner, application_url=found.application)
    return found


@pytest.fixture(scope="module")
async def world(own_database: TestDatabase) -> AsyncIterator[SqlWorld]:
    async with opened_world(own_database) as opened:
        yield opened


@pytest.fixture
def superuser(own_database: TestDatabase) -> Any:
    with psycopg.connect(own_database.superuser, autocommit=True) as connection:
        yield connection


def logs(world: SqlWorld, name: str) -> Any:
    return {"notifications": world.notified_logs, "reports": world.day_counts, "webhooks": world.event_queues}[name]


async def busy(world: SqlWorld, tasks: int = 12) -> Actor:
    """A company of which each reader has something to read: so many tasks were given to a member."""
    owner = await world.company()
    await add_webhook(world, owner)
    project = await open_project(world, owner)
    ann = await world.person(owner.company_id)
    await world.add_to_project(project.id, ann)
    for number in range(tasks):
        await add_task(world, owner, project, str(number), assigned_to=ann.user_id)
    return owner


def of_tasks(superuser: Any, owner: Actor) -> list[int]:
    found = superuser.execute(
        "select seq from events where company_id = %s and event = 'task_created' order by seq", (owner.company_id,)
    )
    return [row[0] for row in found]


def position(superuser: Any, owner: Actor, name: str) -> int | None:
    row = superuser.execute(
        "select seq from log_positions where company_id = %s and reader = %s", (owner.company_id, name)
    ).fetchone()
    return row[0] if row is not None else None


def head(superuser: Any, owner: Actor) -> int:
    (found,) = superuser.execute(
        "select last_seq from event_sequences where company_id = %s", (owner.company_id,)
    ).fetchone()
    return int(found)


async def read_all(world: SqlWorld, owner: Actor, advance: Advance, *, most: int = 500) -> list[int]:
    heard: list[int] = []
    # What telling writes to the log it reads as well.
    for _ in range(2):
        while await advance(world, owner.company_id, most, heard.extend):
            pass
    return heard


class Killed(Exception):
    """Whoever reads dies before they kept anything."""


@pytest.mark.parametrize("seed", range(3))
async def test_each_event_is_read_once_whoever_dies_and_however_many_read(
    world: SqlWorld, superuser: Any, advance: Advance, name: str, seed: int
) -> None:
    chance, owner = random.Random(seed), await busy(world)
    kept: list[int] = []

    async def read() -> None:
        for _ in range(10):
            heard: list[int] = []

            def hear(seqs: Sequence[int], heard: list[int] = heard) -> None:
                if chance.random() < 0.4:
                    raise Killed
                heard.extend(seqs)

            before = position(superuser, owner, name)
            await advance(world, owner.company_id, chance.randint(1, 5), hear)
            if heard:
                assert position(superuser, owner, name) != before
            kept.extend(heard)

    await asyncio.gather(*(read() for _ in range(3)))
    kept += await read_all(world, owner, advance)
    assert Counter(kept) == dict.fromkeys(of_tasks(superuser, owner), 1)
    assert position(superuser, owner, name) == head(superuser, owner)
    assert owner.company_id not in await logs(world, name).behind()


async def test_what_fails_leaves_all_as_it_was_and_says_so(
    world: SqlWorld, superuser: Any, advance: Advance, name: str, caplog: Any
) -> None:
    owner = await busy(world, tasks=2)

    def failing(_: list[int]) -> None:
        raise ValueError("a defect")

    before = head(superuser, owner)
    assert not await advance(world, owner.company_id, 500, failing)
    assert FAILURES[name].format(owner.company_id) in caplog.text
    assert position(superuser, owner, name) is None and head(superuser, owner) == before
    assert owner.company_id in await logs(world, name).behind()
    assert await read_all(world, owner, advance) == of_tasks(superuser, owner)


@pytest.mark.parametrize("away", [DatabaseAway, StorageFull])
async def test_what_all_companies_share_is_not_taken_for_one_companys_trouble(
    world: SqlWorld, advance: Advance, away: type[Exception]
) -> None:
    owner = await busy(world, tasks=1)

    def failing(_: list[int]) -> None:
        raise away

    with pytest.raises(away):
        await advance(world, owner.company_id, 500, failing)


async def test_what_somebody_else_reads_is_left_to_them(world: SqlWorld, superuser: Any, own_database: Any) -> None:
    owner = await busy(world, tasks=1)
    for advance in READERS.values():
        await read_all(world, owner, advance)
    await add_task(world, owner, await open_project(world, owner, key="APP"))
    with psycopg.connect(own_database.superuser) as other:
        other.execute("select from log_positions where company_id = %s for update", (owner.company_id,))
        for name, advance in READERS.items():
            before = position(superuser, owner, name)
            assert not await asyncio.wait_for(advance(world, owner.company_id, 500, pytest.fail), timeout=1)
            assert position(superuser, owner, name) == before
    for name, advance in READERS.items():
        await read_all(world, owner, advance)
        assert position(superuser, owner, name) == head(superuser, owner)


async def test_a_company_of_which_something_is_held_keeps_nobody_waiting_for_long(
    world: SqlWorld, superuser: Any, own_database: Any, advance: Advance, name: str, caplog: Any
) -> None:
    owner = await busy(world, tasks=1)
    with psycopg.connect(own_database.superuser) as other:
        for table in ("webhooks", "projects", "tasks"):
            other.execute(f"select from {table} where company_id = %s for update", (owner.company_id,))
        assert not await asyncio.wait_for(advance(world, owner.company_id, 500, pytest.fail), timeout=8)
    assert f"left to the next time: {Contended.code}" in caplog.text
    assert await read_all(world, owner, advance) == of_tasks(superuser, owner)


async def test_companies_that_are_switched_off_or_deleted_are_passed_by(
    world: SqlWorld, superuser: Any, advance: Advance, name: str
) -> None:
    off, deleted, at_work = [await busy(world, tasks=1) for _ in range(3)]
    superuser.execute("update companies set is_active = false where id = %s", (off.company_id,))
    superuser.execute("update companies set deleted_at = now() where id = %s", (deleted.company_id,))
    behind = await logs(world, name).behind()
    assert at_work.company_id in behind and not {off.company_id, deleted.company_id} & set(behind)
    superuser.execute("update companies set is_active = true where id = %s", (off.company_id,))
    assert off.company_id in await logs(world, name).behind()


async def test_nothing_is_taken_back_where_the_head_is_behind_the_position(
    world: SqlWorld, superuser: Any, advance: Advance, name: str
) -> None:
    owner = await busy(world, tasks=2)
    await read_all(world, owner, advance)
    before = position(superuser, owner, name)
    back = "update event_sequences set last_seq = last_seq + %s where company_id = %s"
    superuser.execute(back, (-3, owner.company_id))
    assert not await advance(world, owner.company_id, 500, pytest.fail)
    assert position(superuser, owner, name) == before
    superuser.execute(back, (3, owner.company_id))
    assert await read_all(world, owner, advance) == []


def test_where_the_log_ends_is_asked_once_its_position_is_held() -> None:
    """What is read beside a lock is as it was before the lock was there to be had."""
    assert "for update" in log_reader._TAKE.text and "last_seq" not in log_reader._TAKE.text
    assert "for update" not in log_reader._HEAD.text


async def test_looking_takes_one_round_trip_for_all_and_two_for_a_company_that_nobody_is_told_of(
    world: SqlWorld, superuser: Any, name: str, advance: Advance, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await busy(world, tasks=1)
    await read_all(world, owner, advance)
    await logs(world, name).behind()
    superuser.execute(
        "with head as (update event_sequences set last_seq = last_seq + 1, last_for_people = last_seq + 1"
        " where company_id = %(company)s"
        " returning company_id, last_seq)"
        " insert into events (company_id, seq, event, channel, occurred_at, via, for_admins, body)"
        " select company_id, last_seq, 'noted', 'notifications', now(), 'system', false, '{}' from head",
        {"company": owner.company_id},
    )
    trips = Trips().watch(monkeypatch)
    trips.clear()
    assert owner.company_id in await logs(world, name).behind()
    assert len(trips) == 1
    assert not await advance(world, owner.company_id, 500, pytest.fail)
    # Webhooks are looked up once the position is held, and what they hear of by what they are.
    assert len(trips) == 1 + (4 if name == "webhooks" else 2)
    # And no disk is waited for.
    ending = [each.statement for each in trips[-1]]
    assert (ending[0], ending[-1]) == (sql_connection.SOON, sql_connection.COMMIT)
    assert position(superuser, owner, name) == head(superuser, owner)


async def test_a_company_without_webhooks_costs_their_reader_nothing(world: SqlWorld) -> None:
    owner = await world.company()
    await open_project(world, owner)
    assert owner.company_id not in await world.event_queues.behind()
