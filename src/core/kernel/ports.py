"""What every feature needs from outside: time, ids, randomness, and a unit of work."""

from datetime import datetime
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.audit import Note
from core.kernel.events import Fact
from core.kernel.limits import Allowance, Limit
from core.kernel.once import Made


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The present instant, UTC and aware."""
        ...


class Ids(Protocol):
    """Makes identifiers."""

    def new(self) -> UUID:
        """A fresh UUIDv7: later ones sort after earlier ones."""
        ...


class RateLimits(Protocol):
    """Counts what is used up of limits, without asking anybody: a process hears of what others counted afterwards."""

    def take(self, limit: Limit, key: str) -> Allowance:
        """Uses up one, if there is one left for that key; what is refused is not counted."""
        ...

    def look(self, limit: Limit, key: str) -> Allowance:
        """What `take` would answer. Uses up nothing."""
        ...


class UnitOfWork(Protocol):
    """One transaction of one actor in one company. Leaving it without `commit` takes everything back."""

    @property
    def actor(self) -> Actor:
        """The caller as the database knows them, read when the transaction opened, with the first load."""
        ...

    def record(self, *facts: Fact) -> None:
        """Adds facts to the company's event log, written in this same transaction."""
        ...

    def note(self, *notes: Note) -> None:
        """Adds audit events of what no fact tells, written in this same transaction."""
        ...

    async def commit(self, *, made: Made | None = None) -> int:
        """Makes everything durable and visible, and returns the company's sequence after it.

        `made` is what the request's Idempotency-Key, if it has one, is remembered to have resulted in.
        Raises Stale, Conflict or Invalid where the database refuses, and then nothing was written.
        """
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
