"""Bodies that are read as they come: who is slow is waited for, who holds a place for nothing is not."""

import asyncio
from collections.abc import Iterable

import pytest
from fastapi import Request
from starlette.types import Message

from entrypoints.rest.errors import BodyIncomplete
from entrypoints.rest.uploads import streamed

PATIENCE = 0.2  # seconds
RATE = 1_000  # bytes a second


async def read(pieces: Iterable[bytes], *, pause: float, doing: float = 0.0) -> int:
    """How much comes in of a body whose pieces come that slowly, and are kept that slowly."""
    left = iter(pieces)

    async def receive() -> Message:
        await asyncio.sleep(pause)
        piece = next(left, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    size = 0
    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    async for piece in streamed(request, patience=PATIENCE, least_rate=RATE):
        size += len(piece)
        await asyncio.sleep(doing)
    return size


async def test_who_sends_enough_may_take_long() -> None:
    assert await read([b"x" * 100] * 10, pause=0.05) == 1_000


async def test_what_the_server_takes_to_keep_it_is_not_the_clients() -> None:
    assert await read([b"x"] * 10, pause=0.0, doing=0.05) == 10


@pytest.mark.parametrize(("pieces", "pause"), [([b"x"] * 100, 0.02), ([b"x" * 1_000, b"x"], 0.3)])
async def test_who_sends_next_to_nothing_is_refused(pieces: list[bytes], pause: float) -> None:
    with pytest.raises(BodyIncomplete):
        await read(pieces, pause=pause)
