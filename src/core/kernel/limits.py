"""How much of something may be used up in a span of time."""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Final, NamedTuple
from zlib import crc32

PARTS_OF_NETWORK: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """`most` within any span of `seconds`, for each key apart. Callers read its `name`."""

    name: str
    most: int
    seconds: int


class Allowance(NamedTuple):
    """What a limit answers. `seconds` is for how long the `remaining` have to do; if nothing was granted, for how long
    nothing will be.
    """

    granted: bool
    remaining: int
    seconds: int


@lru_cache(maxsize=4096)
def household(address: str | None) -> str:
    """Whom an address is counted as: one of IPv4 as itself, one of IPv6 as its /64, the least that is given."""
    return _block(address, v4=32, v6=64)


@lru_cache(maxsize=4096)
def network(address: str | None) -> str:
    """The network of an address: /24 of IPv4, /48 of IPv6, which is what one customer is given."""
    return _block(address, v4=24, v6=48)


def part_of_network(address: str | None) -> int:
    """Which of the eight parts of the network an address is of. What is kept once for each of them fills no disk, and
    whoever causes much of it hides little of what comes from elsewhere.
    """
    return crc32(network(address).encode()) % PARTS_OF_NETWORK


def _block(address: str | None, *, v4: int, v6: int) -> str:
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        # A peer without an address, such as a local socket: all of them are one.
        return "unknown"
    found = getattr(found, "ipv4_mapped", None) or found
    return str(ip_network(f"{found}/{v4 if found.version == 4 else v6}", strict=False))
