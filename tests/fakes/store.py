"""Where the tables are, who may open them, and how they change: by transactions, all or nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

from core.auth.errors import SessionEnded, TokenInvalid
from core.jobs.errors import AskerGone
from core.jobs.model import JobState
from core.kernel.actor import Actor, ActorChanged
from core.kernel.errors import Conflict
from core.kernel.ports import Clock
from core.tokens.model import ApiTokenStatus
from core.users.model import User
from tests.fakes.tables import CompanyTables, OnceKey, Person, Tables

Write = Callable[[Tables], None]


class Store:
    """The committed tables, and the Idempotency-Keys of requests that are being carried out."""

    def __init__(self, *, clock: Clock) -> None:
        self.clock = clock
        self.tables = Tables()
        self.in_flight: set[tuple[UUID, OnceKey]] = set()

    def caller(self, actor: Actor) -> Actor:
        """The caller as of now. Raises SessionEnded, for a token TokenInvalid."""
        if actor.job_id is not None:
            return self._caller_by_job(actor, actor.job_id)
        if actor.token_id is not None:
            return self._caller_by_token(actor, actor.token_id)
        session = self.tables.sessions.get(actor.signed_in.session_id)
        tables = self.tables.companies.get(actor.company_id)
        if (
            session is None
            or not session.is_open(at=self.clock.now())
            or tables is None
            or not tables.company.is_active
        ):
            raise SessionEnded
        for person in tables.people.values():
            user = person.user
            opens = session.opens(
                actor.company_id, sso_enforced=tables.sso_enforced, breaks_glass=tables.breaks_glass(person)
            )
            if user.account_id == session.account_id and person.may_act and opens:
                return replace(
                    actor,
                    user_id=user.id,
                    account_id=session.account_id,
                    role=user.role,
                    edits_all_project_tasks=tables.company.settings.members_edit_all_project_tasks,
                    authenticated_at=session.authenticated_at,
                    is_general=session.general_at is not None,
                )
        raise SessionEnded

    def _caller_by_token(self, actor: Actor, token_id: UUID) -> Actor:
        user = self.holder_of(actor.company_id, token_id)
        if user is None:
            raise TokenInvalid
        settings = self.tables.companies[actor.company_id].company.settings
        return replace(
            actor,
            user_id=user.id,
            account_id=user.account_id,
            role=user.role,
            edits_all_project_tasks=settings.members_edit_all_project_tasks,
            authenticated_at=None,
        )

    def _caller_by_job(self, actor: Actor, job_id: UUID) -> Actor:
        tables = self.tables.companies.get(actor.company_id)
        job = tables.jobs.get(job_id) if tables is not None else None
        if tables is None or job is None or job.state is not JobState.STARTED or not tables.company.is_active:
            raise AskerGone
        person = tables.people.get(job.created_by) if job.created_by is not None else None
        if person is None or not person.may_act:
            raise AskerGone
        if job.token_id is not None and self.holder_of(actor.company_id, job.token_id) != person.user:
            raise AskerGone
        return replace(
            actor,
            user_id=person.user.id,
            account_id=person.user.account_id,
            role=person.user.role,
            edits_all_project_tasks=tables.company.settings.members_edit_all_project_tasks,
        )

    def holder_of(self, company_id: UUID, token_id: UUID) -> User | None:
        """As whom a token lets in at this moment."""
        tables = self.tables.companies.get(company_id)
        token = tables.api_tokens.get(token_id) if tables is not None else None
        if tables is None or token is None or not tables.company.is_active:
            return None
        holder = tables.people[token.user_id]
        works = token.status(at=self.clock.now()) is ApiTokenStatus.ACTIVE
        return holder.user if works and holder.may_act else None

    def read(self, actor: Actor) -> CompanyTables:
        """The company's tables, for a reader. Raises SessionEnded, and ActorChanged if the role is outdated."""
        now = self.caller(actor)
        if now.role is not actor.role:
            raise ActorChanged(now)
        return self.tables.companies[actor.company_id]

    def add_person(self, company_id: UUID, user: User) -> None:
        people = self.tables.companies[company_id].people
        if any(person.user.username.lower() == user.username.lower() for person in people.values()):
            raise Conflict("the username is taken")
        people[user.id] = Person(user=user)


class _Kept(NamedTuple):
    write: Write
    is_seen: bool


class Transaction:
    """Writes that are kept aside until they are committed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._writes: list[_Kept] = []

    def seen(self) -> Tables:
        """The tables as this transaction sees them: what was committed, and what it did itself."""
        tables = self._store.tables.copy()
        for kept in self._writes:
            if kept.is_seen:
                kept.write(tables)
        return tables

    def do(self, write: Write) -> None:
        """Writes now. Raises what the write raises; later reads of this transaction see it."""
        write(self.seen())
        self._writes.append(_Kept(write, is_seen=True))

    def defer(self, write: Write) -> None:
        """Writes with the commit, which raises what the write raises."""
        self._writes.append(_Kept(write, is_seen=False))

    def settle(self) -> None:
        """Writes now what was left to the commit."""
        for place, kept in enumerate(self._writes):
            if not kept.is_seen:
                kept.write(self.seen())
                self._writes[place] = kept._replace(is_seen=True)

    def commit(self) -> None:
        """All or nothing."""
        tables = self._store.tables.copy()
        for kept in self._writes:
            kept.write(tables)
        self._writes = []
        self._store.tables = tables
