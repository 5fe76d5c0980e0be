"""Refresh tokens: `ftr_<session><generation><mac>`. They are derived, not stored, so that a browser
which lost the answer can be given the same successor again; forging one takes our key and the session's nonce.
"""

import base64
import binascii
import hmac
import secrets
from uuid import UUID

from adapters.crypto.sealing import Sealer, mac
from core.auth.errors import RefreshInvalid

_PREFIX = "ftr_"
_MAC_LENGTH = 32


class DerivedRefreshTokens:
    """Derives with the installation's present secret, and accepts what was derived with the previous one."""

    def __init__(self, sealer: Sealer) -> None:
        self._keys = sealer.keys_for("flowtrack refresh tokens")

    def new_nonce(self) -> bytes:
        return secrets.token_bytes(32)

    def derive(self, *, session_id: UUID, nonce: bytes, generation: int) -> str:
        return _derived(self._keys[0], session_id=session_id, nonce=nonce, generation=generation)

    def read(self, token: str) -> tuple[UUID, int]:
        if not token.startswith(_PREFIX) or len(token) > 200 or not token.isascii():
            raise RefreshInvalid
        encoded = token.removeprefix(_PREFIX)
        try:
            raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise RefreshInvalid from error
        if len(raw) != 20 + _MAC_LENGTH:
            raise RefreshInvalid
        return UUID(bytes=raw[:16]), int.from_bytes(raw[16:20])

    def matches(self, token: str, *, session_id: UUID, nonce: bytes, generation: int) -> bool:
        # With each key, whichever fits: which one it was is no secret, and time tells no more.
        fits = [
            hmac.compare_digest(token, _derived(key, session_id=session_id, nonce=nonce, generation=generation))
            for key in self._keys
        ]
        return any(fits)


def _derived(key: bytes, *, session_id: UUID, nonce: bytes, generation: int) -> str:
    named = session_id.bytes + generation.to_bytes(4)
    return _PREFIX + base64.urlsafe_b64encode(named + mac(key, nonce, named)).decode().rstrip("=")
