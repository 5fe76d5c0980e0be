from collections.abc import Callable

from core.auth.errors import (
    CodeInvalid,
    SessionEnded,
    TooManyFailures,
    TotpEnabled,
    TotpNotBegun,
    TotpNotEnabled,
)
from core.auth.model import Account
from core.auth.ports import IdentityUnitOfWork, TimeCodes
from core.auth.read_models import Enrolment
from core.auth.use_cases.codes import FactorCodes
from core.auth.use_cases.guessing import Guessing
from core.auth.use_cases.proving import ensure_fresh
from core.kernel.actor import Actor
from core.kernel.audit import AuditType, Note
from core.kernel.errors import answers
from core.kernel.ports import Clock
from core.kernel.step_up import AccountProofRequired, StepUpRequired, ensure_general, ensure_stepped_up


class FactorUseCases:
    """What a signed-in person does about the second factor of their account."""

    def __init__(
        self,
        *,
        identity: Callable[[], IdentityUnitOfWork],
        codes: FactorCodes,
        time_codes: TimeCodes,
        guessing: Guessing,
        clock: Clock,
    ) -> None:
        self._identity = identity
        self._codes = codes
        self._time_codes = time_codes
        self._guessing = guessing
        self._clock = clock

    @answers(SessionEnded, AccountProofRequired, StepUpRequired, TotpEnabled)
    async def enable(self, actor: Actor) -> Enrolment:
        """Makes a secret for an authenticator, to be typed or shown as a picture. It does not count until one of its
        codes was sent to `/auth/totp/confirm`; asking again makes another.

        It needs a sign-in or step-up of the last 10 minutes.
        """
        at, secret = self._clock.now(), self._time_codes.new_secret()
        async with self._identity() as uow:
            _, account = await self._stepped_up(uow, actor)
            account.propose_totp(secret, at=at)
            await uow.save_account(account)
            await uow.commit()
        return self._time_codes.enrolment(secret, account=account.email)

    @answers(SessionEnded, AccountProofRequired, TotpEnabled, TotpNotBegun, CodeInvalid, TooManyFailures)
    async def confirm(self, actor: Actor, *, code: str) -> tuple[str, ...]:
        """Has signing in take a code from now on, since the authenticator proved to make the right ones.

        The answer shows ten recovery codes, this once: each of them stands in for a code of the authenticator, once.
        """
        async with self._identity() as uow:
            caller, account = await self._who(uow, actor)
        account.proposed_totp()
        async with self._guessing.proof(caller, tried="code"), self._identity() as uow:
            caller, account = await self._who(uow, actor)
            shown = self._codes.confirm(account, code, at=self._clock.now())
            session = await uow.session(caller.signed_in.session_id)
            if session is None:
                raise SessionEnded
            session.prove_second_factor(at=self._clock.now())
            await uow.save_session(session)
            await self._settle(uow, caller, account, AuditType.TOTP_ENABLED)
        return shown

    @answers(SessionEnded, AccountProofRequired, StepUpRequired, TotpNotEnabled, CodeInvalid, TooManyFailures)
    async def disable(self, actor: Actor, *, code: str) -> None:
        """Has a password be enough again to sign in. The recovery codes go, too.

        It needs a sign-in or step-up of the last 10 minutes and, besides, a code: of the authenticator, or a recovery
        code.
        """
        async with self._identity() as uow:
            caller, account = await self._stepped_up(uow, actor)
        account.ensure_second_factor()
        async with self._guessing.proof(caller, tried="code"), self._identity() as uow:
            caller, account = await self._stepped_up(uow, actor)
            account.ensure_second_factor()
            at = self._clock.now()
            await self._codes.use(
                uow, account, code, session_id=caller.signed_in.session_id, origin=caller.origin, at=at
            )
            account.disable_totp(at=at)
            await self._settle(uow, caller, account, AuditType.TOTP_DISABLED)

    @answers(SessionEnded, AccountProofRequired, StepUpRequired, TotpNotEnabled)
    async def renew_recovery_codes(self, actor: Actor) -> tuple[str, ...]:
        """Makes ten other recovery codes, shown this once. Those of before are good no more.

        It needs a sign-in or step-up by a code, of the last 10 minutes.
        """
        async with self._identity() as uow:
            caller, account = await self._stepped_up(uow, actor)
            shown = self._codes.renew(account, at=self._clock.now())
            await ensure_fresh(uow, caller, account, at=self._clock.now())
            await self._settle(uow, caller, account, AuditType.RECOVERY_RENEWED)
        return shown

    async def _settle(self, uow: IdentityUnitOfWork, caller: Actor, account: Account, what: AuditType) -> None:
        await uow.save_account(account)
        await uow.note(
            Note(type=what),
            account_id=account.id,
            origin=caller.origin,
            at=self._clock.now(),
            session_id=caller.session_id,
        )
        await uow.commit()

    async def _stepped_up(self, uow: IdentityUnitOfWork, actor: Actor) -> tuple[Actor, Account]:
        caller, account = await self._who(uow, actor)
        ensure_stepped_up(caller, at=self._clock.now())
        return caller, account

    async def _who(self, uow: IdentityUnitOfWork, actor: Actor) -> tuple[Actor, Account]:
        """The caller as of now, and their account, locked. Raises SessionEnded, AccountProofRequired."""
        caller = await uow.caller(actor)
        ensure_general(caller)
        account = await uow.account(caller.signed_in.account_id)
        if account is None:
            raise SessionEnded
        return caller, account
