"""What can be killed and started again: PostgreSQL, Redis, and the product's own processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol

import psycopg

from adapters.postgres_embedded.place import Place
from adapters.postgres_embedded.postmaster import Postmaster
from adapters.postgres_embedded.server import EmbeddedPostgres
from tests.integration.entrypoints.cli.serving import clean_environment, free_port
from tests.redis_servers import IMAGE, binary


class Killable(Protocol):
    """Dies at once, and comes back on the same data and the same address. Both calls block."""

    name: str

    def kill(self) -> None: ...

    def start(self) -> None: ...


class Postgres:
    """The embedded server: a real PostgreSQL, whose first process we may kill."""

    name = "postgres"

    def __init__(self, folder: Path) -> None:
        self._server = EmbeddedPostgres(folder=folder)
        self._cluster = Place(folder=folder).cluster
        self.url = self._server.start()
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("alter system set max_connections = 200")
        self._server.stop()
        self.start()

    def kill(self) -> None:
        running = Postmaster.of(cluster=self._cluster)
        if running is not None:
            os.kill(running.process, signal.SIGKILL)

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()


class Redis:
    """A Redis that keeps nothing, on one port."""

    name = "redis"

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._container: Any = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        found = binary()
        if found is None:
            self._start_container()
        else:
            command = [str(found), "--port", str(self._port), "--bind", "127.0.0.1", "--save", ""]
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        if self._container is not None:
            self._container.get_wrapped_container().kill("SIGKILL")
        elif self._process is not None:
            self._process.kill()
            self._process.wait(timeout=60)

    def stop(self) -> None:
        if self._container is not None:
            self._container.stop()
        else:
            self.kill()

    def _start_container(self) -> None:
        if self._container is not None:
            self._container.get_wrapped_container().start()
            return
        from testcontainers.community.redis import RedisContainer

        self._container = RedisContainer(IMAGE).with_bind_ports(6379, self._port)
        self._container.start()


class Program:
    """A process of the product. One that ends by itself is started again, as whoever runs it would."""

    def __init__(self, name: str, command: str, folder: Path, settings: dict[str, str]) -> None:
        self.name = name
        self.port = free_port()
        self.own_ends: list[int] = []
        self._command = command
        self._folder = folder
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        environment = clean_environment() | self._settings
        environment |= {"FLOWTRACK_DATA_DIR": str(self._folder), "PORT": str(self.port)}
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "entrypoints.cli.main", self._command],
                env=environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(timeout=60)

    def look_after(self) -> None:
        """Starts it again, if it ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            self.own_ends.append(self._process.returncode)
            self.start()

    def log(self) -> str:
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")
