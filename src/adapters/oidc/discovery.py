"""What providers say of themselves: their addresses and their keys, kept for a while."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from adapters.http.egress import AnswerTooLarge, Egress, EgressRefused
from core.kernel.ports import Clock
from core.oidc.errors import ProviderAway, ProviderUnusable
from core.oidc.model import leads_to_provider

log = logging.getLogger("flowtrack.oidc")

KEPT = timedelta(hours=1)
FAILURE_KEPT = timedelta(seconds=5)
_MOST = 500
_WELL_KNOWN = "/.well-known/openid-configuration"
_NEEDED = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(slots=True, kw_only=True)
class Provider:
    """A provider as it described itself; its keys are fetched when the first token is looked at."""

    about: Mapping[str, Any]
    until: datetime
    skew: timedelta | None = None
    keys: KeySet | None = None
    fetching: asyncio.Lock = field(default_factory=asyncio.Lock)

    def endpoint(self, name: str) -> str | None:
        """An address that it named."""
        found = self.about.get(name)
        return found if isinstance(found, str) else None

    def names(self, name: str, *, otherwise: tuple[str, ...]) -> tuple[str, ...]:
        """A list of words that it named, or what the specification takes for named."""
        found = self.about.get(name)
        return tuple(each for each in found if isinstance(each, str)) if isinstance(found, list) else otherwise


class Discovery:
    """Asks each provider once an hour; one that is away is left alone for a moment."""

    def __init__(self, *, egress: Egress, clock: Clock, plain_http: bool) -> None:
        """`plain_http`: providers on this machine itself send browsers to it without TLS, for development."""
        self._plain_http = plain_http
        self._egress = egress
        self._clock = clock
        self._known: OrderedDict[str, Provider] = OrderedDict()
        self._failed: OrderedDict[str, tuple[datetime, Exception]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Provider]] = {}

    async def provider(self, issuer: str) -> Provider:
        """Raises ProviderAway and ProviderUnusable."""
        now = self._clock.now()
        known = self._known.get(issuer)
        if known is not None and now < known.until:
            self._known.move_to_end(issuer)
            return known
        failed = self._failed.get(issuer)
        if failed is not None and now < failed[0]:
            raise failed[1]
        # Many sign in at once where people begin to work: one of them asks.
        asking = self._asking.get(issuer)
        if asking is None:
            asking = self._asking[issuer] = asyncio.create_task(self._asked(issuer))
            asking.add_done_callback(lambda _: self._asking.pop(issuer, None))
        return await asyncio.shield(asking)

    async def keys(self, provider: Provider, *, unlike: KeySet | None = None) -> KeySet:
        """The provider's keys; fetched anew if they are still the ones that did not fit (`unlike`)."""
        async with provider.fetching:
            if provider.keys is None or provider.keys is unlike:
                address = provider.endpoint("jwks_uri")
                assert address is not None
                found, _ = await self._json(address)
                provider.keys = _key_set(found)
            return provider.keys

    async def _asked(self, issuer: str) -> Provider:
        try:
            found, skew = await self._json(issuer.rstrip("/") + _WELL_KNOWN)
            provider = Provider(
                about=_checked(found, issuer, plain_http=self._plain_http), until=self._clock.now() + KEPT, skew=skew
            )
        except (ProviderAway, ProviderUnusable) as error:
            _keep(self._failed, issuer, (self._clock.now() + FAILURE_KEPT, error))
            raise
        _keep(self._known, issuer, provider)
        self._failed.pop(issuer, None)
        return provider

    async def _json(self, address: str) -> tuple[Mapping[str, Any], timedelta | None]:
        """An object in JSON, and how far the other's clock is ahead of ours."""
        try:
            async with self._egress.client() as client:
                answer = await client.get(address, headers={"Accept": "application/json"})
        except EgressRefused as error:
            raise not_allowed(error) from error
        except AnswerTooLarge as error:
            raise ProviderUnusable(f"{address}: {error}") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            raise ProviderAway(f"{address} does not answer") from error
        if answer.status_code >= 500 or answer.status_code == 429:
            raise ProviderAway(f"{address} answers {answer.status_code}")
        if answer.status_code != 200:
            raise ProviderUnusable(f"{address} answers {answer.status_code}")
        try:
            found = answer.json()
        except (ValueError, RecursionError) as error:
            raise ProviderUnusable(f"{address} does not answer JSON") from error
        if not isinstance(found, dict):
            raise ProviderUnusable(f"{address} does not answer an object")
        return found, self._skew(answer)

    def _skew(self, answer: httpx2.Response) -> timedelta | None:
        try:
            return parsedate_to_datetime(answer.headers["date"]) - self._clock.now()
        except (KeyError, ValueError, TypeError):
            return None


def not_allowed(refused: EgressRefused) -> ProviderUnusable:
    """What whoever set the provider up is told. Where its name leads within the operator's network is for the log."""
    log.warning("%s", refused)
    return ProviderUnusable("An address of the provider is not allowed here.")


def _checked(found: Mapping[str, Any], issuer: str, *, plain_http: bool) -> Mapping[str, Any]:
    missing = [name for name in _NEEDED if not isinstance(found.get(name), str)]
    if missing:
        raise ProviderUnusable(f"{issuer} does not name its {missing[0]}")
    # To the letter: one issuer must not be able to speak for another.
    if found["issuer"] != issuer:
        raise ProviderUnusable(f"{issuer} calls itself by another name")
    # Browsers are sent there; whatever we ask ourselves, `Egress` looks at.
    if not leads_to_provider(found["authorization_endpoint"], plain_http=plain_http):
        raise ProviderUnusable(f"{issuer} sends browsers to what is no https:// address")
    return found


def _key_set(found: Mapping[str, Any]) -> KeySet:
    keys = found.get("keys")
    if not isinstance(keys, list):
        raise ProviderUnusable("the provider's keys cannot be read")
    # Kinds that we do not know, and secrets, which have no business there, are left out.
    public = [each for each in keys if isinstance(each, dict) and each.get("kty") in ("RSA", "EC", "OKP")]
    try:
        return KeySet.import_key_set({"keys": public})
    except (JoseError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ProviderUnusable("the provider's keys cannot be read") from error


def _keep(kept: OrderedDict[str, Any], issuer: str, value: object) -> None:
    kept[issuer] = value
    kept.move_to_end(issuer)
    while len(kept) > _MOST:
        kept.popitem(last=False)
