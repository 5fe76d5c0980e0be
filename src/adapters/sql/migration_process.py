"""Migrations in a process of their own: Alembic's memory would stay with a server that runs for months."""

import json
import re
import subprocess
import sys

import psycopg

from adapters.sql.preflight import refuse_malformed
from adapters.sql.roles import make_roles

_PROGRAM = "import json, sys; from adapters.sql.migrating import run; run(**json.load(sys.stdin))"
# The line of a traceback that says what was raised, and no line of what the driver adds to it.
_RAISED = re.compile(r"(\w+\.)+\w+: |\w*(Error|Exception): ")


class MigrationFailed(Exception):
    """The database could not be brought to the present shape; what was begun is rolled back. The message says why."""


def migrate_in_child(*, owner_url: str, application_url: str, revision: str = "head") -> None:
    """Makes the roles, then runs Alembic, to the newest revision or the one that is named. Safe to run again, and by
    several processes at once.

    Raises NotReady for a malformed URL, WrongRole and MigrationFailed.
    """
    refuse_malformed(owner_url, variable="FLOWTRACK_MIGRATION_DATABASE_URL")
    refuse_malformed(application_url, variable="FLOWTRACK_DATABASE_URL")
    try:
        role = make_roles(owner_url=owner_url, application_url=application_url)
    except psycopg.Error as error:
        raise MigrationFailed(f"The roles could not be made: {error}") from error
    # By standard input: what is on a command line or in the environment, others can read.
    given = json.dumps({"owner_url": owner_url, "application_role": role, "revision": revision})
    done = subprocess.run([sys.executable, "-c", _PROGRAM], input=given, text=True, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raised = [line for line in done.stderr.splitlines() if _RAISED.match(line)]
        raise MigrationFailed(f"The database could not be migrated: {(raised or ['it ended without a word'])[-1]}")
