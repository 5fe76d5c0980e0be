from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Self

from core.kernel.actor import Actor
from core.kernel.audit import Note
from core.kernel.events import Fact
from core.kernel.once import AlreadyAnswered, InFlight, KeyReused, Made, Once
from tests.fakes.store import Store, Transaction
from tests.fakes.tables import CompanyTables, OnceKey, StoredOutcome, Tables

_KEPT = timedelta(hours=24)


class InMemoryUnitOfWork:
    """One transaction of one actor in one company; features add their repositories to it."""

    def __init__(self, store: Store, actor: Actor, *, once: Once | None = None) -> None:
        self._store = store
        self._caller = actor
        self._once = once
        self._facts: list[Fact] = []
        self._notes: list[Note] = []
        self._opened: Actor | None = None
        self.transaction = Transaction(store)

    @property
    def actor(self) -> Actor:
        assert self._opened is not None, "the unit of work is not open"
        return self._opened

    @property
    def now(self) -> CompanyTables:
        """The company's tables as this transaction sees them."""
        return self.transaction.seen().companies[self.actor.company_id]

    def within(self, write: Callable[[CompanyTables], None]) -> Callable[[Tables], None]:
        """A write to the company's own tables."""
        company_id = self.actor.company_id
        return lambda tables: write(tables.companies[company_id])

    def record(self, *facts: Fact) -> None:
        self._facts.extend(facts)

    def note(self, *notes: Note) -> None:
        self._notes.extend(notes)

    async def commit(self, *, made: Made | None = None) -> int:
        actor, at, facts, once = self.actor, self._store.clock.now(), list(self._facts), self._once

        def log(tables: CompanyTables) -> None:
            tables.append(facts, actor_id=actor.user_id, via=str(actor.via), at=at)
            if once is not None and made is not None:
                tables.once[self._key(once)] = StoredOutcome(
                    digest=once.digest, outcome=made, seq=tables.last_seq, at=at
                )

        notes = [note for fact in facts for note in fact.notes()] + self._notes

        def tell(tables: Tables) -> None:
            tables.note(
                notes,
                company_id=actor.company_id,
                actor_id=actor.user_id,
                via=str(actor.via),
                origin=actor.origin,
                session_id=actor.session_id,
                token_id=actor.token_id,
                at=at,
            )

        self.transaction.defer(self.within(log))
        self.transaction.defer(tell)
        self.transaction.commit()
        self._facts, self._notes = [], []
        return self._store.tables.companies[actor.company_id].last_seq

    async def __aenter__(self) -> Self:
        opened = self._store.caller(self._caller)
        if self._once is not None:
            if (opened.company_id, self._key(self._once)) in self._store.in_flight:
                raise InFlight
            self._ensure_new(self._once)
            self._store.in_flight.add((opened.company_id, self._key(self._once)))
        self._opened = opened
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._once is not None:
            self._store.in_flight.discard((self.actor.company_id, self._key(self._once)))

    def _key(self, once: Once) -> OnceKey:
        return OnceKey(user_id=self._caller.user_id, method=once.method, path=once.path, key=once.key)

    def _ensure_new(self, once: Once) -> None:
        found = self._store.tables.companies[self._caller.company_id].once.get(self._key(once))
        if found is None or self._store.clock.now() - found.at >= _KEPT:
            return
        if not once.is_of(found.digest):
            raise KeyReused
        raise AlreadyAnswered(found.outcome, seq=found.seq)
