from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from core.auth.read_models import Membership, Profile
from core.companies.errors import CompanyCodeTaken
from core.companies.model import Company
from core.companies.read_models import CompanyView
from core.kernel.actor import Actor, Role
from core.kernel.errors import Conflict
from core.kernel.events import Fact
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.users.model import User
from core.users.read_models import UserView
from tests.fakes.paging import Key, page_of
from tests.fakes.store import Store
from tests.fakes.tables import Person, Tables
from tests.fakes.unit_of_work import InMemoryUnitOfWork


_INSTANT: dict[str, Any] = {"write": datetime.isoformat, "read": datetime.fromisoformat}
SORTS = {
    "name": Key(lambda view: view.name),
    "created_at": Key(lambda view: view.created_at, **_INSTANT),
    "updated_at": Key(lambda view: view.updated_at, **_INSTANT),
}


class InMemoryCompanyUnitOfWork(InMemoryUnitOfWork):
    """A unit of work of somebody who opens another company, or changes their own."""

    async def caller(self) -> UserView:
        return user_view(self.now.people[self.actor.user_id])

    async def load(self) -> Company | None:
        company = self.now.company
        return replace(company) if company.deleted_at is None else None

    def save(self, company: Company) -> None:
        changed = replace(company)

        def put(tables: Tables) -> None:
            others = [each.company for each in tables.companies.values() if each.company.id != changed.id]
            if any(each.code == changed.code for each in others):
                raise CompanyCodeTaken
            here = tables.companies[changed.id]
            if here.company.version != changed.version - 1:
                raise Conflict("the company changed meanwhile")
            here.company = changed

        self.transaction.defer(put)

    async def open_company(
        self, company: Company, owner: User, facts: Callable[[], tuple[Fact, ...]], *, at: datetime
    ) -> None:
        self.transaction.do(lambda tables: _found(tables, company, owner, facts, at))


def _found(tables: Tables, company: Company, owner: User, facts: Callable[[], tuple[Fact, ...]], at: datetime) -> None:
    tables.found(company, owner, facts, at=at)


class InMemoryCompanyReader:
    """The caller's companies, and the caller in them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self, actor: Actor, *, sort: Sort, page: PageRequest) -> Answer[Page[CompanyView]]:
        tables = self._store.read(actor)
        views = [view for view, _ in self._all(actor)]
        found = page_of(views, page, key=SORTS[sort.field], sort=sort, id_of=lambda view: view.id)
        return Answer(found, tables.last_seq)

    async def one(self, actor: Actor, company_id: UUID) -> Answer[CompanyView | None]:
        tables = self._store.read(actor)
        found = (view for view, _ in self._all(actor) if view.id == company_id)
        return Answer(next(found, None), tables.last_seq)

    async def profile(self, actor: Actor) -> Answer[Profile]:
        tables = self._store.read(actor)
        found = self._all(actor)
        profile = Profile(
            user=user_view(tables.people[actor.user_id]),
            company=next(view for view, _ in found if view.id == actor.company_id),
            companies=tuple(
                Membership(
                    user_id=user.id,
                    company_id=view.id,
                    company_name=view.name,
                    company_code=view.code,
                    role=user.role,
                )
                for view, user in found
            ),
            second_factor=(
                self._store.tables.accounts[actor.signed_in.account_id].has_second_factor
                if actor.token_id is None
                else None
            ),
        )
        return Answer(profile, tables.last_seq)

    def _all(self, actor: Actor) -> list[tuple[CompanyView, User]]:
        if actor.token_id is not None:
            tables = self._store.tables.companies[actor.company_id]
            user = tables.people[actor.user_id].user
            return [(company_view(tables.company, role=user.role), user)]
        session = self._store.tables.sessions[actor.signed_in.session_id]
        account_id = session.account_id
        found = [
            (company_view(tables.company, role=person.user.role), person.user)
            for tables in self._store.tables.companies.values()
            for person in tables.people.values()
            if person.user.account_id == account_id and person.may_act and tables.company.is_active
            if session.general_at is not None or tables.company.id in session.sso_company_ids
        ]
        return sorted(found, key=lambda each: (each[0].name, each[0].id))


def company_view(company: Company, *, role: Role) -> CompanyView:
    return CompanyView.of(company, role=role)


def user_view(person: Person) -> UserView:
    return UserView.of(person.user, last_login_at=person.last_login_at)
