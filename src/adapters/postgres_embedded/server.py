"""The life of the embedded server: started or taken over, and stopped."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from adapters.postgres_embedded.cluster import SUPERUSER, make_cluster, password_of, refuse_another_major
from adapters.postgres_embedded.commands import Account, Commands, account_for, commands_for
from adapters.postgres_embedded.errors import EmbeddedPostgresFailed
from adapters.postgres_embedded.place import Place
from adapters.postgres_embedded.postmaster import Postmaster
from adapters.postgres_embedded.sockets import PORT, forget_dead_socket, make_socket_folder, socket_in

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresFailed"]

_PATIENCE = 300.0  # seconds: a long crash recovery
_PAUSE = 0.05  # seconds between two looks
_LOG_LIMIT = 10_000_000  # bytes; a larger log is put aside at the next start


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedPostgres:
    """A PostgreSQL cluster in `folder` and the one server that runs on it.

    The server outlives the process that started it, until `stop`. Beside the folder stand `postgres-password`
    (of the cluster's superuser), `postgres.log` and `postgres.lock`. Several processes may call any method at
    once.
    """

    folder: Path

    def start(self) -> str:
        """Makes the cluster if there is none, starts the server or takes over the running one, and waits
        until it answers, at most five minutes. Returns the URL of the cluster's superuser, password included.

        Raises EmbeddedPostgresFailed. A start that was killed at any point needs no hand: the next goes on.
        """
        place = self._place
        with _alone(place) as lock:
            account = account_for(cluster=place.cluster)
            if not (place.cluster / "PG_VERSION").exists():
                make_cluster(place=place, account=account, lock=lock)
            refuse_another_major(place=place)
            commands = commands_for(cluster=place.cluster, account=account)
            return _serve(place=place, account=account, commands=commands)

    def stop(self) -> None:
        """Stops the server cleanly, ending its connections, within five minutes. A stopped server is no
        error. Raises EmbeddedPostgresFailed.
        """
        place = self._place
        with _alone(place):
            running = Postmaster.of(cluster=place.cluster)
            if running is None:
                return
            account = account_for(cluster=place.cluster)
            _halt(place=place, commands=commands_for(cluster=place.cluster, account=account))
            if running.sockets is not None:
                with contextlib.suppress(OSError):  # only tidiness: it stays if anything else is in it
                    running.sockets.rmdir()

    def is_running(self) -> bool:
        """Whether a server works on this folder, taking connections already or not yet.
        Raises EmbeddedPostgresFailed when we may not look.
        """
        place = self._place
        with _explaining(place):
            return Postmaster.of(cluster=place.cluster) is not None

    def running_url(self) -> str | None:
        """The URL of the running server's superuser, password included; None if no server runs. Starts nothing.
        Raises EmbeddedPostgresFailed.
        """
        place = self._place
        with _explaining(place):
            running = Postmaster.of(cluster=place.cluster)
            if running is None or running.sockets is None:
                return None
            return _url(password_of(place=place), running.sockets)

    @property
    def _place(self) -> Place:
        return Place(folder=self.folder)


def _url(password: str, sockets: Path) -> str:
    host = quote(str(sockets), safe="")
    return f"postgresql://{SUPERUSER}:{quote(password, safe='')}@/postgres?host={host}&port={PORT}"


@contextlib.contextmanager
def _explaining(place: Place) -> Iterator[None]:
    """Turns what the system refuses into our own failure."""
    try:
        yield
    except OSError as error:
        raise place.failed(
            f"The system refused something to the embedded PostgreSQL: {error}",
            advice="Check who owns the folder and what is beside it, and the free space there.",
        ) from error


@contextlib.contextmanager
def _alone(place: Place) -> Iterator[int]:
    """One starting or stopping process at a time; yields the lock's descriptor."""
    with _explaining(place):
        # As root, the server's user may walk through a data folder that we make here, but not list it.
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
        lock = os.open(place.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            _wait_for(lock, place=place)
            yield lock
        finally:
            os.close(lock)


def _wait_for(lock: int, *, place: Place) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise place.failed(
                    "Another process has been starting or stopping the embedded PostgreSQL for five minutes",
                    advice=f"`fuser '{place.lock}'` tells which.",
                ) from None
            time.sleep(_PAUSE)
        else:
            return


def _serve(*, place: Place, account: Account | None, commands: Commands) -> str:
    """Brings the server to where it answers, whatever it does now: nothing, start, recover or stop."""
    password = password_of(place=place)
    deadline = time.monotonic() + _PATIENCE
    while True:
        running = Postmaster.of(cluster=place.cluster)
        if running is None:
            _launch(place=place, account=account, commands=commands, deadline=deadline)
            running = Postmaster.of(cluster=place.cluster)
        reason = "it has opened no socket yet"
        if running is not None and running.sockets is not None:
            url = _url(password, running.sockets)
            try:
                psycopg.connect(url, connect_timeout=10).close()
            except psycopg.OperationalError as error:
                reason = str(error)
            else:
                return url
            if "authentication failed" in reason:
                raise place.failed(
                    f"The server refuses the password in {place.password}",
                    advice="Bring back the file that belongs to this cluster.",
                )
            if running.ready and not socket_in(running.sockets).exists():
                # Its socket was cleaned away: nobody reaches it any more.
                _halt(place=place, commands=commands)
        if time.monotonic() > deadline:
            raise place.failed(
                f"The server does not answer after five minutes ({reason})",
                advice="If the log tells of recovery, let it go on and start again later.",
            )
        time.sleep(_PAUSE)


def _launch(*, place: Place, account: Account | None, commands: Commands, deadline: float) -> None:
    """Starts a server and waits until it is ready. Returns also if it is not, but another look may help."""
    # No server, and still a process may have its number: a later program, or its own corpse that no parent
    # buried. PostgreSQL would not start over these lock files. Should we be wrong about the first, it looks
    # at its shared memory too, and refuses by that.
    (place.cluster / "postmaster.pid").unlink(missing_ok=True)
    sockets = make_socket_folder(place=place, account=account)
    forget_dead_socket(sockets)
    # What guards the server, over every file. pg_ctl hands it to a shell: nothing in it comes from outside.
    guards = (
        "listen_addresses=",
        f"unix_socket_directories={sockets}",
        "unix_socket_permissions=0700",
        f"port={PORT}",
    )
    if place.log.exists() and place.log.stat().st_size > _LOG_LIMIT:
        place.log.rename(place.log.with_name("postgres.log.1"))
    descriptor = os.open(place.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    # The server inherits the open log, so its user needs no right to the folder that the log is in.
    with os.fdopen(descriptor, "ab") as log:
        begun = os.fstat(descriptor).st_size
        answer = commands.run(
            "pg_ctl",
            "start",
            "--wait",
            f"--timeout={max(1, round(deadline - time.monotonic()))}",
            "--options=" + " ".join(f"-c {guard}" for guard in guards),
            cluster=place.cluster,
            output=log,
        )
    if answer.returncode == 0 or Postmaster.of(cluster=place.cluster) is not None:
        return
    said = place.log.read_bytes()[begun:].decode(errors="replace")
    # After kill -9 of the postmaster, a backend that is busy with a statement lives on until its end.
    if "pre-existing shared memory block" in said and time.monotonic() < deadline:
        return
    raise place.failed("The server did not start", advice="Mend what PostgreSQL names and start again.", said=said)


def _halt(*, place: Place, commands: Commands) -> None:
    answer = commands.run(
        "pg_ctl", "stop", "--mode=fast", "--wait", f"--timeout={_PATIENCE:.0f}", cluster=place.cluster
    )
    if answer.returncode != 0 and Postmaster.of(cluster=place.cluster) is not None:
        raise place.failed(
            f"The server did not stop within five minutes: {answer.stdout.strip()}",
            advice="Stop again later.",
        )
