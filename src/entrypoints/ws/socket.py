"""A socket whose client is known."""

import asyncio
from collections.abc import Awaitable, Callable

from pydantic import BaseModel

from core.kernel.actor import Actor
from core.kernel.events import Channel
from core.kernel.paging import Answer
from core.realtime.read_models import Stretch
from entrypoints.events.frames import Heartbeat
from entrypoints.live.doors import Ending
from entrypoints.live.hub import Hub
from entrypoints.live.showing import Written, socket_frame
from entrypoints.ws.errors import ENDINGS
from entrypoints.ws.frames import HEARTBEAT_SECONDS
from entrypoints.ws.protocol import SocketProtocol

# Of what was sent and not read: beyond, the client has to come again and say from where.
MOST_WAITING = 4 * 1024 * 1024
PAGE = 200

Page = Callable[[int], Awaitable[Answer[Stretch]]]


class Socket:
    """A door of the hub."""

    is_socket = True

    def __init__(self, wire: SocketProtocol, actor: Actor, position: int, *, hub: Hub) -> None:
        self.wire = wire
        self.actor = actor
        self.position = position
        self.channels = frozenset(map(str, Channel))
        self._hub = hub
        self._is_over = False
        self._loop = asyncio.get_running_loop()
        self._next_beat = self._loop.call_later(HEARTBEAT_SECONDS, self._beat_on)

    @property
    def waiting(self) -> int:
        return self.wire.waits

    @property
    def is_open(self) -> bool:
        return not self._is_over and self.wire.is_open

    def say(self, message: BaseModel) -> None:
        """Sends a message of its own."""
        self._put(socket_frame(message.model_dump(mode="json")))

    async def catch_up(self, page: Page) -> None:
        """Sends what happened since its position, at the pace that it is read, however large events are. `page` answers
        what comes after a position, and where the log stands.
        """
        while self.is_open:
            stretch, head = await page(self.position)
            for event in stretch.events:
                if event.channel in self.channels:
                    self._put(Written.event(event).socket)
                self.position = event.seq
                await self.wire.flushed()
                if not self.is_open:
                    return
            self.position = stretch.examined
            if stretch.examined >= head:
                return

    def hear(self, written: Written) -> None:
        if written.channel in self.channels:
            self._put(written.socket)

    def beat(self) -> None:
        """Says that it lives, and up to where nothing was left out."""
        self.say(Heartbeat(seq=str(self.position)))

    def shut(self, why: Ending) -> None:
        self._is_over = True
        self.wire.shut(*ENDINGS[why], at_once=why is Ending.CROWDED_OUT)

    def over(self) -> None:
        """The client is gone."""
        self._is_over = True
        self._next_beat.cancel()
        self._hub.close(self)

    def _put(self, frame: bytes) -> None:
        waiting = self.wire.put(frame)
        if waiting > MOST_WAITING:
            self._hub.give_up(self)
        elif waiting:
            self._hub.keep(self, waiting)

    def _beat_on(self) -> None:
        self.beat()
        self._next_beat = self._loop.call_later(HEARTBEAT_SECONDS, self._beat_on)
