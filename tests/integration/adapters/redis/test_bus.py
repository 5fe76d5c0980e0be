"""The bus over a real Redis, also while it is away."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from adapters.redis.bus import SharedBus
from adapters.redis.store import RedisStore
from entrypoints.ending import end
from tests.contracts.bus import BusContract, Heard, until
from tests.integration.adapters.redis.conftest import Line


@asynccontextmanager
async def carried(url: str) -> AsyncIterator[SharedBus]:
    """As a process has it."""
    store = RedisStore(url=url)
    bus = SharedBus(store)
    carrying = asyncio.create_task(bus.carry())
    try:
        yield bus
    finally:
        await end([carrying])
        await store.close()


class TestSharedBus(BusContract):
    @pytest.fixture
    async def bus(self, redis_url: str) -> AsyncIterator[SharedBus]:
        async with carried(redis_url) as found:
            yield found

    @pytest.fixture
    async def other(self, redis_url: str) -> AsyncIterator[SharedBus]:
        async with carried(redis_url) as found:
            yield found


async def test_what_nobody_follows_any_more_is_not_heard(redis_url: str) -> None:
    heard, left, kept = Heard(), uuid4(), uuid4()
    async with carried(redis_url) as bus, carried(redis_url) as other:
        other.listen(heard)
        for company in (left, kept):
            other.follow(company)
        await until(lambda: (left, 1) in heard.appends, again=lambda: bus.appended(left, 1))
        other.leave(left)
        # What is told later is heard, so the other had gone out before.
        await until(lambda: left not in other._subscribed)
        await until(lambda: (kept, 3) in heard.appends, again=lambda: bus.appended(kept, 3))
        bus.appended(left, 2)
        bus.appended(kept, 4)
        await until(lambda: (kept, 4) in heard.appends)
        assert (left, 2) not in heard.appends


async def test_redis_may_go_away_and_come_back(redis_url: str, line: Line) -> None:
    heard, company = Heard(), uuid4()
    async with carried(redis_url) as bus, carried(line.url) as other:
        other.listen(heard)
        other.follow(company)
        await until(lambda: (company, 1) in heard.appends, again=lambda: bus.appended(company, 1))
        await line.cut()
        # Nothing of it fails, or is waited for.
        other.appended(company, 2)
        other.ended(company)
        assert (company, 2) in heard.appends
        misses = heard.misses
        await line.mend()
        await until(lambda: (company, 3) in heard.appends, again=lambda: bus.appended(company, 3))
        assert heard.misses > misses


async def test_a_line_that_says_nothing_is_given_up(
    redis_url: str, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.redis.bus._SILENCE", 0.1)
    monkeypatch.setattr("adapters.redis.bus._TOO_LONG", 0.3)
    heard = Heard()
    async with carried(line.url) as bus:
        bus.listen(heard)
        await until(lambda: heard.misses == 1)
        line.go_silent()
        await asyncio.sleep(0.5)
        await line.mend()
        await until(lambda: heard.misses > 1)


async def test_it_ends_while_it_speaks(redis_url: str) -> None:
    """The client of Redis writes within `asyncio.wait_for`, which in Python 3.11 loses what cancels it at that moment:
    about one of six was never told again, and held up whoever waited for it without end.
    """
    for number in range(40):
        store = RedisStore(url=redis_url)
        bus = SharedBus(store)
        carrying = asyncio.create_task(bus.carry())
        talking = asyncio.create_task(_talking(bus))
        try:
            await asyncio.sleep(0.02 + number / 10_000)
            async with asyncio.timeout(30):
                await end([carrying])
        finally:
            await end([talking])
            await store.close()


async def _talking(bus: SharedBus) -> None:
    company = uuid4()
    for seq in itertools.count(1):
        bus.appended(company, seq)
        await asyncio.sleep(0)


async def test_who_is_told_twice_to_end_ends(store: RedisStore) -> None:
    """Each time, all that it does is told so."""

    async def hard_of_hearing() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    bus = SharedBus(store)
    for name in ("_speak", "_hear"):
        setattr(bus, name, hard_of_hearing)
    carrying = asyncio.create_task(bus.carry())
    await asyncio.sleep(0.05)
    async with asyncio.timeout(30):
        await end([carrying])
    assert carrying.cancelled()
