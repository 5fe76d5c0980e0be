"""The secrets of links that are sent to people. Only their digests are stored: they are long and random, so that a
fast hash is enough.
"""

import secrets
from hashlib import sha256

_PREFIX = "fti_"


class RandomInvitationTokens:
    def new(self) -> str:
        return _PREFIX + secrets.token_urlsafe(32)

    def digest(self, token: str) -> bytes:
        return sha256(token.encode("utf-8", "replace")).digest()
