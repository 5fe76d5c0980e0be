"""What a sign-in at a provider is known by, and what proves a domain: long and random. Of those that are stored only
digests are, for which a fast hash is enough.
"""

import secrets
from hashlib import sha256


class RandomLoginSecrets:
    def new(self) -> str:
        return secrets.token_urlsafe(32)

    def digest(self, secret: str) -> bytes:
        return sha256(secret.encode("utf-8", "replace")).digest()
