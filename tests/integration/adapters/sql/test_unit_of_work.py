"""One transaction of one actor: all of it or nothing, once, and what the database refuses in the product's words."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, insert, select, text, update

from adapters.sql.connection import OPEN, Database, execute
from adapters.sql.once_ledger import SqlOnceLedger
from adapters.sql.pipeline import Asked
from adapters.sql.repositories.projects import SqlProjectUnitOfWork
from adapters.sql.repositories.tasks import SqlTaskUnitOfWork
from adapters.sql.statement import Statement
from adapters.sql.system import SqlIdentityUnitOfWork
from adapters.sql.tables.people import users
from adapters.sql.tables.work import tasks
from adapters.sql.unit_of_work import SqlUnitOfWork
from adapters.system.clock import SystemClock
from adapters.system.ids import UuidV7Ids
from core.auth.errors import SessionEnded
from core.users.errors import EmailTaken
from core.auth.model import Account
from core.kernel.actor import Actor
from core.kernel.errors import ChangedMeanwhile, Contended, DatabaseAway, TooSlow
from core.kernel.once import AlreadyAnswered, InFlight, KeyReused, Made, Once, Refused
from core.projects.errors import ProjectKeyTaken
from core.projects.model import Project, ProjectChanges, ProjectStatus
from core.tasks.changes import NewTask
from core.tasks.use_cases.tasks import TaskUseCases
from core.users.errors import UsernameTaken
from tests.integration.adapters.sql.conftest import narrow_database, opened, process_of, with_parameters
from tests.integration.adapters.sql.firms import Firm, Ground, Noted, a_task, also_in
from tests.integration.conftest import TestDatabase

TASKS_COUNTED = Statement(select(func.count()).select_from(tasks))


def tasks_of(database: Database, actor: Actor, *, once: Once | None = None) -> SqlTaskUnitOfWork:
    return SqlTaskUnitOfWork(database, SystemClock(), actor, once=once)


def projects_of(database: Database, actor: Actor) -> SqlProjectUnitOfWork:
    return SqlProjectUnitOfWork(database, SystemClock(), UuidV7Ids(), actor)


@pytest.fixture
async def few(test_database: TestDatabase) -> AsyncIterator[Database]:
    """A Database of two connections: one that is not given back is soon missed."""
    async with opened(Database(url=test_database.application, largest=2)) as database:
        yield database


# All or nothing


async def test_what_was_not_committed_is_taken_back(database: Database, firm: Firm) -> None:
    project = firm.project()
    async with tasks_of(database, firm.owner) as uow:
        uow.tasks.add(a_task(firm, project))
        uow.record(Noted(text="created"))
        await uow.flush()
        ((counted,),) = await uow.fetch((TASKS_COUNTED, {}))
        assert counted == (1,), "it was sent"
    assert (firm.count("tasks"), firm.count("events")) == (0, 0)


async def test_an_exception_takes_everything_back(database: Database, firm: Firm) -> None:
    project = firm.project()
    with pytest.raises(RuntimeError):
        async with tasks_of(database, firm.owner) as uow:
            uow.tasks.add(a_task(firm, project))
            await uow.flush()
            raise RuntimeError
    assert firm.count("tasks") == 0


async def test_what_is_committed_is_seen_by_others(database: Database, firm: Firm) -> None:
    project = firm.project()
    task = a_task(firm, project, title='It\'s "odd" \\ ✓')
    async with tasks_of(database, firm.owner) as uow:
        uow.tasks.add(task)
        await uow.commit()
    async with tasks_of(database, firm.owner) as uow:
        loaded = await uow.tasks.load(task.id, for_user=firm.owner.user_id)
    assert loaded is not None
    assert loaded.task == task


async def test_a_change_of_a_version_that_is_no_longer_there_changes_nothing(database: Database, firm: Firm) -> None:
    project = firm.project()
    task_id = firm.task(project)
    async with tasks_of(database, firm.owner) as uow:
        loaded = await uow.tasks.load(task_id, for_user=firm.owner.user_id)
        assert loaded is not None
        loaded.task.title = "Changed"
        loaded.task.version = 8
        uow.tasks.save(loaded.task, was=7)
        uow.record(Noted(text="changed"))
        with pytest.raises(ChangedMeanwhile):
            await uow.commit()
    assert firm.sql("select title, version from tasks where id = %s", (task_id,)) == [("A task", 1)]
    assert firm.count("events") == 0


async def test_a_change_takes_back_the_writes_beside_it_when_it_hits_nothing(database: Database, firm: Firm) -> None:
    project = firm.project()
    async with tasks_of(database, firm.owner) as uow:
        uow.tasks.add(a_task(firm, project, number=1))
        uow.tasks.save(a_task(firm, project, number=2), was=1)  # which was never added
        with pytest.raises(ChangedMeanwhile):
            await uow.commit()
    assert firm.count("tasks") == 0


@pytest.mark.parametrize("own", ["", " RETURNING id", " returning id"])
@pytest.mark.parametrize("must", [0, 1, 2, 3])
async def test_a_write_has_to_change_as_many_rows_as_it_says(
    database: Database, firm: Firm, own: str, must: int
) -> None:
    """Also one with a RETURNING of its own, which cannot stand inside another statement."""
    project = firm.project()
    for _ in range(2):
        firm.task(project)
    change = Statement.plain(f"UPDATE tasks SET title = %(title)s WHERE project_id = %(project)s{own}")
    assert (change.counted() is None) is bool(own)
    async with tasks_of(database, firm.owner) as uow:
        uow.write(change, {"title": "Changed", "project": project.id}, rows=must)
        uow.record(Noted(text="changed"))
        if must == 2:
            await uow.commit()
        else:
            with pytest.raises(ChangedMeanwhile):
                await uow.commit()
    expected = "Changed" if must == 2 else "A task"
    assert firm.sql("select distinct title from tasks where company_id = %s", (firm.id,)) == [(expected,)]
    assert firm.count("events") == (must == 2)


async def test_another_companys_task_cannot_be_saved_by_its_id(database: Database, firm: Firm, other: Firm) -> None:
    project = other.project()
    task_id = other.task(project)
    async with tasks_of(database, firm.owner) as uow:
        uow.tasks.save(replace_id(a_task(other, project), task_id), was=1)
        with pytest.raises(ChangedMeanwhile):
            await uow.commit()
    assert other.sql("select version from tasks where id = %s", (task_id,)) == [(1,)]


def replace_id(task: Any, task_id: uuid.UUID) -> Any:
    task.id = task_id
    task.version = 2
    return task


async def test_a_project_saved_from_an_old_version_is_refused(database: Database, firm: Firm) -> None:
    ground = firm.project()
    async with projects_of(database, firm.owner) as uow:
        loaded = await uow.projects.load(ground.id, for_user=firm.owner.user_id)
        assert loaded is not None
        changes = ProjectChanges(given=frozenset({"name"}), name="Other")
        loaded.project.change(changes, at=datetime.now(UTC))
        loaded.project.change(replace(changes, name="Again"), at=datetime.now(UTC))  # two versions ahead
        uow.projects.save(loaded.project)
        with pytest.raises(ChangedMeanwhile):
            await uow.commit()


async def test_two_changes_of_one_task_follow_each_other_and_neither_is_lost(database: Database, firm: Firm) -> None:
    task_id = firm.task(firm.project(), title="x")

    async def lengthen() -> None:
        async with tasks_of(database, firm.owner) as uow:
            loaded = await uow.tasks.load(task_id, for_user=firm.owner.user_id)
            assert loaded is not None
            task, was = loaded.task, loaded.task.version
            await asyncio.sleep(0.01)
            task.title += "x"
            task.version += 1
            uow.tasks.save(task, was=was)
            await uow.commit()

    await asyncio.gather(*(lengthen() for _ in range(10)))
    assert firm.sql("select title, version from tasks where id = %s", (task_id,)) == [("x" * 11, 11)]


async def test_tasks_that_are_created_at_once_get_numbers_and_places_of_their_own(
    database: Database, firm: Firm
) -> None:
    project = firm.project()
    use_cases = TaskUseCases(
        unit_of_work=lambda actor, *, once=None: tasks_of(database, actor, once=once),
        reader=None,  # type: ignore[arg-type]
        clock=SystemClock(),
        ids=UuidV7Ids(),
    )
    made = await asyncio.gather(
        *(use_cases.create(firm.owner, NewTask(project_id=project.id, title="A task")) for _ in range(24))
    )
    assert sorted(answer.value.number for answer in made) == list(range(1, 25))
    assert sorted(answer.seq for answer in made) == list(range(1, 25))
    places = firm.sql(
        "select count(distinct rank), count(distinct column_id) from tasks where company_id = %s", (firm.id,)
    )
    assert places == [(24, 1)]


# What the database refuses


async def test_a_key_that_another_project_has_or_had_is_taken(database: Database, firm: Firm) -> None:
    firm.project(key="WEB")
    at = datetime.now(UTC)
    project = Project(
        id=uuid.uuid4(),
        key="WEB",
        name="Another",
        description=None,
        deadline=None,
        status=ProjectStatus.PENDING,
        is_active=True,
        created_by=firm.owner.user_id,
        created_at=at,
        updated_at=at,
    )
    async with projects_of(database, firm.owner) as uow:
        uow.projects.add(project, member=firm.owner.user_id)
        with pytest.raises(ProjectKeyTaken):
            await uow.commit()
    assert firm.count("projects") == 1


async def test_another_company_may_have_the_same_key(database: Database, firm: Firm, other: Firm) -> None:
    other.project(key="WEB")
    assert firm.project(key="WEB")
    async with projects_of(database, firm.owner) as uow:
        assert await uow.projects.free_key(["WEB", "WEB2"]) == "WEB2"
        assert await uow.projects.free_key([other.project(key="MINE").key]) == "MINE"


async def test_a_username_that_somebody_has_in_any_case_is_taken(database: Database, firm: Firm) -> None:
    (name,) = firm.sql("select username from users where company_id = %s", (firm.id,))[0]
    add = Statement(
        insert(users).values(
            id=uuid.uuid4(),
            kind="service",
            name="Robot",
            email="robot@example.com",
            username=name.upper(),
            role="member",
            is_active=True,
            version=1,
            created_at=func.now(),
            updated_at=func.now(),
        )
    )
    async with SqlUnitOfWork(database, SystemClock(), firm.owner) as uow:
        uow.write(add, {})
        with pytest.raises(UsernameTaken):
            await uow.commit()


async def test_an_address_that_has_an_account_is_taken(database: Database) -> None:
    at = datetime.now(UTC)
    address = f"{uuid.uuid4()}@example.com"
    for expected in (None, EmailTaken):
        async with SqlIdentityUnitOfWork(database) as uow:
            account = Account(
                id=uuid.uuid4(), email=address, name="Robin", password_hash=None, created_at=at, updated_at=at
            )
            if expected is None:
                await uow.add_account(account)
                await uow.commit()
            else:
                with pytest.raises(expected):
                    await uow.add_account(account)


async def test_a_reference_that_has_gone_meanwhile_is_a_conflict(database: Database, firm: Firm) -> None:
    project = firm.project()
    async with tasks_of(database, firm.owner) as uow:
        uow.tasks.add(a_task(firm, project, assigned_to=uuid.uuid4()))
        with pytest.raises(ChangedMeanwhile):
            await uow.commit()


async def test_a_lock_that_is_not_given_in_time_is_contention_and_no_absence(
    test_database: TestDatabase, firm: Firm
) -> None:
    task_id = firm.task(firm.project())
    impatient = with_parameters(test_database.application, options="-c lock_timeout=50")
    with psycopg.connect(test_database.superuser) as holder:
        holder.execute("select from projects where company_id = %s for update", (firm.id,))
        async with opened(Database(url=impatient)) as database:
            async with tasks_of(database, firm.owner) as uow:
                with pytest.raises(Contended):
                    await uow.tasks.load(task_id, for_user=firm.owner.user_id)


@pytest.mark.parametrize("door", ["rows", "fetch"])
async def test_a_statement_that_takes_too_long_is_told_so_and_is_no_absence(
    test_database: TestDatabase, firm: Firm, door: str
) -> None:
    slow = Statement(select(func.count(), text("pg_sleep(30)")).select_from(tasks))
    url = with_parameters(test_database.application, options="-c statement_timeout=100")
    async with narrow_database(url) as database:
        process = await process_of(database)
        with pytest.raises(TooSlow):
            if door == "rows":
                await database.rows(firm.owner, slow, {})
            else:
                async with tasks_of(database, firm.owner) as uow:
                    await uow.fetch((slow, {}))
        assert (await database.rows(firm.owner, TASKS_COUNTED, {})).rows == [(0,)]
        assert await process_of(database) == process, "the connection was given up for it"


async def test_of_two_that_wait_for_each_other_one_is_told_of_contention_and_the_other_goes_on(
    database: Database, firm: Firm
) -> None:
    one, two = firm.project(), firm.project()
    (first_id, second_id), began = (firm.task(one), firm.task(two)), asyncio.Barrier(2)

    async def load_both(*task_ids: uuid.UUID) -> str:
        async with tasks_of(database, firm.owner) as uow:
            await uow.tasks.load(task_ids[0], for_user=firm.owner.user_id)
            await began.wait()
            try:
                await uow.tasks.load(task_ids[1], for_user=firm.owner.user_id)
            except Contended as refused:
                return refused.code
            await uow.commit()
            return "loaded"

    said = await asyncio.gather(load_both(first_id, second_id), load_both(second_id, first_id))
    assert sorted(said) == ["loaded", "service.contended"]


async def test_a_snapshot_that_is_too_old_to_write_on_is_contention(database: Database, firm: Firm) -> None:
    """The role's sessions start with repeatable read; transactions begin as read committed, and a read never writes."""
    firm.task(firm.project())
    async with database.connection() as connection:
        snapshot = Statement.plain("begin isolation level repeatable read")
        door = Asked(OPEN, {"session": firm.owner.session_id, "company": firm.id})
        try:
            await execute(connection, Asked(snapshot, {}), door, Asked(TASKS_COUNTED, {}))
            firm.sql("update tasks set title = 'Changed' where company_id = %s", (firm.id,))
            with pytest.raises(Contended):
                await execute(connection, Asked(Statement(update(tasks).values(title="Mine")), {}))
        finally:
            await connection.execute("rollback")
    assert firm.sql("select title from tasks where company_id = %s", (firm.id,)) == [("Changed",)]


