"""Opening companies from within another one."""

from collections.abc import Callable
from datetime import datetime

from adapters.sql.founding import found
from adapters.sql.readers.companies import USER, user_view
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.companies.model import Company
from core.kernel.events import Fact
from core.users.model import User
from core.users.read_models import UserView


class SqlCompanyUnitOfWork(SqlUnitOfWork):
    """A unit of work of somebody who opens another company."""

    async def caller(self) -> UserView:
        (rows,) = await self.fetch((USER, {"user_id": self.actor.user_id}))
        return user_view(rows[0])

    async def open_company(
        self, company: Company, owner: User, facts: Callable[[], tuple[Fact, ...]], *, at: datetime
    ) -> None:
        await found(self._open_connection, company, owner, facts, at=at)
