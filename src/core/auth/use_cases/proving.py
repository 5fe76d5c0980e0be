"""Proving that one knows a password, and choosing another: what signing in and stepping up have in common."""

from core.auth.errors import InvalidCredentials
from core.auth.model import Account, check_password
from core.auth.ports import Passwords
from core.users.errors import PasswordTooWeak

_POINTER = "/new_password"


async def ensure_password(passwords: Passwords, account: Account | None, password: str) -> Account:
    """The account, if that is its password. Every guess at a password comes by here.

    Raises InvalidCredentials, after the same work whether there is such an account or not. Call it between two
    transactions: no connection is held while the hash is computed.
    """
    if not await passwords.verify(password, account.password_hash if account else None) or account is None:
        raise InvalidCredentials
    return account


def check_new_password(account: Account, new_password: str) -> None:
    """Raises PasswordTooWeak unless the account's holder may choose it."""
    check_password(new_password, name=account.name, email=account.email, pointer=_POINTER)


async def hash_of_new(passwords: Passwords, account: Account, new_password: str) -> str:
    """The hash of a password that was checked. Raises PasswordTooWeak for the present one."""
    if account.password_hash is not None and await passwords.verify(new_password, account.password_hash):
        raise PasswordTooWeak("must be another than the present one", pointer=_POINTER)
    return await passwords.hash(new_password)


async def hash_anew(passwords: Passwords, account: Account, password: str) -> str | None:
    """A better hash of the password that was just proved, if the kept one is outdated."""
    if account.password_hash is None or not passwords.is_outdated(account.password_hash):
        return None
    return await passwords.hash(password)
