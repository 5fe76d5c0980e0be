"""Limits counted in this process: a few operations on dictionaries for each request.

Time is cut into windows of a limit's length, at the same instants on every process. What was used in the last one
counts for as much of it as still lies within the length of a window before now, as if it had been used evenly. So no
more than the limit is granted in a window, two numbers are all that is kept for a key, and a window is forgotten in one
step.
"""

import time
from collections.abc import Callable
from math import ceil
from operator import itemgetter

from core.kernel.limits import Allowance, Limit

# A flood of addresses cannot make a process grow: of more keys than these, those that used least are forgotten.
MOST_KEYS = 20_000
# Who waited as long as told is not refused for the last digit of a floating-point number.
_SLACK = 1e-9


class Window:
    """What each key used in one span of time; `unsent` is the part that other processes do not know of, if there are
    any, and `seen` how far this one listened to them.
    """

    def __init__(self, begins: int, *, most_keys: int) -> None:
        self.begins = begins
        self.used: dict[str, int] = {}
        self.unsent: dict[str, int] = {}
        self.seen = 0
        self._most_keys = most_keys

    def sent(self, amounts: dict[str, int]) -> None:
        """So much of what was unsent is known to the others."""
        for key, amount in amounts.items():
            left = self.unsent.get(key, 0) - amount
            if left > 0:
                self.unsent[key] = left
            else:
                self.unsent.pop(key, None)

    def learn(self, key: str, total: int) -> None:
        """What all processes together used, as far as they have said so."""
        used = self.used.get(key, 0)
        if used or len(self.used) < self._most_keys:
            self.used[key] = max(used, total + self.unsent.get(key, 0))

    def forget_least(self) -> None:
        kept = sorted(self.used.items(), key=itemgetter(1), reverse=True)[: self._most_keys // 2]
        self.used.clear()
        self.used.update(kept)
        for key in self.unsent.keys() - self.used.keys():
            del self.unsent[key]


class Counter:
    """One limit: its present and its last window."""

    def __init__(self, limit: Limit, *, is_shared: bool, most_keys: int) -> None:
        self.limit = limit
        self._most = limit.most
        self._seconds = limit.seconds
        self._is_shared = is_shared
        self._most_keys = most_keys
        self.present = Window(0, most_keys=most_keys)
        self.last = Window(-limit.seconds, most_keys=most_keys)

    def take(self, key: str, now: float) -> Allowance:
        allowance = self.look(key, now)
        if allowance.granted:
            self._use(key)
        return allowance

    def look(self, key: str, now: float) -> Allowance:
        elapsed = now - self.present.begins
        if not 0 <= elapsed < self._seconds:
            elapsed = self.turn(now)
        used = self.present.used.get(key, 0)
        before = self.last.used.get(key, 0)
        left = self._most - used - before * (1 - elapsed / self._seconds) + _SLACK
        if left < 1:
            return Allowance(False, 0, self._wait(used, before, elapsed))
        return Allowance(True, int(left) - 1, ceil(self._seconds - elapsed))

    def _use(self, key: str) -> None:
        window = self.present
        used = window.used.get(key, 0)
        if not used and len(window.used) >= self._most_keys:
            window.forget_least()
        window.used[key] = used + 1
        if self._is_shared:
            window.unsent[key] = window.unsent.get(key, 0) + 1

    def turn(self, now: float) -> float:
        """Goes on to the window of now, and answers how much of it is over."""
        seconds, was = self._seconds, self.present.begins
        begins = int(now // seconds) * seconds
        if begins == was:
            return now - begins
        if begins == was - seconds:
            # The clock was put back a little: the present window goes on from its beginning.
            return 0.0
        follows = begins == was + seconds
        self.last = self.present if follows else Window(begins - seconds, most_keys=self._most_keys)
        self.present = Window(begins, most_keys=self._most_keys)
        return now - begins

    def _wait(self, used: int, before: int, elapsed: float) -> int:
        """Seconds until one more is granted, if nothing else is used until then."""
        seconds, free = self._seconds, self._most - 1
        if used <= free:
            wait = seconds * (1 - (free - used) / before) - elapsed
        else:
            wait = seconds - elapsed + seconds * (1 - free / used)
        return max(1, ceil(wait - _SLACK))


class LocalRateLimits:
    """The limits of one process; `now` is in seconds, by a clock that processes agree on."""

    _is_shared = False

    def __init__(self, *, now: Callable[[], float] = time.time, most_keys: int = MOST_KEYS) -> None:
        self._now = now
        self._most_keys = most_keys
        self._counters: dict[str, Counter] = {}

    def take(self, limit: Limit, key: str) -> Allowance:
        counter = self._counters.get(limit.name)
        if counter is None:
            counter = self.counter(limit)
        return counter.take(key, self._now())

    def look(self, limit: Limit, key: str) -> Allowance:
        return self.counter(limit).look(key, self._now())

    def counter(self, limit: Limit) -> Counter:
        """What counts a limit, made when it is first asked for."""
        if limit.name not in self._counters:
            self._counters[limit.name] = Counter(limit, is_shared=self._is_shared, most_keys=self._most_keys)
        return self._counters[limit.name]

    def keys(self) -> int:
        """How many counts are kept."""
        return sum(len(each.present.used) + len(each.last.used) for each in self._counters.values())
