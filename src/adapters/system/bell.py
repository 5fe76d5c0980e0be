"""Telling work in the same process that there is something to do."""

import asyncio


class Bell:
    """Rung by whoever has left something to do; one waits for it. Ringing it many times before is ringing it once."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wakes whoever waits, or will."""
        self._rung.set()

    async def wait(self, *, at_most: float) -> None:
        """Until it is rung, or so many seconds are over."""
        try:
            # Not by `wait_for`, which swallows a cancellation that comes together with the ringing (Python 3.11).
            async with asyncio.timeout(at_most):
                await self._rung.wait()
        except TimeoutError:
            return
        self._rung.clear()
