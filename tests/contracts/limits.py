"""What counts, in one process or in several, keeps to the same limits."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Protocol

import pytest

from core.auth.ports import Attempts
from core.kernel.limits import Limit
from core.kernel.ports import RateLimits

FIVE = Limit(name="five", most=5, seconds=60)


class SettableSeconds:
    """A clock in seconds; it begins with a window of a minute."""

    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def __call__(self) -> float:
        return self.at


class CountedWorld(Protocol):
    """Rate limits, and the clock that they go by."""

    limits: RateLimits
    seconds: SettableSeconds


class RateLimitContract:
    @pytest.fixture
    def key(self) -> str:
        """What nobody else counts."""
        return str(uuid.uuid4())

    def test_so_many_are_granted_and_no_more(self, world: CountedWorld, key: str) -> None:
        granted = [world.limits.take(FIVE, key) for _ in range(5)]
        assert [each.granted for each in granted] == [True] * 5
        assert [each.remaining for each in granted] == [4, 3, 2, 1, 0]
        assert {each.seconds for each in granted} == {60}
        refused = world.limits.take(FIVE, key)
        assert (refused.granted, refused.remaining) == (False, 0)

    def test_keys_and_limits_are_counted_apart(self, world: CountedWorld, key: str) -> None:
        other = Limit(name="other", most=5, seconds=60)
        for _ in range(6):
            world.limits.take(FIVE, key)
        assert world.limits.take(FIVE, f"{key} too").granted
        assert world.limits.take(other, key).granted

    @pytest.mark.parametrize("begun", [0, 1, 29.5, 59.9])
    @pytest.mark.parametrize("used_before", [0, 2, 5])
    def test_waiting_as_long_as_it_says_helps_and_a_second_less_does_not(
        self, world: CountedWorld, key: str, begun: float, used_before: int
    ) -> None:
        for _ in range(used_before):
            assert world.limits.take(FIVE, key).granted
        world.seconds.at += 60 + begun
        while (answer := world.limits.take(FIVE, key)).granted:
            pass
        assert answer.seconds >= 1
        world.seconds.at += answer.seconds - 1
        if answer.seconds > 1:
            assert not world.limits.take(FIVE, key).granted
        world.seconds.at += 1
        assert world.limits.take(FIVE, key).granted

    def test_what_was_refused_does_not_count(self, world: CountedWorld, key: str) -> None:
        for _ in range(50):
            world.limits.take(FIVE, key)
        world.seconds.at += 120
        assert world.limits.take(FIVE, key).remaining == 4

    def test_looking_uses_up_nothing_and_answers_what_taking_would(self, world: CountedWorld, key: str) -> None:
        for taken in range(5):
            looked = [world.limits.look(FIVE, key) for _ in range(3)]
            assert looked == [(True, 4 - taken, 60)] * 3
            assert world.limits.take(FIVE, key) == looked[0]
        refused = world.limits.take(FIVE, key)
        assert not refused.granted
        assert world.limits.look(FIVE, key) == refused

    def test_a_steady_caller_gets_the_limit_and_no_more_than_that(self, world: CountedWorld, key: str) -> None:
        limit, granted = Limit(name="hundred", most=100, seconds=60), 0
        for _ in range(5 * 1200):
            world.seconds.at += 0.1
            granted += world.limits.take(limit, key).granted
        # One less for each window: what lies before it counts in fractions, and those are not given away.
        assert 10 * 99 <= granted <= 10 * 100 + 1

    def test_no_boundary_between_windows_lets_more_through(self, world: CountedWorld, key: str) -> None:
        world.seconds.at += 59.9
        granted = [world.limits.take(FIVE, key).granted for _ in range(3)]
        world.seconds.at += 0.2
        granted += [world.limits.take(FIVE, key).granted for _ in range(10)]
        assert sum(granted) == 5

    def test_the_clock_may_be_put_back(self, world: CountedWorld, key: str) -> None:
        world.seconds.at += 60
        for _ in range(5):
            world.limits.take(FIVE, key)
        world.seconds.at -= 3
        assert not world.limits.take(FIVE, key).granted
        world.seconds.at -= 86_400
        assert world.limits.take(FIVE, key).granted


class TimedAttempts(Protocol):
    """Attempts, and a way to let time pass."""

    attempts: Attempts
    passes: Callable[[float], Awaitable[None]]


class AttemptContract:
    @pytest.fixture
    def whose(self) -> str:
        """What nobody else counts."""
        return f"ann.{uuid.uuid4()}@example.com"

    async def test_so_many_are_let_through_and_the_next_waits_for_the_first(
        self, world: TimedAttempts, whose: str
    ) -> None:
        limit = Limit(name="attempts", most=3, seconds=900)
        assert [await world.attempts.begin(whose, "here", limit) for _ in range(3)] == [0, 0, 0]
        assert 890 <= await world.attempts.begin(whose, "here", limit) <= 900
        assert await world.attempts.begin(whose, "there", limit) == 0
        assert await world.attempts.begin(f"{whose} too", "here", limit) == 0

    async def test_no_more_are_let_through_at_once_than_one_by_one(self, world: TimedAttempts, whose: str) -> None:
        limit = Limit(name="attempts", most=5, seconds=900)
        waits = await asyncio.gather(*(world.attempts.begin(whose, "here", limit) for _ in range(40)))
        assert waits.count(0) == 5

    async def test_each_is_past_in_its_time(self, world: TimedAttempts, whose: str) -> None:
        limit = Limit(name="attempts", most=2, seconds=2)
        assert await world.attempts.begin(whose, "here", limit) == 0
        await world.passes(1.2)
        assert await world.attempts.begin(whose, "here", limit) == 0
        assert await world.attempts.begin(whose, "here", limit) == 1
        await world.passes(1.0)
        assert await world.attempts.begin(whose, "here", limit) == 0
        assert await world.attempts.begin(whose, "here", limit) >= 1

    async def test_the_last_may_be_taken_back(self, world: TimedAttempts, whose: str) -> None:
        limit = Limit(name="attempts", most=2, seconds=900)
        await world.attempts.take_back(whose, "here", limit)
        for _ in range(5):
            assert await world.attempts.begin(whose, "here", limit) == 0
            await world.attempts.take_back(whose, "here", limit)
        assert [await world.attempts.begin(whose, "here", limit) for _ in range(2)] == [0, 0]
        await world.attempts.take_back(whose, "there", limit)
        assert await world.attempts.begin(whose, "here", limit) > 0
        await world.attempts.take_back(whose, "here", limit)
        assert await world.attempts.begin(whose, "here", limit) == 0
        assert await world.attempts.begin(whose, "here", limit) > 0

    async def test_forgotten_is_forgotten(self, world: TimedAttempts, whose: str) -> None:
        limit = Limit(name="attempts", most=2, seconds=900)
        for _ in range(3):
            await world.attempts.begin(whose, "here", limit)
        await world.attempts.forget(whose, "here", limit)
        assert [await world.attempts.begin(whose, "here", limit) for _ in range(2)] == [0, 0]
        assert await world.attempts.begin(whose, "here", limit) > 0

    async def test_what_is_forgotten_of_a_place_is_not_of_another(self, world: TimedAttempts, whose: str) -> None:
        limit = Limit(name="attempts", most=1, seconds=900)
        for place in ("here", "there"):
            await world.attempts.begin(whose, place, limit)
        await world.attempts.forget(whose, "here", limit)
        assert await world.attempts.begin(whose, "here", limit) == 0
        assert await world.attempts.begin(whose, "there", limit) > 0

    async def test_forgotten_everywhere_is_forgotten_in_all_places_and_of_nobody_else(
        self, world: TimedAttempts, whose: str
    ) -> None:
        limits = [Limit(name=name, most=1, seconds=900) for name in ("one", "another")]
        everybody = [(name, place) for name in (whose, f"{whose} too") for place in ("here", "there")]
        for limit in limits:
            for name, place in everybody:
                await world.attempts.begin(name, place, limit)
        for _ in range(2):
            await world.attempts.forget_everywhere(whose)
            for limit in limits:
                waits = [await world.attempts.begin(name, place, limit) for name, place in everybody]
                assert [wait > 0 for wait in waits] == [False, False, True, True]
                # Counting goes on from there.
                assert await world.attempts.begin(whose, "here", limit) > 0
