"""What a provider says that means us harm is refused, whatever it is, and never a defect of ours."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from joserfc import jws
from joserfc.jwk import RSAKey

from adapters.oidc.discovery import Discovery
from adapters.oidc.providers import AuthlibProviders
from core.oidc.errors import LoginRefused, ProviderAway, ProviderUnusable
from core.oidc.ports import LoginRequest, ProviderClient
from core.oidc.read_models import Claimed
from tests.fakes.clock import SettableClock

ISSUER = "https://login.example.com"
KEY = RSAKey.generate_key(2048, parameters={"kid": "one", "use": "sig"})
REQUEST = LoginRequest(state="state", nonce="nonce", verifier="v" * 43)
CLIENT = ProviderClient(issuer=ISSUER, client_id="flowtrack", client_secret=None)
NESTED = b"[" * 200_000 + b"]" * 200_000


class ScriptedEgress:
    """Answers what a test has it answer at each path, as it is written."""

    def __init__(self, **answers: bytes) -> None:
        self._answers = answers

    def transport(self) -> httpx2.AsyncBaseTransport:
        return httpx2.MockTransport(self._answer)

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=self.transport())

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        yield

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        content = self._answers[request.url.path.rsplit("/", 1)[-1].replace("openid-configuration", "discovery")]
        return httpx2.Response(200, content=content, headers={"content-type": "application/json"})


async def claimed(*, nested: str | None = None, payload: bytes | None = None, **said: Any) -> Claimed:
    """Whom the provider claims. `nested`: which of its answers, or claims, cannot be read for all its brackets."""
    clock = SettableClock()
    now = int(clock.now().timestamp())
    about = {
        "issuer": ISSUER, "authorization_endpoint": f"{ISSUER}/authorize", "token_endpoint": f"{ISSUER}/token",
        "jwks_uri": f"{ISSUER}/keys", "userinfo_endpoint": f"{ISSUER}/userinfo", **said.pop("about", {}),
    }  # fmt: skip
    claims = {
        "iss": ISSUER, "aud": "flowtrack", "iat": now, "exp": now + 300, "nonce": "nonce", "sub": "ann",
        "email": "ann@example.com", "email_verified": True, "name": "Ann", **said,
    }  # fmt: skip
    written = payload if payload is not None else json.dumps({k: v for k, v in claims.items() if v != ...}).encode()
    token = jws.serialize_compact({"alg": "RS256", "kid": "one"}, written, KEY)
    answers = {
        "discovery": json.dumps(about).encode(),
        "token": json.dumps({"access_token": "x", "token_type": "Bearer", "id_token": token}).encode(),
        "keys": json.dumps({"keys": [KEY.as_dict(private=False)]}).encode(),
        "userinfo": json.dumps({"sub": "ann"}).encode(),
    }
    if nested is not None:
        answers[nested] = NESTED
    egress: Any = ScriptedEgress(**answers)
    discovery = Discovery(egress=egress, clock=clock, plain_http=False)
    providers = AuthlibProviders(discovery=discovery, egress=egress, clock=clock, returning="https://x.example/oidc")
    return await providers.claimed(CLIENT, REQUEST, code="c", issuer=None, role_claim="roles")


async def test_it_is_believed_while_it_behaves() -> None:
    found = await claimed(roles=["boss", 7])
    assert (found.subject, found.email, found.name, found.roles) == ("ann", "ann@example.com", "Ann", ("boss",))


@pytest.mark.parametrize(
    "subject", ["a\x00b", "\ud800", "ann\n", "a\u202eb", "\x7f", "", "x" * 256, 7, None, ["ann"], {"a": 1}], ids=ascii
)
async def test_a_subject_that_no_database_or_log_should_take_names_nobody(subject: Any) -> None:
    with pytest.raises(LoginRefused):
        await claimed(sub=subject)


@pytest.mark.parametrize("email", ["a\x00@example.com", "\ud800@example.com", "ann@\udc00.example", 7], ids=ascii)
async def test_nor_does_an_address_with_such_letters(email: Any) -> None:
    assert (await claimed(email=email)).email is None


@pytest.mark.parametrize("nested", ["token", "userinfo"])
async def test_an_answer_without_bottom_is_refused(nested: str) -> None:
    with pytest.raises(LoginRefused):
        await claimed(nested=nested, email=...)


@pytest.mark.parametrize("nested", ["discovery", "keys"])
async def test_a_provider_that_describes_itself_without_bottom_is_not_used(nested: str) -> None:
    with pytest.raises(ProviderUnusable):
        await claimed(nested=nested)


@pytest.mark.parametrize("payload", [b'{"sub":' + b"[" * 20_000 + b"]" * 20_000 + b"}", b"[1]", b"7", b"\xff", b""])
async def test_claims_that_are_none_are_refused(payload: bytes) -> None:
    with pytest.raises(LoginRefused):
        await claimed(payload=payload)


@pytest.mark.parametrize("address", ["https://[", "https://a:b", "https://", "\x00", "https://x:99999999/", "a b"])
@pytest.mark.parametrize("which", ["token_endpoint", "userinfo_endpoint", "jwks_uri"])
async def test_an_address_that_is_none_is_refused(which: str, address: str) -> None:
    with pytest.raises((LoginRefused, ProviderUnusable, ProviderAway)):
        await claimed(about={which: address}, email=...)
