"""Clients that hear: each keeps what came to it, when, and what of that must never come."""

import asyncio
import json
import random
import time
from contextlib import suppress
from typing import Any, NamedTuple

import httpx
from httpx_sse import EventSource, SSEError
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.integration.api import Person

# What a client is told that may come again: a restart, a server that is busy, or away for a moment.
_MAY_COME_AGAIN = {1000, 1001, 1006, 1011, 1012, 1013, 4409}

_PASSING = {
    "service.unavailable", "service.database_away", "service.busy", "service.contended", "service.too_slow",
    "socket.too_slow",
}  # fmt: skip


class Heard(NamedTuple):
    """An event that came, and when, by this machine's clock."""

    seq: int
    project_id: str | None
    at: float


class Listener:
    """Comes again from where it was, whenever it breaks off, and breaks off by itself now and then."""

    def __init__(self, name: str, person: Person, urls: list[str], *, since: int, luck: random.Random) -> None:
        self.name = name
        self.person = person
        self.heard: list[Heard] = []
        self.faults: list[str] = []
        self.comes = 0
        self.is_restless = True
        self._urls = urls
        self._last = since
        self._luck = luck

    async def listen(self) -> None:
        """Until it is cancelled."""
        while True:
            self.comes += 1
            with suppress(
                OSError, TimeoutError, ConnectionClosed, InvalidHandshake, httpx.HTTPError, SSEError, EOFError
            ):
                await self._listen(self._luck.choice(self._urls))
            await asyncio.sleep(self._luck.uniform(0.05, 0.4))

    async def _listen(self, url: str) -> None:
        raise NotImplementedError

    def _ends(self) -> float:
        """When it is to break off by itself, seconds from now."""
        return self._luck.uniform(0.5, 8.0) if self.is_restless else 3600.0

    def _take(self, event: dict[str, Any], position: str) -> None:
        seq = int(event["seq"])
        if str(seq) != position:
            self.faults.append(f"{position} is the id of {seq}")
        if seq <= self._last:
            self.faults.append(f"{seq} came after {self._last}")
        self._last = max(seq, self._last)
        self.heard.append(Heard(seq, event["project_id"], time.monotonic()))


class SocketListener(Listener):
    async def _listen(self, url: str) -> None:
        address = f"ws{url.removeprefix('http')}/ws/notifications/{self.person.user_id}"
        until = time.monotonic() + self._ends()
        async with connect(
            address, subprotocols=["flowtrack.v1"], open_timeout=10, close_timeout=0.2, ping_interval=None
        ) as connection:
            await connection.send(json.dumps({"type": "auth", "token": self.person.token}))
            await connection.send(json.dumps({"type": "subscribe", "since": str(self._last)}))
            try:
                while not self.is_restless or time.monotonic() < until:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(0.5):
                            self._hear(json.loads(await connection.recv()))
                if self._luck.random() < 0.5:
                    connection.transport.abort()
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd is not None else 1006
                if code not in _MAY_COME_AGAIN:
                    self.faults.append(f"was closed with {code} {closed.rcvd and closed.rcvd.reason}")
                raise

    def _hear(self, said: dict[str, Any]) -> None:
        if said["type"] == "event":
            self._take(said, said["seq"])
        elif said["type"] == "error" and said["code"] not in _PASSING:
            self.faults.append(f"was told {said['code']}")


class StreamListener(Listener):
    async def _listen(self, url: str) -> None:
        headers = {"Authorization": f"Bearer {self.person.token}", "Last-Event-ID": str(self._last)}
        ends = self._ends()
        until, timeout = time.monotonic() + ends, httpx.Timeout(10.0, read=min(ends, 40.0))
        async with (
            httpx.AsyncClient(base_url=url, timeout=timeout) as client,
            client.stream("GET", "/api/v1/events/stream", headers=headers) as answer,
        ):
            if answer.status_code != 200:
                if answer.status_code != 503:
                    self.faults.append(f"was answered {answer.status_code} {(await answer.aread())[:300]!r}")
                return
            async for said in EventSource(answer).aiter_sse():
                if said.event == "end" or (self.is_restless and time.monotonic() > until):
                    return
                # Who came or went has no place in the log; and after a comment this client believes that there was something.
                if said.data and said.event not in ("ready", "presence", "job_progress"):
                    self._take(said.json(), said.id)
