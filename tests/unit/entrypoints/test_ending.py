"""How what a server does in its background ends."""

import asyncio

import pytest

from entrypoints import ending
from entrypoints.ending import end


async def test_a_task_that_loses_a_cancellation_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "_AGAIN_AFTER", 0.01)
    lost = []

    async def deaf_once() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            lost.append(True)
        await asyncio.sleep(60)

    deaf, ordinary = asyncio.create_task(deaf_once()), asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end([deaf, ordinary])
    assert (lost, deaf.cancelled(), ordinary.cancelled()) == ([True], True, True)


async def test_what_failed_meanwhile_has_ended_and_raises_nothing() -> None:
    async def fails() -> None:
        raise ValueError

    failed = asyncio.create_task(fails())
    await asyncio.sleep(0)
    await end([failed])
    assert isinstance(failed.exception(), ValueError)


async def test_nothing_to_end() -> None:
    await end([])
