"""What a client says, read message by message."""

import json

from pydantic import ValidationError
from starlette.websockets import WebSocket

from core.kernel.actor import Actor
from core.kernel.errors import Refusal
from entrypoints.events.frames import Auth, ErrorFrame, Ping, Subscribe
from entrypoints.live.showing import socket_frame
from entrypoints.ws.errors import FrameBinary, FrameInvalid, FrameMalformed, FramesTooMany, FrameUnknown
from entrypoints.ws.frames import SAID
from entrypoints.ws.pace import WITHIN, Pace

_KNOWN = ("auth", "subscribe", "ping")


class HungUp(Exception):
    """The client is gone, or was told to go."""


class Talk:
    """The client's side of a socket. `actor` is who it turned out to be."""

    def __init__(self, websocket: WebSocket) -> None:
        self.actor: Actor | None = None
        self._websocket = websocket
        self._pace = Pace()

    async def said(self) -> Auth | Subscribe | Ping:
        """The next message. Raises HungUp, FramesTooMany, and FrameMalformed, FrameUnknown, FrameInvalid or FrameBinary
        for one that is not understood.
        """
        message = await self._websocket.receive()
        if message["type"] != "websocket.receive":
            raise HungUp
        if not self._pace.step():
            raise FramesTooMany(retry_after=int(WITHIN))
        text = message.get("text")
        if text is None:
            raise FrameBinary
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise FrameMalformed from error
        if not isinstance(found, dict) or not isinstance(found.get("type"), str):
            raise FrameMalformed
        if found["type"] not in _KNOWN:
            raise FrameUnknown
        try:
            return SAID.validate_python(found)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            # Which of several kinds of value it might have been, the library names as well; that is our affair.
            field, *rest = first["loc"][1:] or ("",)
            place = ".".join(str(part) for part in (field, *(each for each in rest[:1] if isinstance(each, int))))[:100]
            raise FrameInvalid(f"{place}: {first['msg']}"[:300]) from error


def error_frame(refusal: Refusal) -> bytes:
    """A refusal as a message."""
    return socket_frame(ErrorFrame(code=refusal.code, detail=refusal.detail).model_dump())
