"""What the wall keeps apart, tried as the application role; and the same tried as superuser, which must fail."""

import asyncio
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import func, select

from adapters.sql.connection import Database, execute
from adapters.sql.pipeline import Asked
from adapters.sql.readers.tasks import SqlTaskReader
from adapters.sql.statement import Statement
from adapters.sql.tables.work import tasks
from adapters.sql.tenancy import TenantTable, metadata
from adapters.sql.unit_of_work import SqlUnitOfWork
from adapters.system.clock import SystemClock
from core.auth.errors import SessionEnded
from core.kernel.actor import Actor, ActorChanged, Role
from core.kernel.once import Once
from core.kernel.paging import PageRequest, Sort
from core.tasks.ports import TaskFilter
from core.tasks.use_cases.tasks import TaskUseCases
from tests.integration.adapters.sql.conftest import narrow_database, no_context_is_left, opened, process_of
from tests.integration.adapters.sql.firms import Firm, Firms, also_in, executed
from tests.integration.adapters.sql.shapes import READING, WRITING
from tests.integration.adapters.sql.twins import Twins, make_twins
from tests.integration.conftest import APPLICATION, TestDatabase

WALLED = {
    table.name: table.info.get("tenant_column", "company_id")
    for table in metadata.sorted_tables
    if isinstance(table, TenantTable)
}
ENTER = "select set_config('app.company_id', %s, true)"
COMPANY_OF_TASKS = Statement(select(tasks.c.company_id))
TASKS_COUNTED = Statement(select(func.count()).select_from(tasks))


@pytest.fixture(scope="module")
def twins(firms: Firms) -> Twins:
    return make_twins(firms)


@pytest.fixture
def application(test_database: TestDatabase) -> Iterator[psycopg.Connection[Any]]:
    """A fresh connection as the application role, in a transaction of its own that is taken back."""
    with psycopg.connect(test_database.application) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def superuser_transaction(test_database: TestDatabase) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(test_database.superuser) as connection:
        yield connection
        connection.rollback()


def companies_in(connection: psycopg.Connection[Any], table: str) -> set[uuid.UUID]:
    """Which companies' rows a statement without any predicate finds."""
    column = sql.Identifier(WALLED[table])
    query = sql.SQL("select distinct {} from {}").format(column, sql.Identifier(table))
    return {company for (company,) in connection.execute(query).fetchall()}


# Raw statements, without any predicate: what is asserted here is asserted of the superuser too, further down


def nothing_is_visible(connection: psycopg.Connection[Any], twins: Twins, table: str) -> None:
    assert companies_in(connection, table) == set()


def only_ours_is_visible(connection: psycopg.Connection[Any], twins: Twins, table: str) -> None:
    connection.execute(ENTER, (str(twins.ours.id),))
    assert companies_in(connection, table) == {twins.ours.id}


def their_rows_cannot_be_changed(connection: psycopg.Connection[Any], twins: Twins, table: str) -> None:
    connection.execute(ENTER, (str(twins.ours.id),))
    column = sql.Identifier(WALLED[table])
    query = sql.SQL("update {} set {column} = {column} where {column} = %s").format(
        sql.Identifier(table), column=column
    )
    assert connection.execute(query, (twins.theirs.id,)).rowcount == 0


def their_rows_cannot_be_deleted(connection: psycopg.Connection[Any], twins: Twins, table: str) -> None:
    connection.execute(ENTER, (str(twins.ours.id),))
    query = sql.SQL("delete from {} where {} = %s").format(sql.Identifier(table), sql.Identifier(WALLED[table]))
    assert connection.execute(query, (twins.theirs.id,)).rowcount == 0


def a_row_cannot_be_handed_to_them(connection: psycopg.Connection[Any], twins: Twins, table: str) -> None:
    connection.execute(ENTER, (str(twins.ours.id),))
    column = sql.Identifier(WALLED[table])
    query = sql.SQL("update {} set {column} = %s where {column} = %s").format(sql.Identifier(table), column=column)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        connection.execute(query, (twins.theirs.id, twins.ours.id))


