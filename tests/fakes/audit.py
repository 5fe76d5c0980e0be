from datetime import datetime
from uuid import UUID, uuid5

from core.audit.ports import AuditFilter
from core.audit.read_models import AuditEventView
from core.kernel.actor import Actor, Origin
from core.kernel.audit import Note
from core.kernel.errors import Concern
from core.kernel.paging import Answer, Page, PageRequest, Sort
from tests.fakes.paging import Key, page_of
from tests.fakes.store import Store
from tests.fakes.tables import StoredNote, Tables

_AT = Key(lambda view: view.at, datetime.isoformat, datetime.fromisoformat)
_NAMES = UUID(int=0)


class InMemoryAuditReader:
    """A company's audit events."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(
        self, actor: Actor, *, where: AuditFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[AuditEventView]]:
        tables = self._store.read(actor)
        views = [
            self._view(place, kept)
            for place, kept in enumerate(self._store.tables.notes)
            if kept.company_id == actor.company_id
        ]
        views = [view for view in views if _fits(view, where)]
        return Answer(page_of(views, page, key=_AT, sort=sort, id_of=lambda view: view.id), tables.last_seq)

    def _view(self, place: int, kept: StoredNote) -> AuditEventView:
        company = self._store.tables.companies[kept.company_id] if kept.company_id else None
        person = company.people.get(kept.actor_id) if company and kept.actor_id else None
        return AuditEventView(
            id=uuid5(_NAMES, str(place)),
            type=str(kept.note.type),
            at=kept.at,
            actor_id=kept.actor_id,
            actor_name=person.user.name if person else None,
            via=kept.via,
            session_id=kept.session_id,
            token_id=kept.token_id,
            request_id=kept.origin.request_id,
            address=kept.origin.address,
            agent=kept.origin.agent,
            details=dict(kept.note.details),
            personal=dict(kept.note.personal) or None,
            number=None,
            erased_at=None,
        )


class InMemoryAuditLog:
    """Writes what belongs to no other transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.written = 0
        self._once: set[tuple[UUID, str]] = set()

    async def note(self, actor: Actor, note: Note, *, coalesced_by: str | None = None) -> None:
        now = self._store.caller(actor)
        self.written += 1
        if coalesced_by is not None:
            if (now.company_id, coalesced_by) in self._once:
                return
            self._once.add((now.company_id, coalesced_by))
        tables: Tables = self._store.tables.copy()
        tables.note(
            [note],
            company_id=now.company_id,
            actor_id=now.user_id,
            via=str(now.via),
            origin=actor.origin,
            session_id=now.session_id,
            token_id=now.token_id,
            at=self._store.clock.now(),
        )
        self._store.tables = tables

    async def tell(self, concern: Concern, note: Note, *, origin: Origin, coalesced_by: str) -> None:
        self.written += 1
        tables: Tables = self._store.tables.copy()
        mine = [
            (each.company, person.user)
            for each in tables.companies.values()
            for person in each.people.values()
            if concern.account_id is not None
            and (person.user.account_id, each.company.is_active) == (concern.account_id, True)
            and person.user.accepted_at is not None
        ]
        named = [each for each in mine if each[0].id == concern.company_id or each[0].code == concern.company_code]
        found = named or [each for each in mine if each[1].is_active] or mine
        told: list[tuple[UUID | None, UUID | None]] = [(company.id, user.id) for company, user in found]
        if concern.account_id is None:
            told = [
                (each.company.id, None)
                for each in tables.companies.values()
                if each.company.id == concern.company_id or concern.connection_id in each.oidc_connections
            ]
        for company_id, user_id in told or [(None, None)]:
            tables.note(
                [note],
                company_id=company_id,
                actor_id=user_id,
                via="visitor",
                origin=origin,
                at=self._store.clock.now(),
                coalesced_by=coalesced_by,
            )
        self._store.tables = tables


def _fits(view: AuditEventView, where: AuditFilter) -> bool:
    return (
        (not where.types or view.type in where.types)
        and where.actor_id in (None, view.actor_id)
        and (where.since is None or view.at >= where.since)
        and (where.until is None or view.at < where.until)
    )
