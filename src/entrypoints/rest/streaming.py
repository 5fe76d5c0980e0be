"""Server-sent events: a stream as a door of the hub, and as the answer to a request."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.kernel.actor import Actor
from core.kernel.errors import Refusal
from core.kernel.paging import Answer
from core.realtime.read_models import EventView, Stretch
from entrypoints.ending import end
from entrypoints.live.doors import Ending
from entrypoints.live.hub import Hub
from entrypoints.live.showing import Written, stream_frame

HEARTBEAT_SECONDS = 15.0
RETRY_MILLISECONDS = 3000
# Of what waits to be sent: beyond, the client has to come again.
MOST_WAITING = 4 * 1024 * 1024
# What a server that can drop a connection offers for it in the scope.
HANG_UP = "flowtrack.hang_up"
# Whoever takes nothing for so long is gone.
_PATIENCE = 60.0
# And at the end of the process, which would be held up.
_FAREWELL = 2.0
PAGE = 200
_ENDS = {
    Ending.SIGNED_OUT: "auth.session_ended",
    Ending.TOO_SLOW: "stream.too_slow",
    Ending.EXPIRED: "events.expired",
    Ending.CROWDED_OUT: "stream.too_slow",
    Ending.RESTART: "server.restarting",
    Ending.FAILED: "server.failed",
}

Page = Callable[[int], Awaitable[Answer[Stretch]]]
# What is sent in one piece is kept until the client has taken most of it; of less, the server does not even say so.
_COUNTED_FROM = 64 * 1024


class EventStream(Response):
    """A stream from a position on. It hears what is on these channels, and of these types if there are any."""

    media_type = "text/event-stream"
    is_socket = False

    def __init__(
        self,
        actor: Actor,
        position: int,
        *,
        hub: Hub,
        page: Page,
        channels: frozenset[str],
        types: frozenset[str],
        headers: dict[str, str],
    ) -> None:
        """`page` answers what the caller may see after a position, and where the log stands. Raises what `Hub.admit`
        raises.
        """
        super().__init__(headers=headers)
        del self.headers["content-length"]
        self.actor = actor
        self.position = position
        self._hub = hub
        self._page = page
        self._channels = channels
        self._types = types
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._leaving = 0
        self._hang_up: Callable[[], None] | None = None
        self._farewell: asyncio.TimerHandle | None = None
        self._something = asyncio.Event()
        self._why: Ending | None = None
        self._is_gone = False
        hub.admit(self)

    @property
    def waiting(self) -> int:
        return self._size + self._leaving

    @property
    def is_open(self) -> bool:
        return self._why is None and not self._is_gone

    def hear(self, written: Written) -> None:
        if (
            self._why is not None
            or written.channel not in self._channels
            or (self._types and written.name not in self._types)
        ):
            return
        self._waiting.append(written.stream)
        self._size += len(written.stream)
        self._something.set()
        if self._size > MOST_WAITING:
            self._hub.give_up(self)
        elif len(self._waiting) > 1:
            self._hub.keep(self, self.waiting)

    def shut(self, why: Ending) -> None:
        self._why = why
        if why is Ending.CROWDED_OUT:
            # Its place is needed now; the client goes on from what it has.
            self._waiting.clear()
            self._size = 0
            if self._leaving and self._hang_up is not None:
                self._hang_up()
        elif why is Ending.RESTART and self._hang_up is not None:
            self._farewell = asyncio.get_running_loop().call_later(_FAREWELL, self._hang_up)
        self._something.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._hang_up = scope.get("extensions", {}).get(HANG_UP)
        watching = asyncio.create_task(self._watch(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async for chunk in self._chunks():
                self._leaves(len(chunk))
                async with asyncio.timeout(_PATIENCE):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                self._leaves(0)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            if self._hang_up is None:
                raise
            self._hang_up()
            # Until it is: whoever returns before is said to have answered by halves.
            await watching
        finally:
            self._hub.close(self)
            if self._farewell is not None:
                self._farewell.cancel()
            await end([watching])

    async def _chunks(self) -> AsyncIterator[bytes]:
        ready = b"retry: %d\nid: %d\nevent: ready\ndata: {}\n\n"
        yield ready % (RETRY_MILLISECONDS, self.position)
        try:
            while self.is_open:
                stretch, head = await self._page(self.position)
                self.position = stretch.examined
                shown = b"".join(self._shown(stretch.events))
                is_through = stretch.examined >= head
                # Of what is written nothing else is held while it is sent.
                del stretch
                yield shown
                if is_through:
                    break
        except Refusal as refusal:
            yield stream_frame("end", {"code": refusal.code})
            return
        self._hub.open(self)
        while self.is_open:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self._something.wait()
            except TimeoutError:
                yield b": heartbeat\n\n"
                continue
            self._something.clear()
            waiting = b"".join(self._waiting)
            self._waiting.clear()
            self._size = 0
            if waiting:
                yield waiting
        if self._why is not None:
            yield stream_frame("end", {"code": _ENDS[self._why]})

    def _leaves(self, size: int) -> None:
        """So much is being sent, and kept until it is."""
        if size < _COUNTED_FROM and not self._leaving:
            return
        self._leaving = size if size >= _COUNTED_FROM else 0
        if self.is_open:
            self._hub.keep(self, self.waiting)

    def _shown(self, events: list[EventView]) -> list[bytes]:
        return [Written.event(event).stream for event in events if event.channel in self._channels]

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._is_gone = True
        self._something.set()
