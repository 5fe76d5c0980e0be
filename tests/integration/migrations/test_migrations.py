"""The revisions: up, down and up again, and what they make is what the code knows."""

import inspect
import itertools
import os
import re
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from adapters.sql import migrating
from adapters.sql.backing_up import MIGRATING
from adapters.sql.migrating import migrate, run, scripts
from adapters.sql.roles import make_roles
from adapters.sql.tenancy import metadata
from tests.integration.conftest import APPLICATION, Server, TestDatabase

_numbers = itertools.count(1)
NIL = "00000000-0000-0000-0000-000000000000"


def revisions() -> list[str]:
    """All revisions, the oldest first."""
    settings = Config()
    settings.set_main_option("script_location", str(scripts()))
    return [script.revision for script in ScriptDirectory.from_config(settings).walk_revisions()][::-1]


@pytest.fixture
def fresh(postgres_server: Server) -> TestDatabase:
    """A database with roles and without tables."""
    database = postgres_server.database(f"migrations_{next(_numbers)}")
    make_roles(owner_url=database.owner, application_url=database.application)
    return database


SCHEMA = {
    "columns": """
        select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated::text,
               pg_get_expr(d.adbin, d.adrelid), l.collname
          from pg_attribute a join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p', 'v', 'm')
          left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
          left join pg_collation l on l.oid = a.attcollation
         where c.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped""",
    "constraints": """
        select conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid) from pg_constraint
         where connamespace = 'public'::regnamespace and contype <> 'n'""",
    "indexes": "select indexname, indexdef from pg_indexes where schemaname = 'public'",
    "options": "select relname, reloptions from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'",
}
WALL = {
    "policies": "select tablename, policyname, permissive, roles::text[], cmd, qual, with_check from pg_policies",
    "security": "select relname, relrowsecurity, relforcerowsecurity, relacl::text from pg_class"
    " where relnamespace = 'public'::regnamespace and relkind = 'r'",
    "functions": "select proname, prosrc, prosecdef, proconfig, proacl::text from pg_proc"
    " where pronamespace = 'public'::regnamespace",
    "rights": "select nspacl::text from pg_namespace where nspname = 'public'",
    "statistics": "select stxname, pg_get_statisticsobjdef(oid), null from pg_statistic_ext union all"
    " select attrelid::regclass::text, attname, attoptions::text from pg_attribute"
    " where attoptions::text like '%n_distinct%'",
    "types": "select typname from pg_type where typnamespace = 'public'::regnamespace and typtype in ('e', 'd')",
    "sequences": "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'S'",
}


def shape(url: str, asked: dict[str, str] | None = None) -> dict[str, list[tuple[Any, ...]]]:
    """What stands in the database, but for Alembic's own table."""
    with psycopg.connect(url) as connection:
        return {
            name: sorted(
                (row for row in connection.execute(question).fetchall() if "alembic_version" not in str(row)), key=repr
            )
            for name, question in (asked or {**SCHEMA, **WALL}).items()
        }


def move(database: TestDatabase, revision: str) -> None:
    run(owner_url=database.owner, application_role=APPLICATION, revision=revision)


@pytest.mark.parametrize("revision", revisions())
def test_every_revision_goes_up_down_and_up_again(fresh: TestDatabase, revision: str) -> None:
    for _ in range(revisions().index(revision)):
        move(fresh, "+1")
    before = shape(fresh.superuser)
    move(fresh, "+1")
    after = shape(fresh.superuser)
    assert after != before
    move(fresh, "-1")
    assert shape(fresh.superuser) == before, "the way down leaves something behind"
    move(fresh, "+1")
    assert shape(fresh.superuser) == after


def test_all_the_way_down_leaves_nothing(fresh: TestDatabase) -> None:
    before = shape(fresh.superuser)
    move(fresh, "head")
    move(fresh, "base")
    assert shape(fresh.superuser) == before


def test_the_revisions_are_one_line() -> None:
    settings = Config()
    settings.set_main_option("script_location", str(scripts()))
    assert len(ScriptDirectory.from_config(settings).get_heads()) == 1
    assert revisions() == sorted(revisions())