# Connections are given back, and fit for use, whatever happens


@pytest.mark.parametrize("prepared", [True, False], ids=["prepared", "not prepared"])
@pytest.mark.parametrize("commits", range(5))
async def test_a_commit_that_is_refused_does_not_spoil_the_connection_for_the_next_caller(
    test_database: TestDatabase, firm: Firm, commits: int, prepared: bool
) -> None:
    """Whatever was about to be prepared when the pipeline broke off."""
    project = firm.project()
    numbers = iter(range(1, 100))

    async def create(number: int) -> None:
        async with tasks_of(database, firm.owner) as uow:
            uow.tasks.add(a_task(firm, project, number=number))
            uow.record(Noted(text="created"))
            await uow.commit()

    async with narrow_database(test_database.application, prepared_statements=prepared) as database:
        process = await process_of(database)
        async with tasks_of(database, firm.owner):
            pass  # the first on this connection is rolled back
        for _ in range(commits):
            await create(next(numbers))
        taken = next(numbers)
        firm.sql("update projects set last_number = %s where id = %s", (taken - 1, project.id))
        firm.task(project)
        with pytest.raises(ChangedMeanwhile):
            await create(taken)
        for _ in range(4):
            await create(next(numbers))
        assert await process_of(database) == process, "it was not one connection"
    assert firm.count("tasks") == firm.count("events") + 1 == commits + 5


