"""What has to be right before a server starts: the database answers, the role is bound by the wall, the tables are new
enough.
"""

from importlib.resources import files
from typing import Any

import psycopg

from adapters.sql.roles import INSPECT, UPKEEP, refuse_wrong_role


class NotReady(Exception):
    """The database cannot be worked with yet. The message says why, and how to mend it."""


def check_database(url: str) -> None:
    """Raises NotReady, or WrongRole for a role that would see through the tenant wall."""
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            found = connection.execute(INSPECT, {"upkeep": UPKEEP}).fetchone()
            assert found is not None
            refuse_wrong_role(
                found[0],
                is_superuser=found[1],
                bypasses=found[2],
                inherits_owner=found[3],
                inherits_upkeep=found[4],
            )
            if connection.info.server_version < 150000:
                raise NotReady("The database is PostgreSQL older than 15; FlowTrack works with 15 to 18.")
            present = _revision(connection)
    except psycopg.Error as error:
        raise NotReady(f"The database that FLOWTRACK_DATABASE_URL names cannot be worked with: {error}") from error
    if present != newest_revision():
        raise NotReady(
            f"The database is at revision {present or 'none'}, and this release needs {newest_revision()}: "
            "run `flowtrack migrate`"
        )


def newest_revision() -> str:
    """The revision that this release needs: the last of the numbered files, so that Alembic need not be loaded."""
    return max(
        name.partition("_")[0]
        for name in (entry.name for entry in files("migrations").joinpath("versions").iterdir())
        if name[:4].isdigit() and name.endswith(".py")
    )


def _revision(connection: psycopg.Connection[Any]) -> str | None:
    table = connection.execute("select to_regclass('public.alembic_version')").fetchone()
    if table is None or table[0] is None:
        return None
    row = connection.execute("select version_num from public.alembic_version").fetchone()
    return str(row[0]) if row is not None else None
