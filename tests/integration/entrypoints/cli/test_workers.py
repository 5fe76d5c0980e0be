"""Several server processes on one port: they are one server to whoever asks, and to whoever starts and stops it."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.postgres_embedded.server import EmbeddedPostgres
from entrypoints.settings import Settings
from tests.integration.conftest import TestDatabase
from tests.integration.entrypoints.cli.serving import Serving, over, serving

COUNT = 2


@contextlib.contextmanager
def several(folder: Path, database: TestDatabase, settings: Settings) -> Iterator[Serving]:
    with serving(folder, **over(database, settings), FLOWTRACK_WORKERS=str(COUNT)) as found:
        found.start()
        wait_until(lambda: metric(found, "flowtrack_processes") == COUNT)
        yield found


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, test_database: TestDatabase, settings: Settings
) -> Iterator[Serving]:
    with several(tmp_path_factory.mktemp("several"), test_database, settings) as found:
        yield found


@pytest.fixture
def ending(tmp_path: Path, test_database: TestDatabase, settings: Settings) -> Iterator[Serving]:
    """A server for one test, which ends it."""
    with several(tmp_path, test_database, settings) as found:
        yield found


def wait_until(holds: object, *, within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def page(server: Serving) -> str:
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=60) as answer:
        return str(answer.read().decode())


def metric(server: Serving, name: str) -> float:
    """The value of a metric, written with its labels."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", page(server), re.MULTILINE)
    return float(found[1]) if found else 0.0


def workers(server: Serving) -> set[int]:
    """The processes that serve, as the log names them, of which some may have died."""
    return {
        process for each in re.findall(r"Started server process \[(\d+)\]", server.log()) if lives(process := int(each))
    }


