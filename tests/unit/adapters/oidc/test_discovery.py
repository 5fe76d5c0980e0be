"""What is asked of providers before anything of them is believed. Names are looked up in the tests' own way."""

import logging

import pytest

from adapters.http.egress import Egress, EgressRules
from adapters.oidc.discovery import Discovery
from core.oidc.errors import ProviderUnusable
from tests.fakes.clock import SettableClock


def discovery(*addresses: str, rules: EgressRules) -> Discovery:
    """Every name leads to these addresses."""

    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return Discovery(egress=Egress(rules, resolve=resolve), clock=SettableClock(), plain_http=False)


class TestNamesThatLeadInside:
    async def test_where_they_lead_is_for_the_log_alone(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING, logger="flowtrack.oidc"), pytest.raises(ProviderUnusable) as told:
            await discovery("10.20.1.2", rules=EgressRules()).provider("https://intranet.example.com")
        assert "not allowed" in told.value.detail and "10.20.1.2" not in told.value.detail
        assert "10.20.1.2" in caplog.text
