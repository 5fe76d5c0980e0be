"""Checks of `flowtrack doctor`: the OpenID providers that sign everyone in."""

import asyncio
from collections.abc import Iterator

from core.oidc.errors import ProviderAway, ProviderUnusable
from core.operations.read_models import Finding
from entrypoints.cli.examination import Examination, failed, ok, warning
from entrypoints.container import provider_skew

_FAILS_FROM = 60.0  # seconds: of that much apart, no token is accepted any more
_WARNS_FROM = 10.0


def providers(given: Examination) -> Iterator[Finding]:
    """Whether each answers what it has to, and whether its clock and ours agree."""
    named = given.settings.instance_providers()
    if not named:
        yield ok("no provider signs everyone in")
    for each in named:
        yield from _provider(given, each.client.issuer)


def _provider(given: Examination, issuer: str) -> Iterator[Finding]:
    try:
        skew = asyncio.run(provider_skew(given.settings, issuer))
    except ProviderAway as away:
        yield failed(f"{issuer}: {away.detail}", "see that this machine reaches it by HTTPS, without a proxy")
        return
    except ProviderUnusable as unusable:
        fix = "write `issuer` in FLOWTRACK_OIDC_PROVIDERS to the letter as the provider does in its discovery document"
        if "not allowed" in unusable.detail:
            fix = "name its network in FLOWTRACK_OIDC_PRIVATE_NETWORKS, and use https"
        yield failed(f"{issuer}: {unusable.detail}", fix)
        return
    if skew is None:
        yield ok(f"{issuer} describes itself")
        return
    said = f"the clock of {issuer} is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's"
    fix = "keep the time by NTP: timedatectl set-ntp true"
    if abs(skew) > _FAILS_FROM:
        yield failed(said, fix)
    elif abs(skew) > _WARNS_FROM:
        yield warning(said, fix)
    else:
        yield ok(f"{issuer} describes itself, and its clock and this machine's agree")
