"""Backing up: every row of every table as of one instant, while the server goes on working.

PostgreSQL's own `pg_dump` would have to be installed beside us, be no older than the server, and run as a role that
only a superuser can make, since the tenant wall binds the owner of the tables too. So the owner reads the tables by
`COPY` in one snapshot, by a policy that holds for the owner alone, and only in a transaction that asks for it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.abc import Buffer

from adapters.sql.archive import Manifest, new_archive
from adapters.sql.preflight import present_revision, refuse_malformed

BACKING_UP = "current_setting('app.backup', true) = 'on'"
# The tables of which a backup would hold no row, in silence.
WITHOUT_BACKUP = """
select c.oid::regclass::text from pg_class c
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relforcerowsecurity
   and not exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'backup'
                      and p.polroles = array[current_user::regrole::oid])
 order by 1
"""
_SEES_ALL = "select rolsuper or rolbypassrls from pg_roles where rolname = current_user"
# What PostgreSQL computes is not stored, and cannot be copied back.
_TABLES = """
select c.relname, array_agg(a.attname::text order by a.attnum)
  from pg_class c join pg_attribute a on a.attrelid = c.oid
 where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> 'alembic_version'
   and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
 group by 1 order by 1
"""
_SEQUENCES = "select sequencename, last_value from pg_sequences where schemaname = 'public' and last_value is not null"
# Text in one form, whatever the servers and the roles are set to.
FORM = (
    "set local client_encoding = 'utf8'",
    "set local timezone = 'UTC'",
    "set local datestyle = 'iso, ymd'",
    "set local intervalstyle = 'iso_8601'",
    "set local bytea_output = 'hex'",
    "set local statement_timeout = 0",
    "set local idle_in_transaction_session_timeout = 0",
)
MIGRATING = 7163298415
_PAUSE = 0.2


class BackupFailed(Exception):
    """No backup was written. The message says why."""


class TableColumns(NamedTuple):
    """A table and the columns that hold what somebody stored."""

    name: str
    columns: tuple[str, ...]


def back_up(*, owner_url: str, path: Path) -> Manifest:
    """Writes all that the database holds into a file. Raises BackupFailed and NotReady.

    Roles, their passwords and the installation's secret key are not in it.
    """
    refuse_malformed(owner_url, variable="FLOWTRACK_MIGRATION_DATABASE_URL")
    try:
        with psycopg.connect(owner_url, autocommit=True, connect_timeout=5) as connection:
            # Nothing may migrate meanwhile; migrations take the same lock alone. A statement that waited for it would
            # be waited for in turn by an index that a migration builds.
            while connection.execute("select pg_try_advisory_lock_shared(%s)", (MIGRATING,)).fetchone() != (True,):
                time.sleep(_PAUSE)
            with snapshot(connection):
                return _written(connection, path)
    except psycopg.Error as error:
        raise BackupFailed(f"The database could not be read: {told(error)}") from error
    except OSError as error:
        raise BackupFailed(f"{path} cannot be written: {error.strerror}") from error


@contextmanager
def snapshot(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A transaction in which the owner sees every row as of one instant, and changes none."""
    connection.execute("begin isolation level repeatable read read only")
    try:
        for setting in FORM:
            connection.execute(setting)
        connection.execute("set local app.backup = 'on'")
        yield
    finally:
        if not connection.closed:
            connection.execute("rollback")


def stored_tables(connection: psycopg.Connection[Any]) -> list[TableColumns]:
    """The tables that hold what people and programs stored."""
    return [TableColumns(name, tuple(columns)) for name, columns in connection.execute(_TABLES)]


def refuse_blind(connection: psycopg.Connection[Any]) -> None:
    """Raises BackupFailed where row-level security would hide rows from this role."""
    (sees_all,) = connection.execute(_SEES_ALL).fetchone() or (False,)
    hidden = [] if sees_all else connection.execute(WITHOUT_BACKUP).fetchall()
    if hidden:
        tables = ", ".join(name for (name,) in hidden)
        raise BackupFailed(
            f"Row-level security would hide rows of {tables} from the role {connection.info.user!r}: run "
            "`flowtrack migrate` with this FLOWTRACK_MIGRATION_DATABASE_URL"
        )


def copied(connection: psycopg.Connection[Any], table: TableColumns) -> Iterator[Buffer]:
    """The rows of a table, a line for each."""
    names = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    statement = sql.SQL("copy (select {} from {}) to stdout").format(names, sql.Identifier("public", table.name))
    with connection.cursor().copy(statement) as lines:
        yield from lines


def told(error: psycopg.Error) -> str:
    """What PostgreSQL says, on one line, without its details, which may quote rows."""
    return " ".join((error.diag.message_primary or str(error) or type(error).__name__).split())


def _written(connection: psycopg.Connection[Any], path: Path) -> Manifest:
    revision = present_revision(connection)
    if revision is None:
        raise BackupFailed("The database holds no tables of FlowTrack: there is nothing to back up")
    refuse_blind(connection)
    with new_archive(path) as archive:
        for table in stored_tables(connection):
            archive.add(table.name, table.columns, copied(connection, table))
        # Sequences are of no snapshot: read last, they are ahead of every row.
        sequences = dict(connection.execute(_SEQUENCES).fetchall())
        return archive.finish(
            release=version("flowtrack"), revision=revision, made_at=datetime.now(UTC), sequences=sequences
        )
