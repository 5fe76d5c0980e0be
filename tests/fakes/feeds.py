from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from core.kernel.actor import Actor, Role
from core.kernel.errors import Unauthenticated
from core.realtime.model import Audible, Ticket
from core.realtime.ports import ENDED_WITHIN
from core.realtime.read_models import Acquaintances, Backlog, Glance, Logged, Portion
from tests.fakes.clock import SettableClock
from tests.fakes.events import goes_on, may_see, view_of, within_size
from tests.fakes.store import Store

NOBODY = UUID(int=0)


class InMemoryFeedReader:
    """The logs of all companies, as those hear them who listen."""

    def __init__(self, store: Store) -> None:
        self._store = store

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
        tables = self._store.tables.companies[company_id]
        asked = [event for event in tables.events if event.seq > position][:most]
        found = asked[: len(within_size([view_of(event) for event in asked], most_bytes))]
        keys = [(key, {"session_id": key}) for key in sessions] + [(key, {"token_id": key}) for key in tokens]
        standing: dict[UUID, Audible] = {}
        for key, by in keys:
            try:
                now = self._store.caller(_holder(company_id, by))
            except Unauthenticated:
                continue
            standing[key] = Audible(user_id=now.user_id, everything=now.administers)
        projects = {event.audience.project_id for event in found}
        return Portion(
            events=[Logged(view_of(event), event.audience) for event in found],
            examined=found[-1].seq if found else position,
            standing=standing,
            members=frozenset(
                (project_id, user_id)
                for project_id, user_id in tables.members
                if project_id in projects and user_id in users and tables.project(project_id) is not None
            ),
            is_cut=len(found) < len(asked),
        )

    async def is_kept(self, company_id: UUID, *, position: int) -> bool:
        tables = self._store.tables.companies[company_id]
        return goes_on(tables, position) or position >= tables.last_seq

    async def acquainted(
        self, company_id: UUID, *, listeners: Collection[UUID], others: Collection[UUID]
    ) -> Acquaintances:
        tables = self._store.tables.companies[company_id]
        people = tables.people
        of_all = frozenset(one for one in listeners if one in people and people[one].user.role is not Role.MEMBER)
        return Acquaintances(
            of_all=of_all,
            pairs=frozenset(
                (one, other)
                for one in set(listeners) - of_all
                for other in others
                if one in people and other in people and may_see(tables, one, other, everybody=False)
            ),
        )

    async def glance(self, company_ids: Collection[UUID]) -> Glance:
        companies, since = self._store.tables.companies, self._store.clock.now() - ENDED_WITHIN
        tokens = [token for tables in companies.values() for token in tables.api_tokens.values()]
        return Glance(
            {company_id: companies[company_id].last_seq for company_id in company_ids if company_id in companies},
            frozenset(
                key.id
                for key in (*self._store.tables.sessions.values(), *tokens)
                if key.revoked_at is not None and key.revoked_at > since
            ),
        )


def _holder(company_id: UUID, by: dict[str, UUID]) -> Actor:
    """Somebody who presents a key, and of whom nothing else is known."""
    return Actor(
        company_id=company_id,
        user_id=NOBODY,
        account_id=NOBODY,
        session_id=by.get("session_id"),
        token_id=by.get("token_id"),
        role=Role.MEMBER,
    )


class RememberedDoorTickets:
    """Numbers its tickets and remembers what they hold."""

    def __init__(self) -> None:
        self._made: dict[str, Ticket] = {}

    def issue(self, ticket: Ticket) -> str:
        text = f"ticket-{len(self._made) + 1}"
        self._made[text] = ticket
        return text

    def read(self, text: str) -> Ticket | None:
        return self._made.get(text)


class InMemoryUsedTickets:
    """The ids of the tickets that were used."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._used: set[UUID] = set()

    async def use(self, ticket: Ticket) -> bool:
        self._store.caller(ticket.actor)
        if ticket.id in self._used:
            return False
        self._used.add(ticket.id)
        return True


class InMemoryLeases:
    """Leases by a clock that a test sets."""

    def __init__(self, clock: SettableClock) -> None:
        self._clock = clock
        self._held: dict[str, tuple[UUID, datetime]] = {}

    async def take(self, name: str, *, holder: UUID, seconds: float) -> bool:
        now = self._clock.now()
        held = self._held.get(name)
        if held is not None and held[0] != holder and held[1] >= now:
            return False
        self._held[name] = (holder, now + timedelta(seconds=seconds))
        return True

    async def give_up(self, name: str, *, holder: UUID) -> None:
        if self._held.get(name, (None,))[0] == holder:
            del self._held[name]


class InMemoryLogs:
    """What a test says of the logs."""

    def __init__(self) -> None:
        self.positions: dict[UUID, int] = {}
        self.behind: list[Backlog] = []

    async def heads(self) -> dict[UUID, int]:
        return dict(self.positions)

    async def backlogs(self) -> list[Backlog]:
        return list(self.behind)
