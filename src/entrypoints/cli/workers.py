"""Several server processes on one port.

They are started afresh rather than forked, so that no thread, lock or connection is taken over half. The one that
starts them listens and never accepts; it replaces whoever dies. uvicorn's own supervisor would do, but that it ends
everything when a replacement cannot start (as while the database is away), takes a process that loads slowly for a hung
one, and waits for the last one without end.
"""

import logging
import signal
import socket
import time
from collections.abc import Callable
from multiprocessing import connection, get_context
from multiprocessing.context import SpawnProcess

from uvicorn.config import STARTUP_FAILURE

log = logging.getLogger("flowtrack.workers")

_processes = get_context("spawn")
# How long it takes until one that could not start is tried again.
_PAUSE = 1.0


class Workers:
    """Runs `work(sockets)` in so many processes until SIGTERM or SIGINT. It must be picklable."""

    def __init__(
        self, count: int, work: Callable[[list[socket.socket]], None], sockets: list[socket.socket], *, patience: float
    ) -> None:
        self._work = work
        self._sockets = sockets
        self._patience = patience
        self._is_stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._first = {self._start() for _ in range(count)}
        self._running = set(self._first)

    def run(self) -> int:
        """Replaces whoever dies; answers the exit code once it is told to stop, or if none could start at all."""
        missing, again = 0, 0.0
        while not self._is_stopping:
            connection.wait([each.sentinel for each in self._running], timeout=0.2)
            for ended in [each for each in self._running if not each.is_alive()]:
                self._running.remove(ended)
                could_not_start = ended.exitcode == STARTUP_FAILURE
                if could_not_start:
                    self._first.discard(ended)
                    # One that starts may be short of something, such as connections; if none does, all are.
                    if not self._first:
                        self._end()
                        return STARTUP_FAILURE
                if not self._is_stopping:
                    log.warning("server process %s ended with %s and is replaced", ended.pid, ended.exitcode)
                missing += 1
                again = time.monotonic() + (_PAUSE if could_not_start else 0.0)
            while missing and not self._is_stopping and time.monotonic() >= again:
                self._running.add(self._start())
                missing -= 1
        self._end()
        return 0

    def _start(self) -> SpawnProcess:
        process = _processes.Process(target=self._work, args=(self._sockets,), name="flowtrack")
        process.start()
        return process

    def _end(self) -> None:
        for each in self._running:
            each.terminate()
        deadline = time.monotonic() + self._patience
        for each in self._running:
            each.join(max(0.0, deadline - time.monotonic()))
            if each.is_alive():
                log.error("server process %s did not end in time and is killed", each.pid)
                each.kill()
                each.join()

    def _stop(self, *_: object) -> None:
        self._is_stopping = True
