"""What several processes share by Redis keeps the contracts of what one counts, and goes on without Redis."""

import asyncio
import logging
import secrets
import time
import uuid
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

from adapters.redis.attempts import SharedAttempts
from adapters.redis.rate_limits import SharedRateLimits
from adapters.redis.store import RedisStore
from core.kernel.limits import Limit
from tests.contracts.limits import FIVE, AttemptContract, RateLimitContract, SettableSeconds
from tests.integration.adapters.redis.conftest import Line


@pytest.fixture
def key() -> str:
    return str(uuid.uuid4())


def taken(limits: SharedRateLimits, key: str, times: int, limit: Limit = FIVE) -> list[bool]:
    return [limits.take(limit, key).granted for _ in range(times)]


class TestSharedRateLimits(RateLimitContract):
    @pytest.fixture
    def world(self, store: RedisStore) -> SimpleNamespace:
        seconds = SettableSeconds()
        return SimpleNamespace(limits=SharedRateLimits(store, now=seconds), seconds=seconds)


class TestProcesses:
    """Three processes with one Redis, and one clock."""

    @pytest.fixture
    async def processes(self, redis_url: str) -> AsyncIterator[list[SharedRateLimits]]:
        self.seconds = SettableSeconds()
        stores = [RedisStore(url=redis_url) for _ in range(3)]
        yield [SharedRateLimits(store, limits=[FIVE], now=self.seconds) for store in stores]
        for store in stores:
            await store.close()

    async def test_together_they_grant_one_limit(self, processes: list[SharedRateLimits], key: str) -> None:
        one, two, three = processes
        assert taken(one, key, 3) == [True] * 3
        assert taken(two, key, 2) == [True] * 2
        for each in (one, two, one):
            assert await each.exchange()
        assert taken(one, key, 1) == [False]
        assert taken(two, key, 1) == [False]
        # Nor is there anything left at a process that never met the key.
        await three.exchange()
        assert taken(three, key, 1) == [False]

    async def test_what_is_counted_while_they_exchange_is_not_lost(
        self, processes: list[SharedRateLimits], key: str
    ) -> None:
        one, two, _ = processes
        limit = Limit(name="many", most=1000, seconds=60)
        for _ in range(20):
            exchanging = asyncio.gather(one.exchange(), two.exchange())
            for _ in range(5):
                taken(one, key, 2, limit)
                taken(two, key, 3, limit)
                await asyncio.sleep(0)
            await exchanging
        for each in (one, two, one):
            await each.exchange()
        assert one.take(limit, key).remaining == two.take(limit, key).remaining == 1000 - 20 * 25 - 1

    @pytest.mark.parametrize("is_known", [True, False])
    async def test_what_was_used_in_the_last_window_counts_everywhere(
        self, processes: list[SharedRateLimits], key: str, is_known: bool
    ) -> None:
        one, two, _ = processes
        taken(one, key, 5)
        await one.exchange()
        if is_known:
            await two.exchange()
        self.seconds.at += 60
        await two.exchange()
        assert taken(two, key, 1) == [False]

    async def test_what_was_used_just_before_a_window_ends_is_told_after_it(
        self, processes: list[SharedRateLimits], key: str
    ) -> None:
        one, two, _ = processes
        taken(one, key, 5)
        self.seconds.at += 60
        await two.exchange()
        await one.exchange()
        assert taken(two, key, 1) == [True]
        await two.exchange()
        assert taken(two, key, 1) == [False]

    async def test_a_few_of_a_limit_that_is_far_away_are_told_when_they_add_up(
        self, processes: list[SharedRateLimits], key: str
    ) -> None:
        limit = Limit(name="hundred", most=100, seconds=60)
        for _ in range(9):
            for each in processes:
                taken(each, key, 1, limit)
                await each.exchange()
        for each in processes:
            await each.exchange()
            assert each.take(limit, key).remaining == 100 - 27 - 1

    async def test_a_flood_is_told_piece_by_piece_the_biggest_first(
        self, processes: list[SharedRateLimits], key: str
    ) -> None:
        one, two, _ = processes
        for number in range(5000):
            one.take(FIVE, f"{key} {number}")
        taken(one, key, 5)
        assert await one.exchange()
        await two.exchange()
        assert taken(two, key, 1) == [False]
        # What is left goes with the next ones.
        taken(two, f"{key} 4999", 1)
        for _ in range(2):
            await one.exchange()
        await two.exchange()
        assert two.take(FIVE, f"{key} 4999").remaining == 2

    async def test_it_happens_by_itself_about_every_second(self, processes: list[SharedRateLimits], key: str) -> None:
        one, two, _ = processes
        sharing = [asyncio.create_task(each.share()) for each in (one, two)]
        taken(one, key, 4)
        taken(two, key, 1)
        await asyncio.sleep(2.6)
        assert taken(one, key, 1) + taken(two, key, 1) == [False, False]
        for task in sharing:
            task.cancel()
        await asyncio.wait(sharing)

    async def test_it_is_forgotten_after_two_windows(self, store: RedisStore, key: str) -> None:
        limits = SharedRateLimits(store)
        limit = Limit(name=f"short {key}", most=5, seconds=1)
        taken(limits, key, 1, limit)
        await limits.exchange()
        kept = await store.client.keys(f"flowtrack:limit:*{key}*")
        assert kept
        for each in kept:
            assert 0 < await store.client.ttl(each) <= 2 * limit.seconds + 5


