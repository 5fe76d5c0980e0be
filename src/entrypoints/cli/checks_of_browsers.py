"""Checks of `flowtrack doctor`: what browsers, and the proxies before us, make of the settings."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from core.operations.read_models import Finding
from entrypoints.cli.examination import Examination, failed, is_of_this_machine, ok, warning


def cookies(given: Examination) -> Iterator[Finding]:
    """Whether browsers will send the cookies that keep people signed in."""
    settings = given.settings
    own = urlsplit(settings.public_url)
    if settings.is_https:
        yield ok("cookies are Secure, and of this host alone (__Host-)")
    elif is_of_this_machine(own.hostname or ""):
        yield ok("cookies are not Secure, and stay on this machine")
    else:
        yield warning(
            "cookies are not Secure, since FLOWTRACK_PUBLIC_URL is http://: whoever is on the way reads them",
            "FLOWTRACK_PUBLIC_URL=https://..., and a proxy with a certificate before us",
        )
    for origin in settings.cors_origins:
        host = urlsplit(origin).hostname or ""
        if _may_be_one_site(host, own.hostname or ""):
            continue
        yield warning(
            f"{origin} is another site than {own.hostname}: browsers do not send the cookie along from there",
            "serve both below one domain, or ask for the refresh token there (return_refresh_token) and keep it",
        )


def redirects(given: Examination) -> Iterator[Finding]:
    """Whether the codes that sign people in travel where nobody reads them."""
    pages = given.settings.oidc_redirects()
    for page in pages:
        parts = urlsplit(page)
        if parts.scheme == "https" or is_of_this_machine(parts.hostname or ""):
            continue
        found = failed if given.is_production else warning
        yield found(
            f"browsers come back from a provider to {page} with a code that signs in: whoever is on the way reads it",
            "FLOWTRACK_OIDC_REDIRECT_ALLOW=https://..., or, where it is not set, FLOWTRACK_PUBLIC_URL=https://...",
        )
        return
    yield ok(f"{len(pages)} addresses that browsers come back to from providers")


def proxies(given: Examination) -> Iterator[Finding]:
    """Whether visitors have addresses of their own, which only they can choose."""
    trusted = given.settings.trusted_proxies
    everybody = [str(network) for network in trusted if network.prefixlen == 0]
    if everybody:
        yield failed(
            f"FLOWTRACK_TRUSTED_PROXIES trusts everybody ({', '.join(everybody)}): any visitor writes the address that "
            "limits and the audit count them by",
            "FLOWTRACK_TRUSTED_PROXIES=<the proxy's network, as 10.0.0.0/8>",
        )
    elif given.is_production and given.settings.is_https and not trusted:
        yield warning(
            "HTTPS ends at a proxy, and none is trusted: all visitors count as the proxy's address",
            "FLOWTRACK_TRUSTED_PROXIES=<the proxy's network, as 10.0.0.0/8>",
        )
    else:
        yield ok(f"{len(trusted)} networks of proxies say where a visitor comes from")


def _may_be_one_site(one: str, other: str) -> bool:
    """Whether two hosts can be of one registrable domain: one is below the other, or both are below a third.

    Which domains are open to everybody's registration, a list tells that browsers have; two labels are the least.
    """
    mine, theirs = one.lower().split("."), other.lower().split(".")
    return mine == theirs or (min(len(mine), len(theirs)) >= 2 and mine[-2:] == theirs[-2:])
