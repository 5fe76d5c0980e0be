"""Signatures of webhooks, as the official library and as docs/api.md verify them."""

import base64
import re
import time
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from adapters.crypto.webhook_secrets import RandomWebhookSecrets, signature

BODY = '{"data": "ö"}'.encode()


def headers(*secrets: str, at: int) -> dict[str, str]:
    signed = " ".join(signature(each, id="msg", timestamp=at, body=BODY) for each in secrets)
    return {"webhook-id": "msg", "webhook-timestamp": str(at), "webhook-signature": signed}


def test_a_secret_is_32_bytes_and_never_the_same() -> None:
    first, second = RandomWebhookSecrets().new(), RandomWebhookSecrets().new()
    assert first != second and first.startswith("whsec_")
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32


def test_a_signature_is_the_official_one() -> None:
    secret, at = RandomWebhookSecrets().new(), int(time.time())
    assert Verifier(secret).verify(BODY, headers(secret, at=at)) == {"data": "ö"}


def test_what_is_no_secret_signs_nothing() -> None:
    with pytest.raises(ValueError, match="base64"):
        signature("whsec_*", id="msg", timestamp=1, body=BODY)


def test_the_verifier_in_the_documentation_verifies() -> None:
    page = Path("docs/api.md").read_text()
    code = re.search(r"```python\n(import base64, hashlib.*?)```", page, re.DOTALL)
    assert code is not None
    found: dict[str, Any] = {}
    exec(code[1], found)
    is_genuine = found["is_genuine"]
    old, new, other, at = *(RandomWebhookSecrets().new() for _ in range(3)), int(time.time())
    assert is_genuine(new, headers(old, new, at=at), BODY) and is_genuine(old, headers(old, new, at=at), BODY)
    assert not is_genuine(other, headers(old, new, at=at), BODY)
    assert not is_genuine(new, headers(new, at=at), BODY + b" ")
    assert not is_genuine(new, headers(new, at=at - 400), BODY)
