"""Whose address counts, behind proxies that are trusted and proxies that are not."""

from ipaddress import ip_network
from typing import Any

import pytest

from entrypoints.rest.middleware.proxies import Proxies

TRUSTED = ("10.0.0.0/8", "fd00::/8")
PROXY = "10.0.0.1"


async def client(peer: str | None, *forwarded: str, trusted: tuple[str, ...] = TRUSTED) -> str | None:
    """The address that an application sees."""
    seen: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"])

    scope = {
        "type": "http",
        "client": (peer, 4711) if peer else None,
        "headers": [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded],
    }
    proxies = Proxies(application, trusted=[ip_network(each) for each in trusted])
    await proxies(scope, None, None)  # type: ignore[arg-type]
    return seen[0][0] if seen[0] else None


@pytest.mark.parametrize(
    ("forwarded", "found"),
    [
        (["192.0.2.1"], "192.0.2.1"),
        (["198.51.100.9, 192.0.2.1"], "192.0.2.1"),
        (["198.51.100.9", "192.0.2.1"], "192.0.2.1"),
        (["192.0.2.1, 10.9.9.9"], "192.0.2.1"),
        (["192.0.2.1,10.9.9.9", "fd00::1"], "192.0.2.1"),
        (["10.7.7.7, 10.9.9.9"], "10.7.7.7"),
        (["2001:db8::1"], "2001:db8::1"),
        (["2001:DB8:0::1"], "2001:db8::1"),
        (["[2001:db8::1]:443"], "2001:db8::1"),
        (["192.0.2.1:443"], "192.0.2.1"),
        (["::ffff:192.0.2.1"], "192.0.2.1"),
        ([" 192.0.2.1 "], "192.0.2.1"),
    ],
)
async def test_the_nearest_address_that_is_no_proxy_of_ours_is_the_clients(forwarded: list[str], found: str) -> None:
    assert await client(PROXY, *forwarded) == found


@pytest.mark.parametrize(
    "forwarded",
    [
        [],
        [""],
        [","],
        ["unknown"],
        ["192.0.2.1, garbage"],
        ["192.0.2.1,"],
        ["192.0.2.999"],
        ["[2001:db8::1"[:3]],
        ["é"],
    ],
)
async def test_what_is_no_address_ends_the_chain_at_who_said_it(forwarded: list[str]) -> None:
    assert await client(PROXY, *forwarded) == PROXY


async def test_what_is_no_address_is_not_passed_over() -> None:
    assert await client(PROXY, "192.0.2.1, garbage, 10.9.9.9") == "10.9.9.9"


@pytest.mark.parametrize("peer", ["192.0.2.66", "2001:db8::66", "11.0.0.1", None])
async def test_whoever_is_not_trusted_is_not_believed(peer: str | None) -> None:
    assert await client(peer, "198.51.100.1") == peer


@pytest.mark.parametrize("peer", ["fd00::7", "::ffff:10.0.0.1"])
async def test_a_proxy_may_be_reached_by_either_protocol(peer: str) -> None:
    assert await client(peer, "198.51.100.1") == "198.51.100.1"


async def test_everything_may_be_trusted() -> None:
    assert await client("192.0.2.1", "198.51.100.1, 192.0.2.2", trusted=("0.0.0.0/0", "::/0")) == "198.51.100.1"
