from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.paging import Answer
from core.realtime.model import ANY_SIZE, MOST_EXAMINED, Audible, Ticket
from core.realtime.read_models import Acquaintances, Backlog, Glance, Moment, Portion, Stretch

ENDED_WITHIN = timedelta(seconds=15)
"""So long ago is a moment ago, by clocks that do not quite agree."""


class EventReader(Protocol):
    async def after(
        self,
        actor: Actor,
        *,
        audible: Audible,
        position: int,
        types: tuple[str, ...],
        limit: int,
        most: int = MOST_EXAMINED,
        most_bytes: int = ANY_SIZE,
    ) -> Answer[Stretch]:
        """The first `limit` events after a position that the caller may hear of, in order, of the `most` that follow
        it; fewer, but one at least, where they are larger than `most_bytes`, roughly.
        """
        ...

    async def is_kept(self, actor: Actor, *, position: int) -> Answer[bool]:
        """Whether all is still there that happened after a position, and where the log stands."""
        ...

    async def head(self, actor: Actor) -> Answer[None]:
        """Where the log stands, for whoever may open the company."""
        ...

    async def seen(self, actor: Actor, *, among: Collection[UUID]) -> Answer[list[UUID]]:
        """Those of some users whom the caller may see, in order."""
        ...


class FeedReader(Protocol):
    """Reads the log for many listeners of a company at once."""

    async def read(
        self,
        company_id: UUID,
        *,
        position: int,
        most: int,
        most_bytes: int,
        sessions: Collection[UUID],
        tokens: Collection[UUID],
        users: Collection[UUID],
    ) -> Portion:
        """The first `most` events after a position, or of them, but one at least, what is not larger than `most_bytes`,
        roughly; and who of the listeners, named by what they are signed in by and who they are, may hear of which. One
        snapshot. Raises DatabaseAway.
        """
        ...

    async def is_kept(self, company_id: UUID, *, position: int) -> bool:
        """Whether all is still there that happened after a position. Raises DatabaseAway."""
        ...

    async def glance(self, company_ids: Collection[UUID]) -> Glance:
        """What nobody may have announced: where the logs of some companies stand, and what ended within the last
        `ENDED_WITHIN`. Raises DatabaseAway.
        """
        ...

    async def acquainted(
        self, company_id: UUID, *, listeners: Collection[UUID], others: Collection[UUID]
    ) -> Acquaintances:
        """Which of the others each listener may see. Raises DatabaseAway."""
        ...


class Ear(Protocol):
    """Hears what a bus carries. It must be quick, and must not fail."""

    def appended(self, company_id: UUID, seq: int) -> None:
        """A company's log goes on at that position, if not farther."""
        ...

    def ended(self, account_id: UUID) -> None:
        """Login sessions of an account ended."""
        ...

    def told(self, moment: Moment) -> None:
        """Something is so at this moment."""
        ...

    def missed(self) -> None:
        """Something may not have been heard."""
        ...

    def stirred(self) -> None:
        """Somewhere a log goes on, of a company that nobody here may follow."""
        ...


class Bus(Protocol):
    """Carries between processes that something happened, and never what: a loudspeaker, no store.

    What it is told is told to those who listen in this process at once. Nothing that it is told waits or fails; other
    processes may hear of it later, twice, or not at all.
    """

    def appended(self, company_id: UUID, seq: int) -> None: ...

    def ended(self, account_id: UUID) -> None: ...

    def tell(self, moment: Moment) -> None: ...

    def listen(self, ear: Ear) -> None:
        """From now on that one is told."""
        ...

    def follow(self, company_id: UUID) -> None:
        """Somebody here wants to hear of a company; sessions that ended are always heard of."""
        ...

    def leave(self, company_id: UUID) -> None:
        """Nobody here wants to any more."""
        ...

    async def carry(self) -> None:
        """Carries between processes, until it is cancelled."""
        ...


class TicketTexts(Protocol):
    """Tickets as clients hold them; nobody else can make or change one."""

    def issue(self, ticket: Ticket) -> str: ...

    def read(self, text: str) -> Ticket | None:
        """None for what is none of ours. An old one is read too."""
        ...


class UsedTickets(Protocol):
    """The tickets that were used, of all processes."""

    async def use(self, ticket: Ticket) -> bool:
        """Uses it up; False if it was used before. Raises SessionEnded if its holder's session has ended."""
        ...


class Leases(Protocol):
    """Who does what one process alone is to do, for a while."""

    async def take(self, name: str, *, holder: UUID, seconds: float) -> bool:
        """Whether it is the holder's from now on for so long: it was already, or nobody else's. Raises DatabaseAway."""
        ...

    async def give_up(self, name: str, *, holder: UUID) -> None:
        """It is nobody's any more, if it was the holder's."""
        ...


class Logs(Protocol):
    """The logs of all companies, from outside."""

    async def heads(self) -> dict[UUID, int]:
        """Where each stands."""
        ...

    async def backlogs(self) -> Iterable[Backlog]:
        """The stored readers that have not read all of a log. How old the first unread event is, is looked at where
        most is unread.
        """
        ...


class Attendance(Protocol):
    """Who is online, in all processes."""

    async def say(self, company_id: UUID, user_ids: Collection[UUID]) -> None:
        """These, and no others of the company, are online at this process. To be said again within 45 seconds."""
        ...

    async def online(self, company_id: UUID) -> set[UUID]:
        """Who is, at any process."""
        ...
