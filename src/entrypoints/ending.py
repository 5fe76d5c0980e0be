import asyncio
from collections.abc import Iterable
from typing import Any

# Enough for a task to let go of what it holds.
_AGAIN_AFTER = 1.0


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancels tasks and waits until all of them have let go.

    Once is not always enough: `asyncio.wait_for` of Python 3.11, which clients of servers use, loses a cancellation
    that comes together with the answer, and a task that goes on for ever would then hold the end up for ever.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_AFTER)
