"""How much a client may say."""

import time

MOST_FRAMES, WITHIN = 60, 10.0


class Pace:
    """Counts what a client sends."""

    def __init__(self) -> None:
        self._counted_from = time.monotonic()
        self._count = 0

    def step(self) -> bool:
        """Counts one more; False if that is too many."""
        now = time.monotonic()
        if now - self._counted_from > WITHIN:
            self._counted_from, self._count = now, 0
        self._count += 1
        return self._count <= MOST_FRAMES
