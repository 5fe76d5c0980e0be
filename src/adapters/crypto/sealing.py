"""Secrets at rest: sealed with the installation's key, readable for as long as the previous key is kept."""

import base64
import hmac
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Unsealable(Exception):
    """What was sealed cannot be opened: FLOWTRACK_SECRET_KEY is another one than it was sealed with."""


class Sealer:
    """Seals and opens small secrets, and derives keys for single purposes from the one secret."""

    def __init__(self, *, secrets: tuple[str, ...]) -> None:
        """The present secret first, then those that it replaced."""
        self._secrets = secrets
        boxes = [Fernet(base64.urlsafe_b64encode(_derive(given, b"flowtrack sealing"))) for given in secrets]
        self._present, self._box = boxes[0], MultiFernet(boxes)

    def seal(self, secret: bytes) -> bytes:
        return self._box.encrypt(secret)

    def open(self, sealed: bytes) -> bytes:
        """Raises Unsealable."""
        try:
            return self._box.decrypt(sealed)
        except InvalidToken as error:
            raise Unsealable(
                "A stored secret cannot be opened. FLOWTRACK_SECRET_KEY must be the one that this database was made "
                "with, or FLOWTRACK_SECRET_KEY_PREVIOUS must name it."
            ) from error

    def opened(self, sealed: bytes) -> bytes | None:
        """What was sealed; None if it never was, or with a secret that is gone."""
        try:
            return self._box.decrypt(sealed)
        except InvalidToken:
            return None

    def is_present(self, sealed: bytes) -> bool:
        """Whether the present secret opens it, so that it need not be sealed anew."""
        try:
            self._present.decrypt(sealed)
        except InvalidToken:
            return False
        return True

    def key_for(self, purpose: str) -> bytes:
        """32 bytes for one purpose, the same on every process and after every start."""
        return self.keys_for(purpose)[0]

    def keys_for(self, purpose: str) -> tuple[bytes, ...]:
        """The key to make something with, and after it those that what was made before is still accepted with."""
        return tuple(_derive(given, purpose.encode()) for given in self._secrets)


class PurposeSealer:
    """Seals for one purpose, with a key of its own: nothing that was sealed for another can be taken for it."""

    def __init__(self, sealer: Sealer, *, purpose: str) -> None:
        self._box = MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in sealer.keys_for(purpose)])

    def seal(self, secret: bytes) -> bytes:
        return self._box.encrypt(secret)

    def opened(self, sealed: bytes) -> bytes | None:
        """What was sealed; None if it never was for this, or with a secret that is gone."""
        try:
            return self._box.decrypt(sealed)
        except InvalidToken:
            return None


def _derive(secret: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret.encode())


def mac(key: bytes, *parts: bytes) -> bytes:
    """HMAC-SHA-256 over parts that cannot run into each other."""
    return hmac.new(key, b"".join(len(part).to_bytes(4) + part for part in parts), sha256).digest()
