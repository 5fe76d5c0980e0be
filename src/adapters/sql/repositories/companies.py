"""Opening companies from within another one, and changing the one that the caller acts in."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Boolean, DateTime, Integer, Text, bindparam, select, update

from adapters.sql.founding import found
from adapters.sql.readers.companies import USER
from adapters.sql.readers.users import user_view
from adapters.sql.statement import Statement
from adapters.sql.tables.identity import companies
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.companies.model import Company, CompanySettings
from core.kernel.events import Fact
from core.users.model import User
from core.users.read_models import UserView

_instant = DateTime(timezone=True)
_LOAD = Statement(
    select(
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
    .where(companies.c.deleted_at.is_(None))
    .with_for_update(of=companies, key_share=True)
)
_SAVE = Statement(
    update(companies)
    .where(companies.c.version == bindparam("new_version", type_=Integer) - 1)
    .values(
        name=bindparam("new_name", type_=Text),
        code=bindparam("new_code", type_=Text),
        contact_email=bindparam("new_contact_email", type_=Text),
        is_active=bindparam("new_is_active", type_=Boolean),
        members_edit_all_project_tasks=bindparam("new_edit_all", type_=Boolean),
        time_zone=bindparam("new_time_zone", type_=Text),
        version=bindparam("new_version", type_=Integer),
        updated_at=bindparam("new_updated_at", type_=_instant),
        deleted_at=bindparam("new_deleted_at", type_=_instant),
    )
)


class SqlCompanyUnitOfWork(SqlUnitOfWork):
    """A unit of work of somebody who opens another company, or changes their own."""

    async def caller(self) -> UserView:
        (rows,) = await self.fetch((USER, {"user_id": self.actor.user_id}))
        return user_view(rows[0])

    async def load(self) -> Company | None:
        (rows,) = await self.fetch((_LOAD, {}))
        if not rows:
            return None
        row = rows[0]
        return Company(
            id=row[0],
            name=row[1],
            code=row[2],
            contact_email=row[3],
            is_active=row[4],
            settings=CompanySettings(members_edit_all_project_tasks=row[5], time_zone=row[6]),
            version=row[7],
            created_at=row[8],
            updated_at=row[9],
        )

    def save(self, company: Company) -> None:
        values = {
            "new_name": company.name,
            "new_code": company.code,
            "new_contact_email": company.contact_email,
            "new_is_active": company.is_active,
            "new_edit_all": company.settings.members_edit_all_project_tasks,
            "new_time_zone": company.settings.time_zone,
            "new_version": company.version,
            "new_updated_at": company.updated_at,
            "new_deleted_at": company.deleted_at,
        }
        self.write(_SAVE, values, rows=1)

    async def open_company(
        self, company: Company, owner: User, facts: Callable[[], tuple[Fact, ...]], *, at: datetime
    ) -> None:
        await found(self._open_connection, company, owner, facts, at=at, origin=self.actor.origin)
