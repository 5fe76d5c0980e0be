"""What the settings make of the rules for providers."""

import subprocess
import sys

import pytest

from entrypoints.oidc_container import OidcContainer
from entrypoints.settings import Environment, Settings
from tests.unit.architecture.sources import SRC


@pytest.mark.parametrize("environment", Environment)
def test_only_in_development_is_this_machine_asked_without_tls(environment: Environment) -> None:
    settings = Settings(_env_file=None, environment=environment, oidc_private_networks="127.0.0.0/8")
    container = OidcContainer(settings=settings)
    is_allowed = environment is Environment.DEVELOPMENT
    assert container.egress()._rules.loopback_over_http is is_allowed
    assert container.connection_use_cases.kwargs["plain_http"]() is is_allowed


def test_what_few_installations_need_is_in_the_memory_of_none_before_they_do() -> None:
    asked = "import sys; import entrypoints.cli.serve; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", asked], cwd=SRC, capture_output=True, text=True, check=True)
    found = set(said.stdout.split())
    assert "entrypoints.rest.app" in found
    assert not found & {"authlib", "httpx2", "dns", "redis", "opentelemetry.sdk", "alembic", "pygal"}
