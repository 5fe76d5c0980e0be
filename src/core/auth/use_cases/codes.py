from datetime import datetime

from core.auth.errors import CodeInvalid, SecondFactorRequired
from core.auth.model import Account
from core.auth.ports import IdentityUnitOfWork, RecoveryCodes, TimeCodes


class FactorCodes:
    """Holds codes against the second factor of an account: those of its authenticator, and those to write down."""

    def __init__(self, *, time_codes: TimeCodes, recovery_codes: RecoveryCodes) -> None:
        self._time_codes = time_codes
        self._recovery_codes = recovery_codes

    async def use(self, uow: IdentityUnitOfWork, account: Account, code: str | None, *, at: datetime) -> None:
        """Uses a code up. Without second factor there is none to be used.

        The account must be locked: of two requests with one code, one has to wait, and to find it used. Raises
        SecondFactorRequired where there is no code, and CodeInvalid.
        """
        if not account.has_second_factor:
            return
        if code is None:
            raise SecondFactorRequired
        step = self._time_codes.step_of(account.ensure_second_factor(), code, at=at)
        place = self._recovery_codes.place_of(code, account.recovery_digests)
        if step is not None and account.use_totp_step(step):
            await uow.save_account(account)
        elif place is not None:
            account.use_recovery_code(place)
            await uow.save_account(account)
        else:
            raise CodeInvalid

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
