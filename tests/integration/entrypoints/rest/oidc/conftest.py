from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from typing import Any

import httpx
import pytest

from core.kernel.actor import System
from entrypoints.container import Container
from tests.integration.api import Api, Person
from tests.integration.entrypoints.rest.conftest import Watch
from tests.integration.entrypoints.rest.oidc.browser import PRODUCT, Browser, callback
from tests.integration.entrypoints.rest.oidc.hostile import CLIENT_ID, CLIENT_SECRET, Hostile, HostileServer
from tests.oidc_servers import RealProvider, oidc_providers

_numbers = count(1)


@pytest.fixture(scope="session")
def real_providers() -> Iterator[tuple[RealProvider, RealProvider]]:
    with oidc_providers() as found:
        yield found


@pytest.fixture(scope="session")
def _hostile_server() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


@pytest.fixture
def hostile(_hostile_server: HostileServer, container: Container) -> Hostile:
    """A provider that behaves until it is told otherwise, and that the product has never heard of."""
    container.oidc().discovery.reset()
    container.oidc().clients.reset()
    container.oidc().login_use_cases.reset()
    return _hostile_server.afresh()


@pytest.fixture
async def browsers(client: httpx.AsyncClient, watch: Watch) -> AsyncIterator[Callable[[], Browser]]:
    """Opens browsers that know nothing of each other."""
    opened: list[Browser] = []

    def another() -> Browser:
        product = httpx.AsyncClient(transport=client._transport, base_url=PRODUCT)
        opened.append(Browser(product=watch.over(product)))
        return opened[-1]

    yield another
    for each in opened:
        await each.close()


@pytest.fixture
def domain() -> str:
    """A domain of the test's own."""
    return f"firm{next(_numbers)}.example"


@pytest.fixture
def prove(container: Container) -> Callable[[Person, str], Awaitable[None]]:
    """Proves a domain to be a company's, as the operator does."""

    async def proved(person: Person, domain: str) -> None:
        await container.email_domain_use_cases().vouch(System(), company_code=person.company["code"], domain=domain)

    return proved


async def connect(person: Person, provider: RealProvider | Hostile, **fields: Any) -> dict[str, Any]:
    """Connects the person's company to a provider."""
    credentials = (
        (CLIENT_ID, CLIENT_SECRET) if isinstance(provider, Hostile) else (provider.client_id, provider.client_secret)
    )
    given = {
        "name": "Own",
        "issuer": provider.issuer,
        "client_id": credentials[0],
        "client_secret": credentials[1],
        **fields,
    }
    answer = await person.post(f"/companies/{person.company_id}/oidc-connections", given)
    assert answer.status_code == 201, answer.text
    made = dict(answer.json())
    if isinstance(provider, RealProvider):
        async with httpx.AsyncClient() as client:
            allowed = await client.post(f"{provider.issuer}/redirects", json={"redirect_uri": callback(made["id"])})
            assert allowed.status_code == 204, allowed.text
    return made


def audited(api: Api, company_id: str, type: str) -> list[dict[str, Any]]:
    """The details of a company's audit events of a type, the oldest first."""
    rows = api.sql(
        "select details from audit_events where company_id = %s and type = %s order by at, id", (company_id, type)
    )
    return [row[0] for row in rows]
