"""What readers of the log pass over: the counter tells of all that they have to do with, and nothing waits for ever."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from adapters.sql import notifying, posting
from adapters.sql.log_reader import MOST_LEFT, Passing
from adapters.sql.migrating import migrate
from adapters.sql.relaying import SqlLogs
from core.comments.events import CommentCreated, CommentUpdated
from core.kernel.actor import Actor
from core.kernel.events import Change, Fact
from core.projects.events import ProjectMemberAdded
from core.tasks.events import TaskCreated, TaskUpdated
from entrypoints.events.examples import example_fact
from entrypoints.events.registry import KINDS
from tests.contracts.notifications import note, read_log
from tests.contracts.steps import add_task, open_project
from tests.integration.conftest import Server, TestDatabase
from tests.integration.contracts.test_sql import SqlWorld, opened_world


@pytest.fixture(scope="module")
def database(postgres_server: Server) -> TestDatabase:
    found = postgres_server.database("flowtrack_passing_over")
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


def counter(superuser: Any, owner: Actor) -> tuple[int, int, int]:
    found: tuple[int, int, int] = superuser.execute(
        "select last_seq, last_for_people, last_for_mail from event_sequences where company_id = %s",
        (owner.company_id,),
    ).fetchone()
    return found


def variants(kind: type[Fact], by: Actor) -> list[Fact]:
    """Facts of a kind, with and without what may concern somebody."""
    fact: Any = example_fact(kind)
    found = [fact]
    if kind is TaskCreated:
        found = [replace(fact, assigned_to=to) for to in (None, by.user_id)]
    elif kind is TaskUpdated:
        changes = [("title", "Old", "New"), ("assigned_to", None, by.user_id), ("assigned_to", by.user_id, None)]
        found = [replace(fact, changes={name: Change(old=old, new=new)}) for name, old, new in changes]
    elif kind is CommentUpdated:
        mentions = [Change(old=old, new=new) for old, new in (([], [by.user_id]), ([by.user_id], []))]
        found = [replace(fact, changes=changes) for changes in ({}, *({"mentions": each} for each in mentions))]
    elif kind is CommentCreated:
        found = [replace(fact, mentions=who) for who in ((), (by.user_id,))]
    elif kind is ProjectMemberAdded:
        found = [replace(fact, user_id=by.user_id)]
    return found


async def test_the_counter_tells_of_whatever_a_reader_finds(world: SqlWorld, superuser: Any) -> None:
    owner = await world.company()
    await read_log(world, owner)
    superuser.execute(
        "insert into log_positions (company_id, reader, seq) values (%s, 'notifications', 0) on conflict do nothing",
        (owner.company_id,),
    )
    causes, letters = 0, 0
    for fact in (each for kind in KINDS for each in variants(kind, owner)):
        before, _, _ = counter(superuser, owner)
        superuser.execute(
            "update log_positions set seq = %s where company_id = %s and reader = 'notifications'",
            (before, owner.company_id),
        )
        await note(world, owner, fact)
        seq, for_people, for_mail = counter(superuser, owner)
        superuser.execute("select set_config('app.company_id', %s, false)", (str(owner.company_id),))
        found = superuser.execute(notifying._CAUSES.text.replace("$1", "9")).fetchall()
        assert not found or for_people == seq, fact
        assert (fact.event in posting.LETTERS) is (for_mail == seq), fact
        causes, letters = causes + bool(found), letters + (for_mail == seq)
    assert causes > 5 and letters == len(posting.LETTERS)


async def test_notifications_come_to_a_log_that_has_nothing_for_them_where_it_went_on_for_long(
    world: SqlWorld, superuser: Any
) -> None:
    owner = await world.company()
    await read_log(world, owner)
    await add_task(world, owner, await open_project(world, owner))
    assert owner.company_id not in await world.notified_logs.behind()
    superuser.execute(
        "update event_sequences set last_seq = last_seq + %s where company_id = %s", (MOST_LEFT + 1, owner.company_id)
    )
    assert owner.company_id in await world.notified_logs.behind()
    await read_log(world, owner)


async def mail_comes_to(world: SqlWorld, superuser: Any, owner: Actor) -> bool:
    """Whether mail has read the log of a company to its end."""
    now = datetime.now(UTC)
    while await world.company_posts.claim(at=now, until=now + timedelta(minutes=1), most=50) is not None:
        pass
    read = superuser.execute(
        "select p.seq = q.last_seq from log_positions p join event_sequences q using (company_id)"
        " where company_id = %s and reader = 'mail'",
        (owner.company_id,),
    ).fetchone()
    return bool(read and read[0])


async def test_mail_comes_there_too(world: SqlWorld, superuser: Any) -> None:
    owner = await world.company()
    await open_project(world, owner)
    assert not await mail_comes_to(world, superuser, owner)
    superuser.execute(
        "update event_sequences set last_seq = last_seq + %s where company_id = %s", (MOST_LEFT + 1, owner.company_id)
    )
    assert await mail_comes_to(world, superuser, owner)


async def test_and_to_all_logs_now_and_then(world: SqlWorld, superuser: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As what a process of the release before wrote is told of by nobody."""
    owner = await world.company()
    await read_log(world, owner)
    await open_project(world, owner)
    assert owner.company_id not in await world.notified_logs.behind()
    assert not await mail_comes_to(world, superuser, owner)
    monkeypatch.setattr(world.notified_logs, "passing", Passing(0.0))
    monkeypatch.setattr(world.company_posts, "passing", Passing(0.0))
    assert owner.company_id in await world.notified_logs.behind()
    assert await mail_comes_to(world, superuser, owner)


def test_now_and_then_is_over_once_it_was_done() -> None:
    passing = Passing(1000.0)
    assert passing.most == MOST_LEFT
    passing._next = 0.0
    assert passing.most == 0
    passing.is_over(MOST_LEFT)
    assert passing.most == 0
    passing.is_over(0)
    assert passing.most == MOST_LEFT


async def test_what_is_passed_over_does_not_wait_however_old_it_is(world: SqlWorld, superuser: Any) -> None:
    owner = await world.company()
    await read_log(world, owner)
    project = await open_project(world, owner)
    superuser.execute(
        "update events set occurred_at = now() - interval '1 day' where company_id = %s", (owner.company_id,)
    )
    superuser.execute(
        "insert into log_positions (company_id, reader, seq) values (%s, 'notifications', 0)"
        " on conflict (company_id, reader) do update set seq = 0",
        (owner.company_id,),
    )
    logs = SqlLogs(world._database)
    assert not [each for each in await logs.backlogs() if each.company_id == owner.company_id]
    await add_task(world, owner, project, assigned_to=owner.user_id)
    (waiting,) = [each for each in await logs.backlogs() if each.company_id == owner.company_id]
    assert waiting.reader == "notifications" and waiting.age is not None and waiting.age < 3600
