"""Bodies that are read as they come, and never held as a whole."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import Request
from starlette.requests import ClientDisconnect

from core.imports.model import LARGEST_FILE
from entrypoints.rest.errors import BodyIncomplete
from entrypoints.rest.sole import SoleRoute

_PATIENCE = 60.0  # seconds


class CsvUploadRoute(SoleRoute):
    """A route that takes a file in CSV."""

    largest_body = LARGEST_FILE
    body_types = ("text/csv",)
    streams_body = True


async def streamed(request: Request) -> AsyncIterator[bytes]:
    """The body piece by piece. Raises BodyIncomplete where the client went away, or says nothing for a minute."""
    pieces = request.stream()
    while True:
        try:
            async with asyncio.timeout(_PATIENCE):
                piece = await anext(pieces, None)
        except (ClientDisconnect, TimeoutError) as error:
            raise BodyIncomplete from error
        if piece is None:
            return
        if piece:
            yield piece
