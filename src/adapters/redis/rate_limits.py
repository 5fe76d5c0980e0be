"""Limits that several processes share: each counts by itself, and about once a second they tell each other."""

import asyncio
import heapq
import time
from collections.abc import Callable, Iterable
from operator import itemgetter
from random import uniform
from typing import Any

from adapters.memory.rate_limits import MOST_KEYS, LocalRateLimits, Window
from adapters.redis.store import AWAY, Presence, RedisStore
from core.kernel.limits import Limit

EVERY = 1.0
# Of a flood, what is told in one go; the biggest amounts are the ones that matter.
_MOST_AT_ONCE = 2_000
_CHUNK = 250
_ANSWERED = 1_000

# The amounts of one window are a hash; its field '' numbers the changes, and the sorted set says which key changed as
# which. What is far from its limit is not worth telling: `least` is where that begins. Both keys are forgotten soon
# after they stop to count.
_EXCHANGE = """
local life, least, seen, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
for i = 5, #ARGV, 2 do
  local total = redis.call('hincrby', KEYS[1], ARGV[i], ARGV[i + 1])
  if total >= least then
    redis.call('zadd', KEYS[2], redis.call('hincrby', KEYS[1], '', 1), ARGV[i])
  end
end
if #ARGV > 4 then
  redis.call('expire', KEYS[1], life)
  redis.call('expire', KEYS[2], life)
end
if seen > tonumber(redis.call('hget', KEYS[1], '') or 0) then
  seen = 0
end
local changed = redis.call('zrangebyscore', KEYS[2], '(' .. seen, '+inf', 'withscores', 'limit', 0, most)
local answer = {seen}
for i = 1, #changed, 2 do
  answer[1] = tonumber(changed[i + 1])
  answer[#answer + 1] = changed[i]
  answer[#answer + 1] = tonumber(redis.call('hget', KEYS[1], changed[i]) or 0)
end
return answer
"""


class SharedRateLimits(LocalRateLimits):
    """The limits of all processes that use one Redis and name the same `limits`. With Redis away, each counts alone."""

    _is_shared = True

    def __init__(
        self,
        store: RedisStore,
        *,
        limits: Iterable[Limit] = (),
        now: Callable[[], float] = time.time,
        most_keys: int = MOST_KEYS,
    ) -> None:
        super().__init__(now=now, most_keys=most_keys)
        self._exchange: Any = store.client.register_script(_EXCHANGE)
        self._presence = Presence("each process counts rate limits alone")
        for limit in limits:
            self.counter(limit)

    async def share(self) -> None:
        """Exchanges counts for ever, until it is cancelled."""
        while True:
            await self.exchange()
            # Not all processes at the same instant.
            await asyncio.sleep(EVERY * uniform(0.8, 1.2))  # noqa: S311  (no secret)

    async def exchange(self) -> bool:
        """Tells what was used up here, and hears what was elsewhere. False if Redis is away: then it is told later."""
        try:
            for counter in list(self._counters.values()):
                counter.turn(self._now())
                for window in (counter.last, counter.present):
                    await self._tell_and_hear(counter.limit, window)
        except AWAY as error:
            self._presence.gone(error)
            return False
        self._presence.here()
        return True

    async def _tell_and_hear(self, limit: Limit, window: Window) -> None:
        place = f"flowtrack:limit:{{{limit.name}:{limit.seconds}:{window.begins}}}"
        keys = [f"{place}:used", f"{place}:changed"]
        telling = list(_biggest(window.unsent, _MOST_AT_ONCE).items())
        is_first, hears_more = True, True
        while is_first or telling or hears_more:
            is_first, chunk, telling = False, dict(telling[:_CHUNK]), telling[_CHUNK:]
            amounts = [part for pair in chunk.items() for part in pair]
            seen, *changed = await self._exchange(
                keys=keys,
                args=[2 * limit.seconds + 5, (limit.most + 3) // 4, window.seen, _ANSWERED, *amounts],
            )
            window.sent(chunk)
            window.seen = seen
            for key, total in zip(changed[::2], changed[1::2], strict=True):
                window.learn(key.decode(), total)
            hears_more = len(changed) == 2 * _ANSWERED


def _biggest(used: dict[str, int], most: int) -> dict[str, int]:
    return used if len(used) <= most else dict(heapq.nlargest(most, used.items(), key=itemgetter(1)))
