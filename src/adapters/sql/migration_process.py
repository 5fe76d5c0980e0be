"""Migrations in a process of their own: Alembic's memory would stay with a server that runs for months."""

import json
import subprocess
import sys

import psycopg

from adapters.sql.roles import make_roles

_PROGRAM = "import json, sys; from adapters.sql.migrating import run; run(**json.load(sys.stdin), revision='head')"


class MigrationFailed(Exception):
    """The database could not be brought to the present shape; what was begun is rolled back. The message says why."""


def migrate_in_child(*, owner_url: str, application_url: str) -> None:
    """Makes the roles, then runs Alembic. Safe to run again, and by several processes at once.

    Raises WrongRole and MigrationFailed.
    """
    try:
        role = make_roles(owner_url=owner_url, application_url=application_url)
    except psycopg.Error as error:
        raise MigrationFailed(f"The roles could not be made: {error}") from error
    # By standard input: what is on a command line or in the environment, others can read.
    given = json.dumps({"owner_url": owner_url, "application_role": role})
    done = subprocess.run([sys.executable, "-c", _PROGRAM], input=given, text=True, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["it ended without a word"]
        raise MigrationFailed(f"The database could not be migrated: {lines[-1]}")
