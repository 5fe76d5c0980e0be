"""The commands that docs/operations.md tells an operator to type."""

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import psycopg
import pytest

from adapters.postgres_embedded.commands import binaries
from adapters.postgres_embedded.server import EmbeddedPostgres
from tests.integration.entrypoints.cli.serving import PASSWORD, Serving, clean_environment, serving

# Each command is a process that begins anew, and some tests type a dozen of them.
pytestmark = pytest.mark.timeout(900)

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
            timeout=600,
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


@contextmanager
def prepared(folder: Path, *, cluster: str) -> Iterator[Installation]:
    """An installation with the owner and an empty database, as the document's `restore` makes them."""
    with installation(folder, cluster=cluster) as made:
        with psycopg.connect(f"{made.superuser}/postgres?host={made.host}", autocommit=True) as connection:
            connection.execute("create role flowtrack_owner login createrole password 'owner pass'")
            connection.execute("create database flowtrack owner flowtrack_owner")
        yield made


def test_what_was_backed_up_is_found_again_in_another_server(tmp_path: Path) -> None:
    with prepared(tmp_path, cluster="old") as old:
        with serving(tmp_path / "served", **old.settings) as server:
            server.start()
            port = server.port
            token = server.register("ann@example.com")
            _, project, _ = server.ask("POST", "/api/v1/projects", {"name": "Kept"}, token=token)
            new = {"project_id": project["id"], "title": "Find me again"}
            _, task, _ = server.ask("POST", "/api/v1/tasks", new, token=token, Idempotency_Key="once")
            # While the server works.
            written = old.type("backup")
            assert written.returncode == 0, written.stderr
            assert "FLOWTRACK_SECRET_KEY is not in it" in written.stdout
            assert server.stop() == 0
        wall = [old.ask(query) for query in (FORCED, POLICIES, RIGHTS)]
        assert all(wall)
        backup = tmp_path / "flowtrack.backup"
        assert stat.S_IMODE(backup.stat().st_mode) == 0o600
        refused = subprocess.run(
            ["pg_dump", old.url("flowtrack_owner", "owner pass"), "--file=dump"],
            env={**clean_environment(), "PATH": f"{binaries()}:{os.environ['PATH']}"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "row-level security" in refused.stderr

    with installation(tmp_path, cluster="new") as new_one:
        restored = new_one.type("restore", OWNER_PASSWORD="owner pass")
        assert restored.returncode == 0, restored.stderr + restored.stdout
        assert [new_one.ask(query) for query in (FORCED, POLICIES, RIGHTS)] == wall
        again = new_one.type("restore", OWNER_PASSWORD="owner pass")
        assert (again.returncode == 0, "already exists" in again.stderr) == (False, True)
        with serving(tmp_path / "again", **new_one.settings) as server:
            server.port = port  # a part of the address that tokens are for
            server.start()
            # The device of before is still signed in, and its repeated request is still known.
            status, found, headers = server.ask("GET", f"/api/v1/tasks/{task['id']}", token=token)
            assert (status, found) == (200, task)
            _, replayed, headers = server.ask("POST", "/api/v1/tasks", new, token=token, Idempotency_Key="once")
            assert (replayed["id"], headers["idempotency-replayed"]) == (task["id"], "true")
            assert server.ask("POST", "/api/v1/tasks", new, token=token)[0] == 201
            assert server.stop() == 0


def test_the_embedded_database_is_backed_up_while_it_works_and_restored_into_an_empty_one(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.start()
        token = server.register("ann@example.com")
        assert server.ask("POST", "/api/v1/projects", {"name": "Kept", "key": "KEPT"}, token=token)[0] == 201
        written = flowtrack("backup", str(tmp_path / "backup"), data=server.data)
        assert (written.returncode, "secret-key, is not in it" in written.stdout) == (0, True), written.stderr
        _, before, _ = server.ask("GET", "/api/v1/projects/KEPT", token=token)
        refused = flowtrack("restore", str(tmp_path / "backup"), data=server.data)
        assert (refused.returncode, "stop that one first" in refused.stderr) == (2, True)
        assert server.stop() == 0
        refused = flowtrack("restore", str(tmp_path / "backup"), data=server.data)
        assert (refused.returncode, "not empty" in refused.stderr) == (2, True)
        (server.data / "postgres").rename(tmp_path / "away")
        restored = flowtrack("restore", str(tmp_path / "backup"), data=server.data)
        assert (restored.returncode, restored.stderr) == (0, ""), restored.stderr
        assert not EmbeddedPostgres(folder=server.data / "postgres").is_running()
        server.start()
        status, after, _ = server.ask("GET", "/api/v1/projects/KEPT", token=token)
        assert (status, after) == (200, before)
        assert server.stop() == 0


def test_a_restore_says_that_the_secret_key_is_another_one_and_doctor_and_serve_do_too(tmp_path: Path) -> None:
    with serving(tmp_path / "old") as server:
        server.start()
        server.register("ann@example.com")
        assert flowtrack("backup", str(tmp_path / "backup"), data=server.data).returncode == 0
        assert server.stop() == 0
    with serving(tmp_path / "new") as server:
        restored = flowtrack("restore", str(tmp_path / "backup"), data=server.data)
        assert (restored.returncode, "FLOWTRACK_SECRET_KEY_PREVIOUS" in restored.stderr) == (0, True)
        with pytest.raises(AssertionError, match="FLOWTRACK_SECRET_KEY"):
            server.start()
        # The database goes on where the server could not, and the operator helps themselves.
        rotated = flowtrack("rekey", "--rotate-signing-key", data=server.data)
        assert rotated.returncode == 0, rotated.stderr
        server.start()
        credentials = {"email": "ann@example.com", "password": PASSWORD}
        assert server.ask("POST", "/api/v1/auth/login", credentials)[0] == 200
        assert server.stop() == 0


def test_keys_are_changed_as_the_document_says_and_nobody_is_signed_out(tmp_path: Path) -> None:
    with prepared(tmp_path, cluster="here") as here, serving(tmp_path / "served", **here.settings) as server:
        server.start()
        token = server.register("ann@example.com")
        rotated = here.type("rotate")
        assert rotated.returncode == 0, rotated.stderr
        # The running server signs with it once it has heard of it, and accepts what it signed before.
        assert server.ask("GET", "/api/v1/auth/me", token=token)[0] == 200
        assert server.stop() == 0
        done = here.type("rekey")
        assert done.returncode == 0, done.stderr
        # The key of access tokens, and that of the audit once there is one.
        assert re.search(r"signing_keys\.sealed_private_jwk: [12] sealed anew, 0 had no need of it", done.stdout)
        assert "FLOWTRACK_SECRET_KEY_PREVIOUS can be left out" in done.stdout
        refused = flowtrack("rekey", **here.settings)
        assert (refused.returncode, "cannot be opened" in refused.stderr) == (2, True)


def tokens_are_made_and_revoked(here: Installation, server: Serving, owner: str) -> None:
    """What docs/operations.md says of API tokens, in a company without any."""
    given = {"name": "Robot", "username": "robot", "kind": "service"}
    assert server.ask("POST", "/api/v1/users", given, token=owner)[0] == 201
    scope = ("--company", "acme", "--user", "robot", "--scope", "tasks:read")
    for more, ends in ((), "until 20"), (("--days", "7"), "until 20"), (("--forever",), "until it is revoked"):
        made = flowtrack("token", "create", *scope, *more, **here.settings)
        assert made.returncode == 0, made.stderr
        said, secret = made.stdout.splitlines()[-2:]
        token_id = said.split()[2]
        assert ends in said
        assert server.ask("GET", "/api/v1/tasks", token=secret)[0] == 200
        assert server.ask("GET", "/api/v1/projects", token=secret)[0] == 403
        listed = flowtrack("token", "list", "--company", "acme", **here.settings)
        (line,) = (each for each in listed.stdout.splitlines() if each.startswith(token_id))
        assert {"active", secret[:8], "robot", "tasks:read"} <= set(line.split())
        assert secret not in listed.stdout
        revoked = flowtrack("token", "revoke", token_id, **here.settings)
        assert (revoked.returncode, revoked.stdout.split()[-1]) == (0, "revoked"), revoked.stderr
        assert server.ask("GET", "/api/v1/tasks", token=secret)[0] == 401
    both = flowtrack("token", "create", *scope, "--days", "7", "--forever", **here.settings)
    assert (both.returncode, "exclude each other" in both.stderr) == (2, True)


def test_what_the_operator_does_for_companies_and_people(tmp_path: Path) -> None:
    settings = {"FLOWTRACK_REGISTRATION": "closed"}
    with (
        prepared(tmp_path, cluster="here") as here,
        serving(tmp_path / "served", **here.settings, **settings) as server,
    ):
        server.start()
        done = here.type("operate")
        assert done.returncode == 0, done.stderr
        first, second = re.findall(r"temporary password: (\S+)", done.stdout)
        assert re.search(r"^acme +1 .* Acme$", done.stdout, re.MULTILINE)
        assert "acme.example is proved to be acme's" in done.stdout
        assert here.ask("select domain from email_domains where verified_at is not null") == [("acme.example",)]
        chosen = "chosen by ann herself"
        for password, more, status in ((first, {}, 401), (second, {}, 403), (second, {"new_password": chosen}, 200)):
            credentials = {"email": "ann@example.com", "password": password, **more}
            found, signed_in, _ = server.ask("POST", "/api/v1/auth/login", credentials)
            assert found == status
        tokens_are_made_and_revoked(here, server, signed_in["access_token"])
        for arguments, said in (
            (("user", "reset-password", "nobody@example.com"), "no account"),
            (("user", "reset-password", "nowhere"), "e-mail"),
            (("user", "reset-factor", "nobody@example.com"), "no account"),
            (("user", "reset-factor", "ann@example.com"), "no second factor"),
            (("token", "list", "--company", "nowhere"), "no company"),
            (("token", "revoke", str(uuid4())), "no API token"),
            (("token", "create", "--company", "acme", "--user", "ann", "--scope", "tasks:read"), "make their own"),
            (("token", "create", "--company", "acme", "--user", "nobody", "--scope", "tasks:read"), "no such user"),
            (("company", "verify-domain", "nobody", "acme.example"), "no such company"),
            (("company", "verify-domain", "acme", "acme"), "/domain"),
            (("company", "create", "--name", " ", "--owner", "ann@example.com"), "/name"),
        ):
            refused = flowtrack(*arguments, **here.settings)
            assert (refused.returncode, said in refused.stderr) == (2, True), refused.stderr
            assert "Traceback" not in refused.stderr
        here.ask("update accounts set totp_secret = 'sealed', totp_enabled_at = now()")
        asked = server.ask("POST", "/api/v1/auth/login", {"email": "ann@example.com", "password": chosen})
        assert "ticket" in str(asked)
        reset = flowtrack("user", "reset-factor", "ann@example.com", **here.settings)
        assert (reset.returncode, "ann@example.com" in reset.stdout) == (0, True), reset.stderr
        signed_in = server.ask("POST", "/api/v1/auth/login", {"email": "ann@example.com", "password": chosen})
        assert signed_in[0] == 200 and "ticket" not in str(signed_in)
        told = here.ask("select type, via from audit_events where type in ('totp.disabled', 'password.reset')")
        assert set(told) == {("totp.disabled", "system"), ("password.reset", "system")}
        old = "now() - interval '31 days'"
        here.ask(f"update companies set deleted_at = {old}")
        purged = here.type("purge")
        assert purged.returncode == 0, purged.stderr
        assert "flowtrack: 1 companies" in purged.stdout
        assert "flowtrack: 1 accounts" in purged.stdout
        assert here.ask("select count(*) from accounts") == [(0,)]
        assert server.stop() == 0


def test_the_doctor_is_called_as_the_document_says(tmp_path: Path) -> None:
    with installation(tmp_path, cluster="here") as here:
        done = here.type("doctor")
        assert (done.returncode, "failed   database " in done.stdout) == (2, True), done.stderr


@pytest.mark.parametrize("command", [("backup", "file"), ("restore", "file")])
def test_without_the_owners_url_there_is_neither_backup_nor_restore(tmp_path: Path, command: tuple[str, ...]) -> None:
    refused = flowtrack(*command, FLOWTRACK_DATABASE_URL="postgresql://app@127.0.0.1:1/none", cwd=tmp_path)
    assert (refused.returncode, "FLOWTRACK_MIGRATION_DATABASE_URL" in refused.stderr) == (2, True)


def flowtrack(
    *arguments: str, data: Path | None = None, cwd: Path | None = None, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Runs a command of ours."""
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
    folder = {"FLOWTRACK_DATA_DIR": str(data)} if data else {}
    return subprocess.run(
        [sys.executable, "-m", "entrypoints.cli.main", *arguments],
        env={**clean_environment(), **folder, **settings},
        cwd=cwd or data,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


BLOCKS = ["doctor", "backup", "restore", "rekey", "rotate", "purge", "operate"]


@pytest.mark.parametrize("name", BLOCKS)
def test_each_block_of_commands_is_in_the_document_once(name: str) -> None:
    assert DOCUMENT.read_text().count(f"<!-- {name} -->") == 1


def test_every_block_of_commands_of_the_document_is_run_here() -> None:
    assert re.findall(r"<!-- (\w+) -->", DOCUMENT.read_text()) == BLOCKS
