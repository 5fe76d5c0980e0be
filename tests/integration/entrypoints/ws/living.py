"""Servers that sockets and streams reach over TCP, and clients of these."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from entrypoints.cli.serve import _config, _Server
from entrypoints.container import Container
from entrypoints.rest.app import make_app
from tests.asyncapi_client import present_client
from tests.integration.api import Api, Person

# What is good may take its time, as on a busy machine; less than until all doors are looked at anyway (CHECKED_EVERY).
WITHIN = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Living:
    """A server of one container on a port of its own, in this process."""

    container: Container
    port: int
    api: Api
    server: _Server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def address(self, user_id: str, *, prefix: str = "", query: str = "") -> str:
        return f"ws://127.0.0.1:{self.port}{prefix}/ws/notifications/{user_id}{query}"

    @asynccontextmanager
    async def opened(self, user_id: str, **more: Any) -> AsyncIterator["Ear"]:
        """A socket, nothing said on it."""
        address = self.address(user_id, prefix=more.pop("prefix", ""), query=more.pop("query", ""))
        more.setdefault("subprotocols", ["flowtrack.v1"])
        async with connect(address, open_timeout=WITHIN, close_timeout=1, **more) as connection:
            yield Ear(connection)

    @asynccontextmanager
    async def ear(self, person: Person, *, token: str | None = None, **subscribe: Any) -> AsyncIterator["Ear"]:
        """A socket that hears, from the moment on that it is given."""
        async with self.opened(person.user_id) as ear:
            ear.ready = await ear.sign_in(token or person.token)
            await ear.say(type="subscribe", **subscribe)
            assert (await ear.next())["type"] == "subscribed"
            yield ear


class Deaf:
    """A client of a socket that says something at its beginning, and never reads anything after it is let in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, **message: Any) -> None:
        """Sends a text message."""
        self._writer.write(Frame(Opcode.TEXT, json.dumps(message).encode()).serialize(mask=True))
        await self._writer.drain()

    async def rest(self) -> bytes:
        """Reads at last, until the server has hung up."""
        async with asyncio.timeout(WITHIN):
            try:
                return await self._reader.read()
            except ConnectionResetError:
                return b""


@asynccontextmanager
async def deaf(port: int, person: Person) -> AsyncIterator[Deaf]:
    """A socket that was let in and subscribed to everything; its client's system takes little, and its client nothing."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=raw, limit=1024)
    writer.write(
        b"GET /ws/notifications/%b HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % person.user_id.encode()
    )
    try:
        async with asyncio.timeout(WITHIN):
            await reader.readuntil(b"\r\n\r\n")
            found = Deaf(reader, writer)
            await found.say(type="auth", token=person.token)
            await found.say(type="subscribe")
            await reader.readuntil(b'"subscribed"')
        yield found
    finally:
        writer.transport.abort()


class Ear:
    """A client of a socket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.ready: dict[str, Any] = {}

    async def say(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def next(self, *, within: float = WITHIN) -> dict[str, Any]:
        """The next message."""
        async with asyncio.timeout(within):
            found = json.loads(await self.connection.recv())
        # Everything that is heard is what the document says.
        return present_client().frame(found)

    async def sign_in(self, token: str) -> dict[str, Any]:
        await self.say(type="auth", token=token)
        ready = await self.next()
        assert ready["type"] == "ready", ready
        return ready

    async def event(self) -> dict[str, Any]:
        """The next event; heartbeats and presence are passed over."""
        while (found := await self.next())["type"] in ("heartbeat", "presence", "job_progress"):
            pass
        assert found["type"] == "event", found
        return found

    async def until(self, name: str, **fields: Any) -> list[dict[str, Any]]:
        """The events up to the first of that name, and with those fields."""
        heard = [await self.event()]
        while heard[-1]["event"] != name or any(heard[-1].get(each) != value for each, value in fields.items()):
            heard.append(await self.event())
        return heard

    async def closed(self, *, within: float = WITHIN) -> tuple[int, str]:
        """The code and the reason that it is closed with; what is heard before is dropped."""
        async with asyncio.timeout(within):
            try:
                while True:
                    await self.connection.recv()
            except ConnectionClosed as closed:
                assert closed.rcvd is not None
                return closed.rcvd.code, closed.rcvd.reason


@asynccontextmanager
async def living(container: Container, *, superuser_url: str) -> AsyncIterator[Living]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = _Server(_config(container.settings(), make_app(container)), on_shutdown=container.hub().drain)
    # Without the signals, which are this process's own.
    serving = asyncio.create_task(server._serve([listening]))
    while not server.started:
        assert not serving.done(), serving
        await asyncio.sleep(0.01)
    port = listening.getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=WITHIN) as client:
            yield Living(
                container=container, port=port, server=server, api=Api(client=client, superuser_url=superuser_url)
            )
    finally:
        server.should_exit = True
        await serving
