"""Nothing that the process writes holds a secret: a server is given them in every place, and fails in every way."""

import contextlib
import json
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from adapters.postgres_embedded.server import EmbeddedPostgres
from tests.integration.entrypoints.cli.serving import Serving, clean_environment, free_port, serving


class Secrets:
    """Makes secrets, and remembers them."""

    def __init__(self) -> None:
        self.all: dict[str, str] = {}

    def __call__(self, what: str) -> str:
        return self.keep(what, f"hush{secrets.token_hex(10)}")

    def keep(self, what: str, value: str) -> str:
        assert len(value) > 8, what
        self.all[what] = value
        return value

    def found_in(self, text: str) -> dict[str, str]:
        return {what: value for what, value in self.all.items() if value in text}


@pytest.fixture
def hush() -> Secrets:
    return Secrets()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Serving]:
    settings = {"FLOWTRACK_RATE_LIMITS_ENABLED": "false"}
    with serving(tmp_path, FLOWTRACK_METRICS_TOKEN="the-operators-own-token-0123456789", **settings) as found:
        found.start()
        yield found


def send(server: Serving, method: str, path: str, body: bytes | None = None, **headers: str) -> int:
    """Sends bytes as they are."""
    request = urllib.request.Request(server.url + path, method=method, data=body)
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            refused.read()
            return refused.code


def sign_in(server: Serving, hush: Secrets) -> str:
    """Registers, signs in, renews, signs in wrongly; answers an access token."""
    email, password = hush.keep("e-mail", f"{hush('name')}@example.com"), hush("password")
    person = {"email": email, "password": password, "name": "Ann"}
    status, registered, _ = server.ask("POST", "/api/v1/auth/register", person)
    assert status == 201
    hush.keep("first access token", registered["access_token"])
    given = {"email": email, "password": password, "return_refresh_token": True}
    _, signed_in, headers = server.ask("POST", "/api/v1/auth/login", given)
    token = hush.keep("access token", signed_in["access_token"])
    refresh_token = hush.keep("refresh token", signed_in["refresh_token"])
    cookie = hush.keep("cookie", headers["set-cookie"].partition("=")[2].partition(";")[0])
    assert server.ask("POST", "/api/v1/auth/login", {"email": email, "password": hush("wrong password")})[0] == 401
    origin = f"http://localhost:{server.port}"
    status, _, headers = server.ask("POST", "/api/v1/auth/refresh", Cookie=f"flowtrack_refresh={cookie}", Origin=origin)
    assert status == 200
    hush.keep("next cookie", headers["set-cookie"].partition("=")[2].partition(";")[0])
    for _ in range(2):
        server.ask("POST", "/api/v1/auth/refresh", {"refresh_token": refresh_token})
    server.ask("POST", "/api/v1/auth/refresh", {"refresh_token": hush("made-up refresh token")})
    assert server.ask("POST", "/api/v1/auth/register", person)[0] == 409
    return str(server.ask("POST", "/api/v1/auth/login", given)[1]["access_token"])


def send_secrets_everywhere(server: Serving, hush: Secrets, token: str) -> None:
    """In URLs, headers and bodies, well-formed or not."""
    json_type = {"Content_Type": "application/json"}
    for path in (f"/api/v1/{hush('path')}", f"/problems/{hush('code')}", f"/api/v1/tasks/{hush('id')}"):
        assert send(server, "GET", path, Authorization=f"Bearer {token}") in (404, 422)
    for query in (f"token={hush('query')}", f"cursor={hush('cursor')}", f"status={hush('value')}"):
        assert 400 <= send(server, "GET", f"/api/v1/tasks?{query}", Authorization=f"Bearer {token}") < 500
    for given in (
        f"Bearer {hush('bearer')}",
        f"Bearer {token}{hush('tail')}",
        f"Bearer {hush('head')}.{hush('claims')}.{hush('signature')}",
        f"Basic {hush('basic')}",
    ):
        assert send(server, "GET", "/api/v1/tasks", Authorization=given) == 401
    named = {
        "Cookie": f"session={hush('session')}",
        "User_Agent": hush("agent"),
        "Referer": f"http://x/?{hush('referer')}",
    }
    assert send(server, "GET", "/health/live", X_Api_Key=hush("api key"), **named) == 200
    assert send(server, "GET", "/metrics", Authorization=f"Bearer {hush('metrics')}") == 404
    for body in (
        f'{{"email": "{hush("broken")}@example.com", "password": "{hush("broken password")}"',
        f'{{"email": 1, "password": ["{hush("listed")}"]}}',
        f'{{"email": "a@example.com", "password": "{hush("extra")}", "{hush("field")}": 1}}',
        f'{{"email": "{hush("odd")}\\ud800", "password": "x"}}',
        f'"{hush("no object")}"',
        hush("no json") + "\x00",
    ):
        assert 400 <= send(server, "POST", "/api/v1/auth/login", body.encode(), **json_type) < 500
    assert send(server, "POST", "/api/v1/auth/login", hush("text").encode(), Content_Type="text/plain") == 415
    project = json.dumps({"name": "x", "key": hush("key")}).encode()
    assert (
        send(
            server,
            "POST",
            "/api/v1/projects",
            project,
            Authorization=f"Bearer {token}",
            Idempotency_Key=hush("once"),
            **json_type,
        )
        == 422
    )
    for raw in (
        f"GET /{hush('raw')} HTTP/9.9\r\n\r\n",
        f"{hush('no http')}\r\n\r\n",
        f"GET / HTTP/1.1\r\n{hush('header')}\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", server.port)) as plain:
            plain.sendall(raw.encode())
            with contextlib.suppress(OSError):
                plain.recv(1000)