async def test_no_way_out_of_a_unit_of_work_keeps_its_connection(few: Database, firm: Firm) -> None:
    once = Once(key="key", method="POST", path="/tasks", digest=b"digest")
    async with tasks_of(few, firm.owner, once=once) as uow:
        await uow.commit(made=Made(kind="task", id=uuid.uuid4(), version=1))
    stranger = replace(firm.owner, session_id=uuid.uuid4())
    for _ in range(5):
        with pytest.raises(AlreadyAnswered):
            async with tasks_of(few, firm.owner, once=once):
                pass
        with pytest.raises(KeyReused):
            async with tasks_of(few, firm.owner, once=replace(once, digest=b"another")):
                pass
        for key in (None, once):
            with pytest.raises(SessionEnded):
                async with tasks_of(few, stranger, once=key):
                    pass
        with pytest.raises(SessionEnded):
            await few.rows(stranger, TASKS_COUNTED, {})
        with pytest.raises(ZeroDivisionError):
            async with tasks_of(few, firm.owner):
                1 / 0  # noqa: B018
    async with tasks_of(few, firm.owner), tasks_of(few, firm.owner):
        pass  # both connections are there


# Idempotency-Key


def a_key(**fields: Any) -> Once:
    return Once(**{"key": "key", "method": "POST", "path": "/tasks", "digest": b"digest", **fields})


