from collections.abc import Callable
from datetime import datetime
from typing import Protocol
from uuid import UUID

from core.companies.model import Company
from core.companies.read_models import CompanyView
from core.kernel.actor import Actor
from core.kernel.events import Fact
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.kernel.ports import UnitOfWork
from core.users.model import User
from core.users.read_models import UserView


class CompanyUnitOfWork(UnitOfWork, Protocol):
    """A transaction of a caller who opens another company."""

    async def caller(self) -> UserView:
        """The caller's user in the company they act in."""
        ...

    async def load(self) -> Company | None:
        """The company that the caller acts in, locked until the transaction ends; None if it was deleted."""
        ...

    def save(self, company: Company) -> None: ...

    async def open_company(
        self, company: Company, owner: User, facts: Callable[[], tuple[Fact, ...]], *, at: datetime
    ) -> None:
        """Writes a company, its first owner, and the facts into its own log.

        A code that is taken gets a suffix, and `company` is changed accordingly, before `facts` is called.
        """
        ...


class ContactAddresses(Protocol):
    """Knows what an e-mail address is."""

    def contact(self, address: str) -> str:
        """The address in its canonical form. Raises Invalid, naming `/contact_email`."""
        ...


class CompanyReader(Protocol):
    """The active companies of the caller's account, with the caller's role in each."""

    async def page(self, actor: Actor, *, sort: Sort, page: PageRequest) -> Answer[Page[CompanyView]]: ...

    async def one(self, actor: Actor, company_id: UUID) -> Answer[CompanyView | None]: ...


class OpenCompanyUnitOfWork(Protocol):
    def __call__(self, actor: Actor, *, once: Once | None = None) -> CompanyUnitOfWork: ...
