from collections.abc import Collection
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.paging import Answer
from core.realtime.model import ANY_SIZE, MOST_EXAMINED, Audible
from core.realtime.read_models import EventView, Stretch
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables, StoredEvent


class InMemoryEventReader:
    """The log as one caller hears it."""

    def __init__(self, store: Store) -> None:
        self._store = store

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
        tables = self._store.read(actor)
        asked = [
            view_of(event)
            for event in tables.events
            if position < event.seq <= position + most
            and (not types or event.event in types)
            and is_audible(tables, event, audible)
        ][:limit]
        heard = within_size(asked, most_bytes)
        examined = (
            heard[-1].seq
            if len(heard) < len(asked) or len(heard) == limit
            else max(min(tables.last_seq, position + most), position)
        )
        if examined == position + most < tables.last_seq:
            examined = min((event.seq - 1 for event in tables.events if event.seq > examined), default=tables.last_seq)
        is_expired = not (await self.is_kept(actor, position=position)).value
        return Answer(Stretch(heard, examined, is_expired), tables.last_seq)

    async def is_kept(self, actor: Actor, *, position: int) -> Answer[bool]:
        tables = self._store.read(actor)
        return Answer(goes_on(tables, position) or position >= tables.last_seq, tables.last_seq)

    async def seen(self, actor: Actor, *, among: Collection[UUID]) -> Answer[list[UUID]]:
        tables = self._store.read(actor)
        found = [
            user_id
            for user_id in sorted(among)
            if user_id in tables.people and may_see(tables, actor.user_id, user_id, everybody=actor.administers)
        ]
        return Answer(found, tables.last_seq)

    async def head(self, actor: Actor) -> Answer[None]:
        return Answer(None, self._store.read(actor).last_seq)


def within_size(found: list[EventView], most_bytes: int) -> list[EventView]:
    """Those before which no more than so many bytes stand."""
    sizes = [len(str(event.body)) for event in found]
    return [event for place, event in enumerate(found) if sum(sizes[:place]) <= most_bytes]


def goes_on(tables: CompanyTables, position: int) -> bool:
    """Whether all is there that came after a position, unless that is the head."""
    return any(event.seq in (position, position + 1) for event in tables.events)


def may_see(tables: CompanyTables, user_id: UUID, other: UUID, *, everybody: bool) -> bool:
    """Whether a user sees another one."""
    projects = [
        {project_id for project_id, member in tables.members if member == each and tables.project(project_id)}
        for each in (user_id, other)
    ]
    return everybody or user_id == other or bool(projects[0] & projects[1])


def is_audible(tables: CompanyTables, event: StoredEvent, audible: Audible) -> bool:
    audience = event.audience
    if audience.everyone or audible.user_id in audience.named:
        return True
    if audible.everything:
        return audience.admins
    project_id = audience.project_id
    return (
        project_id is not None
        and tables.project(project_id) is not None
        and (project_id, audible.user_id) in tables.members
    )


def view_of(event: StoredEvent) -> EventView:
    return EventView(
        seq=event.seq,
        event=event.event,
        channel=event.channel,
        occurred_at=event.occurred_at,
        actor_id=event.actor_id,
        via=event.via,
        project_id=event.audience.project_id,
        body=event.body,
    )
