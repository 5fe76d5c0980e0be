"""A Redis that can be reached, or not, as a test wants it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from adapters.redis.store import RedisStore


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisStore]:
    found = RedisStore(url=redis_url)
    yield found
    await found.close()


class Line:
    """A line to Redis that can be cut, or go silent, and be mended."""

    def __init__(self, redis_url: str) -> None:
        parts = urlsplit(redis_url)
        self._host, self._redis_port = parts.hostname, parts.port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._open = asyncio.Event()
        self._open.set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def mend(self) -> None:
        self._open.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        self._server = None
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0.05)

    def go_silent(self) -> None:
        """Nothing comes through any more, and nothing says so."""
        self._open.clear()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_redis, to_redis = await asyncio.open_connection(self._host, self._redis_port)
        self._writers |= {writer, to_redis}

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while chunk := await source.read(65536):
                    await self._open.wait()
                    target.write(chunk)
                    await target.drain()
            target.close()

        try:
            await asyncio.gather(copy(reader, to_redis), copy(from_redis, writer))
        finally:
            self._writers -= {writer, to_redis}


@pytest.fixture
async def line(redis_url: str) -> AsyncIterator[Line]:
    found = Line(redis_url)
    await found.mend()
    yield found
    await found.mend()
    await found.cut()


@pytest.fixture
async def store_on_line(line: Line) -> AsyncIterator[RedisStore]:
    found = RedisStore(url=line.url)
    yield found
    await found.close()
