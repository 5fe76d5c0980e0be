"""The purge: what is past coming back goes for good, and nothing else does."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from adapters.sql.connection import Database
from adapters.sql.migrating import migrate
from adapters.sql.purging import SqlRemains
from core.operations.model import Cutoffs
from core.operations.read_models import Purged
from tests.integration.adapters.sql.conftest import opened
from tests.integration.adapters.sql.firms import Firm, Firms
from tests.integration.adapters.sql.twins import make_twins
from tests.integration.conftest import Server, TestDatabase

_numbers = itertools.count(1)
LONG_AGO, LATELY = "31 days", "29 days"
NOTHING = Purged()


@pytest.fixture(scope="module")
def place(postgres_server: Server) -> TestDatabase:
    """A database of our own: a purge is of all companies."""
    database = postgres_server.database(f"purging_{next(_numbers)}")
    migrate(owner_url=database.owner, application_url=database.application)
    return database


@pytest.fixture(scope="module")
async def remains(place: TestDatabase) -> AsyncIterator[SqlRemains]:
    async with opened(Database(url=place.application)) as database:
        yield SqlRemains(database)


@pytest.fixture
def firms(place: TestDatabase) -> Any:
    with psycopg.connect(place.superuser, autocommit=True) as connection:
        yield Firms(connection=connection)


def cutoffs() -> Cutoffs:
    return Cutoffs.at(datetime.now(UTC))


def delete(firm: Firm, table: str, id: uuid.UUID, *, ago: str) -> None:
    firm.sql(f"update {table} set deleted_at = now() - %s::interval where id = %s", (ago, id))


def ids(firm: Firm, table: str) -> set[Any]:
    return {row[0] for row in firm.sql(f"select id from {table} where company_id = %s", (firm.id,))}


async def test_tasks_go_thirty_days_after_they_were_deleted(remains: SqlRemains, firms: Firms) -> None:
    firm = firms.new()
    project = firm.project()
    living, lately, long_ago = (firm.task(project) for _ in range(3))
    delete(firm, "tasks", lately, ago=LATELY)
    delete(firm, "tasks", long_ago, ago=LONG_AGO)
    firm.sql("insert into task_keys values (%s, %s, 99, %s)", (firm.id, project.id, long_ago))
    assert await remains.purge(cutoffs()) == Purged(tasks=1)
    assert ids(firm, "tasks") == {living, lately}
    assert firm.count("task_keys") == 0
    assert await remains.purge(cutoffs()) == NOTHING


async def test_what_was_read_goes_after_ninety_days_and_what_was_not_after_a_year(
    remains: SqlRemains, firms: Firms
) -> None:
    firm = firms.new()
    project = firm.project()
    task, gone = firm.task(project), firm.task(project)
    numbers = itertools.count(1)

    def told(task: uuid.UUID, read: str | None, *, created: str = "364 days") -> uuid.UUID:
        id = uuid.uuid4()
        firm.sql(
            "insert into notifications (company_id, id, seq, user_id, kind, cause, event, task_id, task_count,"
            " created_at, read_at) values (%s, %s, 1, %s, 'assigned', %s, 'task_created', %s, 1,"
            " now() - %s::interval, now() - %s::interval)",
            (firm.id, id, firm.owner.user_id, next(numbers), task, created, read),
        )
        return id

    unread, lately, _ = told(task, None), told(task, "89 days"), told(task, "91 days")
    told(task, None, created="366 days")
    assert await remains.purge(cutoffs()) == Purged(notifications=2)
    assert ids(firm, "notifications") == {unread, lately}
    # What tells of a task goes with it.
    told(gone, None)
    delete(firm, "tasks", gone, ago=LONG_AGO)
    assert await remains.purge(cutoffs()) == Purged(tasks=1)
    assert ids(firm, "notifications") == {unread, lately}


async def test_a_project_goes_with_all_that_is_its_and_its_key_stays_taken(remains: SqlRemains, firms: Firms) -> None:
    firm = firms.new()
    gone, lately, living = firm.project(key="GONE"), firm.project(key="LATE"), firm.project(key="LIVE")
    for project in (gone, lately, living):
        firm.task(project)
        firm.user(projects=[project])
        firm.sql(
            "insert into cycles (company_id, id, project_id, number, name, s3_prefix, status, version, created_at,"
            " updated_at) values (%s, %s, %s, 1, 'One', 'one', 'planned', 1, now(), now())",
            (firm.id, uuid.uuid4(), project.id),
        )
    # One task moved away in time, and goes on being found by the key that it had.
    moved = firm.task(living)
    firm.sql("insert into task_keys values (%s, %s, 1, %s)", (firm.id, gone.id, moved))
    delete(firm, "projects", gone.id, ago=LONG_AGO)
    delete(firm, "projects", lately.id, ago=LATELY)
    assert await remains.purge(cutoffs()) == Purged(projects=1, tasks=1)
    assert ids(firm, "projects") == {lately.id, living.id}
    for table in ("tasks", "board_columns", "cycles", "project_members"):
        assert firm.sql(f"select 1 from {table} where company_id = %s and project_id = %s", (firm.id, gone.id)) == []
        assert firm.sql(f"select 1 from {table} where company_id = %s and project_id = %s", (firm.id, living.id))
    keys = firm.sql("select key from project_keys where company_id = %s order by 1", (firm.id,))
    assert keys == [("GONE",), ("LATE",), ("LIVE",)]
    assert firm.sql("select task_id from task_keys where company_id = %s", (firm.id,)) == [(moved,)]


async def test_more_than_a_batch_goes_in_one_call(
    remains: SqlRemains, firms: Firms, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm = firms.new()
    gone, living = firm.project(), firm.project()
    for project, count in ((gone, 1203), (living, 501)):
        firm.sql(
            "insert into tasks (company_id, id, project_id, number, title, priority, status, column_id, rank, version,"
            " created_at, updated_at, deleted_at) select %s, gen_random_uuid(), %s, n, 't', 'low', 'todo', %s, n::text,"
            " 1, now(), now(), case when %s then now() - interval '31 days' end from generate_series(1, %s) n",
            (firm.id, project.id, project.columns[0], project is living, count),
        )
    delete(firm, "projects", gone.id, ago=LONG_AGO)
    assert await remains.purge(cutoffs()) == Purged(projects=1, tasks=1704)
    assert firm.count("tasks") == 0


async def test_tokens_go_thirty_days_after_they_ended(remains: SqlRemains, firms: Firms) -> None:
    firm = firms.new()
    for name, expires, revoked in (
        ("expired long ago", LONG_AGO, None),
        ("revoked long ago", None, LONG_AGO),
        ("revoked long ago, to expire", "-1 day", LONG_AGO),
        ("expired lately", LATELY, None),
        ("revoked lately", None, LATELY),
        ("endless", None, None),
    ):
        firm.sql(
            "insert into api_tokens (company_id, id, user_id, name, scopes, digest, hint, created_at, expires_at, revoked_at)"
            " values (%s, gen_random_uuid(), %s, %s, '{tasks:read}', %s, 'ftk_abcd', now(), now() - %s::interval,"
            " now() - %s::interval)",
            (firm.id, firm.owner.user_id, name, uuid.uuid4().bytes, expires, revoked),
        )
    assert await remains.purge(cutoffs()) == Purged(api_tokens=3)
    left = firm.sql("select name from api_tokens where company_id = %s order by name", (firm.id,))
    assert left == [("endless",), ("expired lately",), ("revoked lately",)]


async def test_keys_invitations_sessions_and_signing_keys_go_when_their_time_is_over(
    remains: SqlRemains, firms: Firms
) -> None:
    firm = firms.new()
    for age in ("25 hours", "23 hours"):
        firm.sql(
            "insert into idempotency_keys (company_id, id, user_id, digest, kind, resource_id, seq, created_at)"
            " values (%s, gen_random_uuid(), %s, 'd', 'task', gen_random_uuid(), 1, now() - %s::interval)",
            (firm.id, firm.owner.user_id, age),
        )
    for number, (column, age) in enumerate(
        [("accepted_at", LONG_AGO), ("revoked_at", LONG_AGO), ("expires_at", LONG_AGO), ("expires_at", LATELY)]
    ):
        firm.sql(
            "insert into invitations (company_id, id, email, role, token_digest, created_at, expires_at)"
            " values (%s, gen_random_uuid(), %s, 'member', %s, now(), now() + interval '1 day')",
            (firm.id, f"i{number}@example.com", uuid.uuid4().bytes),
        )
        firm.sql(
            f"update invitations set {column} = now() - %s::interval where company_id = %s and email = %s",
            (age, firm.id, f"i{number}@example.com"),
        )
    for column, age in [
        ("revoked_at", LONG_AGO),
        ("expires_at", LONG_AGO),
        ("revoked_at", LATELY),
        ("expires_at", LATELY),
    ]:
        session = firm.user().session_id
        firm.sql(f"update login_sessions set {column} = now() - %s::interval where id = %s", (age, session))
    for kid, age in (("present", None), ("lately", "59 minutes"), ("long ago", "61 minutes")):
        firm.sql("insert into signing_keys values (%s, '{}', '', now(), now() - %s::interval)", (kid, age))
    sessions = firm.sql("select count(*) from login_sessions")[0][0]
    assert await remains.purge(cutoffs()) == Purged(idempotency_keys=1, invitations=3, login_sessions=2, signing_keys=1)
    assert firm.sql("select email from invitations where company_id = %s", (firm.id,)) == [("i3@example.com",)]
    assert firm.sql("select count(*) from login_sessions")[0][0] == sessions - 2
    assert firm.sql("select kid from signing_keys order by 1") == [("lately",), ("present",)]
    firm.sql("delete from signing_keys")


async def test_a_company_goes_from_every_table_with_the_accounts_that_belong_to_no_other(
    remains: SqlRemains, firms: Firms, place: TestDatabase
) -> None:
    twins = make_twins(firms)
    gone, other = twins.theirs, twins.ours
    elsewhere = gone.user()
    other.sql(
        "insert into users (company_id, id, account_id, kind, name, email, username, role, is_active, version,"
        " created_at, updated_at) values (%s, gen_random_uuid(), %s, 'person', 'Both', 'both@example.com', 'both',"
        " 'member', false, 1, now(), now())",
        (other.id, elsewhere.account_id),
    )
    tables = [
        name
        for (name,) in gone.sql(
            "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'company_id'"
            " where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'"
        )
    ]
    assert all(gone.count(table) for table in tables), "a table without rows proves nothing"
    before = {table: other.count(table) for table in tables}
    people = [row[0] for row in gone.sql("select account_id from users where company_id = %s", (gone.id,))]
    delete(gone, "companies", gone.id, ago=LATELY)
    assert await remains.purge(cutoffs()) == NOTHING
    delete(gone, "companies", gone.id, ago=LONG_AGO)
    purged = await remains.purge(cutoffs())
    assert purged is not None
    assert (purged.companies, purged.accounts, purged.projects) == (1, len(people) - 1, 1)
    assert {table: gone.count(table) for table in tables} == dict.fromkeys(tables, 0)
    assert gone.sql("select id from companies where id = %s", (gone.id,)) == []
    left = gone.sql("select id from accounts where id = any(%s)", (people,))
    assert left == [(elsewhere.account_id,)]
    assert gone.sql("select count(*) from login_sessions where account_id = any(%s)", (people,)) == [(1,)]
    assert {table: other.count(table) for table in tables} == before


async def test_a_clock_that_runs_ahead_of_the_databases_erases_no_company(remains: SqlRemains, firms: Firms) -> None:
    firm = firms.new()
    firm.sql(
        "insert into events (company_id, seq, event, channel, occurred_at, via, for_admins, body)"
        " values (%s, 1, 'noted', 'task_updates', now(), 'session', true, '{}')",
        (firm.id,),
    )
    delete(firm, "companies", firm.id, ago=LATELY)
    purged = await remains.purge(Cutoffs.at(datetime.now(UTC) + timedelta(days=2)))
    assert purged is not None
    assert purged.companies == 0
    assert (firm.count("users"), firm.count("events")) == (1, 1)


def test_the_log_of_a_living_company_is_hidden_from_upkeep_and_stays(firms: Firms, place: TestDatabase) -> None:
    firm = firms.new()
    firm.sql(
        "insert into events (company_id, seq, event, channel, occurred_at, via, for_admins, body)"
        " values (%s, 1, 'noted', 'task_updates', now(), 'session', true, '{}')",
        (firm.id,),
    )
    with psycopg.connect(place.application) as connection:
        connection.execute("set local role flowtrack_upkeep")
        assert connection.execute("select count(*) from events").fetchone() == (0,)
        assert connection.execute("delete from events where company_id = %s", (firm.id,)).rowcount == 0
    delete(firm, "companies", firm.id, ago=LATELY)
    with psycopg.connect(place.application) as connection:
        connection.execute("set local role flowtrack_upkeep")
        assert connection.execute("delete from events").rowcount == 0
    assert firm.count("events") == 1


async def test_of_two_processes_one_purges(remains: SqlRemains, firms: Firms, place: TestDatabase) -> None:
    firm = firms.new()
    task = firm.task(firm.project())
    delete(firm, "tasks", task, ago=LONG_AGO)
    with psycopg.connect(place.application) as connection:
        connection.execute("select pg_advisory_xact_lock(7163298417)")
        assert await remains.purge(cutoffs()) is None
    assert firm.count("tasks") == 1
    assert await remains.purge(cutoffs()) == Purged(tasks=1)


async def test_a_company_that_somebody_holds_does_not_keep_the_others_waiting(
    remains: SqlRemains, firms: Firms, place: TestDatabase
) -> None:
    held, free = sorted((firms.new(), firms.new()), key=lambda firm: firm.id)
    tasks = [firm.task(firm.project()) for firm in (held, free)]
    for firm, task in zip((held, free), tasks, strict=True):
        delete(firm, "tasks", task, ago=LONG_AGO)
    with psycopg.connect(place.superuser) as holder:
        holder.execute("alter role test_app in database purging_1 set lock_timeout = '100ms'")
        holder.commit()
        async with opened(Database(url=place.application)) as database:
            holder.execute("select 1 from tasks where id = %s for update", (tasks[0],))
            assert await SqlRemains(database).purge(cutoffs()) == Purged(tasks=1)
    assert (held.count("tasks"), free.count("tasks")) == (1, 0)
    assert await remains.purge(cutoffs()) == Purged(tasks=1)


async def test_a_company_of_more_than_a_batch_is_erased_all_the_same(remains: SqlRemains, firms: Firms) -> None:
    firm = firms.new()
    project = firm.project()
    firm.sql(
        "insert into tasks (company_id, id, project_id, number, title, priority, status, column_id, rank, version,"
        " created_at, updated_at) select %s, gen_random_uuid(), %s, n, 't', 'low', 'todo', %s, n::text, 1, now(), now()"
        " from generate_series(1, 1203) n",
        (firm.id, project.id, project.columns[0]),
    )
    delete(firm, "companies", firm.id, ago=LONG_AGO)
    purged = await remains.purge(cutoffs())
    assert purged is not None
    assert (purged.companies, purged.projects, purged.tasks) == (1, 1, 1203)
    assert firm.sql("select id from companies where id = %s", (firm.id,)) == []


async def test_messages_to_webhooks_go_after_thirty_days_and_with_their_webhook(
    remains: SqlRemains, firms: Firms
) -> None:
    firm = firms.new()

    def hook() -> uuid.UUID:
        id = uuid.uuid4()
        firm.sql(
            "insert into webhooks (company_id, id, url, description, types, channels, project_ids, is_active,"
            " sealed_secret, sealed_previous_secret, failures, after_seq, version, created_at, updated_at)"
            " values (%s, %s, 'https://hooks.example.com/', '', '{}', '{}', '{}', true, '', '', 0, 0, 1, now(), now())",
            (firm.id, id),
        )
        return id

    def sent(webhook: uuid.UUID, *, ago: str, state: str = "delivered") -> uuid.UUID:
        id = uuid.uuid4()
        firm.sql(
            "with sent as (insert into webhook_deliveries (company_id, id, webhook_id, stream, event, seqs, state,"
            " attempts, in_order, delayed, due_at, created_at, finished_at) values (%s, %s, %s, %s, 'x', '{1}', %s, 1,"
            " true, false, now(), now() - %s::interval, case when %s <> 'pending' then now() end) returning *)"
            " insert into webhook_attempts select company_id, id, 1, now(), 200, 5, '', null from sent",
            (firm.id, id, webhook, firm.id, state, ago, state),
        )
        return id

    kept, gone = hook(), hook()
    sent(kept, ago=LONG_AGO)
    sent(kept, ago=LONG_AGO, state="pending")
    lately = sent(kept, ago=LATELY, state="dead")
    sent(gone, ago=LATELY)
    delete(firm, "webhooks", gone, ago="1 second")
    purged = await remains.purge(cutoffs())
    assert purged is not None and purged.webhook_deliveries == 4
    assert ids(firm, "webhook_deliveries") == {lately} and ids(firm, "webhooks") == {kept}
    assert firm.sql("select count(*) from webhook_attempts where company_id = %s", (firm.id,)) == [(1,)]


async def test_a_secret_that_signs_no_more_is_forgotten(remains: SqlRemains, firms: Firms) -> None:
    firm = firms.new()
    for until in ("now() - interval '1 minute'", "now() + interval '1 hour'"):
        firm.sql(
            "insert into webhooks (company_id, id, url, description, types, channels, project_ids, is_active,"
            " sealed_secret, sealed_previous_secret, previous_until, failures, after_seq, version, created_at,"
            " updated_at)"
            " values (%s, gen_random_uuid(), 'https://hooks.example.com/', '', '{}', '{}', '{}', true, 'new', 'old',"
            f" {until}, 0, 0, 1, now(), now())",
            (firm.id,),
        )
    await remains.purge(cutoffs())
    found = firm.sql(
        "select sealed_previous_secret, previous_until is null from webhooks where company_id = %s order by 2",
        (firm.id,),
    )
    assert [(bytes(secret), is_gone) for secret, is_gone in found] == [(b"old", False), (b"", True)]


class TestTheLog:
    """Of which the installation keeps 90 days."""

    @pytest.fixture
    def firm(self, firms: Firms) -> Firm:
        """Nine events, of which six are old, and everybody has read all of them."""
        firm = firms.new()
        self.write(firm, 1, 6, ago="91 days")
        self.write(firm, 7, 9, ago="89 days")
        firm.sql(
            "update event_sequences set last_seq = 9, last_for_people = 9, last_for_mail = 9 where company_id = %s",
            (firm.id,),
        )
        for reader in ("mail", "notifications", "reports", "webhooks"):
            firm.sql("insert into log_positions (company_id, reader, seq) values (%s, %s, 9)", (firm.id, reader))
        return firm

    def write(self, firm: Firm, first: int, last: int, *, ago: str) -> None:
        firm.sql(
            "insert into events (company_id, seq, event, channel, occurred_at, via, for_admins, body)"
            " select %s, n, 'noted', 'task_updates', now() - %s::interval, 'session', true, '{}'"
            " from generate_series(%s::bigint, %s) n",
            (firm.id, ago, first, last),
        )

    def webhook(self, firm: Firm, **more: Any) -> uuid.UUID:
        id = uuid.uuid4()
        firm.sql(
            "insert into webhooks (company_id, id, url, description, types, channels, project_ids, is_active,"
            " sealed_secret, sealed_previous_secret, failures, after_seq, behind_seq, version, created_at, updated_at)"
            " values (%s, %s, 'https://example.com', '', '{}', '{}', '{}', %s, '', '', 0, %s, %s, 1, now(), now())",
            (firm.id, id, more.get("is_active", True), more.get("after", 0), more.get("behind")),
        )
        return id

    def delivery(self, firm: Firm, webhook: uuid.UUID, *seqs: int, state: str = "pending") -> None:
        firm.sql(
            "insert into webhook_deliveries (company_id, id, webhook_id, stream, event, seqs, state, attempts, in_order,"
            " delayed, due_at, created_at, finished_at) values (%s, gen_random_uuid(), %s, %s, 'noted', %s, %s, 0, true,"
            " false, now(), now(), case when %s <> 'pending' then now() end)",
            (firm.id, webhook, firm.id, list(seqs), state, state),
        )

    async def left(self, remains: SqlRemains, firm: Firm, *, days: int = 90) -> list[int]:
        """The log, once it was purged."""
        purged = await remains.purge(Cutoffs.at(datetime.now(UTC), events_kept=timedelta(days=days)))
        assert purged is not None
        found = firm.sql("select seq from events where company_id = %s order by seq", (firm.id,))
        return [row[0] for row in found]

    async def test_is_kept_for_ever_unless_it_is_told_otherwise(self, remains: SqlRemains, firm: Firm) -> None:
        assert await remains.purge(cutoffs()) == NOTHING
        assert firm.count("events") == 9

    async def test_loses_what_is_older(self, remains: SqlRemains, firm: Firm) -> None:
        assert await self.left(remains, firm) == [7, 8, 9]
        assert await self.left(remains, firm) == [7, 8, 9]
        assert await self.left(remains, firm, days=88) == []

    async def test_loses_nothing_between(self, remains: SqlRemains, firm: Firm) -> None:
        """As where the clock of the server once was wrong."""
        firm.sql("update events set occurred_at = now() where company_id = %s and seq = 4", (firm.id,))
        assert await self.left(remains, firm) == [4, 5, 6, 7, 8, 9]

    async def test_keeps_a_day_whatever_it_is_told(self, remains: SqlRemains, firm: Firm) -> None:
        firm.sql("update events set occurred_at = now() - interval '23 hours' where company_id = %s", (firm.id,))
        assert len(await self.left(remains, firm, days=0)) == 9

    @pytest.mark.parametrize("reader", ["mail", "notifications", "reports"])
    async def test_keeps_what_a_reader_has_not_read(self, remains: SqlRemains, firm: Firm, reader: str) -> None:
        where = (firm.id, reader)
        firm.sql("update log_positions set seq = 2 where company_id = %s and reader = %s", where)
        assert await self.left(remains, firm) == [3, 4, 5, 6, 7, 8, 9]
        # Who has not begun, will.
        firm.sql("delete from log_positions where company_id = %s and reader = %s", where)
        assert await self.left(remains, firm) == [3, 4, 5, 6, 7, 8, 9]

    @pytest.mark.parametrize(("reader", "there_is"), [("mail", "last_for_mail"), ("notifications", "last_for_people")])
    async def test_does_not_wait_for_who_finds_nothing_in_it(
        self, remains: SqlRemains, firm: Firm, reader: str, there_is: str
    ) -> None:
        firm.sql("update log_positions set seq = 2 where company_id = %s and reader = %s", (firm.id, reader))
        firm.sql(f"update event_sequences set {there_is} = 3 where company_id = %s", (firm.id,))
        assert await self.left(remains, firm) == [3, 4, 5, 6, 7, 8, 9]
        firm.sql(f"update event_sequences set {there_is} = 2 where company_id = %s", (firm.id,))
        assert await self.left(remains, firm) == [7, 8, 9]

    async def test_does_not_wait_for_who_never_had_anything_in_it(self, remains: SqlRemains, firm: Firm) -> None:
        firm.sql("delete from log_positions where company_id = %s and reader = 'mail'", (firm.id,))
        firm.sql("update event_sequences set last_for_mail = 0 where company_id = %s", (firm.id,))
        assert await self.left(remains, firm) == [7, 8, 9]

    async def test_keeps_what_mail_comes_back_to(self, remains: SqlRemains, firm: Firm) -> None:
        firm.sql("update log_positions set behind = '{8,3}' where company_id = %s and reader = 'mail'", (firm.id,))
        assert await self.left(remains, firm) == [3, 4, 5, 6, 7, 8, 9]

    async def test_keeps_what_webhooks_are_to_hear(self, remains: SqlRemains, firm: Firm) -> None:
        firm.sql("update log_positions set seq = 1 where company_id = %s and reader = 'webhooks'", (firm.id,))
        self.webhook(firm, after=2)
        self.webhook(firm, is_active=False)
        assert await self.left(remains, firm) == [3, 4, 5, 6, 7, 8, 9]
        firm.sql("update log_positions set seq = 9 where company_id = %s", (firm.id,))
        replayed = self.webhook(firm, behind=3)
        assert await self.left(remains, firm) == [4, 5, 6, 7, 8, 9]
        firm.sql("update webhooks set behind_seq = null where id = %s", (replayed,))
        self.delivery(firm, replayed, 4, state="delivered")
        self.delivery(firm, replayed, 5, 6)
        assert await self.left(remains, firm) == [5, 6, 7, 8, 9]
        firm.sql("update webhook_deliveries set state = 'dead', finished_at = now() where company_id = %s", (firm.id,))
        assert await self.left(remains, firm) == [7, 8, 9]

    async def test_goes_batch_by_batch(self, remains: SqlRemains, firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
        firm.sql("update log_positions set seq = 2000 where company_id = %s", (firm.id,))
        firm.sql("update event_sequences set last_seq = 1205 where company_id = %s", (firm.id,))
        firm.sql("delete from events where company_id = %s", (firm.id,))
        self.write(firm, 1, 1203, ago="91 days")
        self.write(firm, 1204, 1205, ago="1 day")
        assert await self.left(remains, firm) == [1204, 1205]

    async def test_waits_for_who_has_a_webhook_told_again(
        self, remains: SqlRemains, firm: Firm, place: TestDatabase
    ) -> None:
        webhook = self.webhook(firm)
        with psycopg.connect(place.superuser) as replaying:
            replaying.execute("select id from webhooks where id = %s for no key update", (webhook,))
            purging = asyncio.create_task(self.left(remains, firm))
            async with asyncio.timeout(20):
                while not firm.sql(
                    "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%%for share%%'"
                    " and datname = current_database() and pid <> pg_backend_pid()"
                ):
                    await asyncio.sleep(0.02)
            replaying.execute("update webhooks set behind_seq = 4 where id = %s", (webhook,))
            replaying.commit()
            async with asyncio.timeout(20):
                assert await purging == [5, 6, 7, 8, 9]

    def test_is_lost_to_upkeep_alone_and_where_it_is_old(self, firm: Firm, place: TestDatabase) -> None:
        enter = "select set_config('app.company_id', %s, true)"
        with psycopg.connect(place.application) as connection:
            connection.execute(enter, (str(firm.id),))
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("delete from events where seq = 1")
        firm.sql("update events set occurred_at = now() where company_id = %s and seq > 6", (firm.id,))
        with psycopg.connect(place.application) as connection:
            connection.execute(enter, (str(firm.id),))
            connection.execute("set local role flowtrack_upkeep")
            assert connection.execute("delete from events where company_id = %s", (firm.id,)).rowcount == 6
            connection.rollback()
