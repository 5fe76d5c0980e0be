"""Reading companies and who the caller is in them."""

from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid, bindparam, column, func, select, true

from adapters.sql.connection import Database
from adapters.sql.pipeline import Row
from adapters.sql.readers.paging import Key, ordered, page_of, position_values
from adapters.sql.readers.users import USER_COLUMNS, user_view
from adapters.sql.statement import Statement
from adapters.sql.tables.identity import companies
from adapters.sql.tables.people import users
from core.auth.read_models import Membership, Profile
from core.companies.model import CompanySettings
from core.companies.read_models import CompanyView
from core.kernel.actor import Actor, Role
from core.kernel.paging import Answer, Page, PageRequest, Sort

USER = Statement(select(*USER_COLUMNS).where(users.c.id == bindparam("user_id", type_=Uuid)))

_instant = DateTime(timezone=True)
# What the session's account belongs to, in all companies: the database's function looks no further than that.
_session = bindparam("session", type_=Uuid)
_memberships = func.companies_of_session(_session).table_valued(
    "user_id",
    "role",
    column("id", Uuid),
    column("name", Text),
    "code",
    "contact_email",
    "is_active",
    "members_edit_all_project_tasks",
    "time_zone",
    "version",
    column("created_at", _instant),
    column("updated_at", _instant),
    name="memberships",
)
# By name, as the function gives them.
COMPANIES = Statement(select(_memberships))
# With what the profile says of the account besides.
COMPANIES_AND_FACTOR = Statement(select(_memberships, func.has_second_factor(_session)))
_ONE = Statement(select(_memberships).where(_memberships.c.id == bindparam("company_id", type_=Uuid)))
_COUNT = Statement(select(func.count()).select_from(_memberships))
SORTS = {
    "name": Key(_memberships.c.name, Text(), lambda view: view.name),
    "created_at": Key(_memberships.c.created_at, _instant, lambda view: view.created_at.isoformat()),
    "updated_at": Key(_memberships.c.updated_at, _instant, lambda view: view.updated_at.isoformat()),
}


class Shape(NamedTuple):
    """What the statement of the list depends on; all else are parameters."""

    sort: Sort
    after: bool
    most: int
    skips: bool


@lru_cache(maxsize=500)
def _page(shape: Shape) -> Statement:
    return Statement(
        ordered(
            select(_memberships),
            key=SORTS[shape.sort.field],
            id_column=_memberships.c.id,
            sort=shape.sort,
            after=shape.after,
            after_null=False,
            most=shape.most,
            skips=shape.skips,
        )
    )


# For who acts by an API token, which is for one company: that one alone, inside the wall.
_HERE = Statement(
    select(
        users.c.id,
        users.c.role,
        companies.c.id,
        companies.c.name,
        companies.c.code,
        companies.c.contact_email,
        companies.c.is_active,
        companies.c.members_edit_all_project_tasks,
        companies.c.time_zone,
        companies.c.version,
        companies.c.created_at,
        companies.c.updated_at,
    )
    .select_from(users.join(companies, true()))
    .where(users.c.id == bindparam("user_id", type_=Uuid))
)


def _companies_of(actor: Actor) -> tuple[Statement, dict[str, Any]]:
    if actor.token_id is not None:
        return _HERE, {"user_id": actor.user_id}
    return COMPANIES_AND_FACTOR, {"session": actor.session_id}


def company_view(row: Row) -> CompanyView:
    """A company from a row whose first column is the caller's user id there, and whose second is their role."""
    return CompanyView(
        id=row[2],
        name=row[3],
        code=row[4],
        contact_email=row[5],
        is_active=row[6],
        settings=CompanySettings(members_edit_all_project_tasks=row[7], time_zone=row[8]),
        role=Role(row[1]),
        version=row[9],
        created_at=row[10],
        updated_at=row[11],
    )


class SqlCompanyReader:
    """The caller's companies, and the caller in them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, actor: Actor, *, sort: Sort, page: PageRequest) -> Answer[Page[CompanyView]]:
        if actor.token_id is not None:
            here, seq = await self._here(actor)
            is_first = not page.skip and page.position is None
            return Answer(Page([here] if is_first else [], None, 1 if page.include_total else None), seq)
        values: dict[str, Any] = {"session": actor.session_id}
        statement = _page(Shape(sort, page.position is not None, page.limit + 1, page.skip > 0))
        count = (_COUNT, values) if page.include_total else None
        found = await self._database.rows(actor, statement, {**values, **position_values(page)}, also=count)
        views, read = [company_view(row) for row in found.rows], SORTS[sort.field].read
        total = found.also[0][0] if page.include_total else None
        return Answer(
            page_of(views, page, position=lambda view: (read(view), str(view.id)), total=total),
            found.seq,
        )

    async def one(self, actor: Actor, company_id: UUID) -> Answer[CompanyView | None]:
        if actor.token_id is not None:
            here, seq = await self._here(actor)
            return Answer(here if here.id == company_id else None, seq)
        found = await self._database.rows(actor, _ONE, {"session": actor.session_id, "company_id": company_id})
        return Answer(company_view(found.rows[0]) if found.rows else None, found.seq)

    async def _here(self, actor: Actor) -> Answer[CompanyView]:
        found = await self._database.rows(actor, _HERE, {"user_id": actor.user_id})
        return Answer(company_view(found.rows[0]), found.seq)

    async def profile(self, actor: Actor) -> Answer[Profile]:
        found = await self._database.rows(actor, USER, {"user_id": actor.user_id}, also=_companies_of(actor))
        views = [company_view(row) for row in found.also]
        profile = Profile(
            user=user_view(found.rows[0]),
            company=next(view for view in views if view.id == actor.company_id),
            companies=tuple(
                Membership(
                    user_id=row[0],
                    company_id=view.id,
                    company_name=view.name,
                    company_code=view.code,
                    role=view.role,
                )
                for row, view in zip(found.also, views, strict=True)
            ),
            second_factor=None if actor.token_id is not None else found.also[0][-1],
        )
        return Answer(profile, found.seq)
