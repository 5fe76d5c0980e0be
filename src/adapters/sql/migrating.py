"""Brings a database to the present shape: roles first, then Alembic's revisions."""

import time
from importlib.resources import files
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

import adapters.sql.tables.comments
import adapters.sql.tables.identity
import adapters.sql.tables.jobs
import adapters.sql.tables.labels
import adapters.sql.tables.live
import adapters.sql.tables.log
import adapters.sql.tables.notifications
import adapters.sql.tables.search
import adapters.sql.tables.work  # noqa: F401  (each import adds its tables to the metadata)
from adapters.jobs import schema as job_schema
from adapters.sql.backing_up import BACKING_UP, MIGRATING, WITHOUT_BACKUP
from adapters.sql.preflight import newest_revision
from adapters.sql.roles import SEARCH, UPKEEP, make_roles
from adapters.sql.tenancy import metadata

PATIENCE = 300
_PAUSE = 0.2
_LOOKS = "select has_table_privilege(%s, 'public.alembic_version', 'select')"


def migrate(*, owner_url: str, application_url: str, revision: str = "head") -> None:
    """Makes the roles and upgrades the database. Safe to run again, and by several processes at once."""
    application = make_roles(owner_url=owner_url, application_url=application_url)
    run(owner_url=owner_url, application_role=application, revision=revision)


def run(*, owner_url: str, application_role: str, revision: str) -> None:
    """Moves the database up or down to a revision. `head` leaves a database alone that a newer release migrated."""
    # Whatever the driver's own library reads, the runtime works with; nothing else takes the URL apart.
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(owner_url), poolclass=NullPool)
    with engine.connect() as connection:
        if revision == "head" and _is_current(connection, application_role):
            is_ours = _present(connection) == newest_revision()
            engine.dispose()
            if is_ours:
                make_job_schema(owner_url=owner_url, application_role=application_role)
            return
        _wait_for_others(connection)
        settings = config(connection, application_role=application_role)
        present = _present(connection)
        if revision in ("base", "-1") or (revision.isdigit() and present is not None and revision < present):
            command.downgrade(settings, revision)
        elif revision != "head" or present is None or present <= newest_revision():
            # Else a later release has migrated the database: this one does not know its revision.
            command.upgrade(settings, revision)
        is_ours = present is None or present <= newest_revision()
        let_the_owner_read(connection)
        # The server looks at it before it starts.
        role = connection.dialect.identifier_preparer.quote(application_role)
        connection.exec_driver_sql(f"grant select on alembic_version to {role}")
        connection.commit()
    engine.dispose()
    # What a later release made of it, its workers use.
    if revision == "head" and is_ours:
        make_job_schema(owner_url=owner_url, application_role=application_role)


def make_job_schema(*, owner_url: str, application_role: str) -> None:
    """Makes what the library of jobs keeps its wake-ups in, in a schema of its own."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        job_schema.make(connection, application_role=application_role)


def _is_current(connection: Connection, application_role: str) -> bool:
    """Whether there is nothing to do: then nobody waits for a backup that goes on, which may take an hour."""
    present = _present(connection)
    if present is None or present < newest_revision():
        return False
    unread = connection.exec_driver_sql(WITHOUT_BACKUP).fetchall()
    looks = connection.exec_driver_sql(_LOOKS, (application_role,)).scalar()
    connection.commit()
    return bool(looks) and not unread


def _wait_for_others(connection: Connection) -> None:
    """Takes the lock that migrations hold alone, and backups together. It asks again and again: an index that is built
    while people work waits for all statements that began before it, and one that waits for the lock would be such.
    """
    deadline = time.monotonic() + PATIENCE
    while not connection.exec_driver_sql(f"select pg_try_advisory_lock({MIGRATING})").scalar():
        connection.commit()
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"a backup, or another migration, has held the database for {PATIENCE} seconds: run it again after that"
            )
        time.sleep(_PAUSE)
    connection.commit()


def _present(connection: Connection) -> str | None:
    present = MigrationContext.configure(connection).get_current_revision()
    connection.commit()
    return present


def let_the_owner_read(connection: Connection) -> None:
    """Lets the owner of each walled table read all of it, once it says in a transaction that it makes a backup.

    Forced row-level security shows the owner nothing, and a backup of nothing would look like one. Here and not in the
    migrations, so that no table can be forgotten.
    """
    connection.exec_driver_sql("set local lock_timeout = '5s'")
    for (table,) in connection.exec_driver_sql(WITHOUT_BACKUP).fetchall():
        connection.exec_driver_sql(f"drop policy if exists backup on {table}")
        connection.exec_driver_sql(f"create policy backup on {table} for select to current_user using ({BACKING_UP})")
    connection.commit()


def config(connection: Connection, *, application_role: str) -> Config:
    """Alembic's configuration, made here so that no file names a URL."""
    settings = Config()
    settings.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    settings.attributes["connection"] = connection
    settings.attributes["application_role"] = application_role
    settings.attributes["upkeep_role"] = UPKEEP
    settings.attributes["search_role"] = SEARCH
    settings.attributes["metadata"] = metadata
    return settings


def scripts() -> Path:
    """Where the revisions are, in a clone and in an installed package alike."""
    return Path(str(files("migrations")))