class TestRedisAway:
    async def test_each_process_counts_alone_and_recovers_by_itself(
        self, store: RedisStore, store_on_line: RedisStore, line: Line, key: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        seconds = SettableSeconds()
        here, there = SharedRateLimits(store_on_line, now=seconds), SharedRateLimits(store, now=seconds)
        taken(here, key, 1)
        assert await here.exchange()
        await line.cut()
        with caplog.at_level(logging.INFO, "flowtrack.redis"):
            assert taken(here, key, 2) == [True, True]
            for _ in range(3):
                assert not await here.exchange()
            assert taken(here, key, 3) == [True, True, False]
            await line.mend()
            assert await here.exchange()
        assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
        taken(there, key, 1)
        await there.exchange()
        assert taken(there, key, 1) == [False]

    async def test_one_that_does_not_answer_is_not_waited_for(
        self, store_on_line: RedisStore, line: Line, key: str
    ) -> None:
        limits = SharedRateLimits(store_on_line)
        line.go_silent()
        taken(limits, key, 1)
        began = time.monotonic()
        assert not await limits.exchange()
        assert time.monotonic() - began < 3
        await line.mend()
        assert await limits.exchange()

    async def test_a_redis_that_lost_everything_takes_nothing_back(self, store: RedisStore, key: str) -> None:
        limits = SharedRateLimits(store)
        limit = Limit(name=key, most=5, seconds=3600)
        taken(limits, key, 4, limit)
        await limits.exchange()
        other = SharedRateLimits(store, limits=[limit])
        await other.exchange()
        await store.client.delete(*await store.client.keys(f"flowtrack:limit:*{key}*"))
        taken(limits, key, 1, limit)
        await limits.exchange()
        assert taken(limits, key, 1, limit) == [False]
        # Nor does it keep processes from hearing of each other again.
        taken(other, f"{key} too", 5, limit)
        await other.exchange()
        await limits.exchange()
        assert taken(limits, f"{key} too", 1, limit) == [False]

    async def test_it_says_whether_it_answers(self, store_on_line: RedisStore, line: Line) -> None:
        assert await store_on_line.is_alive()
        await line.cut()
        assert not await store_on_line.is_alive()
        await line.mend()
        assert await store_on_line.is_alive()


class TestSharedAttempts(AttemptContract):
    @pytest.fixture
    def world(self, store: RedisStore) -> SimpleNamespace:
        return SimpleNamespace(attempts=SharedAttempts(store, key=b"a key"), passes=asyncio.sleep)

    async def test_processes_count_together(self, redis_url: str, key: str) -> None:
        limit = Limit(name="attempts", most=3, seconds=900)
        stores = [RedisStore(url=redis_url) for _ in range(3)]
        one, two, three = (SharedAttempts(store, key=b"a key") for store in stores)
        assert [await each.begin(key, "here", limit) for each in (one, two, three)] == [0, 0, 0]
        assert await one.begin(key, "here", limit) > 0
        await two.forget(key, "here", limit)
        assert await one.begin(key, "here", limit) == 0
        assert [await each.begin(key, "here", limit) for each in (two, three, one)][:2] == [0, 0]
        await three.forget_everywhere(key)
        assert await one.begin(key, "here", limit) == 0
        for store in stores:
            await store.close()

    async def test_no_name_is_kept(self, store: RedisStore) -> None:
        name = f"{secrets.token_hex(4)}@example.com"
        await SharedAttempts(store, key=b"a key").begin(
            name, f"from {name}", Limit(name="attempts", most=3, seconds=900)
        )
        await SharedAttempts(store, key=b"a key").forget_everywhere(name)
        kept = await store.client.keys("flowtrack:attempts*")
        assert kept and not any(name.encode() in each or b"example" in each for each in kept)

    async def test_with_redis_away_each_remembers_its_own(
        self, store_on_line: RedisStore, line: Line, key: str
    ) -> None:
        limit = Limit(name="attempts", most=3, seconds=900)
        attempts = SharedAttempts(store_on_line, key=b"a key")
        assert await attempts.begin(key, "here", limit) == 0
        await line.cut()
        assert [await attempts.begin(key, "here", limit) for _ in range(2)] == [0, 0]
        assert await attempts.begin(key, "here", limit) > 0
        await attempts.forget(key, "here", limit)
        assert await attempts.begin(key, "here", limit) == 0
        assert [await attempts.begin(key, "here", limit) for _ in range(3)][2] > 0
        await attempts.forget_everywhere(key)
        assert await attempts.begin(key, "here", limit) == 0
        await line.mend()
        await attempts.forget(key, "here", limit)
        assert await attempts.begin(key, "here", limit) == 0
