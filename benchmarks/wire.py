"""Round trips as the wire has them: a relay between a server and PostgreSQL that counts how often the server asks.

A round trip begins where bytes travel to PostgreSQL after bytes came from it; a pipeline is therefore one. Statements
are counted by the messages that carry them out, however many of them travel together.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit, urlunsplit


# A socket's path, or host and port.
Place = str | tuple[str, int]


class Counter:
    """How many round trips began, and statements were carried out, since it was last reset."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.reset()

    def reset(self) -> None:
        self.trips = 0
        self.statements = 0


class _Statements:
    """Finds the statements in what one connection sends: messages of a letter, their length in four bytes, and a body."""

    _CARRIED_OUT = frozenset(b"EQ")  # Execute and Query

    def __init__(self) -> None:
        self._rest = b""
        self._is_greeted = False

    def found(self, chunk: bytes) -> int:
        """How many statements begin in it. The greeting is the one message without a letter."""
        self._rest += chunk
        count = 0
        while True:
            letter = 1 if self._is_greeted else 0
            if len(self._rest) < letter + 4:
                return count
            end = letter + int.from_bytes(self._rest[letter : letter + 4])
            if len(self._rest) < end:
                return count
            count += letter and self._rest[0] in self._CARRIED_OUT
            self._is_greeted = True
            self._rest = self._rest[end:]


@contextmanager
def counted(url: str) -> Iterator[Counter]:
    """A counter, and a URL that leads through it to the server of `url`, by its socket or by TCP."""
    parts = urlsplit(url)
    asked = parse_qs(parts.query)
    place: Place = (parts.hostname or "localhost", parts.port or 5432)
    if "host" in asked:
        place = f"{asked['host'][0]}/.s.PGSQL.{asked['port'][0]}"
    counter = Counter(url)
    loop = asyncio.new_event_loop()
    # A loop of its own, since whoever measures may stand in one.
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def begin() -> asyncio.Server:
        return await asyncio.start_server(lambda reader, writer: _relay(reader, writer, place, counter), "127.0.0.1", 0)

    async def end(server: asyncio.Server) -> None:
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    try:
        server = asyncio.run_coroutine_threadsafe(begin(), loop).result(timeout=10)
        try:
            port = server.sockets[0].getsockname()[1]
            address = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}"
            counter.url = urlunsplit(parts._replace(netloc=address, query="sslmode=disable&gssencmode=disable"))
            yield counter
        finally:
            asyncio.run_coroutine_threadsafe(end(server), loop).result(timeout=10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, place: Place, counter: Counter) -> None:
    if isinstance(place, str):
        from_database, to_database = await asyncio.open_unix_connection(place)
    else:
        from_database, to_database = await asyncio.open_connection(*place)
    answered, statements = True, _Statements()

    async def ask() -> None:
        nonlocal answered
        while chunk := await reader.read(65536):
            if answered:
                answered = False
                counter.trips += 1
            counter.statements += statements.found(chunk)
            to_database.write(chunk)
            await to_database.drain()

    async def answer() -> None:
        nonlocal answered
        while chunk := await from_database.read(65536):
            answered = True
            writer.write(chunk)
            await writer.drain()

    # Whichever side ends the conversation ends it for both.
    talks = [asyncio.ensure_future(talk) for talk in (ask(), answer())]
    try:
        await asyncio.wait(talks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        for end in (writer, to_database):
            end.close()
