"""What somebody signs in with, and whom it names."""

from dataclasses import dataclass
from uuid import UUID

from core.auth.model import Account
from core.auth.ports import IdentityUnitOfWork
from core.auth.use_cases.guessing import name_in
from core.kernel.errors import Fault, Invalid
from core.users.errors import EmailInvalid
from core.users.ports import EmailAddresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An address, or a username together with the company that it is unique in. `new_password` is for who has a
    temporary one.
    """

    password: str
    email: str | None = None
    username: str | None = None
    company: str | None = None
    company_id: UUID | None = None
    new_password: str | None = None


async def account_of(given: Credentials, *, uow: IdentityUnitOfWork, addresses: EmailAddresses) -> Account | None:
    """The account that is named, if there is one. Raises Invalid if none is named."""
    if given.email is not None:
        try:
            email = addresses.canonical(given.email)
        except EmailInvalid:
            return None
        return await uow.account_by_email(email)
    if given.username is not None and (given.company is not None or given.company_id is not None):
        return await uow.account_by_username(given.username, company_id=given.company_id, company_code=given.company)
    raise Invalid(faults=(Fault("an e-mail, or a username with its company, is needed", pointer="/email"),))


def name_of(given: Credentials, *, addresses: EmailAddresses) -> str:
    """What is tried to sign in with, in the one form by which failures are counted, whether it exists or not."""
    if given.email is None:
        return name_in(given.company_id or given.company, given.username or "")
    try:
        return addresses.canonical(given.email)
    except EmailInvalid:
        return given.email.strip().lower()
