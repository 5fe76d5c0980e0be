"""A socket whose client is known, on a wire that is read when it is waited for."""

from core.kernel.paging import Answer
from core.realtime.read_models import EventView, Stretch
from entrypoints.live.hub import Hub
from entrypoints.ws import socket as sockets
from entrypoints.ws.protocol import SocketProtocol
from entrypoints.ws.socket import PAGE, Socket
from tests.builders import an_actor
from tests.fakes.clock import SettableClock

NOW = SettableClock().now()


class Wire(SocketProtocol):
    """Keeps what is sent; its client reads all of it whenever somebody waits for that."""

    def __init__(self) -> None:
        self.waiting = 0
        self.most = 0
        self.hangs_up_after = 10**9
        self.sent = 0

    @property
    def is_open(self) -> bool:
        return self.sent < self.hangs_up_after

    def put(self, frame: bytes) -> int:
        self.sent += 1
        self.waiting += len(frame)
        self.most = max(self.most, self.waiting)
        return self.waiting

    async def flushed(self) -> None:
        self.waiting = 0


class Gone(Hub):
    """Is given up to."""

    def __init__(self) -> None:
        self.given_up = 0

    def give_up(self, door: object) -> None:  # noqa: ARG002
        self.given_up += 1

    def keep(self, door: object, size: int) -> None:
        """There is room enough."""

    def close(self, door: object) -> None:
        """Nothing is open."""


async def page(position: int) -> Answer[Stretch]:
    head = 2 * PAGE + 3
    events = [
        EventView(seq, "noted", "task_updates", NOW, None, "session", None, {"text": "x" * 1000})
        for seq in range(position + 1, min(position + PAGE, head) + 1)
    ]
    return Answer(Stretch(events, events[-1].seq if events else position), head)


async def test_a_client_that_reads_catches_up_however_large_events_are() -> None:
    wire, hub = Wire(), Gone()
    socket = Socket(wire, an_actor(), 0, hub=hub)
    await socket.catch_up(page)
    socket.over()
    assert (hub.given_up, socket.position, wire.sent) == (0, 2 * PAGE + 3, 2 * PAGE + 3)
    assert wire.most < 2000 < sockets.MOST_WAITING


async def test_parts_may_be_short_long_before_the_head() -> None:
    async def by_threes(position: int) -> Answer[Stretch]:
        (events, _, _), head = await page(position)
        return Answer(Stretch(events[:3], min(position + 3, head)), head)

    wire = Wire()
    socket = Socket(wire, an_actor(), 0, hub=Gone())
    await socket.catch_up(by_threes)
    socket.over()
    assert (wire.sent, socket.position) == (2 * PAGE + 3, 2 * PAGE + 3)


async def test_who_hangs_up_meanwhile_is_told_no_more() -> None:
    wire = Wire()
    wire.hangs_up_after = 5
    socket = Socket(wire, an_actor(), 0, hub=Gone())
    await socket.catch_up(page)
    socket.over()
    assert (wire.sent, socket.position) == (5, 5)
