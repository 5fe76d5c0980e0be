"""Somebody who receives webhooks: a server of HTTP on this machine."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from tests.asyncapi_client import present_client


class Received(NamedTuple):
    """A request that came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def payload(self) -> dict[str, Any]:
        """What it tells; fails for what is not as the AsyncAPI document says."""
        told = json.loads(self.body)
        return present_client().read("webhook", told, name=told["type"])

    @property
    def seqs(self) -> list[int]:
        data = self.payload["data"]
        return [int(each["seq"]) for each in (data["events"] if "events" in data else [data])]


class Reply(NamedTuple):
    """What it answers: after `wait` is set, if there is one; None as status: it hangs up."""

    status: int | None = 204
    headers: dict[str, str] = {}
    body: bytes = b""
    wait: asyncio.Event | None = None


class Receiver:
    """Answers as `reply` says, and keeps what came in, and what of it was taken."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.taken: list[Received] = []
        self.reply: Callable[[Received], Reply] = lambda _: Reply()
        self.port = 0
        self.under_way = 0
        self.most_under_way = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = head.split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            request = Received(lines[0].split()[1], headers, body)
            self.received.append(request)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            try:
                reply = self.reply(request)
                if reply.wait is not None:
                    await reply.wait.wait()
            finally:
                self.under_way -= 1
            if reply.status is None:
                return
            if 200 <= reply.status < 300:
                self.taken.append(request)
            said = {"Content-Length": str(len(reply.body)), "Connection": "close", **reply.headers}
            written = "".join(f"{name}: {value}\r\n" for name, value in said.items())
            writer.write(f"HTTP/1.1 {reply.status} Said\r\n{written}\r\n".encode() + reply.body)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver, until the end of the block."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
