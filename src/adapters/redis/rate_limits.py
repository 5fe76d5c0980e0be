"""Limits that several processes share: each counts by itself, and about once a second they tell each other."""

import asyncio
import time
from collections.abc import Callable
from itertools import islice
from random import uniform
from typing import Any

from adapters.memory.rate_limits import MOST_KEYS, Batch, LocalRateLimits, Window
from adapters.redis.store import AWAY, Presence, RedisStore

EVERY = 1.0
# Of a flood, what is told in one go; the biggest amounts are the ones that matter.
_MOST_AT_ONCE = 2_000
_CHUNK = 250

# The amounts of one window are a hash: they are forgotten together, soon after they stop to count.
_ADD = """
local answers = {}
for i = 2, #ARGV, 2 do
  answers[#answers + 1] = redis.call('hincrby', KEYS[1], ARGV[i], ARGV[i + 1])
  answers[#answers + 1] = tonumber(redis.call('hget', KEYS[2], ARGV[i]) or 0)
end
redis.call('expire', KEYS[1], ARGV[1])
return answers
"""


class SharedRateLimits(LocalRateLimits):
    """The limits of all processes that use one Redis. With Redis away, each process counts alone."""

    _is_shared = True

    def __init__(self, store: RedisStore, *, now: Callable[[], float] = time.time, most_keys: int = MOST_KEYS) -> None:
        super().__init__(now=now, most_keys=most_keys)
        self._add: Any = store.client.register_script(_ADD)
        self._presence = Presence("each process counts rate limits alone")

    async def share(self) -> None:
        """Exchanges counts for ever, until it is cancelled."""
        while True:
            # Not all processes at the same instant.
            await asyncio.sleep(EVERY * uniform(0.8, 1.2))  # noqa: S311  (no secret)
            await self.exchange()

    async def exchange(self) -> bool:
        """Tells what was used up here, and hears what was elsewhere. False if Redis is away; nothing is lost then."""
        batches = [(window, batch) for window in self._windows.values() for batch in window.unsent(most=_MOST_AT_ONCE)]
        for place, (window, batch) in enumerate(batches):
            try:
                await self._tell(window, batch)
            except AWAY as error:
                self._presence.gone(error)
                for unsent, kept in batches[place:]:
                    unsent.take_back(kept)
                return False
        if batches:
            self._presence.here()
        return True

    async def _tell(self, window: Window, batch: Batch) -> None:
        seconds = batch.limit.seconds
        place = f"flowtrack:limit:{{{batch.limit.name}:{seconds}}}:"
        before = batch.begins - seconds
        while chunk := list(islice(batch.used.items(), _CHUNK)):
            amounts = [part for key, amount in chunk for part in (str(key), amount)]
            totals = await self._add(
                keys=[f"{place}{batch.begins}", f"{place}{before}"], args=[2 * seconds + 5, *amounts]
            )
            for (key, _), total, total_before in zip(chunk, totals[::2], totals[1::2], strict=True):
                # What was told is not told again, should a later chunk fail.
                del batch.used[key]
                window.learn(batch.begins, key, total)
                if total_before:
                    window.learn(before, key, total_before)