def a_row_cannot_be_planted_with_them(connection: psycopg.Connection[Any], twins: Twins, table: str) -> None:
    connection.execute(ENTER, (str(twins.ours.id),))
    company, own = WALLED[table], metadata.tables[table]
    names = [column.name for column in own.columns if column.computed is None]
    query = sql.SQL("insert into {table} ({names}) select {values} from {table} where {company} = %(ours)s").format(
        table=sql.Identifier(table),
        names=sql.SQL(", ").join(map(sql.Identifier, names)),
        values=sql.SQL(", ").join(
            sql.SQL("%(theirs)s::uuid") if name == company else sql.Identifier(name) for name in names
        ),
        company=sql.Identifier(company),
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        connection.execute(query, {"ours": twins.ours.id, "theirs": twins.theirs.id})


RAW: list[Callable[[psycopg.Connection[Any], Twins, str], None]] = [
    nothing_is_visible,
    only_ours_is_visible,
    their_rows_cannot_be_changed,
    their_rows_cannot_be_deleted,
    a_row_cannot_be_handed_to_them,
    a_row_cannot_be_planted_with_them,
]


# What the application may not do to any row at all: log and audit are only added to, and no company is deleted.
NEVER_GRANTED: list[tuple[Callable[..., None], str]] = [
    (their_rows_cannot_be_changed, "events"),
    (a_row_cannot_be_handed_to_them, "events"),
    (their_rows_cannot_be_deleted, "events"),
    (their_rows_cannot_be_changed, "audit_events"),
    (a_row_cannot_be_handed_to_them, "audit_events"),
    (their_rows_cannot_be_deleted, "audit_events"),
    (their_rows_cannot_be_deleted, "companies"),
]


@pytest.mark.parametrize("table", WALLED)
@pytest.mark.parametrize("rule", RAW, ids=lambda rule: rule.__name__)
def test_as_the_application(
    application: psycopg.Connection[Any], twins: Twins, rule: Callable[..., None], table: str
) -> None:
    if (rule, table) not in NEVER_GRANTED:
        rule(application, twins, table)
        return
    with pytest.raises((psycopg.errors.InsufficientPrivilege, AssertionError), match="permission denied"):
        rule(application, twins, table)


@pytest.mark.parametrize(("rule", "table"), NEVER_GRANTED, ids=lambda value: getattr(value, "__name__", value))
def test_what_is_never_granted_would_not_reach_through_the_wall_if_it_were(
    superuser_transaction: psycopg.Connection[Any], twins: Twins, rule: Callable[..., None], table: str
) -> None:
    role, of = sql.Identifier(APPLICATION), sql.Identifier(table)
    superuser_transaction.execute(sql.SQL("grant update, delete on {} to {}").format(of, role))
    superuser_transaction.execute(sql.SQL("set local role {}").format(role))
    rule(superuser_transaction, twins, table)


@pytest.mark.parametrize("table", WALLED)
@pytest.mark.parametrize("rule", RAW, ids=lambda rule: rule.__name__)
def test_as_superuser_the_same_does_not_hold_so_that_it_proves_something(
    superuser_transaction: psycopg.Connection[Any], twins: Twins, rule: Callable[..., None], table: str
) -> None:
    # Either the rule's own assertion fails, or a constraint, not the wall, stopped what row-level security let through.
    with pytest.raises((AssertionError, pytest.fail.Exception, psycopg.errors.IntegrityError)):
        rule(superuser_transaction, twins, table)


def test_every_table_behind_the_wall_holds_rows_of_both_for_these_tests(
    superuser: psycopg.Connection[Any], twins: Twins
) -> None:
    for table in WALLED:
        assert {twins.ours.id, twins.theirs.id} <= companies_in(superuser, table)


def test_no_company_can_be_deleted_and_all_that_is_its_with_it_by_cascade(
    application: psycopg.Connection[Any], twins: Twins, superuser: psycopg.Connection[Any]
) -> None:
    for company in (twins.theirs.id, twins.ours.id):
        application.execute(ENTER, (str(twins.ours.id),))
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
            application.execute("delete from companies where id = %s", (company,))
        application.commit()
        for table in WALLED:
            assert company in companies_in(superuser, table)


def test_what_was_logged_can_be_neither_changed_nor_deleted_not_even_by_its_own_company(
    application: psycopg.Connection[Any], twins: Twins
) -> None:
    for statement in (
        "update events set event = 'never'",
        "delete from events",
        "truncate events",
        "update audit_events set type = 'never'",
        "update audit_events set number = 1, mac = 'proof'",
        "delete from audit_events",
        "truncate audit_events",
    ):
        application.execute(ENTER, (str(twins.ours.id),))
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
            application.execute(statement)
        application.rollback()


def test_a_connection_that_was_used_before_shows_nothing_either(application: psycopg.Connection[Any]) -> None:
    """After a transaction with a context the setting is empty, no longer absent: without `nullif` that would raise."""
    application.execute(ENTER, (str(uuid.uuid4()),))
    application.commit()
    assert application.execute("select current_setting('app.company_id', true)").fetchone() == ("",)
    for table in WALLED:
        assert companies_in(application, table) == set()


@pytest.mark.parametrize("used_before", [False, True])
def test_without_a_context_a_statement_of_core_raises(
    application: psycopg.Connection[Any], twins: Twins, used_before: bool
) -> None:
    if used_before:
        application.execute(ENTER, (str(twins.ours.id),))
        application.commit()
    with pytest.raises((psycopg.errors.UndefinedObject, psycopg.errors.InvalidTextRepresentation)):
        application.execute(COMPANY_OF_TASKS.text)


def test_a_secret_cannot_be_read_by_the_application(application: psycopg.Connection[Any]) -> None:
    for table in ("accounts", "login_sessions", "signing_keys"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            application.execute(sql.SQL("select 1 from {}").format(sql.Identifier(table)))
        application.rollback()


def test_a_transaction_of_upkeep_cannot_reach_what_people_work_on(
    application: psycopg.Connection[Any], superuser: psycopg.Connection[Any]
) -> None:
    for table in ("projects", "tasks", "idempotency_keys", "project_members", "board_columns"):
        application.execute("set local role flowtrack_upkeep")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            application.execute(sql.SQL("select 1 from {}").format(sql.Identifier(table)))
        application.rollback()
    # Of the log, no more than that of companies whose time to come back is over.
    application.execute("set local role flowtrack_upkeep")
    assert companies_in(application, "events") == set()
    application.rollback()


# Keys: they hold for the superuser too


def test_a_reference_into_another_company_cannot_be_stored(
    superuser_transaction: psycopg.Connection[Any], twins: Twins
) -> None:
    tried = 0
    for table in metadata.sorted_tables:
        for key in table.foreign_key_constraints:
            here = [column.name for column in key.columns if column.name != "company_id"]
            target = key.referred_table
            if table.name not in WALLED or target.name not in WALLED or not here:
                continue
            there = [element.column.name for element in key.elements if element.parent.name != "company_id"]
            found = superuser_transaction.execute(
                sql.SQL("select {} from {} where company_id = %s limit 1").format(
                    sql.SQL(", ").join(map(sql.Identifier, there)), sql.Identifier(target.name)
                ),
                (twins.theirs.id,),
            ).fetchone()
            assert found is not None
            change = sql.SQL("update {} set {} where company_id = %s").format(
                sql.Identifier(table.name),
                sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in here),
            )
            with (
                pytest.raises(psycopg.errors.IntegrityError) as caught,
                superuser_transaction.transaction(),
            ):
                superuser_transaction.execute(change, (*found, twins.ours.id))
            # Where one row would become two of the same key, that is noticed first.
            assert isinstance(caught.value, psycopg.errors.ForeignKeyViolation | psycopg.errors.UniqueViolation)
            tried += 1
    assert tried >= 8


def test_a_task_cannot_stand_in_a_column_of_another_project(
    superuser_transaction: psycopg.Connection[Any], firm: Firm
) -> None:
    here, there = firm.project(), firm.project()
    task = firm.task(here)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        superuser_transaction.execute("update tasks set column_id = %s where id = %s", (there.columns[0], task))


def test_a_task_cannot_stand_in_a_cycle_of_another_project(
    superuser_transaction: psycopg.Connection[Any], firm: Firm
) -> None:
    task, cycle = firm.task(firm.project()), firm.cycle(firm.project())
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        superuser_transaction.execute("update tasks set cycle_id = %s where id = %s", (cycle, task))


# The compile hook: it holds for the superuser too


@pytest.mark.parametrize("name", READING)
def test_a_reading_shape_finds_only_our_rows_even_as_superuser(
    superuser_transaction: psycopg.Connection[Any], twins: Twins, name: str
) -> None:
    superuser_transaction.execute(ENTER, (str(twins.ours.id),))
    cursor = executed(superuser_transaction, Statement(READING[name]))
    companies = {value for row in cursor.fetchall() for value in row if isinstance(value, uuid.UUID)}
    assert companies == {twins.ours.id}


@pytest.mark.parametrize("name", WRITING)
def test_a_writing_shape_changes_only_our_rows_even_as_superuser(
    superuser_transaction: psycopg.Connection[Any], twins: Twins, name: str
) -> None:
    def rows(company: uuid.UUID) -> dict[str, Any]:
        return {
            table: superuser_transaction.execute(
                sql.SQL("select t::text from {} t where {} = %s order by 1").format(
                    sql.Identifier(table), sql.Identifier(column)
                ),
                (company,),
            ).fetchall()
            for table, column in WALLED.items()
        }

    before = rows(twins.ours.id), rows(twins.theirs.id)
    superuser_transaction.execute(ENTER, (str(twins.ours.id),))
    executed(superuser_transaction, Statement(WRITING[name]), project=twins.our_project.id)
    ours, theirs = rows(twins.ours.id), rows(twins.theirs.id)
    assert theirs == before[1]
    if "NOTHING" not in name and "CONFLICT" not in name:
        assert ours != before[0]


def test_what_was_deleted_does_not_exist_for_core(superuser_transaction: psycopg.Connection[Any], twins: Twins) -> None:
    superuser_transaction.execute(ENTER, (str(twins.ours.id),))
    assert len(superuser_transaction.execute(COMPANY_OF_TASKS.text).fetchall()) == 2
    everything = "select count(*) from tasks where company_id = %s"
    assert superuser_transaction.execute(everything, (twins.ours.id,)).fetchone() == (3,)


# The two doors


async def seen_by_rows(database: Database, actor: Actor) -> set[uuid.UUID]:
    return {company for (company,) in (await database.rows(actor, COMPANY_OF_TASKS, {})).rows}


async def seen_in_transaction(database: Database, actor: Actor) -> set[uuid.UUID]:
    async with SqlUnitOfWork(database, SystemClock(), actor) as uow:
        ((*rows,),) = (await uow.fetch((COMPANY_OF_TASKS, {})),)
        found = {company for (company,) in rows[0]}
        if random.random() < 0.5:  # the others are rolled back
            await uow.commit()
        return found


async def test_two_companies_alternating_thousands_of_times_on_one_connection_leak_nothing(
    narrow: Database, twins: Twins
) -> None:
    actors = (twins.ours.owner, twins.theirs.owner)
    process = await process_of(narrow)
    for turn in range(4000):
        actor = actors[turn % 2]
        door = seen_in_transaction if turn % 5 == 0 else seen_by_rows
        assert await door(narrow, actor) == {actor.company_id}, turn
    assert await process_of(narrow) == process, "it was not one connection"


async def test_many_callers_of_two_companies_at_once_on_few_connections_leak_nothing(
    test_database: TestDatabase, twins: Twins
) -> None:
    async def call(actor: Actor, database: Database) -> None:
        for turn in range(25):
            door = seen_in_transaction if turn % 3 == 0 else seen_by_rows
            assert await door(database, actor) == {actor.company_id}

    async with opened(Database(url=test_database.application, largest=3)) as database:
        await asyncio.gather(
            *(call(actor, database) for _ in range(20) for actor in (twins.ours.owner, twins.theirs.owner))
        )


async def test_a_connection_pooler_without_prepared_statements_leaks_nothing_either(
    test_database: TestDatabase, twins: Twins
) -> None:
    async with opened(Database(url=test_database.application, prepared_statements=False, largest=2)) as database:
        for turn in range(100):
            actor = (twins.ours.owner, twins.theirs.owner)[turn % 2]
            assert await seen_by_rows(database, actor) == {actor.company_id}
        async with database.connection() as connection:
            assert await (await connection.execute("select count(*) from pg_prepared_statements")).fetchone() == (0,)


async def test_a_read_leaves_no_context_on_the_connection(narrow: Database, twins: Twins) -> None:
    await seen_by_rows(narrow, twins.ours.owner)
    await no_context_is_left(narrow)


async def test_a_transaction_leaves_no_context_on_the_connection(narrow: Database, twins: Twins) -> None:
    async with SqlUnitOfWork(narrow, SystemClock(), twins.ours.owner) as uow:
        await uow.commit()
    await no_context_is_left(narrow)


async def test_an_exception_in_a_transaction_leaves_no_context_on_the_connection(
    narrow: Database, twins: Twins
) -> None:
    with pytest.raises(RuntimeError):
        async with SqlUnitOfWork(narrow, SystemClock(), twins.ours.owner) as uow:
            await uow.fetch((COMPANY_OF_TASKS, {}))
            raise RuntimeError
    await no_context_is_left(narrow)


async def test_an_error_of_the_database_leaves_no_context_on_the_connection(narrow: Database, twins: Twins) -> None:
    connection, _, _ = await narrow.begin(twins.ours.owner)
    try:
        with pytest.raises(psycopg.errors.DivisionByZero):
            await connection.execute("select 1 / 0")
    finally:
        await narrow.end(connection)
    await no_context_is_left(narrow)


async def test_a_cancelled_request_leaves_no_context_on_the_connection(narrow: Database, twins: Twins) -> None:
    started = asyncio.Event()

    async def request() -> None:
        async with SqlUnitOfWork(narrow, SystemClock(), twins.ours.owner) as uow:
            await uow.fetch((COMPANY_OF_TASKS, {}))
            started.set()
            await uow._open_connection.execute("select pg_sleep(30)")

    task = asyncio.create_task(request())
    await started.wait()
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await no_context_is_left(narrow)


async def test_a_read_that_is_cancelled_leaves_no_context_on_the_connection(narrow: Database, twins: Twins) -> None:
    slow = Statement(select(tasks.c.company_id))
    slow.text = f"select pg_sleep(30), company_id from ({slow.text}) as t"
    task = asyncio.create_task(narrow.rows(twins.ours.owner, slow, {}))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await no_context_is_left(narrow)


async def test_a_transaction_across_companies_leaves_neither_role_nor_context(narrow: Database) -> None:
    connection = await narrow.begin_upkeep()
    assert await (await connection.execute("select current_user")).fetchone() == ("flowtrack_upkeep",)
    await narrow.end(connection)
    await no_context_is_left(narrow)


# Who may open a company's context


def revoked(firm: Firm, actor: Actor) -> Actor:
    firm.sql("update login_sessions set revoked_at = now() where id = %s", (actor.session_id,))
    return actor


def expired(firm: Firm, actor: Actor) -> Actor:
    firm.sql("update login_sessions set expires_at = now() - interval '1 second' where id = %s", (actor.session_id,))
    return actor


def deactivated(firm: Firm, actor: Actor) -> Actor:
    firm.sql("update users set is_active = false where company_id = %s and id = %s", (firm.id, actor.user_id))
    return actor


def of_an_inactive_company(firm: Firm, actor: Actor) -> Actor:
    firm.sql("update companies set is_active = false where id = %s", (firm.id,))
    return actor


def no_longer_a_user(firm: Firm, actor: Actor) -> Actor:
    firm.sql("delete from users where company_id = %s and id = %s", (firm.id, actor.user_id))
    return actor


def with_an_unknown_session(firm: Firm, actor: Actor) -> Actor:
    return replace(actor, session_id=uuid.uuid4())


ENDED = [revoked, expired, deactivated, of_an_inactive_company, no_longer_a_user, with_an_unknown_session]


@pytest.fixture
def caller(firm: Firm) -> Actor:
    project = firm.project()
    firm.task(project)
    return firm.user(projects=[project])


@pytest.mark.parametrize("ending", ENDED, ids=lambda ending: ending.__name__)
@pytest.mark.parametrize("used_before", [False, True], ids=["fresh connection", "used connection"])
async def test_a_caller_whose_session_has_ended_reads_nothing(
    narrow: Database, firm: Firm, caller: Actor, ending: Callable[[Firm, Actor], Actor], used_before: bool
) -> None:
    if used_before:
        assert await seen_by_rows(narrow, caller) == {firm.id}
    ended = ending(firm, caller)
    with pytest.raises(SessionEnded):
        await seen_by_rows(narrow, ended)
    await no_context_is_left(narrow)


@pytest.mark.parametrize("ending", ENDED, ids=lambda ending: ending.__name__)
async def test_a_caller_whose_session_has_ended_opens_no_transaction(
    narrow: Database, firm: Firm, caller: Actor, ending: Callable[[Firm, Actor], Actor]
) -> None:
    with pytest.raises(SessionEnded):
        async with SqlUnitOfWork(narrow, SystemClock(), ending(firm, caller)):
            pytest.fail("it was opened")
    await no_context_is_left(narrow)


@pytest.mark.parametrize("ending", ENDED, ids=lambda ending: ending.__name__)
async def test_a_caller_whose_session_has_ended_opens_no_transaction_with_an_idempotency_key(
    narrow: Database, firm: Firm, caller: Actor, ending: Callable[[Firm, Actor], Actor]
) -> None:
    once = Once(key="key", method="POST", path="/tasks", digest=b"digest")
    with pytest.raises(SessionEnded):
        async with SqlUnitOfWork(narrow, SystemClock(), ending(firm, caller), once=once):
            pytest.fail("it was opened")
    await no_context_is_left(narrow)


@pytest.mark.parametrize("prepared", [True, False], ids=["prepared", "not prepared"])
@pytest.mark.parametrize("reads", range(5))
async def test_a_refused_read_does_not_spoil_the_connection_for_the_next_caller(
    test_database: TestDatabase, firm: Firm, caller: Actor, reads: int, prepared: bool
) -> None:
    """Whatever was about to be prepared when the pipeline broke off."""
    ended = revoked(firm, firm.user())

    async def read(actor: Actor) -> tuple[Any, Any]:
        found = await database.rows(actor, COMPANY_OF_TASKS, {}, also=(TASKS_COUNTED, {}))
        return found.rows, found.also

    async with narrow_database(test_database.application, prepared_statements=prepared) as database:
        process = await process_of(database)
        for _ in range(reads):
            await read(caller)
        with pytest.raises(SessionEnded):
            await read(ended)
        for _ in range(4):
            assert await read(caller) == ([(firm.id,)], [(1,)])
        assert await process_of(database) == process, "it was not one connection"


async def test_a_session_opens_the_companies_of_its_account_and_no_other(
    database: Database, firm: Firm, other: Firm, caller: Actor
) -> None:
    other.task(other.project())
    with pytest.raises(SessionEnded):
        await seen_by_rows(database, replace(caller, company_id=other.id))
    there = also_in(other, caller)
    assert await seen_by_rows(database, there) == {other.id}
    assert await seen_by_rows(database, caller) == {firm.id}


async def test_the_user_is_the_one_that_the_session_belongs_to_whatever_the_caller_claims(
    database: Database, firm: Firm, caller: Actor
) -> None:
    claimed = replace(caller, user_id=firm.owner.user_id, account_id=firm.owner.account_id)
    connection, found, _ = await database.begin(claimed)
    await database.end(connection)
    assert (found.actor.user_id, found.actor.account_id) == (caller.user_id, caller.account_id)


# Roles as of now


def tasks_of(database: Database) -> TaskUseCases:
    reader = SqlTaskReader(database)
    return TaskUseCases(unit_of_work=None, reader=reader, clock=SystemClock(), ids=None)  # type: ignore[arg-type]


async def test_a_read_made_for_another_role_than_the_callers_is_not_answered(
    database: Database, firm: Firm, caller: Actor
) -> None:
    firm.sql("update users set role = 'admin' where id = %s", (caller.user_id,))
    with pytest.raises(ActorChanged) as changed:
        await seen_by_rows(database, caller)
    assert changed.value.actor == replace(caller, role=Role.ADMIN)


@pytest.mark.parametrize(("role", "seen"), [(Role.MEMBER, 0), (Role.ADMIN, 1), (Role.OWNER, 1)])
async def test_a_list_is_answered_for_the_role_that_the_caller_has_now(
    database: Database, firm: Firm, role: Role, seen: int
) -> None:
    firm.task(firm.project())
    for hint in Role:
        caller = replace(firm.user(role=role), role=hint)
        answer = await tasks_of(database).list(
            caller, where=TaskFilter(), sort=Sort(field="created_at"), page=PageRequest(include_total=True)
        )
        assert (len(answer.value.items), answer.value.total) == (seen, seen), hint


async def test_a_transaction_knows_the_caller_as_of_now(database: Database, firm: Firm, caller: Actor) -> None:
    firm.sql("update users set role = 'admin' where id = %s", (caller.user_id,))
    firm.sql("update companies set members_edit_all_project_tasks = true where id = %s", (firm.id,))
    async with SqlUnitOfWork(database, SystemClock(), caller) as uow:
        assert uow.actor == replace(caller, role=Role.ADMIN, edits_all_project_tasks=True)


async def test_a_statement_sent_before_any_context_raises_instead_of_answering(database: Database) -> None:
    async with database.connection() as connection:
        with pytest.raises((psycopg.errors.UndefinedObject, psycopg.errors.InvalidTextRepresentation)):
            await execute(connection, Asked(COMPANY_OF_TASKS, {}))
