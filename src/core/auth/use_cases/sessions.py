from collections.abc import Callable
from uuid import UUID

from core.auth.errors import InvalidCredentials, SessionEnded, SessionNotFound, TooManyFailures
from core.auth.model import Account, LoginSession
from core.auth.ports import IdentityUnitOfWork, Passwords, SessionReader
from core.auth.read_models import SessionView, SteppedUp
from core.auth.use_cases.guessing import Guessing
from core.auth.use_cases.proving import check_new_password, ensure_password, hash_of_new
from core.kernel.actor import Actor, Visitor, reading
from core.kernel.errors import answers
from core.kernel.paging import Answer, CursorInvalid, Page, PageRequest
from core.kernel.ports import Clock
from core.kernel.step_up import (
    AccountProofRequired,
    StepUpRequired,
    ensure_general,
    ensure_stepped_up,
    stepped_up_until,
)
from core.users.errors import PasswordTooWeak


class SessionUseCases:
    """What a signed-in person does about their own devices and password."""

    def __init__(
        self,
        *,
        identity: Callable[[], IdentityUnitOfWork],
        reader: SessionReader,
        passwords: Passwords,
        guessing: Guessing,
        clock: Clock,
    ) -> None:
        self._identity = identity
        self._reader = reader
        self._passwords = passwords
        self._guessing = guessing
        self._clock = clock

    @reading
    @answers(SessionEnded, CursorInvalid)
    async def list(self, actor: Actor, *, page: PageRequest) -> Answer[Page[SessionView]]:
        """The open login sessions of the caller's account, in whatever company, the one used last first.

        `last_used_at` is when the device signed in or last renewed its access token. A session that a company's own
        provider began sees no others than such.
        """
        return await self._reader.open_sessions(actor, page=page)

    @answers(SessionEnded, SessionNotFound)
    async def revoke(self, actor: Actor, session_id: UUID) -> None:
        """Signs a device of the caller's account out, also the present one. Its tokens stop working at once."""
        at = self._clock.now()
        async with self._identity() as uow:
            caller = await uow.caller(actor)
            present = await uow.glance(caller.session_id)
            session = await uow.session(session_id)
            if session is None or session.account_id != caller.account_id or not session.is_open(at=at):
                raise SessionNotFound
            if present is None or not present.reaches(session):
                raise SessionNotFound
            session.revoke(at=at)
            await uow.save_session(session)
            await uow.commit()

    @answers(SessionEnded, InvalidCredentials, TooManyFailures)
    async def step_up(self, actor: Actor, *, password: str) -> SteppedUp:
        """Proves once more who the caller is, which some requests need: they answer 403 `auth.step_up_required`.

        It counts for 10 minutes, in this login session; so does signing in. A wrong password is 401
        `auth.invalid_credentials`: the session and its tokens stay good, so do not renew them. After 5 within 15
        minutes nothing is looked at for a while.
        """
        _, account = await self._who(actor)
        await self._ensure_password(account, password)
        at = self._clock.now()
        async with self._identity() as uow:
            caller = await uow.caller(actor)
            await _locked(uow, account, proved=True)
            session = await _present(uow, caller)
            session.step_up(at=at, by_password=True)
            await uow.save_session(session)
            await uow.commit()
        return SteppedUp(authenticated_at=at, valid_until=stepped_up_until(at))

    @answers(SessionEnded, StepUpRequired, AccountProofRequired, InvalidCredentials, TooManyFailures, PasswordTooWeak)
    async def change_password(self, actor: Actor, *, current_password: str | None, new_password: str) -> None:
        """Gives the account another password, and signs all its other devices out.

        It needs a fresh proof of who the caller is: `current_password`, or a sign-in or step-up of the last 10 minutes.
        """
        caller, account = await self._who(actor)
        check_new_password(account, new_password)
        if current_password is None:
            ensure_general(caller)
            ensure_stepped_up(caller, at=self._clock.now())
        else:
            await self._ensure_password(account, current_password)
        password_hash = await hash_of_new(self._passwords, account, new_password)
        at = self._clock.now()
        async with self._identity() as uow:
            caller = await uow.caller(actor)
            account = await _locked(uow, account, proved=current_password is not None)
            session = await _present(uow, caller, and_others=True)
            account.choose_password(password_hash, at=at)
            await uow.save_account(account)
            await uow.revoke_sessions(account.id, at=at, but=session.id)
            if current_password is not None:
                session.step_up(at=at, by_password=True)
                await uow.save_session(session)
            await uow.commit()

    async def _ensure_password(self, account: Account, password: str) -> None:
        """Failures are counted for the account, wherever they come from: whoever guesses here has its session."""
        attempt = await self._guessing.begin(Visitor(), name=f"proof of {account.id}", account_id=None)
        await ensure_password(self._passwords, account, password)
        await self._guessing.succeeded(attempt)

    async def _who(self, actor: Actor) -> tuple[Actor, Account]:
        """The caller as of now, and their account."""
        async with self._identity() as uow:
            caller = await uow.caller(actor)
            account = await uow.account(caller.account_id)
        if account is None:
            raise SessionEnded
        return caller, account


async def _locked(uow: IdentityUnitOfWork, earlier: Account, *, proved: bool) -> Account:
    """The account as it is now. Raises InvalidCredentials if its password was `proved`, and changed since."""
    account = await uow.account(earlier.id)
    if account is None or (proved and account.has_another_password_than(earlier)):
        raise InvalidCredentials
    return account


async def _present(uow: IdentityUnitOfWork, caller: Actor, *, and_others: bool = False) -> LoginSession:
    """The login session that asks. Raises SessionEnded if it was ended while we waited for it."""
    session = await uow.session(caller.session_id, and_others=and_others)
    if session is None or session.revoked_at is not None:
        raise SessionEnded
    return session
