"""Device tokens: `ftd_<account><device><mac>`. They are derived, nowhere stored, and open nothing. What they are
bound to counts in the code at their end alone.
"""

import base64
import binascii
import hmac
import secrets
from uuid import UUID

from adapters.crypto.sealing import Sealer, mac

_PREFIX = "ftd_"
_LENGTH = 16 + 16 + 32


class DerivedDeviceTokens:
    def __init__(self, sealer: Sealer) -> None:
        self._key = sealer.key_for("flowtrack device tokens")

    def issue(self, account_id: UUID, *, bound: bytes) -> str:
        named = account_id.bytes + secrets.token_bytes(16)
        return _PREFIX + base64.urlsafe_b64encode(named + mac(self._key, named, bound)).decode().rstrip("=")

    def read(self, token: str, *, bound: bytes) -> tuple[UUID, UUID] | None:
        if not token.startswith(_PREFIX) or len(token) > 200 or not token.isascii():
            return None
        encoded = token.removeprefix(_PREFIX)
        try:
            raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        named, given = raw[:32], raw[32:]
        if len(raw) != _LENGTH or not hmac.compare_digest(given, mac(self._key, named, bound)):
            return None
        return UUID(bytes=named[:16]), UUID(bytes=named[16:])
