"""Secrets that webhooks are signed with, and the signatures, as Standard Webhooks 1.0 has them."""

import base64
import binascii
import hmac
import secrets
from hashlib import sha256
from typing import Final

PREFIX: Final = "whsec_"
_BYTES: Final = 32


class RandomWebhookSecrets:
    """Secrets that nobody can guess."""

    def new(self) -> str:
        return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def signature(secret: str, *, id: str, timestamp: int, body: bytes) -> str:
    """The `v1` signature of a message. Raises ValueError for a secret that is none."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("the secret is not base64") from error
    signed = f"{id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, sha256)).decode()
