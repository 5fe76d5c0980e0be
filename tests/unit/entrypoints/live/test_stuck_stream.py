"""A stream that nobody reads."""

import asyncio
from typing import Any

import pytest

from adapters.memory.bus import LocalBus
from core.kernel.paging import Answer
from core.realtime.read_models import Portion, Stretch
from entrypoints.live.hub import Hub
from entrypoints.rest import streaming
from entrypoints.rest.streaming import HANG_UP, EventStream
from tests.builders import an_actor


class Nothing:
    """Never read."""

    async def read(self, *_: object, **__: object) -> Portion:
        raise AssertionError

    glance = acquainted = read


async def test_who_takes_nothing_is_hung_up_on_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "_PATIENCE", 0.01)
    hub, gone = Hub(feeds=Nothing(), bus=LocalBus()), asyncio.Event()  # type: ignore[arg-type]

    async def page(position: int) -> Answer[Stretch]:
        return Answer(Stretch([], position), position)

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    stream = EventStream(an_actor(), 0, hub=hub, page=page, channels=frozenset(), types=frozenset(), headers={})
    async with asyncio.timeout(5):
        await stream({"type": "http", "extensions": {HANG_UP: gone.set}}, receive, send)  # type: ignore[arg-type]
    assert not stream.is_open
    assert hub._admitted == set()
