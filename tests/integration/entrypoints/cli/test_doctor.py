"""`flowtrack doctor`: what it says of each setting and dependency, and what it never says."""

import itertools
import json
import os
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner

from adapters.crypto.sealing import Sealer
from adapters.sql.connection import NAMED
from adapters.sql.migrating import migrate
from core.operations.read_models import Verdict
from entrypoints.cli import checks_of_browsers, checks_of_database, checks_of_machine, checks_of_mail, doctor
from entrypoints.cli.main import app
from tests.integration.conftest import PASSWORD as DATABASE_PASSWORD
from tests.integration.conftest import Server, TestDatabase
from tests.integration.entrypoints.cli.serving import free_port, serving

_numbers = itertools.count(1)
SECRET = "do-not-print-me-0123456789-0123456789"
OTHER = "do-not-print-me-either-0123456789-012345"
Findings = dict[str, list[dict[str, str]]]


class Doctor:
    """Runs the command in this process, in a folder of its own, with no settings but those given."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self._patch, self.folder = patch, folder
        self.output = ""
        self.code = 0
        patch.chdir(folder)
        for name in os.environ:
            if name.startswith("FLOWTRACK_") or name == "PORT":
                patch.delenv(name)

    def __call__(self, *options: str, **variables: str) -> Findings:
        with self._patch.context() as patch:
            for name, value in {"PORT": str(free_port()), **variables}.items():
                patch.setenv(name if name == "PORT" else f"FLOWTRACK_{name}", value)
            ran = CliRunner().invoke(app, ["doctor", *(options or ("--json",))])
        self.output, self.code = ran.output, ran.exit_code
        assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
        for secret in (SECRET, OTHER, DATABASE_PASSWORD):
            assert secret not in ran.output
        if options:
            return {}
        found: Findings = {}
        for each in json.loads(ran.output):
            found.setdefault(each["check"], []).append(each)
            assert each["said"]
            assert each["verdict"] == "ok" or each["fix"], each
        return found


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Doctor:
    return Doctor(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def healthy(postgres_server: Server) -> TestDatabase:
    return _migrated(postgres_server)


@pytest.fixture
def fresh(postgres_server: Server) -> TestDatabase:
    return _migrated(postgres_server)


def _migrated(server: Server) -> TestDatabase:
    database = server.database(f"doctor_{next(_numbers)}")
    migrate(owner_url=database.owner, application_url=database.application)
    return database


def both(database: TestDatabase, **more: str) -> dict[str, str]:
    return {
        "DATABASE_URL": database.application,
        "MIGRATION_DATABASE_URL": database.owner,
        "SECRET_KEY": SECRET,
        **more,
    }


def verdicts(found: Findings) -> dict[str, set[str]]:
    return {name: {each["verdict"] for each in findings} for name, findings in found.items()}


def only(found: Findings, check: str) -> dict[str, str]:
    (finding,) = found[check]
    return finding


# Well


def test_a_healthy_installation_is_ok_in_every_check(ask: Doctor, healthy: TestDatabase) -> None:
    found = ask(**both(healthy))
    assert ask.code == 0
    assert list(found) == ["settings", *(name for name, _ in doctor.CHECKS)]
    assert verdicts(found) == dict.fromkeys(found, {"ok"})


def test_a_production_installation_that_is_as_it_must_be_is_ok(ask: Doctor, healthy: TestDatabase) -> None:
    with mail_server() as port:
        found = ask(
            **both(
                healthy,
                ENVIRONMENT="production",
                PUBLIC_URL="https://flowtrack.example.com",
                CORS_ORIGINS="https://app.example.com, https://other.example.com:8443",
                TRUSTED_PROXIES="10.0.0.0/8",
                SMTP_HOST="127.0.0.1",
                SMTP_PORT=port,
                SMTP_SECURITY="none",
                SMTP_FROM="FlowTrack <flowtrack@example.com>",
            )
        )
    assert (ask.code, verdicts(found)) == (0, dict.fromkeys(found, {"ok"}))


def test_people_read_lines_with_the_fix_below(ask: Doctor) -> None:
    ask("--no-json", DATABASE_URL="postgresql://app@127.0.0.1:1/none")
    lines = ask.output.splitlines()
    assert ask.code == 2
    assert any(line.startswith("ok       settings ") for line in lines)
    (place,) = [number for number, line in enumerate(lines) if line.startswith("failed   database ")]
    assert lines[place + 1].strip().startswith("fix: ")


def test_nothing_is_made_or_changed(ask: Doctor, fresh: TestDatabase) -> None:
    before = sorted(ask.folder.rglob("*"))
    ask(**both(fresh))
    ask(DATA_DIR="fresh")
    assert sorted(ask.folder.rglob("*")) == before
    with psycopg.connect(fresh.superuser) as connection:
        assert connection.execute("select count(*) from signing_keys").fetchone() == (0,)


# Settings


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"NO_SUCH_SETTING": "x"}, "FLOWTRACK_NO_SUCH_SETTING"),
        ({"REGISTRATION": SECRET}, "FLOWTRACK_REGISTRATION"),
        ({"SECRET_KEY_FILE": "/nowhere/at/all"}, "FLOWTRACK_SECRET_KEY_FILE"),
        ({"CORS_ORIGINS": "*"}, "FLOWTRACK_CORS_ORIGINS"),
        ({"MIGRATION_DATABASE_URL": f"postgresql://o:{SECRET}@h/d"}, "FLOWTRACK_DATABASE_URL"),
        ({"PORT": "0"}, "PORT"),
        ({"PUBLIC_URL": "flowtrack.example.com"}, "FLOWTRACK_PUBLIC_URL"),
        ({"PUBLIC_URL": f"https://ann:{SECRET}@flowtrack.example.com:99999"}, "FLOWTRACK_PUBLIC_URL"),
    ],
)
def test_settings_that_cannot_be_read_are_named(ask: Doctor, given: dict[str, str], named: str) -> None:
    found = ask(**given)
    assert (ask.code, list(found), only(found, "settings")["verdict"]) == (2, ["settings"], "failed")
    assert named in only(found, "settings")["said"]


def test_all_that_production_refuses_is_said_at_once(ask: Doctor) -> None:
    found = ask(ENVIRONMENT="production")
    assert ask.code == 2
    assert [each["verdict"] for each in found["production"]] == ["failed"] * 3
    said = " ".join(each["said"] + each["fix"] for each in found["production"])
    assert all(name in said for name in ("SECRET_KEY", "DATABASE_URL", "PUBLIC_URL", "openssl rand"))


def test_a_secrets_file_that_others_can_read_is_a_warning(ask: Doctor) -> None:
    path = ask.folder / "key"
    path.write_text(SECRET)
    path.chmod(0o644)
    assert only(ask(SECRET_KEY_FILE=str(path)), "files of secrets")["verdict"] == "warning"
    path.chmod(0o600)
    assert only(ask(SECRET_KEY_FILE=str(path)), "files of secrets")["verdict"] == "ok"
    path.chmod(0o640)
    Path(".env").write_text(f"FLOWTRACK_SECRET_KEY_FILE={path}\n")
    assert only(ask(), "files of secrets")["verdict"] == "warning"


@pytest.mark.parametrize(
    ("url", "verdict"),
    [
        ("http://localhost:8000", "ok"),
        ("http://127.0.0.1:8000", "ok"),
        ("https://flowtrack.example.com", "ok"),
        ("http://flowtrack.example.com", "warning"),
        ("https://flowtrack.example.com/api", "failed"),
        ("https://ann:secret@flowtrack.example.com", "failed"),
    ],
)
def test_the_public_url(ask: Doctor, url: str, verdict: str) -> None:
    assert only(ask(PUBLIC_URL=url), "public URL")["verdict"] == verdict
    assert "ann:secret" not in ask.output


def test_in_production_browsers_elsewhere_have_to_reach_it(ask: Doctor) -> None:
    assert only(ask(ENVIRONMENT="production", PUBLIC_URL="https://localhost"), "public URL")["verdict"] == "warning"


@pytest.mark.parametrize("origin", ["app.example.com", "https://app.example.com/path", "null", "https://"])
def test_an_origin_that_is_none(ask: Doctor, origin: str) -> None:
    assert only(ask(CORS_ORIGINS=f"https://fine.example.com,{origin}"), "CORS origins")["verdict"] == "failed"


@pytest.mark.parametrize(
    ("url", "origin", "verdicts_of"),
    [
        ("https://flowtrack.example.com", "https://app.example.com", {"ok"}),
        ("https://flowtrack.example.com", "https://app.example.org", {"ok", "warning"}),
        ("http://localhost:8000", "http://localhost:5173", {"ok"}),
        ("http://flowtrack.example.com", "http://app.example.com", {"warning"}),
    ],
)
def test_cookies_that_browsers_would_not_send_or_not_protect(
    ask: Doctor, url: str, origin: str, verdicts_of: set[str]
) -> None:
    assert verdicts(ask(PUBLIC_URL=url, CORS_ORIGINS=origin))["cookies"] == verdicts_of


@pytest.mark.parametrize(
    ("environment", "trusted", "verdict"),
    [
        ("production", "10.0.0.0/8", "ok"),
        ("production", "", "warning"),
        ("production", "0.0.0.0/0", "failed"),
        ("development", "::/0", "failed"),
        ("development", "", "ok"),
    ],
)
def test_proxies_that_are_not_trusted_and_those_that_everybody_is(
    ask: Doctor, environment: str, trusted: str, verdict: str
) -> None:
    given = {"PUBLIC_URL": "https://flowtrack.example.com", "TRUSTED_PROXIES": trusted}
    assert verdicts(ask(ENVIRONMENT=environment, **given))["proxies"] == {verdict}


@pytest.mark.parametrize(
    ("environment", "pages", "verdict"),
    [
        ("production", "https://app.example.com/", "ok"),
        ("production", "https://app.example.com/, http://127.0.0.1:8765/", "ok"),
        ("production", "https://app.example.com/, http://desk.example.com/", "failed"),
        ("development", "http://desk.example.com/", "warning"),
        ("development", "", "ok"),
    ],
)
def test_pages_that_codes_are_sent_to_in_the_clear(ask: Doctor, environment: str, pages: str, verdict: str) -> None:
    given = {"PUBLIC_URL": "https://flowtrack.example.com", "OIDC_REDIRECT_ALLOW": pages}
    found = only(ask(ENVIRONMENT=environment, **given), "OIDC redirects")
    assert (found["verdict"], "OIDC_REDIRECT_ALLOW" in (found["fix"] or "")) == (verdict, verdict != "ok")


def test_a_secret_key_that_is_short_or_kept_twice(ask: Doctor) -> None:
    assert only(ask(SECRET_KEY="short"), "secret key")["verdict"] == "warning"
    found = ask(SECRET_KEY=SECRET, SECRET_KEY_PREVIOUS=SECRET)
    assert [each["verdict"] for each in found["secret key"]] == ["ok", "warning"]


# The machine


def test_a_port_that_another_program_has_and_one_that_we_have(ask: Doctor, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.listen()
        found = only(ask(PORT=str(taken.getsockname()[1])), "port")
        assert (found["verdict"], "PORT" in found["fix"]) == ("failed", True)


def test_an_address_that_is_not_this_machines(ask: Doctor) -> None:
    assert only(ask(HOST="192.0.2.1"), "port")["verdict"] == "failed"


def test_many_processes_that_count_alone(ask: Doctor) -> None:
    assert only(ask(WORKERS="2"), "workers")["verdict"] == "warning"
    assert only(ask(WORKERS="1"), "workers")["verdict"] == "ok"
    assert only(ask(WORKERS="2", REDIS_URL="redis://127.0.0.1:1/0"), "workers")["verdict"] == "ok"


def test_processes_that_do_not_know_of_each_other(ask: Doctor, healthy: TestDatabase) -> None:
    def connected(name: str) -> psycopg.Connection[Any]:
        return psycopg.connect(healthy.application, application_name=name)

    with connected(NAMED + "a"), connected("psql"):
        with connected(NAMED + "a"):
            assert only(ask(**both(healthy)), "workers")["verdict"] == "ok"
        with connected(NAMED + "b"):
            found = only(ask(**both(healthy)), "workers")
            assert found["verdict"] == "warning"
            assert "2 processes" in found["said"] and "up to a second late" in found["said"]
            assert only(ask(**both(healthy, REDIS_URL="redis://127.0.0.1:1/0")), "workers")["verdict"] == "ok"


def test_a_redis_that_is_away(ask: Doctor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    away = only(ask(REDIS_URL=f"redis://127.0.0.1:{port}/0"), "redis")
    assert (away["verdict"], "FLOWTRACK_REDIS_URL" in away["fix"]) == ("warning", True)


def test_a_redis_that_answers(ask: Doctor, redis_url: str) -> None:
    found = only(ask(REDIS_URL=redis_url), "redis")
    assert (found["verdict"], found["said"].startswith("Redis 7")) == ("ok", True)


def test_a_collector_that_is_away(ask: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{listening.getsockname()[1]}")
        assert only(ask(), "collector")["verdict"] == "ok"
    assert only(ask(), "collector")["verdict"] == "warning"


def test_mail_into_files_is_enough_to_try_it_out_and_not_in_production(ask: Doctor) -> None:
    found = only(ask(), "mail")
    assert (found["verdict"], str(ask.folder / "data" / "mail") in found["said"]) == ("ok", True)
    assert only(ask(ENVIRONMENT="production"), "mail")["verdict"] == "warning"


SMTP = {"SMTP_HOST": "127.0.0.1", "SMTP_FROM": "FlowTrack <flowtrack@example.com>"}


@contextmanager
def mail_server() -> Iterator[str]:
    """Answers and takes nothing; has neither TLS nor anybody who could sign in. Its port."""

    class Greeter(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                self._answer()

        def _answer(self) -> None:
            self.wfile.write(b"220 mail.example.com\r\n")
            while line := self.rfile.readline():
                quits = line.upper().startswith(b"QUIT")
                self.wfile.write(b"221 bye\r\n" if quits else b"250 mail.example.com\r\n")
                if quits:
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Greeter) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield str(server.server_address[1])
        server.shutdown()
        thread.join(timeout=60)


@contextmanager
def a_provider(*, ahead: int = 0, **about: object) -> Iterator[str]:
    """A provider that describes itself, by a clock of its own; its issuer."""

    class Described(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            named = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            said = {"issuer": issuer, **{name: f"{issuer}/{name}" for name in named}, **about}
            self.send_response_only(200)
            self.send_header("Date", formatdate(time.time() + ahead, usegmt=True))
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Described) as server:
        issuer = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield issuer
        server.shutdown()
        thread.join(timeout=60)


def test_a_mail_server_that_answers(ask: Doctor) -> None:
    with mail_server() as port:
        found = only(ask(**SMTP, SMTP_PORT=port, SMTP_SECURITY="none"), "mail")
    assert found["verdict"] == "ok"


def test_a_mail_server_that_cannot_be_private(ask: Doctor) -> None:
    with mail_server() as port:
        found = only(ask(**SMTP, SMTP_PORT=port), "mail")
        assert (found["verdict"], "STARTTLS" in found["fix"]) == ("failed", True)
        assert only(ask(**SMTP, SMTP_PORT=port, SMTP_SECURITY="tls"), "mail")["verdict"] == "failed"


def test_a_mail_server_that_lets_nobody_in(ask: Doctor) -> None:
    login = {"SMTP_USERNAME": "flowtrack", "SMTP_PASSWORD": SECRET, "SMTP_SECURITY": "none"}
    with mail_server() as port:
        found = ask(**SMTP, **login, SMTP_PORT=port)
    assert verdicts(found)["mail"] == {"warning", "failed"}


def test_a_mail_server_that_is_away(ask: Doctor) -> None:
    found = only(ask(**SMTP, SMTP_PORT=str(free_port())), "mail")
    assert (found["verdict"], "FLOWTRACK_SMTP_HOST" in found["fix"]) == ("failed", True)


def providers(*issuers: str) -> str:
    return json.dumps([{"name": "x", "issuer": each, "client_id": "x", "client_secret": "hidden"} for each in issuers])


def test_providers_that_sign_everyone_in(ask: Doctor) -> None:
    assert only(ask(), "OIDC providers")["said"] == "no provider signs everyone in"
    for ahead, verdict in ((0, "ok"), (30, "warning"), (-30, "warning"), (300, "failed"), (-300, "failed")):
        with a_provider(ahead=ahead) as issuer:
            found = only(ask(OIDC_PROVIDERS=providers(issuer)), "OIDC providers")
            assert found["verdict"] == verdict, found
            assert ("ahead of" if ahead > 0 else "behind" if ahead else "agree") in found["said"]
            assert bool(found["fix"]) is (verdict != "ok")


def test_a_provider_that_cannot_be_used(ask: Doctor) -> None:
    away = only(ask(OIDC_PROVIDERS=providers("http://127.0.0.1:1")), "OIDC providers")
    assert (away["verdict"], "does not answer" in away["said"]) == ("failed", True)
    with a_provider(issuer="https://another.example") as issuer:
        wrong = only(ask(OIDC_PROVIDERS=providers(issuer)), "OIDC providers")
        assert (wrong["verdict"], "to the letter" in wrong["fix"]) == ("failed", True)
    inside = only(ask(OIDC_PROVIDERS=providers("https://10.0.0.1")), "OIDC providers")
    assert (inside["verdict"], "FLOWTRACK_OIDC_PRIVATE_NETWORKS" in inside["fix"]) == ("failed", True)
    assert "hidden" not in str([away, wrong, inside])


def test_a_data_folder_that_cannot_be_made(ask: Doctor) -> None:
    (ask.folder / "file").write_text("")
    assert only(ask(DATA_DIR="file/data"), "data folder")["verdict"] == "failed"


def test_secrets_in_the_data_folder_that_others_can_read(ask: Doctor) -> None:
    data = ask.folder / "data"
    data.mkdir(mode=0o755)
    (data / "secret-key").write_text(SECRET)
    (data / "secret-key").chmod(0o640)
    found = only(ask(), "data folder")
    assert (found["verdict"], found["fix"]) == ("failed", f"chmod 600 '{data / 'secret-key'}'")
    (data / "secret-key").chmod(0o600)
    data.chmod(0o777)
    assert verdicts(ask())["data folder"] == {"warning", "ok"}


@pytest.mark.parametrize(("free", "verdict"), [(5e9, "ok"), (5e8, "warning"), (5e7, "failed")])
def test_little_space(ask: Doctor, monkeypatch: pytest.MonkeyPatch, free: float, verdict: str) -> None:
    class Usage:
        def __init__(self, _: object) -> None:
            self.free = free

    monkeypatch.setattr(checks_of_machine.shutil, "disk_usage", Usage)
    assert only(ask(), "disk")["verdict"] == verdict


def test_without_the_wheel_the_embedded_database_cannot_be_meant(
    ask: Doctor, healthy: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.postgres_embedded.commands.find_spec", lambda _: None)
    found = only(ask(), "embedded database")
    assert (found["verdict"], "pip install" in found["fix"]) == ("failed", True)
    assert only(ask(**both(healthy)), "embedded database")["verdict"] == "ok"


# The database


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://app:{SECRET}@127.0.0.1:1/none",
        f"postgresql://app:{SECRET}@nowhere.invalid/none",
        f"postgresql://app:{SECRET}@x@127.0.0.1/none",
        f"postgresql://app:12/{SECRET}@127.0.0.1/none",
        "not a URL at all",
    ],
)
def test_a_database_that_is_away_or_cannot_be_named(ask: Doctor, url: str) -> None:
    found = ask(DATABASE_URL=url, MIGRATION_DATABASE_URL=url)
    assert ask.code == 2
    assert only(found, "database")["verdict"] == only(found, "migration role")["verdict"] == "failed"
    assert "database role" not in found
    assert only(found, "disk")["verdict"] == "ok"


def test_a_password_that_is_wrong(ask: Doctor, healthy: TestDatabase) -> None:
    url = healthy.application.replace(DATABASE_PASSWORD, OTHER)
    found = only(ask(DATABASE_URL=url), "database")
    assert (found["verdict"], "password authentication failed" in found["said"]) == ("failed", True)


def test_a_database_without_tables_and_an_older_and_a_newer_one(
    ask: Doctor, postgres_server: Server, fresh: TestDatabase
) -> None:
    empty = postgres_server.database(f"doctor_{next(_numbers)}")
    found = ask(**both(empty))
    assert (only(found, "revision")["verdict"], only(found, "revision")["fix"]) == ("failed", "flowtrack migrate")
    for number, verdict in (("0001", "failed"), ("9999", "warning")):
        with psycopg.connect(fresh.owner) as connection:
            connection.execute("update alembic_version set version_num = %s", (number,))
        assert only(ask(**both(fresh)), "revision")["verdict"] == verdict


def as_role(url: str, name: str) -> str:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{name}:{DATABASE_PASSWORD}@{place}"))


@pytest.fixture
def role(fresh: TestDatabase) -> Iterator[Callable[[str], str]]:
    """Makes a login role, and removes it again."""
    made = []

    def make(attributes: str) -> str:
        name = f"doctors_{next(_numbers)}"
        with psycopg.connect(fresh.superuser, autocommit=True) as connection:
            connection.execute(
                sql.SQL("create role {} login password {} " + attributes).format(
                    sql.Identifier(name), sql.Literal(DATABASE_PASSWORD)
                )
            )
        made.append(name)
        return name

    yield make
    with psycopg.connect(fresh.superuser, autocommit=True) as connection:
        for name in made:
            connection.execute(sql.SQL("drop owned by {}").format(sql.Identifier(name)))
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


@pytest.mark.parametrize(
    ("attributes", "fix"),
    [("superuser", "nosuperuser"), ("bypassrls", "nobypassrls"), ("in role test_owner", "FLOWTRACK_DATABASE_URL")],
)
def test_a_role_that_would_see_through_the_wall(
    ask: Doctor, fresh: TestDatabase, role: Callable[[str], str], attributes: str, fix: str
) -> None:
    name = role(attributes)
    found = only(ask(**both(fresh, DATABASE_URL=as_role(fresh.application, name))), "database role")
    assert (found["verdict"], fix in found["fix"] + found["said"]) == ("failed", True), found


def test_a_role_that_was_not_made_by_migrate_starts_in_the_wrong_isolation(
    ask: Doctor, fresh: TestDatabase, role: Callable[[str], str]
) -> None:
    name = role("noinherit")
    found = ask(**both(fresh, DATABASE_URL=as_role(fresh.application, name)))
    assert (only(found, "isolation")["verdict"], only(found, "isolation")["fix"]) == ("failed", "flowtrack migrate")


def test_a_database_that_knows_no_letters_but_a_to_z(ask: Doctor, postgres_server: Server) -> None:
    database = postgres_server.existing(f"doctor_{next(_numbers)}")
    name = urlsplit(database.owner).path.strip("/")
    with psycopg.connect(postgres_server.superuser, autocommit=True) as connection:
        connection.execute(
            f"create database {name} owner {urlsplit(database.owner).username} template template0 locale 'C' encoding 'UTF8'"
        )
    migrate(owner_url=database.owner, application_url=database.application)
    found = only(ask(**both(database)), "letters")
    assert (found["verdict"], "locale 'C.UTF-8'" in found["fix"]) == ("warning", True)
    assert ask.code == 0


def test_a_migrating_role_that_may_not_and_one_of_another_database(
    ask: Doctor, fresh: TestDatabase, healthy: TestDatabase, role: Callable[[str], str]
) -> None:
    name = role("nocreaterole")
    found = ask(**both(fresh, MIGRATION_DATABASE_URL=as_role(fresh.application, name)))
    said = " ".join(each["said"] for each in found["migration role"])
    assert "may not make roles" in said
    assert "does not own the tables" in said
    found = ask(**both(fresh, MIGRATION_DATABASE_URL=healthy.owner))
    assert "two databases" in only(found, "migration role")["said"]
    with psycopg.connect(fresh.owner) as connection:
        connection.execute("drop policy backup on tasks")
    assert only(ask(**both(fresh)), "migration role")["verdict"] == "warning"


@pytest.mark.parametrize(("seconds", "verdict"), [(1, "ok"), (-5, "warning"), (3600, "failed")])
def test_clocks_that_differ(
    ask: Doctor, healthy: TestDatabase, monkeypatch: pytest.MonkeyPatch, seconds: int, verdict: str
) -> None:
    import time

    now = time.time
    monkeypatch.setattr("adapters.sql.examining.time.time", lambda: now() + seconds)
    assert only(ask(**both(healthy)), "clocks")["verdict"] == verdict


def test_a_secret_key_that_does_not_open_what_is_stored(ask: Doctor, fresh: TestDatabase) -> None:
    with psycopg.connect(fresh.superuser) as connection:
        connection.execute(
            "insert into signing_keys values ('k', '{}', %s, now(), null)", (Sealer(secrets=(SECRET,)).seal(b"x"),)
        )
    assert only(ask(**both(fresh)), "sealed secrets")["verdict"] == "ok"
    found = only(ask(**both(fresh, SECRET_KEY=OTHER)), "sealed secrets")
    assert (found["verdict"], ask.code) == ("failed", 2)
    assert all(name in found["fix"] for name in ("FLOWTRACK_SECRET_KEY_PREVIOUS", "--rotate-signing-key"))
    found = only(ask(**both(fresh, SECRET_KEY=OTHER, SECRET_KEY_PREVIOUS=SECRET)), "sealed secrets")
    assert (found["verdict"], found["fix"]) == ("warning", "flowtrack rekey")


def test_a_version_that_is_too_old_or_unknown(
    ask: Doctor, healthy: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    for majors, verdict in (((99, 99), "failed"), ((1, 2), "warning")):
        with monkeypatch.context() as patch:
            patch.setattr("adapters.sql.examining._MAJORS", majors)
            assert only(ask(**both(healthy)), "database")["verdict"] == verdict


# The embedded database, and the server that works with it


def test_an_embedded_database_is_asked_where_it_runs_and_never_started(ask: Doctor, tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        found = ask(DATA_DIR=str(server.data))
        assert ask.code == 0
        assert "flowtrack serve" in only(found, "embedded database")["said"]
        server.start()
        found = ask(DATA_DIR=str(server.data), PORT=str(server.port))
        assert (ask.code, verdicts(found)) == (0, dict.fromkeys(found, {"ok"}))
        assert "PostgreSQL 18" in only(found, "database")["said"]
        assert "a FlowTrack answers" in only(found, "port")["said"]
        assert server.stop() == 0
        ask(DATA_DIR=str(server.data))
        assert not (server.data / "postgres" / "postmaster.pid").exists()


def test_a_check_that_fails_itself_is_a_finding_and_says_no_more_than_its_kind(
    ask: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Any) -> Any:
        raise RuntimeError(SECRET)
        yield

    monkeypatch.setattr(doctor, "CHECKS", (("broken", broken), ("disk", checks_of_machine.disk)))
    found = ask()
    assert "RuntimeError" in only(found, "broken")["said"]
    assert only(found, "disk")["verdict"] == "ok"


def test_every_check_is_in_the_table() -> None:
    rows = {check for _, check in doctor.CHECKS}
    for module in (checks_of_machine, checks_of_mail, checks_of_browsers, checks_of_database):
        written = {
            each
            for name, each in vars(module).items()
            if callable(each) and not name.startswith("_") and getattr(each, "__module__", "") == module.__name__
        }
        assert written <= rows
    assert len(rows) == len({name for name, _ in doctor.CHECKS})
    assert {each.value for each in Verdict} == {"ok", "warning", "failed"}


def test_more_connections_than_the_role_may_have(ask: Doctor, healthy: TestDatabase) -> None:
    assert only(ask(**both(healthy, WORKERS="2")), "connections")["verdict"] == "ok"
    short = only(ask(**both(healthy, WORKERS="32")), "connections")
    assert short["verdict"] == "warning"
    assert "320 in all" in short["said"] and "max_connections" in short["fix"]
