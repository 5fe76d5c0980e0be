"""The load: a few keep-alive HTTP/1.1 connections that each send the next request when the last one is answered.

It is small because it shares its core with PostgreSQL: requests are encoded beforehand, and of an answer only the
status and the length are read.
"""

import asyncio
import gc
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import uvloop

CONNECTIONS = 16
# A window that is not over this long after its time means that a server no longer answers.
PATIENCE = 15.0


class WrongAnswer(Exception):
    """A server answered something else than what is measured, so that its speed means nothing."""


class Window(NamedTuple):
    """What one server did in one span of time."""

    answered: int
    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds


class _Run:
    """What the connections of one window share."""

    def __init__(self, requests: Iterator[bytes], expected: int, done: asyncio.Future[None]) -> None:
        self.requests = requests
        self.expected = b"HTTP/1.1 %d " % expected
        self.done = done
        self.records = False
        self.ends = False
        self.latencies: list[float] = []
        self.open = 0

    def fail(self, message: str) -> None:
        if not self.done.done():
            self.done.set_exception(WrongAnswer(message))


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self._run = run
        self._buffer = b""
        self._whole = 0
        self._sent = 0.0
        # uvloop's own, which is none by asyncio's classes.
        self._transport: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._run.open += 1
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(next(self._run.requests))

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        if not self._whole:
            head = buffer.find(b"\r\n\r\n")
            if head < 0:
                self._buffer = buffer
                return
            run = self._run
            if not buffer.startswith(run.expected):
                run.fail(f"expected {run.expected.decode()}, got: {buffer[:2000].decode('utf-8', 'replace')}")
                self._transport.close()
                return
            self._whole = head + 4 + _length(buffer, head)
        if len(buffer) < self._whole:
            self._buffer = buffer
            return
        if len(buffer) > self._whole:
            self._run.fail("an answer is longer than it says")
            self._transport.close()
            return
        self._buffer, self._whole = b"", 0
        run = self._run
        if run.records:
            run.latencies.append(time.perf_counter() - self._sent)
        if run.ends:
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        run = self._run
        run.open -= 1
        if not run.ends:
            run.fail(f"a server closed a connection under load ({error})")
        elif not run.open and not run.done.done():
            run.done.set_result(None)


def _length(buffer: bytes, head: int) -> int:
    place = buffer.find(b"content-length: ", 0, head)
    if place < 0:
        if buffer.startswith((b"HTTP/1.1 304", b"HTTP/1.1 204")):
            return 0
        raise WrongAnswer(f"an answer without a length: {buffer[:head].decode('latin-1')}")
    return int(buffer[place + 16 : buffer.find(b"\r\n", place)])


def run(
    port: int,
    requests: Iterator[bytes],
    *,
    expected: int,
    warm_up: float,
    seconds: float,
    connections: int = CONNECTIONS,
) -> Window:
    """Loads a server on the loopback for `seconds`, after `warm_up` that is not counted. Raises WrongAnswer."""
    gc.collect()
    gc.disable()
    try:
        return uvloop.run(_run(port, requests, connections, expected=expected, warm_up=warm_up, seconds=seconds))
    finally:
        gc.enable()


async def _run(
    port: int, requests: Iterator[bytes], connections: int, *, expected: int, warm_up: float, seconds: float
) -> Window:
    loop = asyncio.get_running_loop()
    shared = _Run(requests, expected, loop.create_future())
    loop.set_exception_handler(lambda _, context: shared.fail(f"{context['message']}: {context.get('exception')!r}"))
    for _ in range(connections):
        await loop.create_connection(lambda: _Connection(shared), "127.0.0.1", port)
    await _pass(shared, warm_up)
    shared.records = True
    began = time.perf_counter()
    await _pass(shared, seconds)
    answered, took = len(shared.latencies), time.perf_counter() - began
    shared.records, shared.ends = False, True
    try:
        async with asyncio.timeout(PATIENCE):
            await shared.done
    except TimeoutError:
        raise WrongAnswer(f"no answer within {PATIENCE:.0f} s") from None
    if not answered:
        raise WrongAnswer("nothing was answered")
    return Window(answered, took, shared.latencies)


async def _pass(shared: _Run, seconds: float) -> None:
    """Lets time pass, unless something is wrong."""
    await asyncio.wait([shared.done], timeout=seconds)
    if shared.done.done():
        shared.done.result()
