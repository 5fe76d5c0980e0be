"""What the product asks of addresses that a tenant named: nothing inside the operator's own network.

A name is resolved once, each address that it has is looked at, and the connection goes to one of those that were looked
at: whoever answers for the name cannot answer differently a moment later. Only HTTPS leaves, no proxy and no redirect
is followed, and what comes back is bounded in size and time. `GuardedTransport` is meant to live for one exchange:
connections are told apart by address, so two names at one address must not share them.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

import httpx2

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[list[str]]]

_NAT64 = ip_network("64:ff9b::/96")
_LARGEST = 512 * 1024
_SECONDS = 10.0
_LOOKED_UP_WITHIN = 5.0  # seconds
_LOOKING_UP = 16
_LAST_PORT = 65_535


class EgressRefused(Exception):
    """The address must not be asked. The message is for the operator and names no secret."""


class AnswerTooLarge(Exception):
    """More came back than is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressRules:
    """Where to requests may go: to public addresses, and to the networks that the operator named.

    `loopback_over_http`: to this machine itself, also without TLS; for development.
    """

    networks: tuple[Network, ...] = ()
    loopback_over_http: bool = False

    def allows(self, address: Address, *, scheme: str) -> bool:
        """Whether a request of that scheme may go there."""
        meant = _meant(address)
        if self.loopback_over_http and meant.is_loopback:
            return scheme in ("http", "https")
        return scheme == "https" and (_is_public(meant) or self._is_named(meant))

    def _is_named(self, address: Address) -> bool:
        return any(address.version == each.version and address in each for each in self.networks)


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


# What some releases of Python take to be public: protocols' own, sites', a cloud's own (Azure) and documentation.
_INSIDE = tuple(
    map(ip_network, ("192.0.0.0/24", "168.63.129.16/32", "fec0::/10", "3fff::/20", "5f00::/16", "64:ff9b:1::/48"))
)


def _is_public(address: Address) -> bool:
    if any(address.version == each.version and address in each for each in _INSIDE):
        return False
    return address.is_global and not (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )


class Names:
    """The addresses of hosts, as this machine finds them.

    Looking one up takes a thread as long as it takes, however soon we stop waiting; so they are these threads, and none
    that hashes passwords or reads files.
    """

    def __init__(self, *, seconds: float = _LOOKED_UP_WITHIN) -> None:
        self._seconds = seconds

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max_workers=_LOOKING_UP, thread_name_prefix="names")

    async def __call__(self, host: str, port: int) -> list[str]:
        """Raises OSError, and TimeoutError if nobody answers in time."""
        look = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        async with asyncio.timeout(self._seconds):
            found = await asyncio.get_running_loop().run_in_executor(self._threads, look)
        return [str(each[4][0]) for each in found]


class Egress:
    """Makes what sends requests to addresses of tenants."""

    def __init__(
        self,
        rules: EgressRules,
        *,
        resolve: Resolve | None = None,
        largest: int = _LARGEST,
        seconds: float = _SECONDS,
        takes_packed: bool = False,
    ) -> None:
        """`takes_packed`: an answer that is packed all the same is no error to who never unpacks it."""
        self._rules = rules
        self._resolve = resolve or Names()
        self._largest = largest
        self._seconds = seconds
        self._takes_packed = takes_packed

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx2.create_ssl_context(trust_env=False)

    def transport(self) -> "GuardedTransport":
        """For one exchange."""
        inner = httpx2.AsyncHTTPTransport(verify=self._tls, trust_env=False)
        return GuardedTransport(
            inner, self._rules, resolve=self._resolve, largest=self._largest, takes_packed=self._takes_packed
        )

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Bounds the time of a whole exchange, however slowly it drips. Raises TimeoutError."""
        async with asyncio.timeout(self._seconds):
            yield

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx2.AsyncClient]:
        """A plain client for one exchange, bounded in time. Raises TimeoutError."""
        async with self.in_time(), httpx2.AsyncClient(transport=self.transport(), trust_env=False) as client:
            yield client


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Sends a request to an address that was looked at, and reads no more of the answer than is taken."""

    def __init__(
        self,
        inner: httpx2.AsyncBaseTransport,
        rules: EgressRules,
        *,
        resolve: Resolve,
        largest: int,
        takes_packed: bool = False,
    ) -> None:
        self._inner = inner
        self._takes_packed = takes_packed
        self._rules = rules
        self._resolve = resolve
        self._largest = largest

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises EgressRefused, AnswerTooLarge, and what httpx2 raises."""
        host, scheme = request.url.raw_host.decode(), request.url.scheme
        port = request.url.port or (443 if scheme == "https" else 80)
        if port > _LAST_PORT:
            raise httpx2.ConnectError(f"{host} has no such port")
        response = await self._asked(request, host, await self._pinned(host, port, scheme=scheme))
        is_packed = response.headers.get("content-encoding", "identity") != "identity"
        if is_packed and not self._takes_packed:
            await response.aclose()
            raise AnswerTooLarge("the answer is packed, which was not asked for")
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Bounded(response.stream, self._largest)
        return response

    async def _asked(self, request: httpx2.Request, host: str, addresses: list[str]) -> httpx2.Response:
        """The answer of the first address that takes a connection."""
        headers = httpx2.Headers(request.headers)
        # A small answer may unpack to a huge one.
        headers["Accept-Encoding"] = "identity"
        for address in addresses:
            pinned = httpx2.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
            try:
                return await self._inner.handle_async_request(pinned)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                if address == addresses[-1]:
                    raise
        raise httpx2.ConnectError(f"{host} has no address")

    async def _pinned(self, host: str, port: int, *, scheme: str) -> list[str]:
        try:
            found = [ip_address(each.partition("%")[0]) for each in await self._resolve(host, port)]
        except (OSError, UnicodeError, ValueError) as error:
            raise httpx2.ConnectError(f"{host} has no address") from error
        # Of a name with an address inside and one outside, neither is asked.
        refused = [each for each in found if not self._rules.allows(each, scheme=scheme)]
        if refused:
            raise EgressRefused(f"{scheme}://{host} leads to {refused[0]}, where requests must not go")
        return [str(each) for each in found]

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, most: int) -> None:
        self._stream = stream
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        async for part in self._stream:
            read += len(part)
            if read > self._most:
                raise AnswerTooLarge(f"the answer has more than {self._most} bytes")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()
