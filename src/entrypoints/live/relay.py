"""The relay: what nobody announced is found, and those who read logs from stored positions are woken.

Commits are announced by whoever made them. A process that dies between the two announces nothing, so one process looks
after the logs of all companies about every second. Which one, a lease says that is taken anew each time; when the
leader dies, another one leads within seconds, and meanwhile everybody else's own looking goes on.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

from core.kernel.errors import Unavailable
from core.realtime.ports import Bus, Leases, Logs
from core.realtime.read_models import Moment

LEASE = "relay"
LEASE_SECONDS = 5.0
# How often the stored positions are looked at, in turns.
_BACKLOGS_EVERY = 5


class Bell(Protocol):
    """Wakes work in this process."""

    def ring(self) -> None: ...


class RelayObserver(Protocol):
    """Is told what the relay sees. It must be quick, and must not fail."""

    def relayed(self, *, leads: bool, behind: Mapping[str, tuple[int, float]]) -> None:
        """Whether this process leads, and if so how deep each reader is behind, and how old what it has not read."""
        ...


class Relay:
    """One a process; an ear of the bus. `readers` are the bells of what reads logs in this process."""

    def __init__(
        self, *, logs: Logs, leases: Leases, bus: Bus, holder: UUID, observer: RelayObserver | None = None
    ) -> None:
        self.readers: list[Bell] = []
        self.leads = False
        self._logs = logs
        self._leases = leases
        self._bus = bus
        self._holder = holder
        self._observer = observer
        self._told: dict[UUID, int] = {}
        self._turns = 0
        self._readers_seen: set[str] = set()
        bus.listen(self)

    async def turn(self) -> None:
        """Once around: leads if nobody else does, and then announces what was not. Raises DatabaseAway."""
        try:
            self.leads = await self._leases.take(LEASE, holder=self._holder, seconds=LEASE_SECONDS)
            if not self.leads:
                # Whoever leads again some day looks afresh.
                self._told.clear()
                self._say(dict.fromkeys(self._readers_seen, (0, 0.0)))
                return
            heads = await self._logs.heads()
            is_first, told = not self._told, self._told
            for company_id, seq in heads.items():
                if seq > told.get(company_id, 0 if not is_first else seq - 1):
                    self._bus.appended(company_id, seq)
            self._told = heads
            if self._turns % _BACKLOGS_EVERY == 0:
                await self._look_behind()
            else:
                self._say({})
            self._turns += 1
        except Unavailable:
            self.leads = False
            # How far readers are, nobody knows.
            self._say({})
            raise

    async def give_up(self) -> None:
        """Leaves the lead to others, at the end."""
        if self.leads:
            self.leads = False
            self._say(dict.fromkeys(self._readers_seen, (0, 0.0)))
            await self._leases.give_up(LEASE, holder=self._holder)

    def appended(self, company_id: UUID, seq: int) -> None:
        if self._told and seq > self._told.get(company_id, 0):
            self._told[company_id] = seq
        self._wake()

    def ended(self, account_id: UUID) -> None:
        """No matter here."""

    def told(self, moment: Moment) -> None:
        """No matter here."""

    def missed(self) -> None:
        self._wake()

    def stirred(self) -> None:
        self._wake()

    def _wake(self) -> None:
        for reader in self.readers:
            reader.ring()

    async def _look_behind(self) -> None:
        depths, oldest = defaultdict[str, int](int), defaultdict[str, float](float)
        for reader, _, position, head, age in await self._logs.backlogs():
            depths[reader] += head - position
            oldest[reader] = max(oldest[reader], age or 0.0)
        self._readers_seen |= depths.keys()
        self._say({reader: (depths[reader], oldest[reader]) for reader in self._readers_seen})

    def _say(self, behind: Mapping[str, tuple[int, float]]) -> None:
        if self._observer is not None:
            self._observer.relayed(leads=self.leads, behind=behind)
