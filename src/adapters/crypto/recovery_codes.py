"""Recovery codes: `k7mv-2q9d-xw4t-hr6p-3nzc-8e0j`, 120 bits without signs that look alike: a fast hash is enough from
112 on. Earlier ones had 16 signs, and stay good until they are used or renewed.
"""

import hmac
import secrets
from hashlib import sha256

_COUNT = 10
_GROUPS, _LENGTH = 6, 4
# Crockford's 32: whoever reads one aloud or off paper need not wonder, and what is mistaken is known for what it is.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_MISTAKEN = str.maketrans("ilo", "110")


class RandomRecoveryCodes:
    def new(self) -> tuple[str, ...]:
        return tuple("-".join(_group() for _ in range(_GROUPS)) for _ in range(_COUNT))

    def digest(self, code: str) -> bytes:
        kept = "".join(each for each in code.lower() if each.isalnum()).translate(_MISTAKEN)
        return sha256(kept.encode("utf-8", "replace")).digest()

    def place_of(self, code: str, digests: tuple[bytes, ...]) -> int | None:
        given = self.digest(code)
        fits = [hmac.compare_digest(given, each) for each in digests]
        return fits.index(True) if any(fits) else None


def _group() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
