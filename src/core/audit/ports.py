from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from core.audit.model import Head
from core.audit.read_models import AuditEventView, Verified
from core.kernel.actor import Actor, Origin
from core.kernel.audit import Note
from core.kernel.errors import Concern
from core.kernel.paging import Answer, Page, PageRequest, Sort


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which audit events: of any of the types, by the actor, from `since` on and before `until`."""

    types: tuple[str, ...] = ()
    actor_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditReader(Protocol):
    """Reads a company's audit events."""

    async def page(
        self, actor: Actor, *, where: AuditFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[AuditEventView]]: ...


class AuditLog(Protocol):
    """Writes what belongs to no other transaction."""

    async def note(self, actor: Actor, note: Note, *, coalesced_by: str | None = None) -> None:
        """Notes it in a transaction of its own; once for all that have the same `coalesced_by`. Raises SessionEnded."""
        ...

    async def tell(self, concern: Concern, note: Note, *, origin: Origin, coalesced_by: str) -> None:
        """Notes what nobody signed in was refused, in a transaction of its own; in each company once for all that have
        the same `coalesced_by`. An account's goes to the company that it was to enter, if it is or was a user there,
        else to those that it belongs to; what concerns nobody who is known, to the chain of no company.
        """
        ...


class AuditChain(Protocol):
    """The chains of all companies, and of what happened in none."""

    async def extend(self) -> int:
        """Takes up what was noted meanwhile, and answers how many events; of two processes at once, one does."""
        ...

    def verify(self, *, company_code: str | None, expected: Head | None) -> AsyncIterator[Verified]:
        """Looks at every event of one company, or of all chains. Raises NobodyFound."""
        ...

    async def begin_anew(self) -> bool:
        """Goes on with another key, if the present one cannot be opened any more, and answers whether it had to."""
        ...

    async def heads(self) -> dict[UUID, Head]:
        """The end of each chain."""
        ...

    async def erase(self, *, company_code: str, person: str, at: datetime) -> int:
        """Erases in one company what tells of one person, by username or address: of what they did, and of what tells
        of them. Answers in how many events. Raises NobodyFound.
        """
        ...
