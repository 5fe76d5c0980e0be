"""Server processes: started on their core, waited for, looked at, and ended."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
RATE_LIMITS = ("SESSION", "COMPANY", "ADDRESS", "LOGIN", "REGISTER")
_READY_WITHIN = 60.0
# One core for the server that is measured, the other for all that is not: what limits is then the server.
CAN_PIN = hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) >= 2
_CORES = sorted(os.sched_getaffinity(0))[:2] if CAN_PIN else []


def pin_ourselves() -> None:
    """Puts this process, and PostgreSQL, which it starts, on the second core."""
    if CAN_PIN:
        os.sched_setaffinity(0, {_CORES[1]})


def _pin_server() -> None:
    if CAN_PIN:
        os.sched_setaffinity(0, {_CORES[0]})


@contextmanager
def on_the_servers_core() -> Iterator[None]:
    """This process does meanwhile what else a server does, on the core of servers."""
    before = os.sched_getaffinity(0) if CAN_PIN else set()
    _pin_server()
    try:
        yield
    finally:
        if CAN_PIN:
            os.sched_setaffinity(0, before)


def other_core_seconds() -> float:
    """Time that the second core has worked so far, for whomever."""
    if not CAN_PIN:
        return 0.0
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        if line.startswith(f"cpu{_CORES[1]} "):
            ticks = [int(each) for each in line.split()[1:9]]
            return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
    return 0.0


class Answer(NamedTuple):
    """A whole answer, for what is looked at and not measured."""

    status: int
    headers: dict[str, str]
    body: Any


class Server(NamedTuple):
    """A server process on the loopback."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    def ask(self, method: str, path: str, *, token: str | None = None, body: Any = None, **headers: str) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            if token is not None:
                sent["authorization"] = f"Bearer {token}"
            if body is not None:
                sent["content-type"] = "application/json"
            connection.request(method, path, json.dumps(body) if body is not None else None, sent)
            answer = connection.getresponse()
            raw = answer.read()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, named, json.loads(raw) if raw else None)
        finally:
            connection.close()

    def processor_seconds(self) -> float:
        """Processor time that the process has used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def megabytes(self, *, most: bool = False) -> float:
        """Resident memory now, or the most that it ever was."""
        name = "VmHWM:" if most else "VmRSS:"
        for line in Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith(name):
                return int(line.split()[1]) / 1024
        raise RuntimeError("the system does not tell the memory of a process")


@contextmanager
def product(name: str, *, folder: Path, url: str, module: str = "", **settings: str) -> Iterator[Server]:
    """`flowtrack serve` as it is, with settings of its own and the application role's URL; or what a `module` of the
    bench makes of it.
    """
    command = ["-m", module] if module else ["-m", "entrypoints.cli.main", "serve"]
    environment = {
        "FLOWTRACK_DATABASE_URL": url,
        # Two servers of one name share their secrets, and so each other's tokens.
        "FLOWTRACK_DATA_DIR": str(folder / name),
        "FLOWTRACK_PUBLIC_URL": "http://localhost:8000",
        # Counted as always, and never reached.
        **{f"FLOWTRACK_RATE_LIMIT_{name}": "999999999/min" for name in RATE_LIMITS},
        **settings,
    }
    if module:
        environment["PYTHONPATH"] = os.pathsep.join(_paths(str(ROOT)))
    with _server(name, command, folder=folder, settings=environment) as server:
        yield server


@contextmanager
def reference(*, folder: Path, url: str) -> Iterator[Server]:
    """The bare server."""
    settings = {"REFERENCE_DATABASE_URL": url, "PYTHONPATH": os.pathsep.join(_paths(str(ROOT)))}
    with _server("reference", ["-m", "benchmarks.reference"], folder=folder, settings=settings) as server:
        yield server


@contextmanager
def bare_broadcast(*, folder: Path) -> Iterator[Server]:
    """The bare server of sockets."""
    settings = {"PYTHONPATH": os.pathsep.join(_paths(str(ROOT)))}
    with _server("broadcast", ["-m", "benchmarks.broadcast"], folder=folder, settings=settings) as server:
        yield server


def migrate(*, folder: Path, owner_url: str, application_url: str) -> None:
    """`flowtrack migrate`."""
    settings = {
        "FLOWTRACK_DATABASE_URL": application_url,
        "FLOWTRACK_MIGRATION_DATABASE_URL": owner_url,
        "FLOWTRACK_DATA_DIR": str(folder / "migrating"),
    }
    command = [sys.executable, "-m", "entrypoints.cli.main", "migrate"]
    subprocess.run(command, env=_environment(settings), cwd=folder, stdout=subprocess.DEVNULL, check=True)


@contextmanager
def _server(name: str, command: list[str], *, folder: Path, settings: dict[str, str]) -> Iterator[Server]:
    port = _free_port()
    complaints = folder / f"{name}.stderr"
    # The folder, so that no .env of the checkout is read.
    with complaints.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, *command],
            env=_environment({**settings, "PORT": str(port)}),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            preexec_fn=_pin_server,
        )
    server = Server(name, port, process)
    try:
        _wait_for(server, complaints)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(server: Server, complaints: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while server.process.poll() is None and time.monotonic() < deadline:
        try:
            if server.ask("GET", "/health").status == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    said = complaints.read_text(encoding="utf-8", errors="replace")
    raise RuntimeError(f"{server.name} did not start: {said}")


def _environment(settings: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLOWTRACK_") and name != "PORT"}
    return {**kept, **settings}


def _paths(first: str) -> list[str]:
    given = os.environ.get("PYTHONPATH")
    return [first, given] if given else [first]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
