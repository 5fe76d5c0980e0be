from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from core.companies.model import Company
from core.kernel.actor import Via
from core.kernel.events import Fact
from core.operations.model import Cutoffs
from core.operations.read_models import CompanyLine, Purged, TokenLine
from core.tokens.model import ApiToken
from core.tokens.read_models import ApiTokenView
from core.users.model import User
from tests.fakes.people import NOTHING_ASKED
from tests.fakes.identity import InMemoryIdentityUnitOfWork
from tests.fakes.store import Store
from tests.fakes.tables import Tables


class InMemoryRemains:
    """Projects, Idempotency-Keys and events, of which the in-memory tables know from when they are."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.is_held_by_another = False

    async def purge(self, before: Cutoffs) -> Purged | None:
        if self.is_held_by_another:
            return None
        projects = keys = events = 0
        for tables in self._store.tables.companies.values():
            for project in list(tables.projects.values()):
                if project.deleted_at is not None and project.deleted_at < before.deleted:
                    del tables.projects[project.id]
                    projects += 1
            for key, outcome in list(tables.once.items()):
                if outcome.at < before.keys:
                    del tables.once[key]
                    keys += 1
            if before.events is not None:
                young = [event.seq for event in tables.events if event.occurred_at >= before.events]
                events += tables.forget(min(young, default=tables.last_seq + 1) - 1)
        return Purged(projects=projects, idempotency_keys=keys, events=events)


class InMemoryOperatorUnitOfWork(InMemoryIdentityUnitOfWork):
    """A transaction of the operator."""

    stranger = "system"

    async def set_temporary_password(self, account_id: UUID, *, password_hash: str, at: datetime) -> None:
        def put(tables: Tables) -> None:
            account = tables.accounts[account_id]
            tables.accounts[account_id] = replace(
                account,
                password_hash=password_hash,
                password_is_temporary=True,
                version=account.version + 1,
                updated_at=at,
                **NOTHING_ASKED,
            )

        self._transaction.do(put)

    async def open_company(
        self, company: Company, owner: User, facts: Callable[[], tuple[Fact, ...]], *, at: datetime
    ) -> None:
        def put(tables: Tables) -> None:
            tables.found(company, owner, facts, at=at, via=Via.SYSTEM)

        self._transaction.do(put)

    async def companies(self) -> tuple[CompanyLine, ...]:
        found = [
            CompanyLine(
                id=each.company.id,
                code=each.company.code,
                name=each.company.name,
                is_active=each.company.is_active,
                people=sum(person.user.is_active for person in each.people.values()),
                created_at=each.company.created_at,
                deleted_at=None,
            )
            for each in self._transaction.seen().companies.values()
        ]
        return tuple(sorted(found, key=lambda line: line.code))


class InMemoryTokenOperatorUnitOfWork(InMemoryIdentityUnitOfWork):
    """A transaction of the operator over API tokens."""

    async def holder(self, *, company: str, username: str) -> tuple[UUID, User] | None:
        for tables in self._transaction.seen().companies.values():
            for person in tables.people.values():
                is_it = person.user.username.lower() == username.lower() and tables.company.code == company
                if is_it and tables.company.is_active:
                    return tables.company.id, replace(person.user)
        return None

    async def tokens(self, *, company: str, at: datetime) -> tuple[TokenLine, ...] | None:
        for tables in self._transaction.seen().companies.values():
            if tables.company.code == company:
                found = [(tables.people[each.user_id].user.username, each) for each in tables.api_tokens.values()]
                found.sort(key=lambda pair: (pair[0].lower(), pair[1].created_at, pair[1].id))
                return tuple(
                    TokenLine(username=username, token=ApiTokenView.of(token, at=at)) for username, token in found
                )
        return None

    async def token(self, token_id: UUID) -> tuple[UUID, ApiToken] | None:
        for tables in self._transaction.seen().companies.values():
            if token_id in tables.api_tokens:
                return tables.company.id, replace(tables.api_tokens[token_id])
        return None

    async def add(self, company_id: UUID, token: ApiToken, fact: Fact, *, at: datetime) -> None:
        self._write(company_id, token, fact, at)

    async def save(self, company_id: UUID, token: ApiToken, fact: Fact, *, at: datetime) -> None:
        self._write(company_id, token, fact, at)

    def _write(self, company_id: UUID, token: ApiToken, fact: Fact, at: datetime) -> None:
        new = replace(token)

        def put(tables: Tables) -> None:
            here = tables.companies[company_id]
            here.api_tokens[new.id] = new
            here.append([fact], actor_id=None, via="system", at=at)
            tables.note(list(fact.notes()), company_id=company_id, actor_id=None, via="system", at=at)

        self._transaction.do(put)
