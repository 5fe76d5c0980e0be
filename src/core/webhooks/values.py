"""Addresses that webhooks may be sent to, and what they may ask for, as far as their text tells."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from core.kernel.errors import Fault, Invalid
from core.webhooks.errors import UrlRefused

URL_LENGTH = 2000
MOST_TYPES = 100
MOST_PROJECTS = 200
TYPE_LENGTH = 100
# Goes to its recipient alone, by the doors that know who asks.
UNTOLD = "notification_created"

_TYPE = re.compile(r"[a-z][a-z0-9_]*\Z")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
_LAST_LABEL = re.compile(r"[a-z][a-z0-9-]{0,61}[a-z0-9]\Z")
# Names that lead inside, wherever one stands. `internal` is where clouds tell their machines' secrets.
_INSIDE = ("localhost", "local", "internal", "intranet", "lan", "home.arpa", "localdomain", "corp")
# What some releases of Python take to be public: protocols' own, sites', a cloud's own (Azure) and documentation.
_NOT_PUBLIC = tuple(map(ip_network, ("192.0.0.0/24", "168.63.129.16/32", "fec0::/10", "3fff::/20", "5f00::/16")))
_LOWEST_PORT = 1024
_HTTPS = 443


def checked_url(url: str, *, to_this_machine: bool) -> str:
    """An address that webhooks may be sent to. Where its name leads is looked at each time that something is sent.

    `to_this_machine`: to the machine itself as well, with or without TLS; for development. Raises UrlRefused, saying
    why.
    """
    if len(url) > URL_LENGTH:
        raise UrlRefused(f"has more than {URL_LENGTH} characters")
    if not url.isascii() or not url.isprintable() or set(url) & set(" \\<>\"'`{}|^"):
        raise UrlRefused(
            "holds a sign that no address has; write names in their ASCII form, and the rest percent-encoded"
        )
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise UrlRefused("is no address") from error
    if parts.scheme not in ("https", "http"):
        raise UrlRefused("must begin with https://", host=host)
    if "@" in parts.netloc:
        raise UrlRefused("must not hold a name or a password", host=host)
    if "#" in url:
        raise UrlRefused("must not hold a fragment, which is never sent", host=host)
    if not host:
        raise UrlRefused("names no host", host=host)
    if to_this_machine and _is_this_machine(host):
        return url
    _ensure_outside(parts, host, port)
    return url


def origin_of(url: str) -> str:
    """Where an address leads, without what follows: path and query often are all that keeps strangers out."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _ensure_outside(parts: SplitResult, host: str, port: int | None) -> None:
    if parts.scheme != "https":
        raise UrlRefused("must begin with https://", host=host)
    if parts.netloc.endswith(":") or (port is not None and port != _HTTPS and port < _LOWEST_PORT):
        raise UrlRefused(f"must name no port, {_HTTPS}, or one from {_LOWEST_PORT} on", host=host)
    literal = _literal(host)
    if literal is not None:
        if not _is_public(literal):
            raise UrlRefused("leads to a private, local or reserved network", host=host)
        return
    if any(host == each or host.endswith(f".{each}") for each in _INSIDE):
        raise UrlRefused("leads to a private or local network", host=host)
    labels = host.split(".")
    is_name = len(host) <= 253 and all(map(_LABEL.match, labels)) and bool(_LAST_LABEL.match(labels[-1]))
    if not is_name or len(labels) < 2:
        raise UrlRefused("names no host that the whole internet knows", host=host)


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    meant = address
    if isinstance(address, IPv6Address):
        # What stands for another address leads there.
        is_other = address.ipv4_mapped or address.sixtofour or address.teredo
        if is_other or "%" in str(address) or str(address).startswith("64:ff9b:"):
            return False
    if any(meant.version == each.version and meant in each for each in _NOT_PUBLIC):
        return False
    return meant.is_global and not (meant.is_multicast or meant.is_reserved or meant.is_unspecified)


def _is_this_machine(host: str) -> bool:
    literal = _literal(host)
    return host == "localhost" or (literal is not None and literal.is_loopback)


def checked_types(types: tuple[str, ...]) -> tuple[str, ...]:
    """Names of events, each once and in order. Raises Invalid."""
    for place, name in enumerate(types):
        if name == UNTOLD:
            detail = "is for its recipient alone, and never goes to webhooks"
        elif not _TYPE.match(name) or len(name) > TYPE_LENGTH:
            detail = "is no name of an event"
        else:
            continue
        raise Invalid(faults=(Fault(detail, pointer=f"/types/{place}"),))
    return tuple(sorted(set(types)))
