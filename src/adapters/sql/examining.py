"""What the database is like, for `flowtrack doctor`: looked at, never changed."""

import time
from typing import Any, NamedTuple

import psycopg

from adapters.crypto.sealing import Sealer
from adapters.sql.backing_up import WITHOUT_BACKUP, told
from adapters.sql.connection import NAMED
from adapters.sql.preflight import NotReady, present_revision, refuse_malformed
from adapters.sql.roles import INSPECT, INSPECTED, WrongRole, refuse_wrong_role
from adapters.sql.sealed import Opening, opening

_MAJORS = (15, 18)
_PLACE = """
select current_setting('default_transaction_isolation'), clock_timestamp(),
       d.oid::text || ' ' || pg_postmaster_start_time()::text
  from pg_database d where d.datname = current_database()
"""
# A role's or a database's limit of -1 is none.
_MOST_CONNECTIONS = """
select least(current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer,
             nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1))
  from pg_roles r, pg_database d where r.rolname = current_user and d.datname = current_database()
"""
# How a database was made decides what it takes for a letter; what is searched is written and asked for in lower case.
_KNOWS_LETTERS = "select lower('Я') = 'я'"
# Those of another pooler's choosing have no names of ours.
_PROCESSES = """
select count(distinct application_name) from pg_stat_activity
 where datname = current_database() and usename = current_user and starts_with(application_name, %s)
"""
_OWNER = """
select r.rolname, r.rolsuper or r.rolcreaterole,
       coalesce((select bool_and(pg_has_role(r.oid, c.relowner, 'usage')) from pg_class c
                  where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'),
                (select pg_has_role(r.oid, d.datdba, 'usage') from pg_database d where d.datname = current_database()))
  from pg_roles r where r.rolname = current_user
"""


class DatabaseAwayNow(Exception):
    """Nobody answers at the URL, or nobody is let in. The message says what was heard, and holds no password."""


class DatabaseFacts(NamedTuple):
    """What the application's role finds. `place` is the same for two URLs of one database; `processes` are the servers
    and workers that are connected at this moment.
    """

    role: str
    refused_role: str
    major: int
    revision: str | None
    isolation: str
    seconds_ahead: float
    place: str
    opening: Opening | None
    most_connections: int
    knows_letters: bool
    processes: int

    @property
    def is_known_major(self) -> bool:
        return self.major <= _MAJORS[1]

    @property
    def is_old(self) -> bool:
        return self.major < _MAJORS[0]


class OwnerFacts(NamedTuple):
    """What the migrating role finds."""

    role: str
    makes_roles: bool
    owns_tables: bool
    place: str
    hidden_from_backups: tuple[str, ...]


def examine(url: str, *, sealer: Sealer | None) -> DatabaseFacts:
    """Looks at the database as the application. Raises DatabaseAwayNow."""
    try:
        refuse_malformed(url, variable="FLOWTRACK_DATABASE_URL")
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            inspected = connection.execute(INSPECT, INSPECTED).fetchone()
            isolation, ahead, place = _place(connection)
            assert inspected is not None
            return DatabaseFacts(
                role=str(inspected[0]),
                refused_role=_refusal(inspected),
                major=connection.info.server_version // 10000,
                revision=_revision(connection),
                isolation=isolation,
                seconds_ahead=ahead,
                place=place,
                opening=_opening(connection, sealer),
                most_connections=_most_connections(connection),
                processes=_processes(connection),
                knows_letters=connection.execute(_KNOWS_LETTERS).fetchone() == (True,),
            )
    except psycopg.Error as error:
        raise DatabaseAwayNow(told(error)) from error
    except NotReady as error:
        raise DatabaseAwayNow(str(error)) from error


def examine_owner(url: str) -> OwnerFacts:
    """Looks at the database as the role that migrates. Raises DatabaseAwayNow."""
    try:
        refuse_malformed(url, variable="FLOWTRACK_MIGRATION_DATABASE_URL")
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            role, makes_roles, owns_tables = connection.execute(_OWNER).fetchone() or ("?", False, False)
            hidden = [] if _bypasses(connection) else connection.execute(WITHOUT_BACKUP).fetchall()
            return OwnerFacts(
                role=role,
                makes_roles=makes_roles,
                owns_tables=owns_tables,
                place=_place(connection)[2],
                hidden_from_backups=tuple(name for (name,) in hidden),
            )
    except psycopg.Error as error:
        raise DatabaseAwayNow(told(error)) from error
    except NotReady as error:
        raise DatabaseAwayNow(str(error)) from error


def _place(connection: psycopg.Connection[Any]) -> tuple[str, float, str]:
    before = time.time()
    found = connection.execute(_PLACE).fetchone()
    after = time.time()
    assert found is not None
    return found[0], found[1].timestamp() - (before + after) / 2, found[2]


def _most_connections(connection: psycopg.Connection[Any]) -> int:
    """How many connections this role may have at once."""
    found = connection.execute(_MOST_CONNECTIONS).fetchone()
    assert found is not None
    return int(found[0])


def _processes(connection: psycopg.Connection[Any]) -> int:
    """How many servers and workers are connected, as far as it can be seen."""
    found = connection.execute(_PROCESSES, (NAMED,)).fetchone()
    assert found is not None
    return int(found[0])


def _bypasses(connection: psycopg.Connection[Any]) -> bool:
    found = connection.execute("select rolsuper or rolbypassrls from pg_roles where rolname = current_user").fetchone()
    return found == (True,)


def _refusal(inspected: tuple[Any, ...]) -> str:
    try:
        refuse_wrong_role(*inspected)
    except WrongRole as error:
        return str(error)
    return ""


def _revision(connection: psycopg.Connection[Any]) -> str | None:
    """None also where the role may not look: `migrate` gives it that right."""
    try:
        return present_revision(connection)
    except psycopg.errors.InsufficientPrivilege:
        return None


def _opening(connection: psycopg.Connection[Any], sealer: Sealer | None) -> Opening | None:
    """None where there is nothing to open yet, or nothing to open it with."""
    if sealer is None:
        return None
    try:
        return opening(connection, sealer)
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedObject, psycopg.errors.InsufficientPrivilege):
        return None
    except psycopg.errors.InvalidParameterValue:
        # The upkeep role is not there yet.
        return None
