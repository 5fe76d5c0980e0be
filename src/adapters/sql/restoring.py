"""Restoring a backup into an empty database: all of it or nothing."""

from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from adapters.sql.archive import Archive, ArchiveRefused, Manifest, StoredTable, opened_archive
from adapters.sql.backing_up import FORM, refuse_blind, snapshot, stored_tables, told
from adapters.sql.migration_process import migrate_in_child
from adapters.sql.preflight import newest_revision, present_revision, refuse_malformed

_OTHERS = """
select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
"""
_WALLED = """
select relname from pg_class
 where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relforcerowsecurity
"""
_TRIGGERED = """
select distinct tgrelid::regclass::text from pg_trigger
 where not tgisinternal and tgrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)
"""
_FOREIGN_KEYS = """
select f.relname, k.conname from pg_constraint k join pg_class f on f.oid = k.conrelid
 where k.contype = 'f' and not k.condeferrable and f.relnamespace = 'public'::regnamespace
"""
# No position is given out twice, whatever was given out after the backup, or where it was restored before: each log
# goes on from the microseconds since 1970, which no company's events outrun. Who had read all of a log has done so.
_GO_ON = (
    """
update log_positions p set seq = greatest(q.last_seq + 1, %(now)s)
  from event_sequences q where q.company_id = p.company_id and p.seq = q.last_seq
""",
    "update event_sequences set last_seq = greatest(last_seq + 1, %(now)s)",
)
_NOW = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint"


class RestoreRefused(Exception):
    """Nothing was restored. The message says why."""


def restore(*, owner_url: str, application_url: str, path: Path) -> Manifest:
    """Restores a backup into a database that holds nothing yet, and brings it to the shape of this release.

    Makes the roles as `migrate` does. Raises ArchiveRefused, RestoreRefused, MigrationFailed, NotReady and WrongRole.
    """
    refuse_malformed(owner_url, variable="FLOWTRACK_MIGRATION_DATABASE_URL")
    with opened_archive(path) as archive:
        made = archive.manifest
        if made.revision > newest_revision():
            raise ArchiveRefused(
                f"The backup is of revision {made.revision}, which release {made.release} made, and this release knows "
                f"{newest_revision()}: restore it with that release or a newer one"
            )
        try:
            with psycopg.connect(owner_url, autocommit=True, connect_timeout=5) as connection:
                _refuse_other_tables(connection, made)
            migrate_in_child(owner_url=owner_url, application_url=application_url, revision=made.revision)
            with psycopg.connect(owner_url, connect_timeout=5) as connection:
                _load(connection, archive)
            migrate_in_child(owner_url=owner_url, application_url=application_url)
            with psycopg.connect(owner_url, autocommit=True, connect_timeout=5) as connection:
                connection.execute("set client_min_messages = 'error'")
                connection.execute("analyze")
        except psycopg.Error as error:
            raise RestoreRefused(f"The database refused the backup: {told(error)}") from error
    return made


def _refuse_other_tables(connection: psycopg.Connection[Any], made: Manifest) -> None:
    """Raises RestoreRefused unless the database has no tables, or those of the backup without any row."""
    (count,) = connection.execute(_OTHERS).fetchone() or (0,)
    if not count:
        return
    present = present_revision(connection)
    if present != made.revision:
        found = f"tables of revision {present}" if present else "tables that are not FlowTrack's"
        raise RestoreRefused(_not_empty(connection, found))
    with snapshot(connection):
        refuse_blind(connection)
        _refuse_rows(connection)


def _refuse_rows(connection: psycopg.Connection[Any]) -> None:
    for name, _ in stored_tables(connection):
        statement = sql.SQL("select exists (select from {})").format(sql.Identifier("public", name))
        if connection.execute(statement).fetchone() != (False,):
            raise RestoreRefused(_not_empty(connection, f"rows in {name}"))


def _not_empty(connection: psycopg.Connection[Any], found: str) -> str:
    return (
        f"The database {connection.info.dbname!r} is not empty: it holds {found}. Nothing was changed. Restore into a "
        "new database (`createdb`), or with the embedded one move <data>/postgres away first"
    )


def _load(connection: psycopg.Connection[Any], archive: Archive) -> None:
    """Copies the rows back in one transaction, in which foreign keys are checked at the end."""
    made = archive.manifest
    connection.execute("set local lock_timeout = '10s'")
    for setting in FORM:
        connection.execute(setting)
    walled = [name for (name,) in connection.execute(_WALLED)]
    keys = connection.execute(_FOREIGN_KEYS).fetchall()
    # What triggers wrote is in the backup, too.
    triggered = [name for (name,) in connection.execute(_TRIGGERED)]
    for name in walled:
        _alter(connection, name, "no force row level security")
    for name in triggered:
        _alter(connection, name, "disable trigger user")
    for name, key in keys:
        _alter(connection, name, "alter constraint {} deferrable initially deferred", key)
    _refuse_rows(connection)
    _refuse_other_shape(connection, made)
    for table in made.tables:
        _copy(connection, archive, table)
    _let_logs_go_on(connection)
    for name, last in made.sequences.items():
        connection.execute("select setval(%s::regclass, %s)", (f'public."{name}"', last))
    connection.execute("set constraints all immediate")
    for name, key in keys:
        _alter(connection, name, "alter constraint {} not deferrable", key)
    for name in triggered:
        _alter(connection, name, "enable trigger user")
    for name in walled:
        _alter(connection, name, "force row level security")
    connection.commit()


def _let_logs_go_on(connection: psycopg.Connection[Any]) -> None:
    now = {"now": connection.execute(_NOW).fetchone()[0]}  # type: ignore[index]
    names = {name for name, _ in stored_tables(connection)}
    for statement in _GO_ON:
        # Before there was mail, nobody remembered how far they had read.
        if "log_positions" in names or "log_positions" not in statement:
            connection.execute(statement, now)


def _refuse_other_shape(connection: psycopg.Connection[Any], made: Manifest) -> None:
    here = {name: set(columns) for name, columns in stored_tables(connection)}
    there = {table.name: set(table.columns) for table in made.tables}
    if here != there:
        differ = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
        raise RestoreRefused(
            f"The backup says that it is of revision {made.revision}, and its {', '.join(differ)} are not: it was made "
            "of a database that was changed by hand, or by an unreleased FlowTrack"
        )


def _copy(connection: psycopg.Connection[Any], archive: Archive, table: StoredTable) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    place = sql.Identifier("public", table.name)
    with connection.cursor().copy(sql.SQL("copy {} ({}) from stdin").format(place, names)) as lines:
        for chunk in archive.rows(table):
            lines.write(chunk)
    (count,) = connection.execute(sql.SQL("select count(*) from {}").format(place)).fetchone() or (0,)
    if count != table.rows:
        raise RestoreRefused(f"{table.name} has {count} rows after restoring, and the backup has {table.rows}")


def _alter(connection: psycopg.Connection[Any], table: str, how: str, key: str = "") -> None:
    change = sql.SQL(how).format(sql.Identifier(key))
    connection.execute(sql.SQL("alter table {} ").format(sql.Identifier("public", table)) + change)
