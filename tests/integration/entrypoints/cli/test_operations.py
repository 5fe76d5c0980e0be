"""The commands that docs/operations.md tells an operator to type."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from adapters.postgres_embedded.commands import binaries
from adapters.postgres_embedded.server import EmbeddedPostgres
from tests.integration.entrypoints.cli.serving import PASSWORD, clean_environment, serving

DOCUMENT = Path(__file__).parents[4] / "docs" / "operations.md"
KEY = "one key for both installations, as the document says"
FORCED = "select relname from pg_class where relforcerowsecurity and relrowsecurity order by 1"
POLICIES = "select tablename, policyname, roles, cmd, qual, with_check from pg_policies order by 1, 2"
RIGHTS = "select table_name, grantee, privilege_type from information_schema.role_table_grants where grantee like 'flow%' order by 1, 2, 3"


def commands(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n```bash\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found is not None, name
    return found[1]


class Installation:
    """A PostgreSQL server with the product's database, named as the document names it."""

    def __init__(self, superuser_url: str, folder: Path) -> None:
        parts = urlsplit(superuser_url)
        self.folder = folder
        self.host = parse_qs(parts.query)["host"][0]
        self.superuser = f"postgresql://{parts.username}:{parts.password}@"
        self.settings = {
            "FLOWTRACK_MIGRATION_DATABASE_URL": self.url("flowtrack_owner", "owner pass"),
            "FLOWTRACK_DATABASE_URL": self.url("flowtrack_app", "app pass"),
            "FLOWTRACK_SECRET_KEY": KEY,
        }

    def url(self, role: str, password: str) -> str:
        return f"postgresql://{role}:{password.replace(' ', '%20')}@/flowtrack?host={self.host}"

    def type(self, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs a block of the document's commands."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands(name)],
            env={
                **clean_environment(),
                **self.settings,
                "PATH": f"{binaries()}:{Path(sys.executable).parent}:{os.environ['PATH']}",
                "PGHOST": self.host,
                "SUPERUSER": self.superuser,
                **variables,
            },
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(f"{self.superuser}/flowtrack?host={self.host}") as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def installation(folder: Path, *, cluster: str) -> Iterator[Installation]:
    server = EmbeddedPostgres(folder=folder / cluster / "postgres")
    try:
        yield Installation(server.start(), folder)
    finally:
        server.stop()


def test_what_was_dumped_is_found_again_in_another_server_and_old_rows_can_be_removed(tmp_path: Path) -> None:
    with installation(tmp_path, cluster="old") as old:
        with psycopg.connect(f"{old.superuser}/postgres?host={old.host}", autocommit=True) as connection:
            connection.execute("create role flowtrack_owner login createrole password 'owner pass'")
            connection.execute("create database flowtrack owner flowtrack_owner")
        with serving(tmp_path / "served", **old.settings) as server:
            server.start()
            token = server.register("ann@example.com")
            _, project, _ = server.ask("POST", "/api/v1/projects", {"name": "Kept"}, token=token)
            new = {"project_id": project["id"], "title": "Find me again"}
            _, task, _ = server.ask("POST", "/api/v1/tasks", new, token=token, Idempotency_Key="once")
            assert server.stop() == 0
        wall = [old.ask(query) for query in (FORCED, POLICIES, RIGHTS)]
        assert all(wall)

        prepared = old.type("prepare", BACKUP_PASSWORD="it's for backups")
        assert prepared.returncode == 0, prepared.stderr
        refused = old.type("dump", BACKUP="postgresql://flowtrack_owner:owner%20pass@")
        assert "row-level security" in refused.stderr
        dumped = old.type("dump", BACKUP="postgresql://flowtrack_backup:it%27s%20for%20backups@")
        assert dumped.returncode == 0, dumped.stderr

        old.ask("update idempotency_keys set created_at = now() - interval '25 hours'")
        assert old.type("tidy").stdout.split() == ["DELETE", "1", "DELETE", "0"]
        old.ask("update login_sessions set revoked_at = now()")
        assert old.type("tidy").stdout.split() == ["DELETE", "0", "DELETE", "1"]

    with installation(tmp_path, cluster="new") as new_one:
        restored = new_one.type("restore", OWNER_PASSWORD="owner pass")
        assert restored.returncode == 0, restored.stderr
        assert [new_one.ask(query) for query in (FORCED, POLICIES, RIGHTS)] == wall
        with serving(tmp_path / "again", **new_one.settings) as server:
            server.start()
            credentials = {"email": "ann@example.com", "password": PASSWORD}
            _, signed_in, _ = server.ask("POST", "/api/v1/auth/login", credentials)
            status, found, _ = server.ask("GET", f"/api/v1/tasks/{task['id']}", token=signed_in["access_token"])
            assert (status, found["title"]) == (200, "Find me again")
            assert server.ask("POST", "/api/v1/tasks", new, token=signed_in["access_token"])[0] == 201
            assert server.stop() == 0


@pytest.mark.parametrize("name", ["prepare", "dump", "restore", "tidy"])
def test_each_block_of_commands_is_in_the_document_once(name: str) -> None:
    assert DOCUMENT.read_text().count(f"<!-- {name} -->") == 1
