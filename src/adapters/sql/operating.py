"""What the installation's operator asks across companies. Only the container may import this."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from adapters.sql.founding import found
from adapters.sql.statement import Statement
from adapters.sql.system import SqlIdentityUnitOfWork
from adapters.sql.upkeep import AS_APPLICATION
from core.companies.model import Company
from core.kernel.actor import Via
from core.kernel.events import Fact
from core.operations.read_models import CompanyLine
from core.users.model import User

_AS_APPLICATION = Statement.plain(AS_APPLICATION)
_TEMPORARY_PASSWORD = Statement.plain("""
update accounts set password_hash = %(password_hash)s, password_is_temporary = true, version = version + 1,
       updated_at = %(at)s, reset_id = null, reset_at = null, verification_id = null, verification_at = null,
       pending_email = null
 where id = %(id)s
""")
_COMPANIES = Statement.plain("""
select c.id, c.code, c.name, c.is_active,
       (select count(*) from users u where u.company_id = c.id and u.is_active), c.created_at, c.deleted_at
  from companies c order by c.code
""")


class SqlOperatorUnitOfWork(SqlIdentityUnitOfWork):
    """A transaction of the operator."""

    stranger = str(Via.SYSTEM)

    async def set_temporary_password(self, account_id: UUID, *, password_hash: str, at: datetime) -> None:
        await self._run(_TEMPORARY_PASSWORD, {"id": account_id, "password_hash": password_hash, "at": at})

    async def open_company(
        self, company: Company, owner: User, facts: Callable[[], tuple[Fact, ...]], *, at: datetime
    ) -> None:
        await self._run(_AS_APPLICATION)
        await found(self._open_connection, company, owner, facts, at=at, via=Via.SYSTEM)

    async def companies(self) -> tuple[CompanyLine, ...]:
        rows = (await self._run(_COMPANIES)).rows()
        return tuple(
            CompanyLine(
                id=row[0],
                code=row[1],
                name=row[2],
                is_active=row[3],
                people=row[4],
                created_at=row[5],
                deleted_at=row[6],
            )
            for row in rows
        )
