"""Reading the log for whom it concerns, in a database of its own: whoever dies in between, and however many are at it."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from adapters.sql import digests, notifying
from adapters.sql.connection import Connection
from adapters.sql.migrating import migrate
from adapters.sql.pipeline import Asked, Result
from core.kernel.actor import Actor
from core.kernel.errors import Contended, TooSlow
from core.kernel.events import Change
from core.notifications.model import Batch, DueTask, Kind, Notification, tell, tell_of_deadlines
from core.projects.model import Project
from tests.contracts.comments import say
from tests.contracts.digests import claim, want
from tests.contracts.notifications import _updated, add_member, give, note, read_log
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
    world: SqlWorld, superuser: Any, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(notifying, "_TOLD_AT_ONCE", chance.randint(1, 4))
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


async def a_task_of_ann(world: SqlWorld, *, deadline: date | None = None) -> tuple[Actor, Actor, Project]:
    owner = await world.company()
    project = await open_project(world, owner)
    ann = await world.person(owner.company_id)
    await world.add_to_project(project.id, ann)
    await world.deadline_days.begin(owner.company_id, day=FIRST)
    await add_task(world, owner, project, assigned_to=ann.user_id, deadline=deadline)
    return owner, ann, project


LEAVING = "delete from project_members where project_id = %s and user_id = %s"
DAY = FIRST + timedelta(days=1)


class Teller:
    """Whoever tells of Ann's task: of the log, or of the deadline. `meanwhile` is done before it is written down."""

    def __init__(self, world: SqlWorld, owner: Actor, by: str, meanwhile: Callable[[], None] = lambda: None) -> None:
        self._world, self._owner, self._by, self._meanwhile = world, owner, by, meanwhile

    async def tell(self) -> None:
        company_id = self._owner.company_id
        if self._by == "log":
            await self._world.notified_logs.advance(company_id, most=9, told=self._of_the_log)
        else:
            await self._world.deadline_days.advance(company_id, day=DAY, most=9, told=self._of_deadlines)

    def _of_the_log(self, batch: Batch) -> list[Notification]:
        self._meanwhile()
        return tell(batch, new_id=self._world.ids.new, at=self._world.clock.now())

    def _of_deadlines(self, tasks: list[DueTask]) -> list[Notification]:
        self._meanwhile()
        return tell_of_deadlines(tasks, day=DAY, new_id=self._world.ids.new, at=self._world.clock.now())


async def somebody_waits(superuser: Any) -> None:
    async with asyncio.timeout(20):
        waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        while superuser.execute(waiting).rowcount == 0:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("by", ["log", "deadline"])
async def test_who_is_leaving_a_project_is_waited_for_and_told_nothing_of_it(
    world: SqlWorld, superuser: Any, database: TestDatabase, by: str
) -> None:
    owner, ann, project = await a_task_of_ann(world, deadline=DAY)
    with psycopg.connect(database.superuser) as leaving:
        leaving.execute(LEAVING, (project.id, ann.user_id))
        telling = asyncio.create_task(Teller(world, owner, by).tell())
        await somebody_waits(superuser)
        leaving.commit()
        await telling
    assert told(superuser, owner) == Counter()
    assert heard(superuser, owner) == []


@pytest.mark.parametrize("by", ["log", "deadline"])
@pytest.mark.parametrize("leaving", [LEAVING, "update users set is_active = %s is null where id = %s"])
async def test_nobody_leaves_before_it_is_written_down_what_they_are_told(
    world: SqlWorld, superuser: Any, database: TestDatabase, by: str, leaving: str
) -> None:
    owner, ann, project = await a_task_of_ann(world, deadline=DAY)
    tried = []

    def leave() -> None:
        with psycopg.connect(database.superuser) as hasty, pytest.raises(psycopg.errors.LockNotAvailable):
            hasty.execute("set lock_timeout = '100ms'")
            tried.append(leaving)
            hasty.execute(leaving, (project.id, ann.user_id))

    await Teller(world, owner, by, leave).tell()
    assert tried
    assert len(told(superuser, owner)) == 1


async def test_what_takes_too_long_is_told_in_smaller_parts(world: SqlWorld, superuser: Any) -> None:
    owner = await busy(world, random.Random(4))
    sizes = []

    def slow(batch: Batch) -> list[Notification]:
        sizes.append(len(batch.causes))
        if len(batch.causes) > 5:
            raise TooSlow
        return tell(batch, new_id=world.ids.new, at=world.clock.now())

    assert await world.notified_logs.advance(owner.company_id, most=20, told=slow)
    assert len(sizes) > 1 and sizes[-1] <= 5 < sizes[-2]
    assert told(superuser, owner)


async def test_what_is_told_while_a_mail_is_made_up_is_in_the_next_one(
    world: SqlWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, ann, project = await a_task_of_ann(world)
    await world.confirm_address(ann)
    await read_log(world, owner)
    await want(world, ann, Kind.ASSIGNED)
    await claim(world, owner, FIRST)
    execute = digests.execute

    async def meanwhile(connection: Connection, *asked: Asked) -> list[Result]:
        found = await execute(connection, *asked)
        monkeypatch.undo()
        await give(world, owner, await add_task(world, owner, project, "late"), ann)
        await read_log(world, owner)
        return found

    monkeypatch.setattr(digests, "execute", meanwhile)
    (post,) = await claim(world, owner, DAY)
    assert post.lines == ()
    await world.digest_posts.settle(post, again_at=None)
    (post,) = await claim(world, owner, DAY + timedelta(days=1))
    assert [line.task_title for line in post.lines] == ["late"]


async def test_a_company_whose_mail_cannot_be_made_up_keeps_nobody_waiting(
    world: SqlWorld, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    owner, ann, _ = await a_task_of_ann(world)
    await want(world, ann, Kind.ASSIGNED)
    await claim(world, owner, FIRST)

    async def failing(*_: Any) -> list[Result]:
        raise ValueError("a defect")

    for failure in (failing, contended):
        monkeypatch.setattr(digests, "execute", failure)
        assert await claim(world, owner, DAY) == []
        monkeypatch.undo()
    (post,) = await claim(world, owner, DAY)
    for failure in (failing, contended):
        monkeypatch.setattr(digests, "execute", failure)
        await world.digest_posts.settle(post, again_at=None)
        monkeypatch.undo()
    assert f"the daily mail of company {owner.company_id} cannot be made up" in caplog.text
    assert "was left to the next time: service.contended" in caplog.text
    (again,) = await claim(world, owner, DAY, later=9)
    await world.digest_posts.settle(again, again_at=None)
    assert await claim(world, owner, DAY, later=99) == []


async def contended(*_: Any) -> list[Result]:
    raise Contended
