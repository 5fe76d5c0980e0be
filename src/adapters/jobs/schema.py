"""The library's own schema. What is in it are wake-ups, each of which is found again if it is lost: so a new release of
the library does not change its tables, it begins anew.
"""

from importlib.metadata import version
from typing import Any, Final

import psycopg
from procrastinate.schema import SchemaManager
from psycopg import sql

SCHEMA: Final = "flowtrack_jobs"
_MAKING: Final = 0x666C6F77_6A6F6273  # no other lock of ours has this number
_PRESENT = "select obj_description(to_regnamespace(%s)::oid, 'pg_namespace'), has_schema_privilege(%s, oid, 'usage')"
_PRESENT += " from pg_namespace where nspname = %s"


def is_current(connection: psycopg.Connection[Any], *, application_role: str) -> bool:
    """Whether the schema is the installed library's, and the application may use it."""
    found = connection.execute(_PRESENT, (SCHEMA, application_role, SCHEMA)).fetchone()
    return found is not None and found == (_mark(), True)


def make(connection: psycopg.Connection[Any], *, application_role: str) -> None:
    """Makes the schema as the owner, anew if it is another release's, and lets the application use it."""
    if is_current(connection, application_role=application_role):
        return
    with connection.transaction():
        connection.execute("set local lock_timeout = '60s'")
        # One process makes it, and the others find it made.
        connection.execute("select pg_advisory_xact_lock(%s)", (_MAKING,))
        if is_current(connection, application_role=application_role):
            return
        connection.execute("set local lock_timeout = '5s'")
        drop(connection)
        name, role = sql.Identifier(SCHEMA), sql.Identifier(application_role)
        connection.execute(sql.SQL("create schema {}").format(name))
        connection.execute(sql.SQL("set local search_path = {}").format(name))
        connection.execute(SchemaManager.get_schema())
        connection.execute(sql.SQL("grant usage on schema {} to {}").format(name, role))
        for rights in ("select, insert, update, delete on all tables", "usage on all sequences"):
            connection.execute(sql.SQL(f"grant {rights} in schema {{}} to {{}}").format(name, role))
        connection.execute(sql.SQL("comment on schema {} is {}").format(name, sql.Literal(_mark())))


def drop(connection: psycopg.Connection[Any]) -> None:
    """Takes the schema away."""
    connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(SCHEMA)))


def _mark() -> str:
    return f"procrastinate {version('procrastinate')}"