def break_registration(server: Serving) -> None:
    """From now on the database fails on each new account, and quotes it."""
    url = EmbeddedPostgres(folder=server.data / "postgres").start()
    with psycopg.connect(url.replace("/postgres?", "/flowtrack?"), autocommit=True) as connection:
        connection.execute(
            "create function quote_it() returns trigger language plpgsql as $$ begin raise exception"
            " 'not % with password=% and token: %', new.email, new.password_hash, new.id"
            " using detail = format('Failing row contains (%s, %s).', new.email, new.name),"
            " hint = new.email; end $$"
        )
        connection.execute("create trigger quoting before insert on accounts for each row execute function quote_it()")


def test_no_secret_is_in_what_the_server_writes(server: Serving, hush: Secrets) -> None:
    for name in ("secret-key", "database-app-password", "database-owner-password", "postgres-password"):
        hush.keep(name, (server.data / name).read_text().strip())
    hush.keep("metrics token", server.settings["FLOWTRACK_METRICS_TOKEN"])
    token = hush.keep("last access token", sign_in(server, hush))
    send_secrets_everywhere(server, hush, token)

    break_registration(server)
    unlucky = {
        "email": hush.keep("unlucky", f"{hush('who')}@example.com"),
        "password": hush("unused"),
        "name": hush("full"),
    }
    assert server.ask("POST", "/api/v1/auth/register", unlucky, X_Request_ID="broken")[0] == 500

    database = EmbeddedPostgres(folder=server.data / "postgres")
    database.stop()
    given = {"email": f"{hush('away')}@example.com", "password": hush("away password")}
    assert server.ask("POST", "/api/v1/auth/login", given)[0] == 503
    assert server.ask("GET", "/api/v1/tasks", token=token)[0] == 503
    time.sleep(3)
    assert server.stop() == 0

    lines = [line for line in server.log().splitlines() if not line.startswith("flowtrack: ")]
    written = "\n".join(lines)
    assert hush.found_in(written) == {}
    assert "@example.com" not in written
    found = [json.loads(line) for line in lines]
    # What is needed to mend the defect is there all the same, and the request that it belongs to.
    (defect,) = [line for line in found if "error" in line]
    assert (defect["request_id"], defect["logger"], defect["level"]) == ("broken", "flowtrack.rest", "error")
    assert len(defect["trace_id"]) == 32
    assert "RaiseException: not (address left out) with password= (left out) and token" in defect["error"]
    assert "in add_account" in defect["error"]
    assert "DETAIL: (left out)" in defect["error"]
    (told,) = [line for line in found if line.get("request_id") == "broken" and line["message"] == "request"]
    assert (told["status"], told["code"], told["trace_id"]) == (500, "server.failed", defect["trace_id"])
    assert {"request_id", "trace_id"} <= set.intersection(
        *(set(line) for line in found if line["message"] == "request")
    )


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app:{}@127.0.0.1:1/flowtrack",
        "postgresql//app:{}@127.0.0.1/flowtrack",
        "postgresql://app:{0}?{0}@127.0.0.1/flowtrack",
    ],
)
def test_a_start_that_fails_for_its_url_does_not_tell_the_password(tmp_path: Path, hush: Secrets, url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "entrypoints.cli.main", "serve"],
        env={**clean_environment(), "PORT": str(free_port()), "FLOWTRACK_DATABASE_URL": url.format(hush("password"))},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode, hush.found_in(done.stdout + done.stderr)) == (2, {})
    assert "FLOWTRACK_DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr
