"""Bodies that are read as a whole, and waited for as long as they come."""

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

from entrypoints.rest.errors import BodyIncomplete
from entrypoints.rest.middleware.form import LARGEST_BODY, LARGEST_BODY_HERE

LEAST_RATE = 64 * 1024
"""Bytes a second that are expected of a client. The largest file at that takes less than the hour for which a file is
kept that became nothing.
"""
_PATIENCE = 30.0  # seconds


async def whole_body(request: Request, *, patience: float = _PATIENCE, least_rate: float = LEAST_RATE) -> bytes:
    """The body. Raises BodyIncomplete where the client went away, or takes half a minute longer than the largest body
    takes at the rate that is expected of it: what never comes would hold its place for ever.
    """
    largest: int = request.scope.get(LARGEST_BODY_HERE, LARGEST_BODY)
    try:
        async with asyncio.timeout(patience + largest / least_rate):
            return await request.body()
    except (ClientDisconnect, TimeoutError) as error:
        raise BodyIncomplete from error
