"""Whoever is removed from a project while their request waits for it does nothing to it any more."""

import asyncio

import psycopg
import pytest

from adapters.sql.connection import Database
from adapters.sql.repositories.cycles import SqlCycleUnitOfWork
from adapters.system.clock import SystemClock
from adapters.sql.repositories.tasks import SqlTaskUnitOfWork
from tests.integration.adapters.sql.firms import Firm
from tests.integration.conftest import TestDatabase


@pytest.mark.parametrize("verb", ["begin a task", "load a task", "arrange columns", "begin a cycle"])
async def test_membership_is_asked_once_the_lock_is_held(
    test_database: TestDatabase, database: Database, firm: Firm, verb: str
) -> None:
    project = firm.project()
    task, bob = firm.task(project), firm.user(projects=[project])

    async def ask() -> bool:
        if verb == "begin a cycle":
            async with SqlCycleUnitOfWork(database, SystemClock(), bob, lazy=True) as cycles:
                opening = await cycles.cycles.begin(project.id, for_user=bob.user_id)
            return opening is not None and opening.is_member
        async with SqlTaskUnitOfWork(database, SystemClock(), bob) as uow:
            if verb == "begin a task":
                found = await uow.tasks.begin(project.id, for_user=bob.user_id, assignee=None)
            elif verb == "load a task":
                found = await uow.tasks.load(task, for_user=bob.user_id)
            else:
                found = await uow.columns.of_project(project.id, for_user=bob.user_id)
        return found is not None and found.is_member

    assert await ask()
    with (
        psycopg.connect(test_database.superuser) as removing,
        psycopg.connect(test_database.superuser, autocommit=True) as looking,
    ):
        removing.execute("select from projects where id = %s for update", (project.id,))
        removing.execute("delete from project_members where project_id = %s", (project.id,))
        waiting = asyncio.create_task(ask())
        waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        async with asyncio.timeout(10):
            while looking.execute(waits).fetchone() == (0,):
                await asyncio.sleep(0.02)
        assert not waiting.done()
        removing.commit()
    assert not await waiting
