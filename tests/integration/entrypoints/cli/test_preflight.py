"""What a start says about the database, before it works with it."""

import itertools
import logging
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from adapters.sql.migrating import migrate
from adapters.sql.migration_process import migrate_in_child
from adapters.sql.preflight import newest_revision
from adapters.sql.roles import make_roles
from entrypoints.container import MigrationFailed, NotReady, check_database
from tests.integration.conftest import APPLICATION, Server, TestDatabase

_numbers = itertools.count(1)
SECRET = "do-not-print-me"


@pytest.fixture
def empty(postgres_server: Server) -> TestDatabase:
    return postgres_server.database(f"preflight_{next(_numbers)}")


@pytest.fixture
def database(empty: TestDatabase) -> TestDatabase:
    migrate(owner_url=empty.owner, application_url=empty.application)
    return empty


def set_revision(database: TestDatabase, revision: str) -> None:
    with psycopg.connect(database.owner) as connection:
        connection.execute("update alembic_version set version_num = %s", (revision,))


def refusal(url: str) -> str:
    with pytest.raises(NotReady) as refused:
        check_database(url)
    return str(refused.value)


def as_role(url: str, name: str, password: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{name}:{password}@{parts.netloc.rpartition('@')[2]}"))


# The shape of the tables


def test_a_database_of_this_release_is_accepted(database: TestDatabase, caplog: pytest.LogCaptureFixture) -> None:
    check_database(database.application)
    assert caplog.records == []


def test_an_older_database_is_refused_with_the_command_that_mends_it(database: TestDatabase) -> None:
    set_revision(database, "0000")
    said = refusal(database.application)
    assert "0000" in said
    assert newest_revision() in said
    assert "flowtrack migrate" in said


def test_a_database_without_tables_is_refused(empty: TestDatabase) -> None:
    make_roles(owner_url=empty.owner, application_url=empty.application)
    assert "flowtrack migrate" in refusal(empty.application)


def test_a_newer_database_is_accepted_and_noted_as_while_a_release_is_rolled_out(
    database: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    set_revision(database, "9999")
    with caplog.at_level(logging.INFO, logger="flowtrack"):
        check_database(database.application)
    assert "9999" in caplog.text


def test_the_older_release_leaves_a_newer_database_as_it_is(database: TestDatabase) -> None:
    set_revision(database, "9999")
    migrate_in_child(owner_url=database.owner, application_url=database.application)
    with psycopg.connect(database.owner) as connection:
        assert connection.execute("select version_num from alembic_version").fetchone() == ("9999",)


def test_a_role_whose_reads_would_not_be_of_one_snapshot_is_refused_until_it_is_migrated(
    database: TestDatabase,
) -> None:
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        connection.execute(
            sql.SQL("alter role {} in database {} reset default_transaction_isolation").format(
                sql.Identifier(APPLICATION), sql.Identifier(connection.info.dbname)
            )
        )
    said = refusal(database.application)
    assert "default_transaction_isolation" in said
    assert "flowtrack migrate" in said
    migrate_in_child(owner_url=database.owner, application_url=database.application)
    check_database(database.application)


# What is never said


@pytest.mark.parametrize(
    "url",
    [
        f"postgresq://flowtrack_app:{SECRET}@db/flowtrack",
        f"postgresql://flowtrack_app:{SECRET}%zz@db/flowtrack",
        f"postgresql://flowtrack_app:x@{SECRET}@db/flowtrack",
        f"postgresql://flowtrack_app:x/{SECRET}@db/flowtrack",
        f"postgresql://flowtrack_app:1/{SECRET}@db/flowtrack",
        f"postgresql://flowtrack_app:{SECRET}/x@db/flowtrack",
        f"postgresql://flowtrack_app:{SECRET}",
        f"host=db password={SECRET} {SECRET}",
    ],
)
def test_a_malformed_url_is_told_by_its_variable_and_not_printed(database: TestDatabase, url: str) -> None:
    said = refusal(url)
    assert "FLOWTRACK_DATABASE_URL" in said
    assert SECRET not in said
    for owner, application, named in (
        (url, database.application, "FLOWTRACK_MIGRATION_DATABASE_URL"),
        (database.owner, url, "FLOWTRACK_DATABASE_URL"),
    ):
        with pytest.raises((NotReady, MigrationFailed)) as refused:
            migrate_in_child(owner_url=owner, application_url=application)
        assert named in str(refused.value)
        assert SECRET not in str(refused.value)


def test_a_database_that_does_not_answer_is_told_without_the_password() -> None:
    said = refusal(f"postgresql://flowtrack_app:{SECRET}@127.0.0.1:1/flowtrack")
    assert "127.0.0.1" in said
    assert SECRET not in said


def test_a_failed_migration_says_what_failed(empty: TestDatabase) -> None:
    with psycopg.connect(empty.owner) as connection:
        connection.execute("create table accounts (of_somebody_else text)")
    with pytest.raises(MigrationFailed) as refused:
        migrate_in_child(owner_url=empty.owner, application_url=empty.application)
    assert 'relation "accounts" already exists' in str(refused.value)


# The application role's password


def test_a_changed_password_becomes_the_application_roles(empty: TestDatabase) -> None:
    name = f"changing_{next(_numbers)}"
    before = as_role(empty.application, name, "first")
    after = as_role(empty.application, name, "it%27s%20second%20%C3%A9")
    make_roles(owner_url=empty.owner, application_url=before)
    psycopg.connect(before).close()
    make_roles(owner_url=empty.owner, application_url=after)
    psycopg.connect(after).close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(before)


def test_a_password_that_fits_is_left_alone(empty: TestDatabase) -> None:
    """A pooler may keep a copy of the stored secret, which would differ by its salt."""
    url = as_role(empty.application, f"kept_{next(_numbers)}", "fits")

    def stored() -> object:
        with psycopg.connect(empty.superuser) as connection:
            found = connection.execute(
                "select rolpassword from pg_authid where rolname = %s", (urlsplit(url).username,)
            ).fetchone()
            assert found is not None
            return found[0]

    make_roles(owner_url=empty.owner, application_url=url)
    before = stored()
    assert str(before).startswith("SCRAM-SHA-256$")
    make_roles(owner_url=empty.owner, application_url=url)
    assert stored() == before


def test_the_password_does_not_travel_in_clear(empty: TestDatabase) -> None:
    url = as_role(empty.application, f"veiled_{next(_numbers)}", SECRET)
    statements: list[str] = []
    execute = psycopg.Connection.execute

    def noted(self: psycopg.Connection, query: object, *more: object, **also: object) -> object:
        statements.append(query.as_string(self) if isinstance(query, sql.Composable) else str(query))
        return execute(self, query, *more, **also)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Connection, "execute", noted)
        make_roles(owner_url=empty.owner, application_url=url)
        make_roles(owner_url=empty.owner, application_url=url.replace(SECRET, f"{SECRET}-2"))
    assert sum("SCRAM-SHA-256$" in each for each in statements) == 2
    assert not any(SECRET in each for each in statements)
