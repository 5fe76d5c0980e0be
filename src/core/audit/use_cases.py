from collections.abc import AsyncIterator, Callable
from typing import Final
from uuid import UUID

from core.audit.errors import NobodyFound, SpanInvalid
from core.audit.model import Head
from core.audit.policy import authorise_audit
from core.audit.ports import AuditChain, AuditFilter, AuditLog, AuditReader
from core.audit.read_models import AuditEventView, Verified
from core.kernel.actor import Actor, System, Visitor, reading
from core.kernel.audit import AuditType, Note
from core.kernel.errors import Concern, Forbidden, answers
from core.kernel.limits import part_of_network
from core.kernel.paging import MOST, Answer, CursorInvalid, Page, PageRequest, Sort
from core.kernel.ports import Clock

_OLDEST_FIRST: Final = Sort(field="at")
# What is remembered of refusals that were noted already; one too few is noted twice, and kept once.
_MOST_REMEMBERED: Final = 10_000


class AuditUseCases:
    """Reading the audit, and noting what was refused."""

    def __init__(self, *, reader: AuditReader, log: AuditLog, clock: Clock) -> None:
        self._reader = reader
        self._log = log
        self._clock = clock
        self._noted: set[str] = set()

    @reading
    @answers(Forbidden, SpanInvalid, CursorInvalid)
    async def list(
        self, actor: Actor, *, where: AuditFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[AuditEventView]]:
        """The company's audit events, the newest first. Owners and admins may.

        What happens to an account is told in each of its companies, and none of them learns of another. With
        `format=ndjson` all events that fit are sent, the oldest first, one JSON object a line; that is noted itself.
        """
        await self._ensure_may(actor, where)
        return await self._reader.page(actor, where=where, sort=sort, page=page)

    @answers(Forbidden, SpanInvalid)
    async def export(
        self, actor: Actor, *, where: AuditFilter
    ) -> tuple[Callable[[], AsyncIterator[tuple[AuditEventView, ...]]], int]:
        """All events that fit, the oldest first, page by page, and the event sequence at the beginning. What is noted
        while they are read is left out. Owners and admins may; it is noted that they did.
        """
        first = await self._export_page(actor, where, None)
        details = {"of": "audit_events", "types": where.types, "actor_id": where.actor_id}
        await self._log.note(actor, Note(type=AuditType.EXPORT_MADE, details=details))
        until = self._clock.now() if where.until is None else where.until
        bounded = AuditFilter(types=where.types, actor_id=where.actor_id, since=where.since, until=until)

        async def pages() -> AsyncIterator[tuple[AuditEventView, ...]]:
            position: tuple[str | int | None, str] | None = None
            while True:
                page = (await self._export_page(actor, bounded, position)).value
                yield tuple(page.items)
                position = page.next_position
                if position is None:
                    return

        return pages, first.seq

    @answers()
    async def refused(self, actor: Actor, *, rule: str, verb: str, host: str = "") -> None:
        """Notes that a caller was refused by a rule, as a code, when they asked for `verb`: once a minute for each, of
        a user's tokens each by itself, and apart from what the user is refused who is signed in. `host` is where they
        wanted something sent.

        The transaction of what was refused was rolled back, so this one is its own.
        """
        once = f"{actor.user_id} {actor.token_id or actor.via} {rule} {self._minute()}"
        if once in self._noted:
            return
        await self._log.note(actor, _denied(rule, verb, host), coalesced_by=once)
        self._remember(once)

    @answers()
    async def turned_away(self, visitor: Visitor, concern: Concern, *, rule: str, verb: str) -> None:
        """The same of somebody who is not signed in: once a minute for each rule, of an account in each company that is
        told; of anybody else, for each part of the network.
        """
        whose = concern.account_id or f"part {part_of_network(visitor.address)}"
        coalesced_by = f"{whose} {rule} {self._minute()}"
        once = f"{coalesced_by} {concern}"
        if once in self._noted:
            return
        await self._log.tell(concern, _denied(rule, verb), origin=visitor.origin, coalesced_by=coalesced_by)
        self._remember(once)

    def _minute(self) -> str:
        return f"{self._clock.now():%Y-%m-%dT%H:%M}"

    def _remember(self, once: str) -> None:
        if len(self._noted) >= _MOST_REMEMBERED:
            self._noted.clear()
        self._noted.add(once)

    @reading
    async def _export_page(
        self, actor: Actor, where: AuditFilter, position: tuple[str | int | None, str] | None
    ) -> Answer[Page[AuditEventView]]:
        await self._ensure_may(actor, where)
        page = PageRequest(limit=MOST, position=position)
        return await self._reader.page(actor, where=where, sort=_OLDEST_FIRST, page=page)

    async def _ensure_may(self, actor: Actor, where: AuditFilter) -> None:
        if where.since is not None and where.until is not None and where.until <= where.since:
            raise SpanInvalid
        if not actor.administers:
            # Whether that is still so, only the database knows.
            await self._reader.page(
                actor, where=AuditFilter(types=("",)), sort=_OLDEST_FIRST, page=PageRequest(limit=1)
            )
        authorise_audit(actor)


def _denied(rule: str, verb: str, host: str = "") -> Note:
    where = {"host": host} if host else {}
    return Note(type=AuditType.PERMISSION_DENIED, details={"rule": rule, "verb": verb, **where})


class AuditChainUseCases:
    """Keeping and examining the proof that nobody altered the record. The installation itself may."""

    def __init__(self, *, chain: AuditChain, clock: Clock) -> None:
        self._chain = chain
        self._clock = clock
        self._told: dict[UUID, Head] = {}

    @answers()
    async def extend(self, _: System) -> int:
        """Takes up what was noted since the last time."""
        return await self._chain.extend()

    @answers()
    async def begin_anew(self, _: System) -> bool:
        """Goes on with another key where the present one is lost, with the secret that it was sealed with. What was
        noted before can be proved no more, and says so. Answers whether it had to.
        """
        return await self._chain.begin_anew()

    @answers()
    async def heads(self, _: System) -> dict[UUID, Head]:
        """The ends of the chains that went on since they were asked for last: what is worth writing down elsewhere."""
        heads = await self._chain.heads()
        moved = {company: head for company, head in heads.items() if self._told.get(company) != head}
        self._told = heads
        return moved

    @answers(NobodyFound)
    def verify(
        self, _: System, *, company_code: str | None = None, expected: Head | None = None
    ) -> AsyncIterator[Verified]:
        """Examines every chain, or one company's, against the head that was written down earlier if one is given."""
        return self._chain.verify(company_code=company_code, expected=expected)

    @answers(NobodyFound)
    async def erase(self, _: System, *, company_code: str, person: str) -> int:
        """Erases what the events of a company tell of one person; that they happened stays, and stays proved."""
        return await self._chain.erase(company_code=company_code, person=person, at=self._clock.now())
