"""Limits counted in this process: a few operations on dictionaries for each request.

Time is cut into windows of a limit's length, at the same instants on every process. What was used in the last one
counts for as much of it as still lies within the length of a window before now, as if it had been used evenly. So no
more than the limit is granted in a window, two numbers are all that is kept for a key, and a window is forgotten in one
step.
"""

import heapq
import time
from collections.abc import Callable, Iterator
from math import ceil
from operator import itemgetter
from typing import NamedTuple

from core.kernel.limits import Allowance, Limit

# A flood of addresses cannot make a process grow: of more keys than these, those that used least are forgotten.
MOST_KEYS = 20_000
# Windows that were waited for in full leave fractions of a request, by the nature of floating point.
_SLACK = 1e-9


class Batch(NamedTuple):
    """What one process used up in the window that begins at `begins`, and no other process knows of yet."""

    limit: Limit
    begins: int
    used: dict[str | int, int]


class Window:
    """The present and the last window of one limit."""

    def __init__(self, limit: Limit, *, is_shared: bool, most_keys: int) -> None:
        self.limit = limit
        self._most = limit.most
        self._seconds = limit.seconds
        self._is_shared = is_shared
        self._most_keys = most_keys
        self._begins = 0
        self._used: dict[str | int, int] = {}
        self._used_before: dict[str | int, int] = {}
        self._unsent: dict[str | int, int] = {}
        self._unsent_before: dict[str | int, int] = {}

    def take(self, key: str | int, now: float) -> Allowance:
        elapsed = now - self._begins
        if not 0 <= elapsed < self._seconds:
            elapsed = self._turn(now)
        used = self._used.get(key, 0)
        before = self._used_before.get(key, 0)
        left = self._most - used - before * (1 - elapsed / self._seconds) + _SLACK
        if left < 1:
            return Allowance(False, 0, self._wait(used, before, elapsed))
        if not used and len(self._used) >= self._most_keys:
            self._forget_least()
        self._used[key] = used + 1
        if self._is_shared:
            self._unsent[key] = self._unsent.get(key, 0) + 1
        return Allowance(True, int(left) - 1, ceil(self._seconds - elapsed))

    def keys(self) -> int:
        """How many keys are remembered, at most twice what is allowed for one window."""
        return len(self._used) + len(self._used_before)

    def unsent(self, *, most: int) -> Iterator[Batch]:
        """Hands over what was not shared yet: the biggest amounts first, if there are more than `most`."""
        if self._unsent_before:
            before, self._unsent_before = self._unsent_before, {}
            yield Batch(self.limit, self._begins - self._seconds, _biggest(before, most))
        if self._unsent:
            used = _biggest(self._unsent, most)
            self._unsent = {key: amount for key, amount in self._unsent.items() if key not in used}
            yield Batch(self.limit, self._begins, used)

    def take_back(self, batch: Batch) -> None:
        """A batch that could not be shared, to be tried again while it matters."""
        if batch.begins == self._begins:
            unsent = self._unsent
        elif batch.begins == self._begins - self._seconds:
            unsent = self._unsent_before
        else:
            return
        for key, amount in batch.used.items():
            unsent[key] = unsent.get(key, 0) + amount

    def learn(self, begins: int, key: str | int, total: int) -> None:
        """What all processes together used in the window that begins then, as far as they have said so."""
        if begins == self._begins:
            self._used[key] = max(self._used.get(key, 0), total + self._unsent.get(key, 0))
        elif begins == self._begins - self._seconds and len(self._used_before) < self._most_keys:
            self._used_before[key] = max(self._used_before.get(key, 0), total)

    def _turn(self, now: float) -> float:
        """Goes on to the window of now, and answers how much of it is over."""
        begins = int(now // self._seconds) * self._seconds
        if begins == self._begins - self._seconds:
            # The clock was put back a little: the present window goes on from its beginning.
            return 0.0
        follows = begins == self._begins + self._seconds
        self._used_before = self._used if follows else {}
        self._unsent_before = self._unsent if follows else {}
        self._used, self._unsent = {}, {}
        self._begins = begins
        return now - begins

    def _wait(self, used: int, before: int, elapsed: float) -> int:
        """Seconds until one more is granted, if nothing else is used until then."""
        seconds, free = self._seconds, self._most - 1
        if used <= free:
            wait = seconds * (1 - (free - used) / before) - elapsed
        else:
            wait = seconds - elapsed + seconds * (1 - free / used)
        return max(1, ceil(wait - _SLACK))

    def _forget_least(self) -> None:
        kept = sorted(self._used.items(), key=itemgetter(1), reverse=True)[: self._most_keys // 2]
        self._used = dict(kept)
        self._unsent = {key: amount for key, amount in self._unsent.items() if key in self._used}


def _biggest(used: dict[str | int, int], most: int) -> dict[str | int, int]:
    return used if len(used) <= most else dict(heapq.nlargest(most, used.items(), key=itemgetter(1)))


class LocalRateLimits:
    """The limits of one process; `now` is in seconds, by a clock that processes agree on."""

    _is_shared = False

    def __init__(self, *, now: Callable[[], float] = time.time, most_keys: int = MOST_KEYS) -> None:
        self._now = now
        self._most_keys = most_keys
        self._windows: dict[str, Window] = {}

    def take(self, limit: Limit, key: str | int) -> Allowance:
        window = self._windows.get(limit.name)
        if window is None:
            window = self._windows[limit.name] = Window(limit, is_shared=self._is_shared, most_keys=self._most_keys)
        return window.take(key, self._now())

    def keys(self) -> int:
        """How many counts are kept."""
        return sum(window.keys() for window in self._windows.values())