async def make(
    database: Database, firm: Firm, project: Ground, once: Once, *, number: int = 1, by: Actor | None = None
) -> tuple[Made, int]:
    """Creates a task under a key."""
    task = a_task(firm, project, number=number)
    made = Made(kind="task", id=task.id, version=task.version)
    async with tasks_of(database, by or firm.owner, once=once) as uow:
        uow.tasks.add(task)
        uow.record(Noted(text="created"))
        return made, await uow.commit(made=made)


async def test_a_request_that_is_repeated_is_told_what_came_of_it(database: Database, firm: Firm) -> None:
    project = firm.project()
    made, seq = await make(database, firm, project, a_key())
    with pytest.raises(AlreadyAnswered) as answered:
        await make(database, firm, project, a_key(), number=2)
    assert (answered.value.outcome, answered.value.seq) == (made, seq)
    assert (firm.count("tasks"), firm.count("events")) == (1, 1)


async def test_a_key_with_another_payload_is_refused(database: Database, firm: Firm) -> None:
    project = firm.project()
    await make(database, firm, project, a_key())
    with pytest.raises(KeyReused):
        await make(database, firm, project, a_key(digest=b"another"), number=2)
    assert firm.count("tasks") == 1


async def test_a_key_belongs_to_its_caller_method_path_and_company(database: Database, firm: Firm, other: Firm) -> None:
    project, there = firm.project(), other.project()
    await make(database, firm, project, a_key())
    await make(database, firm, project, a_key(path="/projects"), number=2)
    await make(database, firm, project, a_key(method="PUT"), number=3)
    await make(database, firm, project, a_key(key="KEY"), number=4)
    await make(database, firm, project, a_key(), number=5, by=firm.user())
    await make(database, other, there, a_key(), by=also_in(other, firm.owner))
    assert (firm.count("idempotency_keys"), other.count("idempotency_keys")) == (5, 1)


