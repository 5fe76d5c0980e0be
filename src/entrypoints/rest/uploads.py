"""Bodies that are read as they come, and never held as a whole."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256

from fastapi import Request
from starlette.requests import ClientDisconnect

from core.imports.model import LARGEST_FILE
from entrypoints.rest.bodies import LEAST_RATE
from entrypoints.rest.errors import BodyIncomplete
from entrypoints.rest.sole import SoleRoute

_PATIENCE = 60.0  # seconds


class CsvUploadRoute(SoleRoute):
    """A route that takes a file in CSV."""

    largest_body = LARGEST_FILE
    body_types = ("text/csv",)
    streams_body = True


async def digest_of(pieces: AsyncIterator[bytes]) -> bytes:
    """The digest of a body of which nothing is kept."""
    digest = sha256()
    async for piece in pieces:
        digest.update(piece)
    return digest.digest()


async def streamed(
    request: Request, *, patience: float = _PATIENCE, least_rate: float = LEAST_RATE
) -> AsyncIterator[bytes]:
    """The body piece by piece. Raises BodyIncomplete where the client went away, or is so slow that it was waited for a
    minute longer than the rate allows that is expected of it: whoever sends nothing takes others' room.
    """
    pieces, now = request.stream(), asyncio.get_running_loop().time
    left = patience
    while True:
        began = now()
        try:
            async with asyncio.timeout(min(left, patience)):
                piece = await anext(pieces, None)
        except (ClientDisconnect, TimeoutError) as error:
            raise BodyIncomplete from error
        if piece is None:
            return
        # What is done with a piece takes time too, which is not the client's.
        left += len(piece) / least_rate - (now() - began)
        if piece:
            yield piece
