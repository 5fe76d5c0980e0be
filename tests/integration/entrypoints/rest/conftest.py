"""The REST API under test: every answer of every test here is held against the OpenAPI document as it comes in."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest

from entrypoints.container import Container
from entrypoints.rest.errors import all_codes
from entrypoints.settings import Settings
from tests.integration.api import Api, Kept
from tests.integration.conftest import TestDatabase, quick_container, running
from tests.integration.entrypoints.rest.conformance import Conformance

AnotherApp = Callable[..., AbstractAsyncContextManager[Api]]


@pytest.fixture(scope="session")
async def conformance(client: httpx.AsyncClient) -> Conformance:
    return Conformance((await client.get("/openapi.json")).json(), all_codes())


class Watch:
    """Looks at every answer that its clients get, and remembers what is wrong with them."""

    def __init__(self, conformance: Conformance) -> None:
        self._conformance = conformance
        self.wrong: list[str] = []

    async def look(self, response: httpx.Response) -> None:
        await response.aread()
        self.wrong.extend(each for each in self._conformance.check(response) if each not in self.wrong)

    def over(self, client: httpx.AsyncClient) -> httpx.AsyncClient:
        client.event_hooks["response"].append(self.look)
        return client


@pytest.fixture(autouse=True)
def watch(client: httpx.AsyncClient, conformance: Conformance) -> Iterator[Watch]:
    """Fails a test whose answers break what the document, or the conventions of all answers, promise."""
    watch = Watch(conformance)
    client.cookies.clear()
    watch.over(client)
    yield watch
    client.event_hooks["response"].remove(watch.look)
    if watch.wrong:
        pytest.fail("\n".join(watch.wrong), pytrace=False)


@pytest.fixture
async def browser(client: httpx.AsyncClient, watch: Watch) -> AsyncIterator[httpx.AsyncClient]:
    """A client with cookies of its own, on a page of ours."""
    async with httpx.AsyncClient(
        transport=client._transport, base_url="http://localhost:8000", headers={"Origin": "http://localhost:8000"}
    ) as found:
        yield watch.over(found)


@pytest.fixture
def another_app(settings: Settings, test_database: TestDatabase, kept_connection: Kept, watch: Watch) -> AnotherApp:
    """Another process over the same database: `async with another_app(registration="closed") as api`.

    Keywords are settings; `prepare` may replace parts of its container before it starts.
    """

    @asynccontextmanager
    async def start(*, prepare: Callable[[Container], Any] | None = None, **changes: Any) -> AsyncIterator[Api]:
        changed = Settings(**{**settings.model_dump(), **changes}, _env_file=None)
        container = quick_container(changed, database_url=test_database.product)
        if prepare is not None:
            prepare(container)
        async with running(container) as client:
            yield Api(client=watch.over(client), superuser_url=test_database.superuser, kept=kept_connection)

    return start