def test_every_revision_waits_for_locks_for_a_bounded_time() -> None:
    for path in sorted(Path(scripts(), "versions").glob("*.py")):
        module = import_module(f"migrations.versions.{path.stem}")
        for way in (module.upgrade, module.downgrade):
            assert re.search(r"set local lock_timeout = '\d+m?s'", inspect.getsource(way)), (path.name, way.__name__)


# Where people work meanwhile

AN_EVENT = (
    "insert into events (company_id, seq, event, channel, occurred_at, via, for_admins, body)"
    f" values ('{NIL}', %s, 'noted', 'x', now(), 'system', false, '{{}}')"
)
INDEXES = (
    "select indexrelid::regclass::text, indisvalid from pg_index"
    " where indexrelid::regclass::text in ('events_of_task', 'events_of_project', 'events_for_named') order by 1"
)


@pytest.mark.parametrize("is_valid", [False, True])
def test_the_index_of_reports_is_made_whole_where_it_broke_off(fresh: TestDatabase, is_valid: bool) -> None:
    move(fresh, "0015")
    whole = shape(fresh.superuser)
    move(fresh, "0014")
    reports = import_module("migrations.versions.0015_reports")
    with psycopg.connect(fresh.superuser, autocommit=True) as connection:
        connection.execute(f"create index {reports.INDEX} on tasks {reports.COLUMNS}")
        connection.execute(
            "update pg_index set indisvalid = %s where indexrelid = %s::regclass", (is_valid, reports.INDEX)
        )
        move(fresh, "0015")
        assert connection.execute(reports._IS_VALID).fetchone() == (True,)
    assert shape(fresh.superuser) == whole


def begun_before_its_indexes(database: TestDatabase) -> None:
    """Revision 0012, as if it had broken off in the first of its indexes."""
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        connection.execute("drop index events_of_project")
        connection.execute("update pg_index set indisvalid = false where indexrelid = 'events_of_task'::regclass")
        connection.execute("update alembic_version set version_num = '0011'")


def wait_for_the_index(connection: psycopg.Connection[Any], migration: Future[None]) -> None:
    deadline = time.monotonic() + 60
    while not connection.execute(
        "select 1 from pg_stat_activity where query ~ '^(drop|create) index concurrently' and wait_event_type = 'Lock'"
        " and datname = current_database()"
    ).fetchall():
        assert not migration.done() and time.monotonic() < deadline
        time.sleep(0.02)


def test_the_log_is_read_and_written_while_its_indexes_are_built(fresh: TestDatabase) -> None:
    move(fresh, "0012")
    before = shape(fresh.superuser)
    begun_before_its_indexes(fresh)
    options = "-c lock_timeout=1000"
    with (
        psycopg.connect(fresh.superuser) as earlier,
        psycopg.connect(fresh.superuser, autocommit=True, options=options) as connection,
        ThreadPoolExecutor() as threads,
    ):
        earlier.execute(AN_EVENT, (1,))
        migration = threads.submit(move, fresh, "0012")
        try:
            wait_for_the_index(connection, migration)
            connection.execute(AN_EVENT, (2,))
            assert connection.execute("select seq from events").fetchall() == [(2,)]
            # Who waits for the migration is not waited for by it.
            again = threads.submit(move, fresh, "0012")
            with pytest.raises(TimeoutError):
                again.result(timeout=0.5)
        finally:
            earlier.commit()
        migration.result(timeout=120)
        again.result(timeout=120)
        assert connection.execute(INDEXES).fetchall() == [
            (name, True) for name in ("events_for_named", "events_of_project", "events_of_task")
        ]
    assert shape(fresh.superuser) == before


def test_rules_of_tasks_are_checked_after_the_table_was_locked_and_that_may_be_begun_again(fresh: TestDatabase) -> None:
    move(fresh, "0016")
    before = shape(fresh.superuser)
    with psycopg.connect(fresh.superuser, autocommit=True) as connection:
        connection.execute("update pg_constraint set convalidated = false where conname = 'tasks_recurrence_check'")
        connection.execute("update alembic_version set version_num = '0015'")
    assert shape(fresh.superuser) != before
    move(fresh, "0016")
    assert shape(fresh.superuser) == before


