"""Whose address a request comes from, where proxies stand in front of the product."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

_Address = IPv4Address | IPv6Address


class Proxies:
    """Puts the client's address in the place of the proxy's, for whatever asks `request.client`.

    Only what a trusted proxy says is believed: X-Forwarded-For is read from its end, where the nearest proxy wrote,
    back to the first address that is no proxy of ours. What stands before that, anybody may have written.
    """

    def __init__(self, app: ASGIApp, *, trusted: Sequence[IPv4Network | IPv6Network]) -> None:
        self._app = app
        self._trusted = tuple(trusted)
        self._trusts = lru_cache(maxsize=1024)(self._is_trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        peer = scope.get("client")
        if peer is not None and self._trusts(peer[0]):
            scope["client"] = (self._client(scope, peer[0]), peer[1])
        await self._app(scope, receive, send)

    def _client(self, scope: Scope, nearest: str) -> str:
        named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
        for each in reversed(",".join(named).split(",")):
            address = _address(each)
            if address is None:
                # Whoever wrote that is as far as can be seen.
                break
            nearest = str(address)
            if not self._trusts(nearest):
                break
        return nearest

    def _is_trusted(self, written: str) -> bool:
        address = _address(written)
        return address is not None and any(
            address.version == network.version and address in network for network in self._trusted
        )


def _address(written: str) -> _Address | None:
    """An address as proxies write it: perhaps with a port, in brackets if it is IPv6."""
    text = written.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
