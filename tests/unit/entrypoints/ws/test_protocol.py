"""The wire of a socket, whose client says what the application never hears of."""

import asyncio
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState
from websockets.client import ClientProtocol
from websockets.frames import Close, Frame, Opcode
from websockets.uri import parse_uri

from entrypoints.ws import pace, protocol
from entrypoints.ws.protocol import SocketProtocol


class Line(asyncio.Transport):
    """A transport that keeps what is written until somebody reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.unread = b""
        self.is_shut = False

    def write(self, data: Any) -> None:
        self.unread += bytes(data)

    def get_write_buffer_size(self) -> int:
        return len(self.unread)

    def is_closing(self) -> bool:
        return self.is_shut

    def close(self) -> None:
        self.is_shut = True

    def abort(self) -> None:
        self.is_shut = True

    def pause_reading(self) -> None:
        """As if."""

    def resume_reading(self) -> None:
        """As if."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ARG002
        return default


class Talking:
    """A server's protocol and a client's, joined."""

    def __init__(self, server: SocketProtocol, line: Line) -> None:
        self.server = server
        self.line = line
        self.client = ClientProtocol(parse_uri("ws://server/"))

    def send(self, *frames: Frame, at_once: bool = True) -> None:
        sent = [frame.serialize(mask=True) for frame in frames]
        for data in [b"".join(sent)] if at_once else sent:
            self.server.data_received(data)

    def answers(self) -> list[Frame]:
        """What the client reads at last."""
        self.client.receive_data(self.line.unread)
        self.line.unread = b""
        return [each for each in self.client.events_received() if isinstance(each, Frame)]


@pytest.fixture
async def talking() -> Talking:
    async def app(_: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    config = uvicorn.Config(app, log_config=None, ws_ping_interval=None, ws_per_message_deflate=False)
    config.load()
    server, line = SocketProtocol(config, ServerState(), {}), Line()
    server.connection_made(line)
    found = Talking(server, line)
    found.client.send_request(found.client.connect())
    server.data_received(b"".join(found.client.data_to_send()))
    while not server.handshake_complete:
        await asyncio.sleep(0)
    found.answers()
    return found


PING = Frame(Opcode.PING, b"x" * 125)


async def test_a_ping_is_answered(talking: Talking) -> None:
    talking.send(PING)
    assert talking.answers() == [Frame(Opcode.PONG, b"x" * 125)]


async def test_pings_whose_answers_nobody_reads_fill_no_memory(talking: Talking) -> None:
    talking.server.pause_writing()
    talking.send(*[PING] * 50)
    assert talking.line.unread == b""


async def test_a_ping_of_who_reads_slowly_is_no_offence(talking: Talking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talking.line, "get_write_buffer_size", lambda: 10_000_000)
    talking.server.pause_writing()
    talking.send(*[PING] * 10, at_once=False)
    assert talking.server.is_open
    talking.server.resume_writing()
    talking.send(PING)
    assert [each.opcode for each in talking.answers()] == [Opcode.PONG]


async def test_so_many_pings_nobody_needs(talking: Talking) -> None:
    for _ in range(pace.MOST_FRAMES):
        talking.send(PING)
        assert len(talking.answers()) == 1
    talking.send(*[PING] * 1000, at_once=False)
    (last,) = talking.answers()
    assert Close.parse(last.data) == Close(1008, "frame.too_many")


async def test_a_message_of_endless_pieces_ends_it(talking: Talking) -> None:
    talking.send(Frame(Opcode.TEXT, b"", fin=False), *[Frame(Opcode.CONT, b"", fin=False)] * 5000)
    assert len(talking.server.frames) <= 1024
    assert Close.parse(talking.answers()[-1].data) == Close(1008, "frame.too_many")


async def test_a_close_behind_a_ping_is_answered(talking: Talking) -> None:
    talking.send(PING, Frame(Opcode.CLOSE, Close(1000, "bye").serialize()))
    assert [each.opcode for each in talking.answers()] == [Opcode.PONG, Opcode.CLOSE]
    assert talking.line.is_shut
