"""What has to be right before a server starts: the database answers, the role is bound by the wall, the tables are new
enough.
"""

import logging
from importlib.resources import files
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from adapters.sql.roles import INSPECT, INSPECTED, ISOLATION, refuse_wrong_role

log = logging.getLogger("flowtrack.sql")


HAS_JOBS = (
    "select coalesce(has_schema_privilege(oid, 'usage'), false) from pg_namespace where nspname = 'flowtrack_jobs'"
)


class NotReady(Exception):
    """The database cannot be worked with yet. The message says why, and how to mend it."""


def refuse_malformed(url: str, *, variable: str) -> None:
    """Raises NotReady for a URL that PostgreSQL's library would take apart otherwise than it was meant.

    The library's own words would quote it, and the password with it.
    """
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:
        given = {"port": "?"}
    host, port, name = (str(given.get(part) or "") for part in ("host", "port", "dbname"))
    # A sign of a password that is not percent-encoded: its rest was taken for the host, the port or the database.
    if "@" in host[1:] + name or (not port.replace(",", "0").isdigit() and port):
        raise NotReady(
            f"{variable} cannot be read as the URL of a PostgreSQL, postgresql://role:password@host:5432/database; "
            "in the password, percent-encode what is no letter or digit (@ is %40, / is %2F)."
        )


def check_database(url: str) -> None:
    """Raises NotReady, or WrongRole for a role that would see through the tenant wall.

    A database that is newer than this release is worked with: while a new one is rolled out, the old one goes on.
    """
    refuse_malformed(url, variable="FLOWTRACK_DATABASE_URL")
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            found = connection.execute(INSPECT, INSPECTED).fetchone()
            assert found is not None
            refuse_wrong_role(*found)
            if connection.info.server_version < 150000:
                raise NotReady("The database is PostgreSQL older than 15; FlowTrack works with 15 to 18.")
            present = present_revision(connection)
            isolation = connection.execute("show default_transaction_isolation").fetchone()
            jobs = connection.execute(HAS_JOBS).fetchone()
    except psycopg.Error as error:
        raise NotReady(f"The database that FLOWTRACK_DATABASE_URL names cannot be worked with: {error}") from error
    needed = newest_revision()
    # Revisions are numbers of four digits.
    if present is None or present < needed:
        raise NotReady(
            f"The database is at revision {present or 'none'}, and this release needs {needed}: run `flowtrack migrate`"
        )
    if present > needed:
        log.warning(
            "the database is at revision %s, newer than this release's %s; it is worked with all the same",
            present,
            needed,
        )
    if jobs != (True,):
        raise NotReady(
            f"The role {found[0]!r} cannot use the schema that wake-ups of jobs are kept in: run `flowtrack migrate`"
        )
    if isolation is None or isolation[0] != ISOLATION:
        raise NotReady(
            f"The role {found[0]!r} does not start with default_transaction_isolation = '{ISOLATION}', which reads "
            "rely on: run `flowtrack migrate`"
        )


def newest_revision() -> str:
    """The revision that this release needs: the last of the numbered files, so that Alembic need not be loaded."""
    return max(
        name.partition("_")[0]
        for name in (entry.name for entry in files("migrations").joinpath("versions").iterdir())
        if name[:4].isdigit() and name.endswith(".py")
    )


def present_revision(connection: psycopg.Connection[Any]) -> str | None:
    """The revision that the database is at; None if it was never migrated."""
    table = connection.execute("select to_regclass('public.alembic_version')").fetchone()
    if table is None or table[0] is None:
        return None
    row = connection.execute("select version_num from public.alembic_version").fetchone()
    return str(row[0]) if row is not None else None
