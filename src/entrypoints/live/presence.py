"""Who comes and goes, told to those at the doors of this process who may see them.

Each process says again and again whom it has, and looks who is online in all: what differs from what it saw before it
tells its own doors. A process that dies is believed for a while, and then its users are offline. Whoever comes back
within seconds, as a page does that is loaded anew, was never gone.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from uuid import UUID

from core.kernel.errors import Unavailable
from core.kernel.events import Channel
from core.realtime.ports import Attendance, Bus, FeedReader
from core.realtime.read_models import Moment

log = logging.getLogger("flowtrack.live")

SAID_EVERY = 15.0
GRACE = 5.0
# Of a company of a thousand nobody asks, or is told, all at once.
LISTENERS_AT_ONCE, OTHERS_AT_ONCE = 250, 20
_CHANGED = "presence_changed"


class Presence:
    """One a process; an ear of the bus, and told by the hub who has doors here."""

    def __init__(self, *, attendance: Attendance, feeds: FeedReader, bus: Bus) -> None:
        self._attendance = attendance
        self._reader = feeds
        self._bus = bus
        self._here: dict[UUID, set[UUID]] = defaultdict(set)
        self._leaving: dict[UUID, asyncio.TimerHandle] = {}
        self._known: dict[UUID, set[UUID]] = {}
        self._to_look: set[UUID] = set()
        self._something = asyncio.Event()
        self._is_telling = False
        self.tell: Callable[[Moment], None] = lambda _: None
        bus.listen(self)

    def came(self, company_id: UUID, user_id: UUID) -> None:
        """The first door of a user here was opened."""
        self._stay(user_id)
        if user_id not in self._here[company_id]:
            self._here[company_id].add(user_id)
            self._look_at(company_id)

    def left(self, company_id: UUID, user_id: UUID) -> None:
        """The last door of a user here was closed."""
        self._stay(user_id)
        self._leaving[user_id] = asyncio.get_running_loop().call_later(GRACE, self._gone, company_id, user_id)

    def _stay(self, user_id: UUID) -> None:
        leaving = self._leaving.pop(user_id, None)
        if leaving is not None:
            leaving.cancel()

    def _gone(self, company_id: UUID, user_id: UUID) -> None:
        del self._leaving[user_id]
        self._here[company_id].discard(user_id)
        self._look_at(company_id)

    def told(self, moment: Moment) -> None:
        # What this one tells is not news to it.
        if not self._is_telling and moment.frame["type"] == _CHANGED and self._here.get(moment.company_id):
            self._look_at(moment.company_id)

    def appended(self, company_id: UUID, seq: int) -> None:
        """No matter here."""

    def ended(self, account_id: UUID) -> None:
        """No matter here: its doors are closed, and that is told."""

    def missed(self) -> None:
        """Looks at all again."""
        for company_id in self._here:
            self._look_at(company_id)

    def stirred(self) -> None:
        """No matter here."""

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                async with asyncio.timeout(SAID_EVERY):
                    await self._something.wait()
            except TimeoutError:
                self._to_look |= self._here.keys()
            self._something.clear()
            looked, self._to_look = self._to_look, set()
            for company_id in looked:
                try:
                    await self._look(company_id)
                except Unavailable as away:
                    log.warning("who is online is looked at again in a while: %s", away.detail)
                except Exception:
                    log.exception("who is online could not be found out")

    def _look_at(self, company_id: UUID) -> None:
        self._to_look.add(company_id)
        self._something.set()

    async def _look(self, company_id: UUID) -> None:
        here = set(self._here.get(company_id, ()))
        await self._attendance.say(company_id, here)
        online = await self._attendance.online(company_id)
        changed = online ^ self._known.get(company_id, set())
        if changed:
            self._is_telling = True
            self._bus.tell(Moment(company_id, (), str(Channel.NOTIFICATIONS), {"type": _CHANGED}))
            self._is_telling = False
        if here:
            await self._tell(company_id, here, online=online, changed=changed)
        elif not self._here.get(company_id):
            # Nobody came meanwhile.
            self._here.pop(company_id, None)
            self._known.pop(company_id, None)

    async def _tell(self, company_id: UUID, here: set[UUID], *, online: set[UUID], changed: set[UUID]) -> None:
        everybody = sorted(here)
        for others in _portions(sorted(changed), OTHERS_AT_ONCE):
            for listeners in _portions(everybody, LISTENERS_AT_ONCE):
                found = await self._reader.acquainted(company_id, listeners=listeners, others=others)
                seeing = defaultdict[UUID, set[UUID]](set)
                for listener, other in found.pairs:
                    seeing[other].add(listener)
                for other in others:
                    # Nobody has to be told of themselves.
                    told = (found.of_all | seeing[other]) - {other}
                    if told:
                        frame = {"type": "presence", "user_id": other, "state": _state(other, online)}
                        self.tell(Moment(company_id, tuple(told), str(Channel.NOTIFICATIONS), frame))
                        await asyncio.sleep(0)
            # What could not be told is told the next time.
            self._known[company_id] = self._known.get(company_id, set()) ^ set(others)


def _portions(of: list[UUID], most: int) -> list[list[UUID]]:
    return [of[first : first + most] for first in range(0, len(of), most)]


def _state(user_id: UUID, online: set[UUID]) -> str:
    return "online" if user_id in online else "offline"
