from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from core.companies.model import Company
from core.kernel.actor import Via
from core.kernel.events import Fact
from core.operations.model import Cutoffs
from core.operations.read_models import CompanyLine, Purged
from core.users.model import User
from tests.fakes.people import NOTHING_ASKED
from tests.fakes.identity import InMemoryIdentityUnitOfWork
from tests.fakes.store import Store
from tests.fakes.tables import Tables


class InMemoryRemains:
    """Projects and Idempotency-Keys, of which the in-memory tables know when they ended."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.is_held_by_another = False

    async def purge(self, before: Cutoffs) -> Purged | None:
        if self.is_held_by_another:
            return None
        projects = keys = 0
        for tables in self._store.tables.companies.values():
            for project in list(tables.projects.values()):
                if project.deleted_at is not None and project.deleted_at < before.deleted:
                    del tables.projects[project.id]
                    projects += 1
            for key, outcome in list(tables.once.items()):
                if outcome.at < before.keys:
                    del tables.once[key]
                    keys += 1
        return Purged(projects=projects, idempotency_keys=keys)


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
