"""Reading the log for whom it concerns, in a database of its own: whoever dies in between, and however many are at it."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from adapters.sql.migrating import migrate
from core.kernel.actor import Actor
from core.kernel.events import Change
from core.notifications.model import Batch, DueTask, Notification, tell, tell_of_deadlines
from tests.contracts.comments import say
from tests.contracts.notifications import _updated, add_member, note, read_log
from tests.contracts.steps import add_task, open_project
from tests.integration.conftest import Server, TestDatabase
from tests.integration.contracts.test_sql import SqlWorld, opened_world

FIRST = date(2031, 3, 3)


@pytest.fixture(scope="module")
def database(postgres_server: Server) -> TestDatabase:
    found = postgres_server.database("flowtrack_notifying")
    migrate(owner_url=found.owner, application_url=found.application)
    return found


@pytest.fixture(scope="module")
async def world(database: TestDatabase) -> AsyncIterator[SqlWorld]:
    async with opened_world(database) as opened:
        yield opened


@pytest.fixture
def superuser(database: TestDatabase) -> Any:
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        yield connection


def told(superuser: Any, owner: Actor) -> Counter[tuple[Any, ...]]:
    """Who was told what, and how often."""
    return Counter(
        superuser.execute(
            "select user_id, kind, cause, task_id, deadline, days_before, task_count from notifications"
            " where company_id = %s",
            (owner.company_id,),
        ).fetchall()
    )


def heard(superuser: Any, owner: Actor) -> list[int]:
    """The positions of the events by which they hear of it."""
    found = superuser.execute(
        "select seq from events where company_id = %s and event = 'notification_created' order by seq",
        (owner.company_id,),
    )
    return [row[0] for row in found]


class Killed(Exception):
    """Whoever reads dies before they kept anything."""


async def busy(world: SqlWorld, chance: random.Random) -> Actor:
    """A company in which much happens that concerns somebody."""
    owner = await world.company()
    project = await open_project(world, owner)
    people = [await world.person(owner.company_id, name=f"P{number}") for number in range(3)]
    for person in people:
        await add_member(world, owner, project, person)
    tasks = [await add_task(world, owner, project, str(number)) for number in range(3)]
    for _ in range(25):
        person, task = chance.choice(people), chance.choice(tasks)
        if chance.random() < 0.4:
            await say(world, person, task)
        else:
            change = Change(old=None, new=person.user_id)
            await note(world, owner, *[_updated(task, assigned_to=change)] * chance.choice([1, 1, 3]))
    return owner


@pytest.mark.parametrize("seed", range(4))
async def test_everybody_is_told_once_whoever_dies_and_however_many_read(
    world: SqlWorld, superuser: Any, seed: int
) -> None:
    chance = random.Random(seed)
    owner = await busy(world, chance)

    def dying(batch: Batch) -> list[Notification]:
        found = tell(batch, new_id=world.ids.new, at=world.clock.now())
        if chance.random() < 0.4:
            raise Killed
        return found

    async def read() -> None:
        for _ in range(12):
            await world.notified_logs.advance(owner.company_id, most=chance.randint(1, 7), told=dying)

    await asyncio.gather(*(read() for _ in range(4)))
    await read_log(world, owner)
    in_parts = told(superuser, owner)
    positions = heard(superuser, owner)
    assert sorted(row[0] for row in superuser.execute(
        "select seq from notifications where company_id = %s", (owner.company_id,)
    )) == positions  # fmt: skip
    assert set(in_parts.values()) == {1}
    # The same again, at once.
    superuser.execute("delete from notifications where company_id = %s", (owner.company_id,))
    superuser.execute(
        "update log_positions set seq = 0 where company_id = %s and reader = 'notifications'", (owner.company_id,)
    )
    await read_log(world, owner, most=1_000)
    assert told(superuser, owner) == in_parts


async def test_the_log_stays_without_gaps_and_in_order_beside_those_who_write(world: SqlWorld, superuser: Any) -> None:
    chance = random.Random(9)
    owner = await busy(world, chance)
    project = await open_project(world, owner, key="APP", name="App")

    async def write() -> None:
        for _ in range(10):
            await add_task(world, owner, project, assigned_to=owner.user_id)

    await asyncio.gather(write(), write(), read_log(world, owner, most=3))
    await read_log(world, owner)
    seqs = [row[0] for row in superuser.execute(
        "select seq from events where company_id = %s order by seq", (owner.company_id,)
    )]  # fmt: skip
    assert seqs == list(range(1, len(seqs) + 1))


async def test_deadlines_are_told_once_whoever_dies_and_however_many_tell(world: SqlWorld, superuser: Any) -> None:
    chance = random.Random(5)
    owner = await world.company()
    project = await open_project(world, owner)
    ann = await world.person(owner.company_id)
    await world.add_to_project(project.id, ann)
    await world.deadline_days.begin(owner.company_id, day=FIRST)
    day = FIRST + timedelta(days=1)
    for number in range(12):
        await add_task(world, owner, project, assigned_to=ann.user_id, deadline=day + timedelta(days=number % 2))

    def dying(tasks: list[DueTask]) -> list[Notification]:
        if chance.random() < 0.4:
            raise Killed
        return tell_of_deadlines(tasks, day=day, new_id=world.ids.new, at=world.clock.now())

    async def go() -> None:
        for _ in range(30):
            await world.deadline_days.advance(owner.company_id, day=day, most=5, told=dying)

    await asyncio.gather(*(go() for _ in range(3)))
    found = told(superuser, owner)
    assert len(found) == 12 and set(found.values()) == {1}
    assert len(heard(superuser, owner)) == 12


async def test_a_company_that_cannot_be_read_is_left_as_it_was(world: SqlWorld, superuser: Any, caplog: Any) -> None:
    owner = await busy(world, random.Random(3))

    def failing(_: Batch) -> list[Notification]:
        raise ValueError("a defect")

    assert not await world.notified_logs.advance(owner.company_id, most=9, told=failing)
    assert f"nobody can be told what happened in company {owner.company_id}" in caplog.text
    assert told(superuser, owner) == Counter()
    await read_log(world, owner)
    assert told(superuser, owner)
