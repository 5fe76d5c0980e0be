import asyncio

import pytest

from adapters.system.bell import Bell


async def test_whoever_waits_is_woken_and_waits_anew_the_next_time() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    await bell.wait(at_most=60)
    began = asyncio.get_running_loop().time()
    await bell.wait(at_most=0.01)
    assert asyncio.get_running_loop().time() - began >= 0.009


async def test_a_cancellation_that_comes_together_with_the_ringing_is_not_lost() -> None:
    bell = Bell()
    waiting = asyncio.create_task(bell.wait(at_most=60))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    bell.ring()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
