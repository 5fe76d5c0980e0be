"""Bodies that are read as a whole: what does not come to its end is the client's fault, and is not waited for."""

import asyncio

import pytest
from fastapi import Request
from starlette.types import Message

from entrypoints.rest.caller import _Body
from entrypoints.rest.errors import BodyIncomplete
from entrypoints.rest.bodies import whole_body
from entrypoints.rest.middleware.form import LARGEST_BODY_HERE


def asked(*messages: Message, largest: int = 1_000) -> Request:
    """A request of which these messages come, and then nothing."""
    left = list(messages)

    async def receive() -> Message:
        if not left:
            await asyncio.Event().wait()
        await asyncio.sleep(0.01)
        return left.pop(0)

    return Request({"type": "http", "method": "POST", "headers": [], LARGEST_BODY_HERE: largest}, receive)


PIECE: Message = {"type": "http.request", "body": b"{", "more_body": True}
REST: Message = {"type": "http.request", "body": b"}", "more_body": False}
GONE: Message = {"type": "http.disconnect"}


async def test_one_that_comes_is_read_and_may_take_as_long_as_a_large_one() -> None:
    assert await whole_body(asked(*[PIECE] * 20, REST), patience=0.0, least_rate=2_000) == b"{" * 20 + b"}"


async def test_one_that_does_not_come_is_not_waited_for() -> None:
    async with asyncio.timeout(5):
        with pytest.raises(BodyIncomplete):
            await whole_body(asked(PIECE), patience=0.05, least_rate=1e9)


async def test_who_goes_away_in_the_middle_is_no_defect() -> None:
    with pytest.raises(BodyIncomplete):
        await _Body(None).read(asked(PIECE, GONE), {}, [])