async def test_of_two_requests_with_one_key_at_once_the_second_is_told_that_the_first_is_under_way(
    database: Database, firm: Firm
) -> None:
    project = firm.project()
    async with tasks_of(database, firm.owner, once=a_key()) as first:
        with pytest.raises(InFlight):
            await make(database, firm, project, a_key())
        with pytest.raises(InFlight):
            await make(database, firm, project, a_key(digest=b"another"))
        first.tasks.add(a_task(firm, project))
        made = Made(kind="task", id=uuid.uuid4(), version=1)
        await first.commit(made=made)
    with pytest.raises(AlreadyAnswered) as answered:
        await make(database, firm, project, a_key())
    assert answered.value.outcome == made
    assert firm.count("tasks") == 1


async def test_of_many_requests_with_one_key_at_once_exactly_one_has_an_effect(database: Database, firm: Firm) -> None:
    project = firm.project()
    results = await asyncio.gather(
        *(make(database, firm, project, a_key(), number=number) for number in range(1, 31)), return_exceptions=True
    )
    assert {type(result) for result in results} <= {tuple, InFlight, AlreadyAnswered}
    assert sum(isinstance(result, tuple) for result in results) == 1
    assert (firm.count("tasks"), firm.count("events"), firm.count("idempotency_keys")) == (1, 1, 1)


async def test_an_effect_that_is_taken_back_leaves_the_key_unused(database: Database, firm: Firm) -> None:
    project = firm.project()
    async with tasks_of(database, firm.owner, once=a_key()) as uow:
        uow.tasks.add(a_task(firm, project))
    assert firm.count("idempotency_keys") == 0
    async with tasks_of(database, firm.owner, once=a_key()) as uow:
        uow.tasks.add(a_task(firm, project, assigned_to=uuid.uuid4()))
        with pytest.raises(ChangedMeanwhile):
            await uow.commit(made=Made(kind="task", id=uuid.uuid4(), version=1))
    assert firm.count("idempotency_keys") == 0
    await make(database, firm, project, a_key())


def age(firm: Firm, by: timedelta) -> None:
    firm.sql("update idempotency_keys set created_at = created_at - %s where company_id = %s", (by, firm.id))


