"""Proving that one knows a password, and choosing another: what signing in and stepping up have in common."""

from datetime import datetime

from core.auth.errors import InvalidCredentials, PasswordChangeRequired
from core.auth.model import Account, check_password
from core.auth.ports import IdentityUnitOfWork, Passwords
from core.kernel.actor import Actor, Origin
from core.kernel.audit import AuditType, Note
from core.kernel.errors import Fault, Invalid
from core.kernel.step_up import ensure_code_shown, ensure_stepped_up
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


async def replacement(passwords: Passwords, account: Account, password: str, new_password: str | None) -> str | None:
    """The hash that takes the place of the account's, whose password was just proved; None if it is to stay.

    A temporary password has to be replaced, and no other is. Raises PasswordChangeRequired, PasswordTooWeak, Invalid.
    """
    if new_password is None:
        if account.password_is_temporary:
            raise PasswordChangeRequired
        return await hash_anew(passwords, account, password)
    if not account.password_is_temporary:
        refuse_new_password()
    check_new_password(account, new_password)
    return await hash_of_new(passwords, account, new_password)


async def ensure_fresh(uow: IdentityUnitOfWork, caller: Actor, account: Account, *, at: datetime) -> None:
    """Raises StepUpRequired unless the caller proved lately who they are; by a code, too, if the account has a second
    factor.
    """
    ensure_stepped_up(caller, at=at)
    if account.has_second_factor:
        session = await uow.session(caller.signed_in.session_id)
        ensure_code_shown(session.second_factor_at if session is not None else None, at=at)


def refuse_new_password() -> None:
    """Raises Invalid: there is nothing for it to replace."""
    detail = "only replaces a temporary password; sign in without it, then use /auth/password/change"
    raise Invalid(faults=(Fault(detail, pointer=_POINTER),))


async def still_proved(uow: IdentityUnitOfWork, proved: Account) -> Account:
    """The account as it is now, locked. Raises InvalidCredentials if the password was changed while it was verified:
    whoever changed it has ended the sessions that there were, and another must not be left over.
    """
    account = await uow.account(proved.id)
    if account is None or account.has_another_password_than(proved):
        raise InvalidCredentials
    return account


async def replace_password(
    uow: IdentityUnitOfWork, account: Account, password_hash: str | None, *, is_new: bool, origin: Origin, at: datetime
) -> None:
    """Puts the hash, if there is one, in its place; a new password signs all devices out. The account is locked."""
    if password_hash is None:
        return
    if is_new:
        account.choose_password(password_hash, at=at)
        await uow.revoke_sessions(account.id, at=at)
        await uow.note(Note(type=AuditType.PASSWORD_CHANGED), account_id=account.id, origin=origin, at=at)
    else:
        account.keep_password(password_hash)
    await uow.save_account(account)
