"""Counting the log, in a database of its own: the applications of other tests count theirs."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from adapters.sql.migrating import migrate
from core.kernel.actor import Actor, System
from core.projects.model import Project
from core.reports.model import Batch
from core.reports.use_cases.counting import CountingUseCases
from core.tasks.changes import TaskChanges
from core.tasks.fields import Status
from tests.contracts.reports import burndown, complete, count, cycles_of, deleted_tasks_of, flow, put_into, tasks_of
from tests.contracts.steps import add_cycle, add_task, open_project
from tests.integration.conftest import Server, TestDatabase
from tests.integration.contracts.test_sql import SqlWorld, opened_world


@pytest.fixture(scope="module")
def database(postgres_server: Server) -> TestDatabase:
    found = postgres_server.database("flowtrack_counting")
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


def rows(superuser: Any, owner: Actor) -> dict[str, list[Any]]:
    """All that was counted of a company."""
    return {
        table: superuser.execute(
            f"select t::text from {table} t where company_id = %s order by 1", (owner.company_id,)
        ).fetchall()
        for table in ("counted_tasks", "project_days", "cycle_days")
    }


def forget(superuser: Any, owner: Actor) -> None:
    """Makes the log one of a release without reports: it did not say where tasks were made, nor where they came back."""
    superuser.execute(
        "update events set body = body - 'status' - 'cycle_id' where company_id = %s"
        " and event in ('task_created', 'task_restored')",
        (owner.company_id,),
    )


async def test_a_company_of_before_there_were_reports_is_counted_from_the_beginning(
    world: SqlWorld, superuser: Any
) -> None:
    owner = await world.company()
    project = await open_project(world, owner)
    cycle, following = [await add_cycle(world, owner, project, name) for name in ("Now", "Next")]
    tasks = [await add_task(world, owner, project, cycle_id=cycle.id, status=status) for status in Status]
    lone = await add_task(world, owner, project, status=Status.IN_PROGRESS)
    await cycles_of(world).start(owner, cycle.id)
    await complete(world, owner, tasks[1].id)
    await put_into(world, owner, lone.id, cycle)
    await tasks_of(world).delete(owner, tasks[2].id)
    await deleted_tasks_of(world).restore(owner, tasks[2].id)
    await tasks_of(world).delete(owner, lone.id)
    await tasks_of(world).change(owner, tasks[0].id, TaskChanges(given=frozenset({"title"}), title="other"))
    await cycles_of(world).complete(owner, cycle.id, carry_over_to=following.id)
    expected = [await burndown(world, owner, cycle), await burndown(world, owner, following)]
    assert (expected[0].scope_at_start, expected[0].added, expected[0].carried_over) == (3, 2, 1)
    flows = await flow(world, owner, project)
    forget(superuser, owner)
    await count(world, owner, most=3)
    assert [await burndown(world, owner, each) for each in (cycle, following)] == expected
    assert await flow(world, owner, project) == flows
    counted = rows(superuser, owner)
    assert len(counted["counted_tasks"]) == 4 and len(counted["project_days"]) == 1


async def test_what_the_release_before_goes_on_writing_is_counted_as_it_stands(world: SqlWorld, superuser: Any) -> None:
    owner = await world.company()
    project = await open_project(world, owner)
    cycle = await add_cycle(world, owner, project)
    await add_task(world, owner, project, cycle_id=cycle.id)
    await cycles_of(world).start(owner, cycle.id)
    await count(world, owner)
    for status in Status:
        await add_task(world, owner, project, cycle_id=cycle.id, status=status)
    back, gone = [await add_task(world, owner, project, cycle_id=cycle.id, status=Status.DONE) for _ in range(2)]
    for each in (back, gone):
        await tasks_of(world).delete(owner, each.id)
    await deleted_tasks_of(world).restore(owner, back.id)
    expected = await burndown(world, owner, cycle), await flow(world, owner, project)
    assert [(day.scope, day.done, day.added, day.removed) for day in expected[0].days] == [(5, 2, 6, 2)]
    forget(superuser, owner)
    assert (await burndown(world, owner, cycle), await flow(world, owner, project)) == expected
    await count(world, owner, most=2)
    assert (await burndown(world, owner, cycle), await flow(world, owner, project)) == expected


async def gone_in_and_out(world: SqlWorld, owner: Actor) -> Project:
    """A project whose cycle had six tasks when it started; each went out twice and came back once more."""
    project = await open_project(world, owner)
    cycle = await add_cycle(world, owner, project)
    tasks = [await add_task(world, owner, project, cycle_id=cycle.id, status=status) for status in (*Status, *Status)]
    await cycles_of(world).start(owner, cycle.id)
    for goes_into in (None, cycle, None):
        for task in tasks:
            await put_into(world, owner, task.id, goes_into)
    await put_into(world, owner, tasks[0].id, cycle)
    return project


def the_day(superuser: Any, owner: Actor) -> str:
    ((day,),) = superuser.execute(
        "select (scope, added, removed, status)::text from cycle_days where company_id = %s", (owner.company_id,)
    ).fetchall()
    return str(day)


async def test_of_many_at_once_each_event_is_counted_once(world: SqlWorld, superuser: Any) -> None:
    owner = await world.company()
    project = await gone_in_and_out(world, owner)
    fresh = await flow(world, owner, project)
    for _ in range(40):
        await asyncio.gather(
            *(world.day_counts.advance(owner.company_id, most=2, counted=Batch.counted) for _ in range(4))
        )
    assert owner.company_id not in await world.day_counts.behind()
    assert await flow(world, owner, project) == fresh
    assert the_day(superuser, owner) == "(1,7,12,active)"


async def test_who_reads_an_older_end_of_the_log_than_was_counted_takes_nothing_back(
    world: SqlWorld, superuser: Any
) -> None:
    owner = await world.company()
    await gone_in_and_out(world, owner)
    await count(world, owner)

    def position() -> Any:
        return superuser.execute(
            "select seq from log_positions where company_id = %s and reader = 'reports'", (owner.company_id,)
        ).fetchone()

    counted, there = position(), rows(superuser, owner)
    for step in (-10, 10):
        superuser.execute(
            "update event_sequences set last_seq = last_seq + %s where company_id = %s", (step, owner.company_id)
        )
        await count(world, owner)
        assert (position(), rows(superuser, owner)) == (counted, there)
    assert the_day(superuser, owner) == "(1,7,12,active)"


async def test_what_fails_leaves_nothing_behind_and_is_counted_later(
    world: SqlWorld, superuser: Any, caplog: pytest.LogCaptureFixture
) -> None:
    owner = await world.company()
    project = await open_project(world, owner)
    await add_task(world, owner, project)
    fresh = await flow(world, owner, project)

    def broken(batch: Batch) -> Any:
        raise ZeroDivisionError

    assert not await world.day_counts.advance(owner.company_id, most=9, counted=broken)
    assert f"the days of company {owner.company_id} cannot be counted" in caplog.text
    assert rows(superuser, owner) == {"counted_tasks": [], "project_days": [], "cycle_days": []}
    await CountingUseCases(counts=world.day_counts).catch_up(System())
    assert len(rows(superuser, owner)["project_days"]) == 1
    assert await flow(world, owner, project) == fresh


async def test_a_log_that_cannot_be_counted_holds_nobody_up(
    world: SqlWorld, superuser: Any, caplog: pytest.LogCaptureFixture
) -> None:
    broken, whole = sorted([await world.company() for _ in range(2)], key=lambda owner: owner.company_id)
    for owner in (broken, whole):
        await add_task(world, owner, await open_project(world, owner))
    superuser.execute(
        """update events set body = body || '{"status": "lost"}' where company_id = %s and event = 'task_created'""",
        (broken.company_id,),
    )
    await CountingUseCases(counts=world.day_counts).catch_up(System())
    assert str(broken.company_id) in caplog.text
    behind = await world.day_counts.behind()
    assert broken.company_id in behind and whole.company_id not in behind


async def test_what_is_purged_takes_its_days_along(world: SqlWorld, superuser: Any) -> None:
    owner = await world.company()
    project = await open_project(world, owner)
    cycle = await add_cycle(world, owner, project)
    task = await add_task(world, owner, project, cycle_id=cycle.id)
    await count(world, owner)
    assert all(rows(superuser, owner).values())
    # Moved on once more, with the task gone before that is counted.
    await complete(world, owner, task.id)
    superuser.execute("delete from tasks where company_id = %s", (owner.company_id,))
    await count(world, owner)
    assert [day[1:] for day in (await flow(world, owner, project)).days] == [(1, 0, 0)]
    superuser.execute("delete from projects where company_id = %s", (owner.company_id,))
    assert not any(rows(superuser, owner).values())
