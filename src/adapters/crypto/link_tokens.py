"""The secrets of links: those that are shown to whoever invites, and those that are mailed.

Of the former the digests are stored: they are long and random, so that a fast hash is enough. The latter are derived
when they are sent, and nothing of them is stored.
"""

import base64
import binascii
import hmac
import secrets
from hashlib import sha256
from uuid import UUID

from adapters.crypto.sealing import Sealer, mac
from core.auth.letters import Link, LinkPurpose

_PREFIX = "fti_"
_MAILED = "ftl_"
_MAILED_LENGTH = 1 + 16 + 16 + 32
# By their places here they stand in tokens that are out: add at the end.
_PURPOSES = (
    LinkPurpose.INVITATION,
    LinkPurpose.EMAIL_VERIFICATION,
    LinkPurpose.EMAIL_CHANGE,
    LinkPurpose.PASSWORD_RESET,
)


class RandomInvitationTokens:
    def new(self) -> str:
        return _PREFIX + secrets.token_urlsafe(32)

    def digest(self, token: str) -> bytes:
        return sha256(token.encode("utf-8", "replace")).digest()


class DerivedLinkTokens:
    """Secrets of mailed links: `ftl_<purpose><owner><request><mac>`, by the installation's present key; what was
    derived with the previous one is good as long as that is kept.
    """

    def __init__(self, sealer: Sealer) -> None:
        self._keys = sealer.keys_for("flowtrack mailed links")

    def derive(self, link: Link) -> str:
        return _derived(self._keys[0], link)

    def read(self, token: str) -> Link | None:
        if not token.startswith(_MAILED) or len(token) > 200 or not token.isascii():
            return None
        encoded = token.removeprefix(_MAILED)
        try:
            raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        if len(raw) != _MAILED_LENGTH or raw[0] not in range(len(_PURPOSES)):
            return None
        return Link(purpose=_PURPOSES[raw[0]], owner_id=UUID(bytes=raw[1:17]), request_id=UUID(bytes=raw[17:33]))

    def fits(self, token: str, link: Link) -> bool:
        # With each key, whichever fits: which one it was is no secret, and time tells no more.
        fits = [hmac.compare_digest(token.encode(), _derived(key, link).encode()) for key in self._keys]
        return any(fits)


def _derived(key: bytes, link: Link) -> str:
    named = bytes([_PURPOSES.index(link.purpose)]) + link.owner_id.bytes + link.request_id.bytes
    return _MAILED + base64.urlsafe_b64encode(named + mac(key, named, link.bound)).decode().rstrip("=")
