import time
from collections.abc import Callable
from itertools import islice
from math import ceil

from core.kernel.limits import Limit

# Each attempt costs the hash of a password, or that of having proved one, so that far fewer can be made within the
# time of the shorter limits.
MOST_KEYS = 50_000


class LocalAttempts:
    """The attempts of one process: the instants of each key's last ones."""

    def __init__(self, *, now: Callable[[], float] = time.time, most_keys: int = MOST_KEYS) -> None:
        self._now = now
        self._most_keys = most_keys
        self._made: dict[tuple[str, str, str], list[float]] = {}

    def keys(self) -> int:
        """How many are remembered."""
        return len(self._made)

    async def begin(self, whose: str, place: str, limit: Limit) -> int:
        now, key = self._now(), (whose, place, limit.name)
        made = [at for at in self._made.pop(key, ()) if at > now - limit.seconds]
        wait = 0
        if len(made) >= limit.most:
            wait = max(1, ceil(made[-limit.most] + limit.seconds - now))
        else:
            made.append(now)
        # Last in the dictionary, which is in order of use.
        self._made[key] = made
        if len(self._made) > self._most_keys:
            for oldest in list(islice(self._made, self._most_keys // 10)):
                del self._made[oldest]
        return wait

    async def forget(self, whose: str, place: str, limit: Limit) -> None:
        self._made.pop((whose, place, limit.name), None)

    async def forget_everywhere(self, whose: str) -> None:
        # It walks over all keys, which takes milliseconds, so that nothing else has to know places.
        for key in [each for each in self._made if each[0] == whose]:
            del self._made[key]
