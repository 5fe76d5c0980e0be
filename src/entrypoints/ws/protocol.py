"""uvicorn's WebSocket protocol, and a short way to its wire.

What goes to a thousand sockets is made once, as the bytes of a frame, and written to each transport without a task, a
queue or an encoding in between. What ASGI offers would make the frame anew for each of them.
"""

import asyncio
import logging
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.protocol import State

from entrypoints.ws.errors import TOO_MANY, FramesTooMany
from entrypoints.ws.pace import Pace

WIRE = "flowtrack.wire"
# Whoever does not read for so long is hung up on, whatever is still to be sent.
_PATIENCE = 10.0
# Of one message.
_MOST_PIECES = 1024

# uvicorn's own would write each address with its query, where a ticket stands.
_log = logging.getLogger("flowtrack.ws.protocol")
_log.setLevel(logging.WARNING)


class SocketProtocol(WebSocketsSansIOProtocol):
    """One socket."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.logger = _log
        self._pings = Pace()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):
            # The application's task is made, and has not run yet.
            self.scope["extensions"][WIRE] = self  # type: ignore[assignment]

    def handle_ping(self) -> None:
        # websockets has made the answer already. The application never sees a ping, so it is bounded here.
        answer = b"".join(self.conn.data_to_send())
        if not self.is_open:
            return
        if self.conn.state is not State.OPEN:
            # A close came right behind it, and is answered along with it.
            self.transport.write(answer)
        elif not self._pings.step():
            self.shut(TOO_MANY, FramesTooMany.code)
        elif self.writable.is_set():
            # Whoever reads slowly gets no answer, which would only wait too; how long they may, others say.
            self.transport.write(answer)

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) < _MOST_PIECES:
            super().handle_cont(event)
        elif self.conn.state is State.OPEN:
            # Empty pieces are within any size.
            self.shut(TOO_MANY, FramesTooMany.code)

    @property
    def is_open(self) -> bool:
        """Whether something can be sent."""
        return self.handshake_complete and not (self.close_sent or self.disconnected or self.transport.is_closing())

    def put(self, frame: bytes) -> int:
        """Sends a whole frame, and answers how many bytes wait because the client reads too slowly."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return 0
        self.transport.write(frame)
        return 0 if self.writable.is_set() else self.transport.get_write_buffer_size()

    async def flushed(self) -> None:
        """Waits until the client has read most of what was sent."""
        await self.writable.wait()

    @property
    def waits(self) -> int:
        """How many bytes wait because the client reads too slowly."""
        return self.transport.get_write_buffer_size()

    def shut(self, code: int, reason: str, *, at_once: bool = False) -> None:
        """Closes with a code, after what was sent before; if the client does not read it within seconds, or what waits
        for it has to go `at_once`, it is hung up on.
        """
        if not self.is_open:
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(0 if at_once else _PATIENCE, self._hang_up)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.loop.call_later(_PATIENCE, self._hang_up)

    def shutdown(self) -> None:
        super().shutdown()
        self.loop.call_later(_PATIENCE / 5, self._hang_up)

    def _hang_up(self) -> None:
        transport: asyncio.Transport = self.transport
        transport.abort()
