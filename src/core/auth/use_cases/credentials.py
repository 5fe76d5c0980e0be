"""What somebody signs in with, and whom it names."""

from dataclasses import dataclass
from uuid import UUID

from core.auth.model import Account
from core.auth.ports import IdentityUnitOfWork
from core.auth.use_cases.guessing import name_in
from core.kernel.errors import Fault, Invalid
from core.users.errors import EmailInvalid
from core.users.model import checked_username
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


async def named_by(
    given: Credentials, *, uow: IdentityUnitOfWork, addresses: EmailAddresses
) -> tuple[str, Account | None]:
    """What is tried to sign in with, in the one form by which failures are counted, whether it exists or not; and the
    account that it names, if there is one. Raises Invalid if nothing is named.
    """
    if given.email is not None:
        try:
            email = addresses.canonical(given.email)
        except EmailInvalid:
            return given.email.strip().lower(), None
        return email, await uow.account_by_email(email)
    if given.username is None or (given.company is None and given.company_id is None):
        raise Invalid(faults=(Fault("an e-mail, or a username with its company, is needed", pointer="/email"),))
    try:
        username = checked_username(given.username)
    except Invalid:
        # Nobody can have it: what folds to somebody's in the database, `\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}` to
        # `i`, would be looked at under a count of its own.
        return name_in(given.company_id or given.company, given.username), None
    company_id, account = await uow.account_by_username(
        username, company_id=given.company_id, company_code=given.company
    )
    return name_in(company_id or given.company_id or given.company, username), account
