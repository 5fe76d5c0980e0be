"""Events as every door shows them."""

from functools import cached_property
from typing import Any

import msgspec

from core.realtime.read_models import EventView, event_body

_encode = msgspec.json.Encoder().encode


def text_frame(payload: bytes) -> bytes:
    """A text message of a WebSocket, as a server sends it: unmasked, in one frame (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def socket_frame(fields: dict[str, Any]) -> bytes:
    """A message to one socket."""
    return text_frame(_encode(fields))


def stream_frame(event: str, fields: dict[str, Any]) -> bytes:
    """A message to one stream that has no position."""
    return b"event: %b\ndata: %b\n\n" % (event.encode(), _encode(fields))


class Written:
    """An event, or a moment, written once for all doors that it goes to."""

    def __init__(self, fields: dict[str, Any], *, kind: str, name: str, channel: str, seq: int | None) -> None:
        self._fields = fields
        self._kind = kind
        self.name = name
        self.channel = channel
        self.seq = seq

    @classmethod
    def event(cls, event: EventView) -> "Written":
        return cls(event_body(event), kind="event", name=event.event, channel=event.channel, seq=event.seq)

    @cached_property
    def socket(self) -> bytes:
        """As a whole frame of a socket."""
        kind = {"type": self._kind}
        return text_frame(_encode({**kind, **self._fields, **kind}))

    @cached_property
    def stream(self) -> bytes:
        """As a whole message of a stream; one without a position leaves the client's where it was."""
        place = b"" if self.seq is None else b"id: %d\n" % self.seq
        return b"%bevent: %b\ndata: %b\n\n" % (place, self.name.encode(), _encode(self._fields))
