from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from core.auth.errors import (
    CodeInvalid,
    InvalidCredentials,
    SecondFactorRequired,
    SessionEnded,
    SessionNotFound,
    TooManyFailures,
    TotpNotEnabled,
)
from core.auth.letters import LetterKind
from core.auth.model import Account, LoginSession
from core.auth.ports import IdentityUnitOfWork, Passwords, SessionReader
from core.auth.read_models import SessionView, SteppedUp
from core.auth.use_cases.codes import FactorCodes
from core.auth.use_cases.guessing import Guessing
from core.auth.use_cases.proving import check_new_password, ensure_fresh, ensure_password, hash_of_new
from core.kernel.actor import Actor, reading
from core.kernel.audit import AuditType, Note
from core.kernel.errors import Fault, Invalid, answers
from core.kernel.paging import Answer, CursorInvalid, Page, PageRequest, Sort
from core.kernel.ports import Clock, Ids
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
        codes: FactorCodes,
        guessing: Guessing,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._identity = identity
        self._reader = reader
        self._passwords = passwords
        self._codes = codes
        self._guessing = guessing
        self._clock = clock
        self._ids = ids

    @reading
    @answers(SessionEnded, CursorInvalid)
    async def list(self, actor: Actor, *, sort: Sort, page: PageRequest) -> Answer[Page[SessionView]]:
        """The open login sessions of the caller's account, in whatever company.

        `last_used_at` is when the device signed in or last renewed its access token. A session that a company's own
        provider began sees no others than such.
        """
        return await self._reader.open_sessions(actor, sort=sort, page=page)

    @answers(SessionEnded, SessionNotFound)
    async def revoke(self, actor: Actor, session_id: UUID) -> None:
        """Signs a device of the caller's account out, also the present one. Its tokens stop working at once."""
        at = self._clock.now()
        async with self._identity() as uow:
            caller = await uow.caller(actor)
            present = await uow.glance(caller.signed_in.session_id)
            session = await uow.session(session_id)
            if session is None or session.account_id != caller.signed_in.account_id or not session.is_open(at=at):
                raise SessionNotFound
            if present is None or not present.reaches(session):
                raise SessionNotFound
            session.revoke(at=at)
            await uow.save_session(session)
            note = Note(type=AuditType.SESSION_REVOKED, details={"session_id": session.id})
            await self._tell(uow, note, caller, at=at)
            await uow.commit()

    @answers(
        SessionEnded,
        InvalidCredentials,
        CodeInvalid,
        SecondFactorRequired,
        TotpNotEnabled,
        TooManyFailures,
        Invalid,
    )
    async def step_up(self, actor: Actor, *, password: str | None = None, code: str | None = None) -> SteppedUp:
        """Proves once more who the caller is, which some requests need: they answer 403 `auth.step_up_required`.

        By the password; if the account has a second factor, by a `code` of it or a recovery code: who guessed or
        overheard the password must not get around the factor, so the password alone is 403
        `auth.second_factor_required`. If both are given, both have to be right.

        It counts for 10 minutes, in this login session; so does signing in. A wrong password is 401
        `auth.invalid_credentials`, a wrong code 401 `auth.code_invalid`: the session and its tokens stay good, so do
        not renew them. After 5 within 15 minutes nothing is looked at for a while.
        """
        if password is None and code is None:
            raise Invalid(faults=(Fault("a password or a code is needed", pointer="/password"),))
        caller, account = await self._who(actor)
        if code is not None:
            account.ensure_second_factor()
        elif account.has_second_factor:
            raise SecondFactorRequired
        by = [said for said, given in (("password", password), ("code", code)) if given is not None]
        async with self._guessing.proof(caller, tried=" and ".join(by)):
            if password is not None:
                await ensure_password(self._passwords, account, password)
            at = self._clock.now()
            async with self._identity() as uow:
                caller = await uow.caller(actor)
                account = await _locked(uow, account, proved=password is not None)
                session = await _present(uow, caller)
                if code is not None:
                    account.ensure_second_factor()
                if await self._codes.use(uow, account, code, session_id=session.id, origin=caller.origin, at=at):
                    session.prove_second_factor(at=at)
                session.step_up(at=at, by_password=password is not None)
                await uow.save_session(session)
                await self._tell(uow, Note(type=AuditType.STEPPED_UP, details={"by": by}), caller, at=at)
                await uow.commit()
        return SteppedUp(authenticated_at=at, valid_until=stepped_up_until(at))

    @answers(SessionEnded, StepUpRequired, AccountProofRequired, InvalidCredentials, TooManyFailures, PasswordTooWeak)
    async def change_password(self, actor: Actor, *, current_password: str | None, new_password: str) -> None:
        """Gives the account another password, signs all its other devices out, and tells its holder by mail.

        It needs a fresh proof of who the caller is: `current_password`, or a sign-in or step-up of the last 10 minutes;
        the latter in any case, if the account has a second factor.
        """
        caller, account = await self._who(actor)
        check_new_password(account, new_password)
        if current_password is None:
            ensure_general(caller)
        if current_password is None or account.has_second_factor:
            ensure_stepped_up(caller, at=self._clock.now())
        if current_password is not None:
            async with self._guessing.proof(caller, tried="password"):
                await ensure_password(self._passwords, account, current_password)
        password_hash = await hash_of_new(self._passwords, account, new_password)
        at = self._clock.now()
        async with self._identity() as uow:
            caller = await uow.caller(actor)
            account = await _locked(uow, account, proved=current_password is not None)
            if account.has_second_factor:
                await ensure_fresh(uow, caller, account, at=at)
            session = await _present(uow, caller, and_others=True)
            account.choose_password(password_hash, at=at)
            await uow.save_account(account)
            await uow.write(account.letter(LetterKind.PASSWORD_CHANGED, id=self._ids.new(), at=at))
            await uow.revoke_sessions(account.id, at=at, but=session.id)
            if current_password is not None and not account.has_second_factor:
                session.step_up(at=at, by_password=True)
                await uow.save_session(session)
            await self._tell(uow, Note(type=AuditType.PASSWORD_CHANGED), caller, at=at)
            await uow.commit()

    async def _tell(self, uow: IdentityUnitOfWork, note: Note, caller: Actor, *, at: datetime) -> None:
        await uow.note(note, account_id=caller.account_id, origin=caller.origin, at=at, session_id=caller.session_id)

    async def _who(self, actor: Actor) -> tuple[Actor, Account]:
        """The caller as of now, and their account."""
        async with self._identity() as uow:
            caller = await uow.caller(actor)
            account = await uow.account(caller.signed_in.account_id)
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
    session = await uow.session(caller.signed_in.session_id, and_others=and_others)
    if session is None or session.revoked_at is not None:
        raise SessionEnded
    return session
