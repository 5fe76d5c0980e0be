import time
from collections.abc import Callable
from itertools import islice
from math import ceil

from core.kernel.limits import Limit

# Each attempt costs the hash of a password, so that far fewer can be made within any limit's time.
MOST_KEYS = 50_000


class LocalAttempts:
    """The attempts of one process: the instants of each key's last ones."""

    def __init__(self, *, now: Callable[[], float] = time.time, most_keys: int = MOST_KEYS) -> None:
        self._now = now
        self._most_keys = most_keys
        self._made: dict[tuple[str, str], list[float]] = {}

    async def begin(self, key: str, limit: Limit) -> int:
        now = self._now()
        made = [at for at in self._made.pop((limit.name, key), ()) if at > now - limit.seconds]
        wait = 0
        if len(made) >= limit.most:
            wait = max(1, ceil(made[-limit.most] + limit.seconds - now))
        else:
            made.append(now)
        # Last in the dictionary, which is in order of use.
        self._made[limit.name, key] = made
        if len(self._made) > self._most_keys:
            for oldest in list(islice(self._made, self._most_keys // 10)):
                del self._made[oldest]
        return wait

    async def forget(self, key: str, limit: Limit) -> None:
        self._made.pop((limit.name, key), None)