# The migrated database and the tables that the code knows


def sqlalchemy_connection(url: str) -> Connection:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    return engine.connect()


def differences(connection: Connection) -> list[Any]:
    # Alembic executes a default to compare it, and the company's default needs a company.
    connection.exec_driver_sql(f"select set_config('app.company_id', '{NIL}', false)")
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return compare_metadata(context, metadata)


def test_alembic_sees_no_difference_between_the_migrated_database_and_the_tables(fresh: TestDatabase) -> None:
    move(fresh, "head")
    with sqlalchemy_connection(fresh.owner) as connection:
        assert differences(connection) == []


@pytest.mark.parametrize(
    "change",
    [
        "alter table tasks add column surplus text",
        "alter table tasks alter column title drop not null",
        "alter table cycles alter column description type varchar(200000)",
        "alter table companies alter column time_zone set default 'Europe/Paris'",
        "alter table projects alter column company_id drop default",
        "drop index tasks_listed",
        "alter table tasks drop constraint tasks_assigned_to_fk",
        "alter table tasks drop constraint tasks_number_unique",
    ],
)
def test_alembic_would_see_a_difference_if_there_were_one(test_database: TestDatabase, change: str) -> None:
    with sqlalchemy_connection(test_database.owner) as connection:
        connection.exec_driver_sql(change)
        assert differences(connection) != []
        connection.rollback()


def test_what_the_tables_of_the_code_would_make_is_what_the_revisions_make(
    fresh: TestDatabase, postgres_server: Server
) -> None:
    """To the letter of PostgreSQL: checks, expressions, collations and what Alembic does not compare."""
    move(fresh, "head")
    twin = postgres_server.database(f"migrations_{next(_numbers)}")
    with sqlalchemy_connection(twin.owner) as connection:
        metadata.create_all(connection)
        connection.commit()
    migrated, made = shape(fresh.superuser, SCHEMA), shape(twin.superuser, SCHEMA)
    for part in SCHEMA:
        assert migrated[part] == made[part], part


# Again, and by several at once


def test_migrating_again_changes_nothing(fresh: TestDatabase) -> None:
    migrate(owner_url=fresh.owner, application_url=fresh.application)
    before = shape(fresh.superuser)
    migrate(owner_url=fresh.owner, application_url=fresh.application)
    assert shape(fresh.superuser) == before


def test_where_there_is_nothing_to_do_nobody_waits_for_a_backup(fresh: TestDatabase) -> None:
    migrate(owner_url=fresh.owner, application_url=fresh.application)
    with psycopg.connect(fresh.owner, autocommit=True, options="-c lock_timeout=1000") as backup:
        backup.execute("select pg_advisory_lock_shared(%s)", (MIGRATING,))
        began = time.monotonic()
        migrate(owner_url=fresh.owner, application_url=fresh.application)
        assert time.monotonic() - began < 5


def test_a_migration_waits_for_a_backup_for_a_bounded_time_and_says_so(
    fresh: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "PATIENCE", 1)
    with psycopg.connect(fresh.owner, autocommit=True) as backup:
        backup.execute("select pg_advisory_lock_shared(%s)", (MIGRATING,))
        with pytest.raises(RuntimeError, match="a backup, or another migration, has held the database for 1 seconds"):
            migrate(owner_url=fresh.owner, application_url=fresh.application)
    migrate(owner_url=fresh.owner, application_url=fresh.application)


MIGRATE = "import sys; from adapters.sql.migrating import migrate; migrate(owner_url=sys.argv[1], application_url=sys.argv[2])"


