from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from core.companies.model import Company
from core.companies.read_models import CompanyView
from core.kernel.actor import Actor
from core.kernel.events import Fact
from core.kernel.once import Once
from core.kernel.paging import Answer
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
    async def companies(self, actor: Actor) -> Answer[list[CompanyView]]:
        """The active companies of the caller's account, by name, with the caller's role in each."""
        ...


class OpenCompanyUnitOfWork(Protocol):
    def __call__(self, actor: Actor, *, once: Once | None = None) -> CompanyUnitOfWork: ...
