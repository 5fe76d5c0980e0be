"""Many WebSockets in one process, as cheap as can be: what is measured is the server that writes to them.

A frame is looked at for its position alone, and when it came is the time at which its bytes were given to this process.
"""

import asyncio
import base64
import json
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from benchmarks.asking import Mismatch

_OPEN_WITHIN = 60.0
# A server may hold so many whose clients it does not know yet.
_OPENED_AT_ONCE = 20
_SEQ = b'"seq":"'


class Call(NamedTuple):
    """Where a socket leads, what is said on it at first, and by which answer it is ready; None: as soon as it is open."""

    path: str
    said: tuple[dict[str, Any], ...] = ()
    ready_by: bytes | None = None


def signed_in(user_id: str, token: str) -> Call:
    """A socket of the product, which hears from now on."""
    said = ({"type": "auth", "token": token}, {"type": "subscribe"})
    return Call(f"/ws/notifications/{user_id}", said, b'"type":"subscribed"')


class Ear(asyncio.Protocol):
    """One socket. `hears` is told of each event: which ear, its position, and when it came."""

    def __init__(self, place: int, call: Call, hears: Callable[[int, int, float], None]) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_over = False
        self._place = place
        self._call = call
        self._hears = hears
        self._buffer = b""
        self._is_open = False
        # uvloop's own, which is none by asyncio's classes.
        self._transport: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            f"GET {self._call.path} HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket", "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: flowtrack.v1", "", "",
        )  # fmt: skip
        self._transport.write("\r\n".join(lines).encode())

    def data_received(self, data: bytes) -> None:
        now = time.time()
        buffer = self._buffer + data if self._buffer else data
        if not self._is_open:
            head, found, buffer = buffer.partition(b"\r\n\r\n")
            if not found:
                self._buffer = head
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._fail(head.decode("latin-1"))
                return
            self._is_open = True
            for each in self._call.said:
                self._transport.write(masked(json.dumps(each).encode()))
            if self._call.ready_by is None:
                self.ready.set_result(None)
        self._buffer = self._frames(buffer, now)

    def _frames(self, buffer: bytes, now: float) -> bytes:
        begin = 0
        while len(buffer) - begin >= 2:
            size, at = buffer[begin + 1], begin + 2
            if size == 126:
                size, at = int.from_bytes(buffer[at : at + 2]), at + 2
            elif size == 127:
                size, at = int.from_bytes(buffer[at : at + 8]), at + 8
            if len(buffer) < at + size:
                break
            self._take(buffer, at, at + size, now)
            begin = at + size
        return buffer[begin:]

    def _take(self, buffer: bytes, at: int, end: int, now: float) -> None:
        if not self.ready.done():
            found = buffer[at:end]
            if self._call.ready_by is not None and self._call.ready_by in found:
                self.ready.set_result(None)
            elif b'"type":"error"' in found:
                self._fail(found.decode())
        elif buffer.startswith(b'{"type":"event"', at):
            begin = buffer.index(_SEQ, at) + len(_SEQ)
            self._hears(self._place, int(buffer[begin : buffer.index(b'"', begin)]), now)

    def _fail(self, said: str) -> None:
        if not self.ready.done():
            self.ready.set_exception(Mismatch(f"a socket was not opened: {said}"))
        self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_over = True
        if not self.ready.done():
            self.ready.set_exception(Mismatch(f"a socket was closed before it was open ({error})"))

    def close(self) -> None:
        self._transport.close()


def masked(payload: bytes) -> bytes:
    """A text frame as a client sends it. The mask is zero, so that what is sent is what it says."""
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2)
    return b"\x81" + length + bytes(4) + payload


async def opened(port: int, calls: Sequence[Call], hears: Callable[[int, int, float], None]) -> list[Ear]:
    """All those sockets, once each of them is ready. Raises Mismatch."""
    loop = asyncio.get_running_loop()
    ears: list[Ear] = []
    async with asyncio.timeout(_OPEN_WITHIN):
        for start in range(0, len(calls), _OPENED_AT_ONCE):
            some = [
                Ear(start + place, call, hears) for place, call in enumerate(calls[start : start + _OPENED_AT_ONCE])
            ]
            for ear in some:
                await loop.create_connection(lambda ear=ear: ear, "127.0.0.1", port)
            await asyncio.gather(*(ear.ready for ear in some))
            ears += some
    return ears
