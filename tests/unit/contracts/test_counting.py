"""What counts in one process keeps the contracts of what several share."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from adapters.memory.attempts import LocalAttempts
from adapters.memory.rate_limits import LocalRateLimits
from core.kernel.limits import Limit
from tests.contracts.limits import FIVE, AttemptContract, RateLimitContract, SettableSeconds
from tests.fakes.attempts import CountedAttempts
from tests.fakes.clock import SettableClock


class TestLocalRateLimits(RateLimitContract):
    @pytest.fixture
    def world(self) -> SimpleNamespace:
        seconds = SettableSeconds()
        return SimpleNamespace(limits=LocalRateLimits(now=seconds), seconds=seconds)

    def test_a_flood_of_keys_is_forgotten_and_whoever_uses_most_is_not(self) -> None:
        limits = LocalRateLimits(now=SettableSeconds(), most_keys=100)
        for _ in range(5):
            limits.take(FIVE, "busy")
        for number in range(10_000):
            assert limits.take(FIVE, f"one of many {number}").granted
            assert limits.keys() <= 100
        assert not limits.take(FIVE, "busy").granted

    def test_what_is_past_is_forgotten(self) -> None:
        seconds = SettableSeconds()
        limits = LocalRateLimits(now=seconds)
        for number in range(1000):
            limits.take(FIVE, str(number))
        for _ in range(2):
            seconds.at += 60
            limits.take(FIVE, "another")
        assert limits.keys() == 2


class TestLocalAttempts(AttemptContract):
    @pytest.fixture
    def world(self) -> SimpleNamespace:
        seconds = SettableSeconds()

        async def passes(by: float) -> None:
            seconds.at += by

        return SimpleNamespace(attempts=LocalAttempts(now=seconds), passes=passes)

    async def test_a_flood_of_keys_is_forgotten_the_oldest_first(self) -> None:
        attempts, limit = LocalAttempts(now=SettableSeconds(), most_keys=100), Limit(name="a", most=1, seconds=900)
        await attempts.begin("oldest", "here", limit)
        for number in range(100):
            await attempts.begin(f"one of many {number}", "here", limit)
            assert attempts.keys() <= 100
        assert await attempts.begin("one of many 99", "here", limit) > 0
        assert await attempts.begin("oldest", "here", limit) == 0

    async def test_a_flood_of_one_kind_makes_nothing_of_another_forgotten(self) -> None:
        attempts = LocalAttempts(now=SettableSeconds(), most_keys=100)
        failures, letters = (Limit(name=name, most=1, seconds=900) for name in ("failures", "letters"))
        await attempts.begin("ann", "here", failures)
        for number in range(1000):
            await attempts.begin(f"one of many {number}", "here", letters)
        assert await attempts.begin("ann", "here", failures) > 0


class TestCountedAttempts(AttemptContract):
    @pytest.fixture
    def world(self) -> SimpleNamespace:
        clock = SettableClock()

        async def passes(by: float) -> None:
            clock.advance(timedelta(seconds=by))

        return SimpleNamespace(attempts=CountedAttempts(clock), passes=passes)
