"""What the settings make of the rules for providers."""

import pytest

from entrypoints.oidc_container import OidcContainer
from entrypoints.settings import Environment, Settings


@pytest.mark.parametrize("environment", Environment)
def test_only_in_development_is_this_machine_asked_without_tls(environment: Environment) -> None:
    settings = Settings(_env_file=None, environment=environment, oidc_private_networks="127.0.0.0/8")
    container = OidcContainer(settings=settings)
    is_allowed = environment is Environment.DEVELOPMENT
    assert container.egress()._rules.loopback_over_http is is_allowed
    assert container.connection_use_cases.kwargs["plain_http"]() is is_allowed
