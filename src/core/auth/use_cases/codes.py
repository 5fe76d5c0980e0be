from datetime import datetime
from uuid import UUID

from core.auth.errors import CodeInvalid, SecondFactorRequired
from core.auth.model import Account
from core.auth.ports import IdentityUnitOfWork, RecoveryCodes, TimeCodes
from core.kernel.actor import Origin
from core.kernel.audit import AuditType, Note


class FactorCodes:
    """Holds codes against the second factor of an account: those of its authenticator, and those to write down."""

    def __init__(self, *, time_codes: TimeCodes, recovery_codes: RecoveryCodes) -> None:
        self._time_codes = time_codes
        self._recovery_codes = recovery_codes

    async def use(
        self,
        uow: IdentityUnitOfWork,
        account: Account,
        code: str | None,
        *,
        session_id: UUID,
        origin: Origin,
        at: datetime,
    ) -> bool:
        """Uses a code up, in a login session that is there or begins. Whether it did: an account without second factor
        has none.

        The account must be locked: of two requests with one code, one has to wait, and to find it used. Raises
        SecondFactorRequired where there is no code, and CodeInvalid.
        """
        if not account.has_second_factor:
            return False
        if code is None:
            raise SecondFactorRequired
        step = self._time_codes.step_of(account.ensure_second_factor(), code, at=at)
        place = self._recovery_codes.place_of(code, account.recovery_digests)
        if step is not None and account.use_totp_step(step):
            await uow.save_account(account)
        elif place is not None:
            account.use_recovery_code(place)
            await uow.save_account(account)
            left = sum(map(bool, account.recovery_digests))
            note = Note(type=AuditType.RECOVERY_USED, details={"left": left})
            await uow.note(note, account_id=account.id, origin=origin, at=at, session_id=session_id)
        else:
            raise CodeInvalid
        return True

    def confirm(self, account: Account, code: str, *, at: datetime) -> tuple[str, ...]:
        """Enables the second factor that was proposed, by a first code of it; the codes to write down.

        Raises TotpEnabled, TotpNotBegun, CodeInvalid.
        """
        step = self._time_codes.step_of(account.proposed_totp(), code, at=at)
        if step is None or not account.use_totp_step(step):
            raise CodeInvalid
        codes, digests = self._new()
        account.enable_totp(digests, at=at)
        return codes

    def renew(self, account: Account, *, at: datetime) -> tuple[str, ...]:
        """Other codes to write down; those of before are good no more. Raises TotpNotEnabled."""
        account.ensure_second_factor()
        codes, digests = self._new()
        account.renew_recovery_codes(digests, at=at)
        return codes

    def _new(self) -> tuple[tuple[str, ...], tuple[bytes, ...]]:
        codes = self._recovery_codes.new()
        return codes, tuple(map(self._recovery_codes.digest, codes))