async def test_a_key_is_kept_for_a_day_and_can_then_be_used_for_anything(database: Database, firm: Firm) -> None:
    project = firm.project()
    await make(database, firm, project, a_key())
    age(firm, timedelta(hours=23, minutes=59))
    with pytest.raises(AlreadyAnswered):
        await make(database, firm, project, a_key(), number=2)
    age(firm, timedelta(minutes=2))
    made, seq = await make(database, firm, project, a_key(digest=b"another"), number=2)
    assert firm.count("idempotency_keys") == 1
    with pytest.raises(AlreadyAnswered) as answered:
        await make(database, firm, project, a_key(digest=b"another"), number=3)
    assert (answered.value.outcome, answered.value.seq) == (made, seq)


async def test_a_refusal_is_kept_under_its_key(database: Database, firm: Firm) -> None:
    ledger, refused = SqlOnceLedger(database), Refused(status=409, problem=b'{"status": 409}')
    await ledger.refused(firm.owner, a_key(), refused)
    with pytest.raises(AlreadyAnswered) as answered:
        await make(database, firm, firm.project(), a_key())
    assert answered.value.outcome == refused
    assert firm.count("tasks") == 0


async def test_a_refusal_does_not_overwrite_what_was_made_meanwhile(database: Database, firm: Firm) -> None:
    project = firm.project()
    made, _ = await make(database, firm, project, a_key())
    with pytest.raises(AlreadyAnswered) as told:
        await SqlOnceLedger(database).refused(firm.owner, a_key(), Refused(status=409, problem=b"{}"))
    assert told.value.outcome == made
    with pytest.raises(AlreadyAnswered) as answered:
        await make(database, firm, project, a_key(), number=2)
    assert answered.value.outcome == made


async def test_a_refusal_is_not_kept_while_the_same_request_is_carried_out_again(
    database: Database, firm: Firm
) -> None:
    """What comes of the second attempt is what counts, and it is not waited for."""
    project = firm.project()
    refused = Refused(status=409, problem=b"{}")
    async with tasks_of(database, firm.owner, once=a_key()) as uow:
        with pytest.raises(InFlight):
            await asyncio.wait_for(SqlOnceLedger(database).refused(firm.owner, a_key(), refused), 2)
        assert firm.count("idempotency_keys") == 0
        await SqlOnceLedger(database).refused(firm.owner, a_key(key="another"), refused)
        assert firm.count("idempotency_keys") == 1
        task = a_task(firm, project)
        made = Made(kind="task", id=task.id, version=1)
        uow.tasks.add(task)
        await uow.commit(made=made)
    with pytest.raises(AlreadyAnswered) as answered:
        await make(database, firm, project, a_key(), number=2)
    assert answered.value.outcome == made


async def test_a_refusal_of_a_caller_whose_session_has_ended_is_not_kept(few: Database, firm: Firm) -> None:
    stranger = replace(firm.owner, session_id=uuid.uuid4())
    for _ in range(5):
        with pytest.raises(SessionEnded):
            await SqlOnceLedger(few).refused(stranger, a_key(), Refused(status=409, problem=b"{}"))
    assert firm.count("idempotency_keys") == 0
    async with tasks_of(few, firm.owner), tasks_of(few, firm.owner):
        pass  # both connections are there


async def test_keeping_a_refusal_that_has_to_wait_too_long_is_contention(
    test_database: TestDatabase, firm: Firm, database: Database
) -> None:
    refused = Refused(status=409, problem=b"{}")
    await SqlOnceLedger(database).refused(firm.owner, a_key(), refused)
    age(firm, timedelta(hours=25))
    impatient = with_parameters(test_database.application, options="-c lock_timeout=50")
    with psycopg.connect(test_database.superuser) as holder:
        holder.execute("select from idempotency_keys where company_id = %s for update", (firm.id,))
        async with opened(Database(url=impatient)) as hasty:
            with pytest.raises(Contended):
                await SqlOnceLedger(hasty).refused(firm.owner, a_key(), refused)


async def test_a_refusal_replaces_a_key_that_has_expired(database: Database, firm: Firm) -> None:
    project = firm.project()
    await make(database, firm, project, a_key())
    age(firm, timedelta(hours=25))
    refused = Refused(status=422, problem=b"{}")
    await SqlOnceLedger(database).refused(firm.owner, a_key(), refused)
    with pytest.raises(AlreadyAnswered) as answered:
        await make(database, firm, project, a_key(), number=2)
    assert answered.value.outcome == refused