def test_several_processes_may_migrate_at_once(postgres_server: Server) -> None:
    database = postgres_server.database(f"migrations_{next(_numbers)}")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, database.owner, database.application],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    said = [process.communicate(timeout=240)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    with psycopg.connect(database.superuser) as connection:
        assert connection.execute("select version_num from alembic_version").fetchall() == [(revisions()[-1],)]


def test_a_migration_that_fails_leaves_the_database_as_it_was(fresh: TestDatabase) -> None:
    with psycopg.connect(fresh.owner, autocommit=True) as connection:
        connection.execute("create table idempotency_keys (id integer)")  # which is in its way, late
        before = shape(fresh.superuser)
        with pytest.raises(Exception, match="idempotency_keys"):
            move(fresh, "head")
        assert shape(fresh.superuser) == before
        connection.execute("drop table idempotency_keys")
    move(fresh, "head")


# What the release before, which knows nothing of invitations, writes and reads

COMPANY, ACCOUNT, PERSON = (f"00000000-0000-7000-8000-00000000000{number}" for number in range(1, 4))


def written_by_the_release_before(url: str) -> None:
    """A person who registered: with the columns of revision 0001."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "insert into companies (id, name, code, version, created_at, updated_at)"
            " values (%s, 'Firm', 'firm', 1, now(), now())",
            (COMPANY,),
        )
        connection.execute(
            "insert into accounts (id, email, name, version, created_at, updated_at)"
            " values (%s, 'ann@example.com', 'Ann', 1, now(), now())",
            (ACCOUNT,),
        )
        connection.execute(
            "insert into users (company_id, id, account_id, kind, name, email, username, role, is_active, version,"
            " created_at, updated_at)"
            " values (%s, %s, %s, 'person', 'Ann', 'ann@example.com', 'ann', 'owner', true, 1, now(), now())",
            (COMPANY, PERSON, ACCOUNT),
        )


def test_whoever_registers_by_the_release_before_while_this_one_is_brought_up_has_accepted(fresh: TestDatabase) -> None:
    move(fresh, "0002")
    written_by_the_release_before(fresh.superuser)
    with psycopg.connect(fresh.superuser) as connection:
        claimed = connection.execute("select claimed_at is not null from accounts").fetchall()
        accepted = connection.execute("select accepted_at is not null from users").fetchall()
    assert (claimed, accepted) == ([(True,)], [(True,)])


@pytest.mark.parametrize(("accepted", "is_active"), [("now()", True), ("null", False)], ids=["member", "invited"])
def test_on_the_way_down_nobody_is_let_in_who_was_only_invited(
    fresh: TestDatabase, accepted: str, *, is_active: bool
) -> None:
    move(fresh, "0002")
    written_by_the_release_before(fresh.superuser)
    with psycopg.connect(fresh.superuser, autocommit=True) as connection:
        connection.execute(f"update users set accepted_at = {accepted}")
        move(fresh, "0001")
        assert connection.execute("select is_active from users").fetchall() == [(is_active,)]


def test_nobody_is_told_of_what_happened_before_there_were_notifications(fresh: TestDatabase) -> None:
    before = revisions()[revisions().index("0022") - 1]
    move(fresh, before)
    written_by_the_release_before(fresh.superuser)
    positions = "select reader, seq from log_positions where company_id = %s"
    with psycopg.connect(fresh.superuser, autocommit=True) as connection:
        connection.execute("insert into event_sequences (company_id, last_seq) values (%s, 7)", (COMPANY,))
        move(fresh, "0022")
        assert connection.execute(positions, (COMPANY,)).fetchall() == [("notifications", 7)]
        forced = "select relname from pg_class where relname = any(%s) and not relforcerowsecurity"
        assert connection.execute(forced, (["log_positions", "event_sequences"],)).fetchall() == []
        move(fresh, before)
        assert connection.execute(positions, (COMPANY,)).fetchall() == []


def test_what_was_written_before_is_looked_at_once_by_mail_and_notifications(fresh: TestDatabase) -> None:
    move(fresh, revisions()[revisions().index("0031") - 1])
    written_by_the_release_before(fresh.superuser)
    with psycopg.connect(fresh.superuser, autocommit=True) as connection:
        connection.execute("insert into event_sequences (company_id, last_seq) values (%s, 7)", (COMPANY,))
        move(fresh, "0031")
        found = "select last_for_people, last_for_mail from event_sequences"
        assert connection.execute(found).fetchall() == [(7, 7)]
        assert connection.execute(
            "select relforcerowsecurity from pg_class where relname = 'event_sequences'"
        ).fetchone() == (True,)