def lives(process: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
    return False


def test_all_serve_on_one_port_and_a_scrape_is_the_sum_of_all(server: Serving) -> None:
    for _ in range(60):
        assert server.ask("GET", "/api/v1/projects")[0] == 401
    assert len(workers(server)) == COUNT
    name = 'flowtrack_http_requests_total{method="GET",route="/api/v1/projects",status="401"}'
    # Each adds up once a second what it counted.
    wait_until(lambda: metric(server, name) == 60)
    # Whichever of them answers.
    for _ in range(5):
        assert metric(server, name) == 60
        assert metric(server, 'flowtrack_http_refusals_total{code="auth.token_invalid"}') == 60
        duration = 'flowtrack_http_request_seconds_count{method="GET",route="/api/v1/projects"}'
        assert metric(server, duration) == 60
    wait_until(lambda: metric(server, "flowtrack_http_requests_in_progress") == 0)
    assert metric(server, "process_resident_memory_bytes") > COUNT * 30_000_000
    assert metric(server, "flowtrack_database_connections") >= COUNT


def test_requests_are_shared_out(server: Serving) -> None:
    """The files say which process counted what; several did."""
    from prometheus_client.mmap_dict import MmapedDict

    for _ in range(200):
        server.ask("GET", "/health/live")
    (folder,) = {
        path.parent
        for process in workers(server)
        for path in Path("/tmp").glob(f"flowtrack-metrics-*/counter_{process}.db")
    }

    def busy() -> list[Path]:
        return [
            path
            for path in folder.glob("counter_*.db")
            if any(
                "/health/live" in key and value > 0
                for key, value, *_ in MmapedDict.read_all_values_from_file(str(path))
            )
        ]

    wait_until(lambda: len(busy()) > 1)


def test_a_process_that_dies_is_replaced_and_what_it_counted_still_counts(server: Serving) -> None:
    token = server.register(f"workers-{os.getpid()}-{time.monotonic_ns()}@example.com")
    before = workers(server)
    registered = 'flowtrack_http_requests_total{method="POST",route="/api/v1/auth/register",status="201"}'
    wait_until(lambda: metric(server, registered) == 1)
    for victim in before:
        os.kill(victim, signal.SIGKILL)
        for _ in range(20):
            with contextlib.suppress(ConnectionError):
                # A connection that the victim had taken dies with it; no other does.
                assert server.ask("GET", "/api/v1/tasks", token=token)[0] == 200
        wait_until(lambda: len(workers(server)) == COUNT)
        wait_until(lambda: metric(server, "flowtrack_processes") == COUNT)
    assert workers(server).isdisjoint(before)
    assert server.log().count("ended with -9 and is replaced") == COUNT
    assert metric(server, registered) == 1


def folders_of(running: set[int]) -> set[Path]:
    """Where processes share their metrics."""
    return {path.parent for each in running for path in Path("/tmp").glob(f"flowtrack-metrics-*/*_{each}.db")}


def test_told_to_stop_all_answer_what_is_under_way_end_with_0_and_leave_nothing(ending: Serving) -> None:
    running = workers(ending)
    folders = folders_of(running)
    assert len(folders) == 1
    body = b'{"email": "nobody@example.com", "password": "not so good 1"}'
    with socket.create_connection(("127.0.0.1", ending.port), timeout=60) as slow:
        slow.sendall(
            b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        time.sleep(0.5)
        assert ending.process is not None
        ending.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        time.sleep(1.0)
        slow.sendall(body)
        assert slow.recv(100).startswith(b"HTTP/1.1 401")
    assert ending.process.wait(timeout=10) == 0
    assert time.monotonic() - began < 10
    assert not any(lives(process) for process in running)
    assert is_free(ending.port)
    assert not any(folder.exists() for folder in folders)


def test_after_a_kill_of_the_parent_nobody_and_nothing_stays(ending: Serving) -> None:
    running = workers(ending)
    (folder,) = folders_of(running)
    ending.kill()
    wait_until(lambda: is_free(ending.port), within=10)
    wait_until(lambda: not any(lives(process) for process in running), within=10)
    assert not folder.exists()


def test_a_port_that_is_taken_ends_the_start(tmp_path: Path, test_database: TestDatabase, settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with serving(tmp_path, **over(test_database, settings), FLOWTRACK_WORKERS="2") as server:
            server.port = taken.getsockname()[1]
            with pytest.raises(AssertionError, match="ddress already in use"):
                server.start()
            assert server.process is not None
            assert server.process.returncode == 3


def test_over_the_embedded_database_there_is_one_demo_and_one_lock(tmp_path: Path) -> None:
    with serving(tmp_path, FLOWTRACK_WORKERS=str(COUNT)) as server:
        server.start()
        wait_until(lambda: metric(server, "flowtrack_processes") == COUNT)
        assert server.log().count("demo login: ") == 1
        email, password = (server.data / "demo-login").read_text().split()
        _, signed_in, _ = server.ask("POST", "/api/v1/auth/login", {"email": email, "password": password})
        _, tasks, _ = server.ask("GET", "/api/v1/tasks", token=signed_in["access_token"])
        assert len(tasks) == 5
        database = EmbeddedPostgres(folder=server.data / "postgres")

        # A replacement that cannot start, since the database is away, is tried again until it can.
        database.stop()
        os.kill(min(workers(server)), signal.SIGKILL)
        wait_until(lambda: server.log().count("ended with 3 and is replaced") > 0, within=120)
        assert server.ask("GET", "/health/live")[0] == 200
        database.start()
        wait_until(lambda: metric(server, "flowtrack_processes") == COUNT, within=120)
        wait_until(lambda: server.ask("GET", "/health/ready")[0] == 200)

        assert server.process is not None
        assert (server.data / "serve.lock").read_text() == str(server.process.pid)
        assert server.stop() == 0
        assert not database.is_running()


# One of three cannot start the first time, as when PostgreSQL has no connection left for it.
ONE_SHORT = """
import os, pathlib, signal, socket, sys, time
from dataclasses import dataclass
from entrypoints.cli.workers import Workers

@dataclass(frozen=True)
class Work:
    folder: pathlib.Path
    always_short: bool

    def __call__(self, sockets):
        try:
            (self.folder / "short").touch(exist_ok=self.always_short)
        except FileExistsError:
            (self.folder / f"up-{os.getpid()}").touch()
            signal.pause()
        sys.exit(3)

if __name__ == "__main__":
    work = Work(pathlib.Path(sys.argv[1]), sys.argv[2] == "always")
    sys.exit(Workers(3, work, [socket.socket()], patience=5.0).run())
"""


@pytest.mark.parametrize("how", ["once", "always"])
def test_one_that_cannot_start_is_tried_again_and_if_none_can_all_end(tmp_path: Path, how: str) -> None:
    program = tmp_path / "short.py"
    program.write_text(ONE_SHORT)
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen([sys.executable, str(program), str(tmp_path), how], env={**os.environ, **paths})
    try:
        if how == "always":
            assert process.wait(timeout=120) == 3
            return
        wait_until(lambda: len(list(tmp_path.glob("up-*"))) == 3)
        process.terminate()
        assert process.wait(timeout=120) == 0
    finally:
        process.kill()
        process.wait(timeout=60)
