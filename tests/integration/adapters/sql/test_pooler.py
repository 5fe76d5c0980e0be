"""Behind PgBouncer in transaction mode: many connections of ours share three of the server's, in turns.

`make test-pooler` sends all integration tests through one; these are in every run.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from sqlalchemy import func, select

from adapters.sql.connection import Database
from adapters.sql.migrating import migrate
from adapters.sql.preflight import check_database
from adapters.sql.statement import Statement
from adapters.sql.system import SqlIdentityUnitOfWork
from adapters.sql.tables.work import tasks
from adapters.sql.unit_of_work import SqlUnitOfWork
from adapters.system.clock import SystemClock
from core.kernel.actor import Actor
from entrypoints.settings import Settings
from tests import pooler
from tests.integration.adapters.sql.conftest import no_context_is_left, opened
from tests.integration.adapters.sql.firms import Firms, Noted
from tests.integration.adapters.sql.twins import Twins, make_twins
from tests.integration.api import Api
from tests.integration.conftest import APPLICATION, PASSWORD, Server, TestDatabase, quick_container, running

SERVERS = 3
# Which company's tasks are seen, and by which process of the server: no predicate, so that the wall alone decides.
SEEN = Statement.plain("select company_id, pg_backend_pid() from tasks")
TASKS_COUNTED = Statement(select(func.count()).select_from(tasks))


@pytest.fixture(scope="module")
def pooled_url(postgres_server: Server, test_database: TestDatabase) -> Iterator[str]:
    """The shared database through a pooler of these tests' own."""
    passwords = {APPLICATION: PASSWORD}
    with pooler.pgbouncer(before=postgres_server.superuser, passwords=passwords, connections=SERVERS) as address:
        yield pooler.through(address, test_database.application)


@pytest.fixture
async def pooled(pooled_url: str) -> AsyncIterator[Database]:
    async with opened(Database(url=pooled_url, prepared_statements=False)) as database:
        yield database


@pytest.fixture(scope="module")
def twins(firms: Firms) -> Twins:
    return make_twins(firms)


async def test_thousands_of_reads_of_two_companies_over_three_connections_see_their_own_alone(
    pooled: Database, twins: Twins
) -> None:
    served: dict[int, set[uuid.UUID]] = {}

    async def read(actor: Actor) -> None:
        for _ in range(125):
            rows = (await pooled.rows(actor, SEEN, {}, also=(TASKS_COUNTED, {}))).rows
            assert {company for company, _ in rows} == {actor.company_id}
            for company, process in rows:
                served.setdefault(process, set()).add(company)

    await asyncio.gather(*(read(firm.owner) for _ in range(10) for firm in (twins.ours, twins.theirs)))
    assert 1 < len(served) <= SERVERS
    assert all(companies == {twins.ours.id, twins.theirs.id} for companies in served.values()), "nothing was shared"


async def test_transactions_kept_and_taken_back_among_them_number_their_events_without_a_gap(
    pooled: Database, twins: Twins
) -> None:
    firms = (twins.ours, twins.theirs)
    before = {firm.id: firm.last_seq() for firm in firms}

    async def write(actor: Actor, *, keeps: bool) -> None:
        for turn in range(15):
            async with SqlUnitOfWork(pooled, SystemClock(), actor) as uow:
                (rows,) = await uow.fetch((SEEN, {}))
                assert {company for company, _ in rows} == {actor.company_id}
                uow.record(Noted(text=f"turn {turn}"))
                if keeps:
                    await uow.commit()
                else:
                    # In the middle, with its lock held; the next client finds nothing of it on the connection.
                    await uow.fetch((TASKS_COUNTED, {}))
            async with SqlIdentityUnitOfWork(pooled) as identity:
                assert await identity.memberships(actor.account_id) != ()
            assert {company for company, _ in (await pooled.rows(actor, SEEN, {})).rows} == {actor.company_id}

    await asyncio.gather(
        *(write(firm.owner, keeps=keeps) for firm in firms for keeps in (True, True, False) for _ in range(2))
    )
    for firm in firms:
        assert firm.last_seq() == before[firm.id] + 4 * 15
        numbers = [seq for seq, _ in firm.log()]
        assert numbers == list(range(1, firm.last_seq() + 1))
    await asyncio.gather(*(no_context_is_left(pooled) for _ in range(2 * SERVERS)))


async def test_what_the_application_role_starts_with_holds_through_the_pooler(pooled: Database) -> None:
    expected = {
        "default_transaction_isolation": "repeatable read",
        "statement_timeout": "30s",
        "lock_timeout": "10s",
        "idle_in_transaction_session_timeout": "1min",
        "max_parallel_workers_per_gather": "0",
        "jit": "off",
        "TimeZone": "UTC",
    }
    async with pooled.connection() as connection:
        for name, value in expected.items():
            assert await (await connection.execute(f"show {name}")).fetchone() == (value,), name


async def test_prepared_statements_do_not_survive_it_which_is_what_the_setting_is_for(
    pooled_url: str, twins: Twins
) -> None:
    """A statement is prepared on one connection of the server's, and asked for on another."""
    async with opened(Database(url=pooled_url, prepared_statements=True)) as database:

        async def read(actor: Actor) -> None:
            for _ in range(20):
                await database.rows(actor, TASKS_COUNTED, {})

        answers = await asyncio.gather(
            *(read(firm.owner) for _ in range(5) for firm in (twins.ours, twins.theirs)), return_exceptions=True
        )
    failures = {type(answer) for answer in answers if answer is not None}
    assert failures
    assert failures <= {psycopg.errors.DuplicatePreparedStatement, psycopg.errors.InvalidSqlStatementName}


def test_a_server_may_start_and_migrate_with_the_poolers_address(pooled_url: str, test_database: TestDatabase) -> None:
    migrate(owner_url=test_database.owner, application_url=pooled_url)
    check_database(pooled_url)


async def test_a_walk_over_http(pooled_url: str, settings: Settings, test_database: TestDatabase) -> None:
    behind = settings.model_copy(update={"database_prepared_statements": False})
    async with running(quick_container(behind, database_url=pooled_url)) as client:
        api = Api(client=client, superuser_url=test_database.superuser)
        ann, bob = await api.register(name="Ann Miller"), await api.register()
        project = await ann.project(name="Website")
        keyed = {"headers": {"Idempotency-Key": "once"}}
        given = {"project_id": project["id"], "title": "Draw the landing page"}
        first, again = [await ann.post("/tasks", given, **keyed) for _ in range(2)]
        assert (first.status_code, again.headers["idempotency-replayed"]) == (201, "true")
        assert first.json()["id"] == again.json()["id"]
        made = await asyncio.gather(*(ann.task(project, title=f"Card {number}") for number in range(30)))
        assert {task["number"] for task in made} == set(range(2, 32))

        seen, path = [], "/tasks?limit=7&sort=number"
        while path:
            page = await ann.get(path)
            seen += [task["number"] for task in page.json()]
            path = page.links["next"]["url"].partition("/api/v1")[2] if page.links else ""
        assert seen == list(range(1, 32))

        moved = await ann.patch(f"/tasks/{made[0]['id']}/move", {"after": made[-1]["id"]})
        assert moved.status_code == 200
        board = (await ann.get(f"/projects/{project['id']}/board")).json()
        assert sum(column["task_count"] for column in board["columns"]) == 31
        events = (await ann.get("/events?after=0&limit=200")).json()
        assert [event["seq"] for event in events] == [str(number) for number in range(1, len(events) + 1)]
        assert (await bob.get(f"/tasks/{made[0]['id']}")).status_code == 404
        assert (await bob.get("/tasks")).json() == []
