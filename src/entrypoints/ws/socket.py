"""A socket whose client is known."""

import asyncio

from pydantic import BaseModel

from core.kernel.actor import Actor
from core.kernel.events import Channel
from core.realtime.read_models import EventView
from entrypoints.events.frames import Heartbeat
from entrypoints.live.hub import Ending, Hub
from entrypoints.live.showing import Written, socket_frame
from entrypoints.ws.errors import ENDINGS
from entrypoints.ws.frames import HEARTBEAT_SECONDS
from entrypoints.ws.protocol import SocketProtocol

# Of what was sent and not read: beyond, the client has to come again and say from where.
MOST_WAITING = 4 * 1024 * 1024


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
    def is_open(self) -> bool:
        return not self._is_over and self.wire.is_open

    def say(self, message: BaseModel) -> None:
        """Sends a message of its own."""
        self._put(socket_frame(message.model_dump(mode="json")))

    def tell(self, event: EventView) -> None:
        """Sends an event of the past, if it is of interest."""
        if event.channel in self.channels:
            self._put(Written.event(event).socket)

    def hear(self, written: Written) -> None:
        if written.channel in self.channels:
            self._put(written.socket)

    def beat(self) -> None:
        """Says that it lives, and up to where nothing was left out."""
        self.say(Heartbeat(seq=str(self.position)))

    def shut(self, why: Ending) -> None:
        self._is_over = True
        self.wire.shut(*ENDINGS[why])

    def over(self) -> None:
        """The client is gone."""
        self._is_over = True
        self._next_beat.cancel()
        self._hub.close(self)

    def _put(self, frame: bytes) -> None:
        if self.wire.put(frame) > MOST_WAITING:
            self._hub.give_up(self)

    def _beat_on(self) -> None:
        self.beat()
        self._next_beat = self._loop.call_later(HEARTBEAT_SECONDS, self._beat_on)