# One snapshot


async def counted_around_a_write(url: str, firm: Firm, project: Ground) -> tuple[int, int]:
    """What two counts of one read say when a task is committed between them."""
    slow = Statement(select(func.count(), text("pg_sleep(0.3)")).select_from(tasks))
    async with opened(Database(url=url)) as database:
        reading = asyncio.create_task(database.rows(firm.owner, slow, {}, also=(TASKS_COUNTED, {})))
        await asyncio.sleep(0.1)
        firm.task(project)
        found = await reading
    return found.rows[0][0], found.also[0][0]


async def test_a_read_and_what_is_read_beside_it_are_of_one_snapshot(test_database: TestDatabase, firm: Firm) -> None:
    assert await counted_around_a_write(test_database.application, firm, firm.project()) == (0, 0)


async def test_the_control_without_the_roles_setting_they_would_not_be(test_database: TestDatabase, firm: Firm) -> None:
    url = with_parameters(test_database.application, options="-c default_transaction_isolation=read\\ committed")
    assert await counted_around_a_write(url, firm, firm.project()) == (0, 1)


async def test_the_sequence_of_an_answer_is_of_the_same_snapshot_as_its_rows(database: Database, firm: Firm) -> None:
    """Each commit adds one task and one event, so an answer that counts them differently mixes two states."""
    project = firm.project()
    stop = asyncio.Event()
    numbers = iter(range(1, 100_000))

    async def write() -> None:
        while not stop.is_set():
            async with tasks_of(database, firm.owner) as uow:
                uow.tasks.add(a_task(firm, project, number=next(numbers)))
                uow.record(Noted(text="created"))
                await uow.commit()

    async with AsyncExitStack() as stack:
        writers = [asyncio.create_task(write()) for _ in range(3)]
        stack.push_async_callback(asyncio.gather, *writers)
        stack.callback(stop.set)
        answers = []
        for _ in range(200):
            found = await database.rows(firm.owner, TASKS_COUNTED, {}, also=(TASKS_COUNTED, {}))
            answers.append((found.rows[0][0], found.also[0][0], found.seq))
    assert all(rows == also == seq for rows, also, seq in answers)
    assert answers[-1][2] > answers[0][2], "nothing was written meanwhile"


# The connection is lost in the middle


async def terminate(connection: psycopg.Connection[Any], firm: Firm) -> None:
    """Ends whichever process waits for the table that the superuser holds."""
    for _ in range(100):
        await asyncio.sleep(0.02)
        ended = connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'test_app'"
            " and wait_event_type = 'Lock' and datname = current_database()"
        ).fetchall()
        if ended:
            return
    pytest.fail("nobody waited")


async def test_a_commit_that_the_server_breaks_off_is_a_passing_trouble_and_wrote_nothing(
    database: Database, firm: Firm, test_database: TestDatabase
) -> None:
    project = firm.project()

    async def write() -> None:
        async with tasks_of(database, firm.owner) as uow:
            uow.tasks.add(a_task(firm, project))
            uow.record(Noted(text="created"))
            await uow.commit()

    with psycopg.connect(test_database.superuser) as holder:
        holder.execute("select from event_sequences where company_id = %s for update", (firm.id,))
        writing = asyncio.create_task(write())
        await terminate(holder, firm)
        with pytest.raises(DatabaseAway):
            await writing
    assert (firm.count("tasks"), firm.count("events")) == (0, 0)
    await write()
    assert (firm.count("tasks"), firm.count("events")) == (1, 1)


async def test_keeping_a_refusal_that_the_server_breaks_off_is_a_passing_trouble(
    database: Database, firm: Firm, test_database: TestDatabase
) -> None:
    await SqlOnceLedger(database).refused(firm.owner, a_key(), Refused(status=409, problem=b"{}"))
    age(firm, timedelta(hours=25))
    with psycopg.connect(test_database.superuser) as holder:
        holder.execute("select from idempotency_keys where company_id = %s for update", (firm.id,))
        refused = Refused(status=409, problem=b"{}")
        keeping = asyncio.create_task(SqlOnceLedger(database).refused(firm.owner, a_key(), refused))
        await terminate(holder, firm)
        with pytest.raises(DatabaseAway):
            await keeping
