"""The texts of API tokens: `ftk_`, a secret of 256 bits in base 62, and a checksum, by which scanners of sources and
the server tell a token from what only looks like one, or was mangled on the way, before anybody looks it up.

Only the digest is stored. The secret is random and long, so nobody finds it by trying, however fast the hash: a plain
SHA-256 is enough, and unlike one with a key it does not end all tokens together with the installation's secret. A token
is looked up by its digest, so nothing is compared whose time could tell how much of a guess was right.
"""

import re
import secrets
import string
import zlib
from hashlib import sha256

from core.tokens.ports import NewSecret

PREFIX = "ftk_"
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
# 62 ** 43 is a little more than 2 ** 256.
_SECRET, _CHECKSUM, _SHOWN = 43, 6, 4
_TEXT = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{_SECRET}}})([0-9A-Za-z]{{{_CHECKSUM}}})\Z")


class ChecksummedApiTokenTexts:
    def new(self) -> NewSecret:
        secret = _base62(secrets.randbits(256), length=_SECRET)
        text = PREFIX + secret + _checksum(secret)
        return NewSecret(text, sha256(text.encode()).digest(), text[: len(PREFIX) + _SHOWN])

    def digest(self, text: str) -> bytes | None:
        found = _TEXT.match(text)
        # The checksum is no secret: how long comparing it takes tells nothing.
        if found is None or _checksum(found[1]) != found[2]:
            return None
        return sha256(text.encode()).digest()


def _checksum(secret: str) -> str:
    return _base62(zlib.crc32(secret.encode()), length=_CHECKSUM)


def _base62(number: int, *, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
