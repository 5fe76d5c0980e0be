"""Signing in at a provider: the authorization code flow with PKCE, state and nonce."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jws import JWSRegistry

from adapters.http.egress import AnswerTooLarge, Egress, EgressRefused
from adapters.oidc.discovery import Discovery, Provider, not_allowed
from core.kernel.ports import Clock
from core.oidc.errors import LoginRefused, ProviderAway
from core.oidc.ports import LoginRequest, ProviderClient
from core.oidc.read_models import Claimed

# Asymmetric ones alone: with a shared secret whoever verifies could sign, and `none` is no signature.
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
)  # fmt: skip
SKEW_SECONDS = 60
_SCOPE = "openid email profile"
# Some providers heed the one, some the other; by `max_age` they say when the proof was taken.
_ANEW = {"prompt": "login", "max_age": "0"}
_LONGEST_TOKEN = 64 * 1024
_LONGEST = 255
# What comes of an answer that no honest provider gives: nested too deep to be read, an address that is none.
_NOT_VALID = (
    AuthlibBaseError, JoseError, AnswerTooLarge, httpx2.InvalidURL, ValueError, KeyError, TypeError, RecursionError,
)  # fmt: skip


class AuthlibProviders:
    """What a provider says of who comes back from it. Whatever it says is verified here, and believed elsewhere."""

    def __init__(self, *, discovery: Discovery, egress: Egress, clock: Clock, returning: str) -> None:
        """Below `returning` are the addresses that browsers come back to."""
        self._discovery = discovery
        self._egress = egress
        self._clock = clock
        self._returning = returning

    async def login_address(self, client: ProviderClient, request: LoginRequest) -> str:
        provider = await self._discovery.provider(client.issuer)
        async with self._session(provider, client) as session:
            address, _ = session.create_authorization_url(
                provider.endpoint("authorization_endpoint"),
                state=request.state,
                nonce=request.nonce,
                code_verifier=request.verifier,
                **(_ANEW if request.anew else {}),
            )
        return str(address)

    async def claimed(
        self, client: ProviderClient, request: LoginRequest, *, code: str, issuer: str | None, role_claim: str | None
    ) -> Claimed:
        provider = await self._discovery.provider(client.issuer)
        _ensure_answered_by(provider, client, issuer)
        try:
            async with self._egress.in_time(), self._session(provider, client) as session:
                tokens = await session.fetch_token(
                    provider.endpoint("token_endpoint"),
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=request.verifier,
                )
                claims = await self._verified(provider, client, tokens, nonce=request.nonce)
                if "email" not in claims or (role_claim is not None and found_claim(claims, role_claim) is None):
                    claims = _joined(claims, await _asked_about(provider, session, claims["sub"]))
        except EgressRefused as error:
            raise not_allowed(error) from error
        except (httpx2.HTTPError, TimeoutError) as error:
            raise ProviderAway("the provider does not answer") from error
        except _NOT_VALID as error:
            # What it is exactly helps whoever set the connection up, and holds nothing of a token.
            raise LoginRefused("token", f"the provider's answer is not valid ({type(error).__name__})") from error
        return _claimed(claims, role_claim)

    def _callback(self, client: ProviderClient) -> str:
        own = f"/{client.connection_id}" if client.connection_id is not None else ""
        return f"{self._returning}{own}/callback"

    @asynccontextmanager
    async def _session(self, provider: Provider, client: ProviderClient) -> AsyncIterator[Any]:
        async with AsyncOAuth2Client(
            client_id=client.client_id,
            client_secret=client.client_secret,
            token_endpoint_auth_method=_auth_method(provider, client),
            code_challenge_method="S256",
            scope=_SCOPE,
            redirect_uri=self._callback(client),
            transport=self._egress.transport(),
            trust_env=False,
        ) as session:
            yield session

    async def _verified(
        self, provider: Provider, client: ProviderClient, tokens: Mapping[str, Any], *, nonce: str
    ) -> Mapping[str, Any]:
        written = tokens["id_token"]
        if not isinstance(written, str) or len(written) > _LONGEST_TOKEN:
            raise ValueError("no ID token")
        named = provider.names("id_token_signing_alg_values_supported", otherwise=("RS256",))
        registry = JWSRegistry(algorithms=[each for each in ALGORITHMS if each in named], strict_check_header=False)
        keys = await self._discovery.keys(provider)
        try:
            token = jwt.decode(written, key=keys, registry=registry)
        except InvalidKeyIdError:
            # The provider may have changed its keys since we asked for them.
            keys = await self._discovery.keys(provider, unlike=keys)
            token = jwt.decode(written, key=keys, registry=registry)
        access_token = tokens.get("access_token")
        CodeIDToken(
            token.claims,
            token.header,
            {"iss": {"essential": True, "value": client.issuer}, "aud": {"essential": True, "value": client.client_id}},
            {"nonce": nonce, "client_id": client.client_id, "access_token": access_token},
        ).validate(now=int(self._clock.now().timestamp()), leeway=SKEW_SECONDS)
        return cast("Mapping[str, Any]", token.claims)


async def _asked_about(provider: Provider, session: Any, subject: str) -> Mapping[str, Any]:
    """What the userinfo endpoint adds. Of somebody else than the token, nothing is believed."""
    address = provider.endpoint("userinfo_endpoint")
    if address is None:
        return {}
    answer = await session.get(address)
    answer.raise_for_status()
    found = answer.json()
    if not isinstance(found, dict) or found.get("sub") != subject:
        raise ValueError("the userinfo is somebody else's")
    return found


def _joined(claims: Mapping[str, Any], more: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the token says goes first; an address and whether it is verified are said in one place."""
    if "email" not in claims:
        claims = {name: value for name, value in claims.items() if name != "email_verified"}
    else:
        more = {name: value for name, value in more.items() if name != "email_verified"}
    return {**more, **claims}


