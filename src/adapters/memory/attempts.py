import time
from collections.abc import Callable
from itertools import islice
from math import ceil

from core.kernel.limits import Limit

# Of each limit by itself: failures cost the hash of a password, or that of having proved one, and letters do not, so
# that asking for letters makes nobody's failures forgotten.
MOST_KEYS = 50_000


class LocalAttempts:
    """The attempts of one process: the instants of each key's last ones."""

    def __init__(self, *, now: Callable[[], float] = time.time, most_keys: int = MOST_KEYS) -> None:
        self._now = now
        self._most_keys = most_keys
        self._made: dict[str, dict[tuple[str, str], list[float]]] = {}

    def keys(self) -> int:
        """How many are remembered."""
        return sum(map(len, self._made.values()))

    async def begin(self, whose: str, place: str, limit: Limit) -> int:
        now, key, of_limit = self._now(), (whose, place), self._made.setdefault(limit.name, {})
        made = [at for at in of_limit.pop(key, ()) if at > now - limit.seconds]
        wait = 0
        if len(made) >= limit.most:
            wait = max(1, ceil(made[-limit.most] + limit.seconds - now))
        else:
            made.append(now)
        # Last in the dictionary, which is in order of use.
        of_limit[key] = made
        if len(of_limit) > self._most_keys:
            for oldest in list(islice(of_limit, self._most_keys // 10)):
                del of_limit[oldest]
        return wait

    async def take_back(self, whose: str, place: str, limit: Limit) -> None:
        if made := self._made.get(limit.name, {}).get((whose, place)):
            made.pop()

    async def forget(self, whose: str, place: str, limit: Limit) -> None:
        self._made.get(limit.name, {}).pop((whose, place), None)

    async def forget_everywhere(self, whose: str) -> None:
        # It walks over all keys, which takes milliseconds, so that nothing else has to know places.
        for of_limit in self._made.values():
            for key in [each for each in of_limit if each[0] == whose]:
                del of_limit[key]
