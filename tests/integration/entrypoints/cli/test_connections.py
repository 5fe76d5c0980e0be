"""Connections on which a request does not come whole."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from entrypoints.cli import connections
from entrypoints.cli.connections import PatientProtocol
from entrypoints.ws.protocol import SocketProtocol

WHOLE = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(connections, "HEADERS_WITHIN", 0.2)
    config = uvicorn.Config(app, log_config=None, ws=SocketProtocol, timeout_keep_alive=600)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: PatientProtocol(config, state, {}), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    async with asyncio.timeout(5):
        while state.connections or state.tasks:
            await asyncio.sleep(0.01)


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the server hangs up within its patience."""
    try:
        async with asyncio.timeout(0.6):
            await reader.read()
    except TimeoutError:
        return False
    return True


async def gone(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    "begun", [b"", b"\r\n", b"GET / HT", WHOLE[:-2]], ids=["nothing", "an empty line", "a line", "headers"]
)
@pytest.mark.parametrize("before", [b"", WHOLE], ids=["first", "second"])
async def test_a_request_that_does_not_come_whole_is_not_waited_for(port: int, before: bytes, begun: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    if before:
        writer.write(before)
        await reader.readuntil(b"\r\n\r\n")
    writer.write(begun)
    # Between requests a connection may rest; that is another patience.
    assert await ended(reader) is (not before or bool(begun))
    await gone(writer)


@pytest.mark.parametrize("whole", [WHOLE, UPGRADE + b"\r\n"], ids=["request", "upgrade"])
async def test_one_that_came_whole_has_all_the_time_it_wants(port: int, whole: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in (whole[:10], whole[10:]):
        writer.write(part)
        await writer.drain()
    await reader.readuntil(b"\r\n\r\n")
    assert not await ended(reader)
    await gone(writer)
