"""What wakes whoever waits in this process."""

import asyncio


class Bell:
    """Rung by who has made work, heard by the one who does it, also if they are busy at the moment."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wakes the one who waits, or will."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Waits until it rings, no longer than that."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return
        self._rung.clear()
