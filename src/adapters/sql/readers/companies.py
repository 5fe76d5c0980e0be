"""Reading companies and who the caller is in them."""

from typing import Any

from sqlalchemy import Uuid, bindparam, func, select, true

from adapters.sql.connection import Database
from adapters.sql.pipeline import Row
from adapters.sql.readers.users import USER_COLUMNS, user_view
from adapters.sql.statement import Statement
from adapters.sql.tables.identity import companies
from adapters.sql.tables.work import users
from core.auth.read_models import Membership, Profile
from core.companies.model import CompanySettings
from core.companies.read_models import CompanyView
from core.kernel.actor import Actor, Role
from core.kernel.paging import Answer

USER = Statement(select(*USER_COLUMNS).where(users.c.id == bindparam("user_id", type_=Uuid)))

# What the session's account belongs to, in all companies: the database's function looks no further than that.
COMPANIES = Statement(
    select(
        func.companies_of_session(bindparam("session", type_=Uuid)).table_valued(
            "user_id",
            "role",
            "id",
            "name",
            "code",
            "contact_email",
            "is_active",
            "members_edit_all_project_tasks",
            "time_zone",
            "version",
            "created_at",
            "updated_at",
            name="memberships",
        )
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
    return COMPANIES, {"session": actor.session_id}


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

    async def companies(self, actor: Actor) -> Answer[list[CompanyView]]:
        found = await self._database.rows(actor, *_companies_of(actor))
        return Answer([company_view(row) for row in found.rows], found.seq)

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
        )
        return Answer(profile, found.seq)
