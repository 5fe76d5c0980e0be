"""Two companies on one server: what the one that is at its rate limit, and does not mind, does to the other.

The quiet one asks at a steady pace, and its latency is counted from when a request was due, so that no wait is left out.
The noisy one asks again as soon as it is answered, on many connections.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import uvloop

from benchmarks.asking import Mismatch
from benchmarks.load import CONNECTIONS
from benchmarks.measuring import Pace
from benchmarks.servers import Server

# Below both of its limits: 540 a minute for each of ten sessions.
SESSIONS = 10
EACH_PER_SECOND = 9.0
# The first burst is granted: a limit of 6,000 is used up in some seconds.
_AT_ITS_LIMIT_WITHIN = 60.0


class Round(NamedTuple):
    """One window without the noise, one with it: seconds of each request of the quiet company, and what the noisy one got."""

    quiet: list[float]
    noisy: list[float]
    granted: int
    refused: int


def p95(latencies: list[float]) -> float:
    return sorted(latencies)[int(0.95 * len(latencies))]


def p99(latencies: list[float]) -> float:
    return sorted(latencies)[int(0.99 * len(latencies))]


def measure(server: Server, *, quiet: list[bytes], noisy: list[bytes], pace: Pace) -> list[Round]:
    """Rounds of windows in turns; each list holds one request a session. Raises Mismatch for any wrong answer."""
    return uvloop.run(_measure(server.port, quiet, noisy, pace))


async def _measure(port: int, quiet: list[bytes], noisy: list[bytes], pace: Pace) -> list[Round]:
    rounds = []
    for _ in range(pace.rounds):
        alone = await steady(port, quiet, pace)
        async with noise(port, noisy, connections=CONNECTIONS, statuses=(200, 429)) as counted:
            async with asyncio.timeout(_AT_ITS_LIMIT_WITHIN):
                while not counted[429]:
                    await asyncio.sleep(0.1)
            counted.update({200: 0, 429: 0})
            beside = await steady(port, quiet, pace)
        if not counted[429]:
            raise Mismatch("the noisy company was not at its limit")
        rounds.append(Round(alone, beside, counted[200], counted[429]))
    return rounds


async def steady(port: int, requests: list[bytes], pace: Pace) -> list[float]:
    """The latencies of a window at a steady pace, without those of its warm-up; each request has its connection."""
    began = time.perf_counter()
    counts_from, ends = began + pace.warm_up, began + pace.warm_up + pace.seconds
    latencies: list[float] = []

    async def one(place: int, request: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for due in _dues(began, place / len(requests)):
            if due >= ends:
                break
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            status = await _answer(reader, writer, request)
            if status != 200:
                raise Mismatch(f"the quiet company was answered {status}")
            if due >= counts_from:
                latencies.append(time.perf_counter() - due)
        writer.close()

    async with asyncio.TaskGroup() as group:
        for place, request in enumerate(requests):
            group.create_task(one(place, request))
    return latencies


def _dues(began: float, offset: float) -> Iterator[float]:
    due = began + offset / EACH_PER_SECOND
    while True:
        yield due
        due += 1 / EACH_PER_SECOND


@asynccontextmanager
async def noise(port: int, requests: list[bytes], *, connections: int, statuses: tuple[int, ...]):
    """As long as it is open, connections that ask again at once; yields how often they got which status."""
    counted = dict.fromkeys(statuses, 0)

    async def hammer(request: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while True:
                status = await _answer(reader, writer, request)
                if status not in counted:
                    raise Mismatch(f"those who make the noise were answered {status}")
                counted[status] += 1
        finally:
            writer.close()

    tasks = [asyncio.create_task(hammer(requests[place % len(requests)])) for place in range(connections)]
    try:
        yield counted
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))
    return int(head[9:12])