def _ensure_answered_by(provider: Provider, client: ProviderClient, issuer: str | None) -> None:
    """RFC 9207: no answer is taken for another's, also where two providers have one address to come back to."""
    if issuer is None and provider.about.get("authorization_response_iss_parameter_supported") is not True:
        return
    if issuer != client.issuer:
        raise LoginRefused("issuer", "the answer is another provider's")


def _auth_method(provider: Provider, client: ProviderClient) -> str:
    if client.client_secret is None:
        return "none"
    methods = provider.names("token_endpoint_auth_methods_supported", otherwise=("client_secret_basic",))
    if "client_secret_basic" not in methods and "client_secret_post" in methods:
        return "client_secret_post"
    return "client_secret_basic"


def found_claim(claims: Mapping[str, Any], name: str) -> object:
    """A claim by its name, or by the path to it, as `realm_access.roles`."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _claimed(claims: Mapping[str, Any], role_claim: str | None) -> Claimed:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST or not subject.isprintable():
        raise LoginRefused("token", "the provider's answer names nobody")
    email, name = claims.get("email"), claims.get("name")
    roles = found_claim(claims, role_claim) if role_claim is not None else None
    values = roles if isinstance(roles, list) else [roles]
    return Claimed(
        issuer=str(claims["iss"]),
        subject=subject,
        # No address holds what cannot be printed, and no database takes some of that.
        email=email if isinstance(email, str) and email.isprintable() else None,
        # Nothing but `true`: some providers send words.
        email_verified=claims.get("email_verified") is True,
        name=name if isinstance(name, str) else None,
        roles=tuple(each for each in values if isinstance(each, str)),
        authenticated_at=_instant(claims.get("auth_time")),
    )


def _instant(seconds: object) -> datetime | None:
    """Raises LoginRefused for what is no instant."""
    if seconds is None:
        return None
    try:
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise TypeError
        return datetime.fromtimestamp(seconds, UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise LoginRefused("token", "the provider's answer says no time at which somebody signed in") from error
