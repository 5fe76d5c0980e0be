"""Kills one after the other, now and then two at once, and starts them again on the same data."""

import asyncio
import random
import time
from collections.abc import Sequence

from tests.integration.entrypoints.chaos.killable import Killable, Program


class Weather:
    """`killed` tells of each kill: seconds since the beginning, and who."""

    def __init__(self, targets: Sequence[Killable], *, luck: random.Random) -> None:
        self.killed: list[tuple[float, str]] = []
        self._targets = list(targets)
        self._luck = luck
        self._down: set[str] = set()

    async def rage(self, seconds: float, *, calm: float) -> None:
        """Everyone is killed before anyone is killed again; `calm` is the longest pause between two kills."""
        began = time.monotonic()
        deck: list[Killable] = []
        while time.monotonic() - began < seconds:
            await asyncio.sleep(self._luck.uniform(0.2, 1.0) * calm)
            struck = []
            for _ in range(2 if self._luck.random() < 0.2 else 1):
                if not deck:
                    deck = self._luck.sample(self._targets, len(self._targets))
                struck.append(deck.pop())
            for target in struck:
                self._down.add(target.name)
                await asyncio.to_thread(target.kill)
                self.killed.append((round(time.monotonic() - began, 1), target.name))
            await asyncio.sleep(self._luck.uniform(0.0, 1.5))
            for target in self._luck.sample(struck, len(struck)):
                await asyncio.to_thread(target.start)
                self._down.discard(target.name)

    async def watch(self) -> None:
        """Starts again what ended by itself, as because the database was away when it started."""
        while True:
            await asyncio.sleep(0.3)
            for target in self._targets:
                if isinstance(target, Program) and target.name not in self._down:
                    target.look_after()
