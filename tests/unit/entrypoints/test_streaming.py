import asyncio
from typing import Any

from core.realtime.errors import EventsExpired
from core.realtime.read_models import Stretch
from entrypoints.live.hub import Hub
from entrypoints.rest.streaming import EventStream
from tests.builders.office import Office
from tests.fakes.feeds import InMemoryFeedReader


class Silent:
    """A bus that carries nothing."""

    def listen(self, ear: object) -> None: ...


async def test_a_stream_ends_by_name_where_the_log_is_purged_while_it_catches_up() -> None:
    office = await Office.open()

    async def page(_: int) -> Stretch:
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
