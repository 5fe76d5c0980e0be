"""Codes of an authenticator: six digits, every 30 seconds, SHA-1, which is what all authenticators know."""

import logging
import re
from datetime import datetime

import pyotp
from pyotp.exceptions import OTPVerificationError

from adapters.crypto.sealing import Sealer, Unsealable
from core.auth.read_models import Enrolment

log = logging.getLogger("flowtrack.codes")

_WRITTEN = re.compile(r"[0-9]{6}")


class TotpCodes:
    """Time-based codes (RFC 6238). One step either side is accepted: clocks differ, and typing takes a while."""

    def __init__(self, sealer: Sealer, *, issuer: str) -> None:
        """`issuer` is what an authenticator calls the installation."""
        self._sealer = sealer
        self._issuer = issuer

    def new_secret(self) -> bytes:
        return self._sealer.seal(pyotp.random_base32().encode())

    def enrolment(self, secret: bytes, *, account: str) -> Enrolment:
        opened = self._sealer.open(secret).decode()
        return Enrolment(opened, pyotp.TOTP(opened).provisioning_uri(name=account, issuer_name=self._issuer))

    def step_of(self, secret: bytes, code: str, *, at: datetime) -> int | None:
        written = "".join(code.split())
        if _WRITTEN.fullmatch(written) is None:
            return None
        try:
            codes = pyotp.TOTP(self._sealer.open(secret).decode())
            return codes.verify_and_get_timecode(written, for_time=at, valid_window=1)
        except OTPVerificationError:
            return None
        except Unsealable:
            # The holder's recovery codes still work; `flowtrack doctor` says what to do.
            log.exception("the secret of a second factor cannot be opened")
            return None
