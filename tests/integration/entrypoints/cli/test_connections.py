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

# More than the buffers of both ends hold.
LARGE = 32 * 1024 * 1024
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
    body = b"x" * (LARGE if scope["path"] == "/large" else 0)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(connections, "HEADERS_WITHIN", 0.2)
    monkeypatch.setattr(connections, "TAKEN_WITHIN", 0.2)
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


async def test_an_answer_that_nobody_takes_is_not_kept(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(WHOLE.replace(b"/", b"/large", 1))
    await reader.readexactly(1024)
    await asyncio.sleep(1)
    with pytest.raises(asyncio.IncompleteReadError):
        await reader.readexactly(LARGE)
    await gone(writer)


async def test_an_answer_that_is_taken_slowly_comes_whole(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=64 * 1024)
    writer.write(WHOLE.replace(b"/", b"/large", 1))
    await reader.readuntil(b"\r\n\r\n")
    for _ in range(16):
        await reader.readexactly(LARGE // 16)
        await asyncio.sleep(0.05)
    await gone(writer)
