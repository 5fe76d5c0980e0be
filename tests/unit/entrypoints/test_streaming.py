import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from adapters.memory.bus import LocalBus
from core.kernel.paging import Answer
from core.realtime.errors import EventsExpired
from core.realtime.read_models import EventView, Portion, Stretch
from entrypoints.ending import end
from entrypoints.live.doors import Backlogs
from entrypoints.live.hub import Hub
from entrypoints.rest import streaming
from entrypoints.rest.streaming import HANG_UP, EventStream
from tests.builders import an_actor
from tests.builders.office import Office
from tests.fakes.clock import SettableClock
from tests.fakes.feeds import InMemoryFeedReader


class Silent:
    """A bus that carries nothing."""

    def listen(self, ear: object) -> None: ...


async def test_a_stream_ends_by_name_where_the_log_is_purged_while_it_catches_up() -> None:
    office = await Office.open()

    async def page(_: int) -> Answer[Stretch]:
        raise EventsExpired

    stream = EventStream(
        office.mia,
        0,
        hub=Hub(feeds=InMemoryFeedReader(office.world.store), bus=Silent()),
        page=page,
        channels=frozenset(),
        types=frozenset(),
        headers={},
    )
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async with asyncio.timeout(5):
        await stream({}, receive, send)
    assert b'event: end\ndata: {"code":"events.expired"}' in b"".join(each.get("body", b"") for each in sent)
    assert sent[-1]["more_body"] is False


class Line:
    """The way to a client, who takes what is small at once, and what is large when `is_read`; it is gone once hung up on."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.is_read = asyncio.Event()
        self.gone = asyncio.Event()
        self.scope: dict[str, Any] = {"extensions": {HANG_UP: self.gone.set}}

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if not message.get("body") or self.gone.is_set():
            return
        self.sent.append(message["body"])
        if len(message["body"]) > 1000:
            read, gone = asyncio.create_task(self.is_read.wait()), asyncio.create_task(self.gone.wait())
            _, others = await asyncio.wait({read, gone}, return_when=asyncio.FIRST_COMPLETED)
            await end(others)

    def seqs(self) -> list[int]:
        lines = b"".join(self.sent).splitlines()
        return [int(each.removeprefix(b"id: ")) for each in lines if each.startswith(b"id: ")][1:]


def _stream(hub: Hub, *, head: int, size: int, at_once: int) -> EventStream:
    async def page(position: int) -> Answer[Stretch]:
        seqs = range(position + 1, min(position + at_once, head) + 1)
        body = {"text": "x" * size}
        events = [
            EventView(seq, "noted", "task_updates", SettableClock().now(), None, "session", None, body) for seq in seqs
        ]
        return Answer(Stretch(events, seqs[-1] if seqs else position), head)

    return EventStream(
        an_actor(), 0, hub=hub, page=page, channels=frozenset({"task_updates"}), types=frozenset(), headers={}
    )


class Unread:
    """What nobody reads here."""

    async def read(self, *_: object, **__: object) -> Portion:
        await asyncio.Event().wait()
        raise AssertionError

    glance = acquainted = is_kept = read


async def _comes(found: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not found():
            await asyncio.sleep(0)


async def test_a_stream_catches_up_though_parts_are_short_long_before_the_head() -> None:
    line = Line()
    stream = _stream(Hub(feeds=Unread(), bus=LocalBus()), head=20, size=10, at_once=3)  # type: ignore[arg-type]
    task = asyncio.create_task(stream(line.scope, line.receive, line.send))  # type: ignore[arg-type]
    await _comes(lambda: line.seqs()[-1:] == [20])
    assert line.seqs() == list(range(1, 21))
    line.gone.set()
    await task


async def test_what_is_being_sent_counts_as_kept_until_it_is_read() -> None:
    line = Line()
    stream = _stream(Hub(feeds=Unread(), bus=LocalBus()), head=1, size=100_000, at_once=1)  # type: ignore[arg-type]
    task = asyncio.create_task(stream(line.scope, line.receive, line.send))  # type: ignore[arg-type]
    await _comes(lambda: len(line.sent) == 2)
    assert stream.waiting > 100_000
    line.is_read.set()
    await _comes(lambda: stream.waiting == 0)
    line.gone.set()
    await task


async def test_at_the_end_of_the_process_who_takes_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "_FAREWELL", 0.01)
    line, hub = Line(), Hub(feeds=Unread(), bus=LocalBus())  # type: ignore[arg-type]
    stream = _stream(hub, head=1, size=100_000, at_once=1)
    task = asyncio.create_task(stream(line.scope, line.receive, line.send))  # type: ignore[arg-type]
    await _comes(lambda: len(line.sent) == 2)
    hub.drain()
    async with asyncio.timeout(5):
        await task
    assert line.gone.is_set()


async def test_at_the_end_of_the_process_who_reads_is_told_so() -> None:
    line, hub = Line(), Hub(feeds=Unread(), bus=LocalBus())  # type: ignore[arg-type]
    line.is_read.set()
    stream = _stream(hub, head=1, size=100_000, at_once=1)
    task = asyncio.create_task(stream(line.scope, line.receive, line.send))  # type: ignore[arg-type]
    await _comes(lambda: stream in hub._feeds[stream.actor.company_id].doors if hub._feeds else False)
    hub.drain()
    async with asyncio.timeout(5):
        await task
    assert b'{"code":"server.restarting"}' in line.sent[-1]
    assert not line.gone.is_set()


async def test_whose_place_is_needed_is_hung_up_on_though_it_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(feeds=Unread(), bus=LocalBus())  # type: ignore[arg-type]
    monkeypatch.setattr(hub, "_backlogs", Backlogs(most=250_000))
    streams = [(_stream(hub, head=1, size=100_000, at_once=1), line) for line in (Line(), Line(), Line())]
    tasks = []
    for stream, line in streams:
        tasks.append(asyncio.create_task(stream(line.scope, line.receive, line.send)))  # type: ignore[arg-type]
    await _comes(lambda: any(line.gone.is_set() for _, line in streams))
    assert sum(stream.is_open for stream, _ in streams) < 3
    for _, line in streams:
        line.gone.set()
    async with asyncio.timeout(5):
        await asyncio.gather(*tasks)
    assert hub._admitted == set()
