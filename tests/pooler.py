"""PgBouncer in transaction mode before a PostgreSQL of the tests: what many operators put between it and the product.

FLOWTRACK_TEST_POOLER=pgbouncer sends all that the product asks in the integration tests through one. Where containers
are used it is Debian's package in a container, else the program on the PATH.
"""

import io
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests import servers

CHOICE = "FLOWTRACK_TEST_POOLER"
IMAGE = "flowtrack-tests-pgbouncer"
_DOCKERFILE = b"""
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends pgbouncer && rm -rf /var/lib/apt/lists/*
USER postgres
"""
_PORT = 6432
_READY_WITHIN = 20.0
# What a container is started with writes its two files itself, so that no folder has to be shared with it.
_START = 'printf "%s" "$USERS" >/tmp/users && printf "%s" "$CONFIGURATION" >/tmp/ini && exec pgbouncer /tmp/ini'


@cache
def is_wanted() -> bool:
    """Whether the product's connections go through a pooler in this run."""
    choice = os.environ.get(CHOICE, "")
    if choice not in ("", "pgbouncer"):
        raise RuntimeError(f"{CHOICE} is {choice!r}; it takes pgbouncer")
    return choice == "pgbouncer"


@contextmanager
def pgbouncer(*, before: str, passwords: Mapping[str, str], connections: int = 20) -> Iterator[str]:
    """A pooler before the server of a URL: its address, host and port.

    `passwords` are of the roles that may sign in, to any database; `connections` is how many each role and database
    have to the server, however many clients there are.
    """
    if servers.kind() == "containers":
        with _in_container(before, passwords, connections) as address:
            yield address
        return
    with _on_path(before, passwords, connections) as address:
        yield address


def through(address: str, url: str) -> str:
    """A URL with the pooler in the place of the server."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{address}", query="").geturl()


def _configuration(
    *, server: str, listen: str, port: int, connections: int, users: str, version: tuple[int, ...] = (1, 18)
) -> str:
    # Newer ones can keep prepared statements for their clients; what holds with the oldest is what is to be seen.
    keeps = "max_prepared_statements = 0" if version >= (1, 21) else ""
    return f"""
[databases]
* = {server}

[pgbouncer]
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 1000
listen_addr = {listen}
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
# A database that a test drops is not to wait for us.
server_idle_timeout = 5
{keeps}
"""


def _users(passwords: Mapping[str, str]) -> str:
    return "".join(f'"{name}" "{password}"\n' for name, password in passwords.items())


@contextmanager
def _in_container(before: str, passwords: Mapping[str, str], connections: int) -> Iterator[str]:
    import docker
    from testcontainers.core.container import DockerContainer

    engine = docker.from_env(timeout=600)
    try:
        engine.images.build(fileobj=io.BytesIO(_DOCKERFILE), tag=IMAGE, rm=True)
    finally:
        engine.close()
    server = f"host=host.docker.internal port={urlsplit(before).port}"
    configuration = _configuration(
        server=server, listen="0.0.0.0", port=_PORT, connections=connections, users="/tmp/users"
    )
    container = (
        DockerContainer(IMAGE)
        .with_env("USERS", _users(passwords))
        .with_env("CONFIGURATION", configuration)
        .with_command(["sh", "-c", _START])
        .with_exposed_ports(_PORT)
        .with_kwargs(extra_hosts={"host.docker.internal": "host-gateway"})
    )
    with container:
        host, port = container.get_container_host_ip(), int(container.get_exposed_port(_PORT))
        _wait_for(host, port, lambda: "\n".join(part.decode() for part in container.get_logs()))
        yield f"{host}:{port}"


@contextmanager
def _on_path(before: str, passwords: Mapping[str, str], connections: int) -> Iterator[str]:
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise RuntimeError("these tests need PgBouncer or Docker. On Debian and Ubuntu: apt-get install pgbouncer")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    version = tuple(int(part) for part in said.split()[1].split(".")[:2])
    asked = {name: values[0] for name, values in parse_qs(urlsplit(before).query).items()}
    with tempfile.TemporaryDirectory(prefix="flowtrack-pgbouncer-") as name, socket.socket() as probe:
        folder, log = Path(name), Path(name) / "log"
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        (folder / "users").write_text(_users(passwords), encoding="utf-8")
        (folder / "ini").write_text(
            _configuration(
                server=f"host={asked['host']} port={asked['port']}",
                listen="127.0.0.1",
                port=port,
                connections=connections,
                users=str(folder / "users"),
                version=version,
            ),
            encoding="utf-8",
        )
        # It refuses to run as root; whoever owns the server's socket may reach it.
        as_root = os.geteuid() == 0
        owner = Path(asked["host"]).stat().st_uid
        for path in (folder, folder / "users", folder / "ini"):
            if as_root:
                os.chown(path, owner, -1)
        with log.open("wb") as complaints:
            process = subprocess.Popen(
                [program, str(folder / "ini")],
                stdin=subprocess.DEVNULL,
                stdout=complaints,
                stderr=complaints,
                user=owner if as_root else None,
                extra_groups=[] if as_root else None,
            )
        try:
            _wait_for("127.0.0.1", port, lambda: log.read_text(encoding="utf-8"))
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=10)


def _wait_for(host: str, port: int, said: Callable[[], str]) -> None:
    """Waits until it answers the question that opens PostgreSQL's protocol: whether to speak TLS."""
    deadline = time.monotonic() + _READY_WITHIN
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((host, port), timeout=2) as connection:
                connection.sendall(struct.pack("!ii", 8, 80877103))
                # A container's port is open before anything listens in it.
                if connection.recv(1) in (b"N", b"S"):
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"PgBouncer does not answer: {said()}")
