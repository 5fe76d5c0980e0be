"""A server as a user starts it, that tests can kill and start again."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.postgres_embedded.server import EmbeddedPostgres
from entrypoints.settings import Settings
from tests.integration.conftest import TestDatabase

PASSWORD = "correct horse 7 battery"


@dataclass
class Serving:
    """A `flowtrack serve` of its own, below one data folder; it can be killed and started again."""

    data: Path
    port: int = field(default_factory=lambda: free_port())
    process: subprocess.Popen[bytes] | None = None
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *, within: float = 180.0) -> float:
        """Starts and waits until it is ready; returns how many seconds that took."""
        began = time.monotonic()
        environment = clean_environment() | {"FLOWTRACK_DATA_DIR": str(self.data), "PORT": str(self.port)}
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "entrypoints.cli.main", "serve"],
                env=environment | self.settings,
                cwd=self.data,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        while time.monotonic() - began < within:
            if self.process.poll() is not None:
                raise AssertionError(self.log())
            with contextlib.suppress(OSError):
                if self.ask("GET", "/health/ready", within=10)[0] == 200:
                    return time.monotonic() - began
            time.sleep(0.05)
        raise AssertionError(f"not ready within {within} s:\n{self.log()}")

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        within: float = 60.0,
        **headers: str,
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, body and headers of an answer."""
        request = urllib.request.Request(self.url + path, method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=within) as answer:
                return answer.status, json.loads(answer.read() or b"null"), dict(answer.headers)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.loads(refused.read() or b"null"), dict(refused.headers)

    def register(self, email: str) -> str:
        body = {"email": email, "name": "Ann", "password": PASSWORD}
        return str(self.ask("POST", "/api/v1/auth/register", body)[1]["access_token"])

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=60)

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def log(self) -> str:
        return (self.data / "server.log").read_text()


def over(database: TestDatabase, settings: Settings) -> dict[str, str]:
    """The variables of a server that works with the tests' shared database, beside the applications in this process."""
    assert settings.secret_key is not None
    return {
        "FLOWTRACK_DATABASE_URL": database.application,
        "FLOWTRACK_SECRET_KEY": settings.secret_key.get_secret_value(),
    }


def clean_environment() -> dict[str, str]:
    """Ours, without any setting of the product."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FLOWTRACK_") and name != "PORT"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(folder: Path, **settings: str) -> Iterator[Serving]:
    server = Serving(data=folder / "data", settings=settings)
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()
        EmbeddedPostgres(folder=server.data / "postgres").stop()
