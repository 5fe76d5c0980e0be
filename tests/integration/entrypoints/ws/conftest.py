from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from entrypoints.settings import Settings
from tests.integration.conftest import TestDatabase, quick_container
from tests.integration.entrypoints.ws.living import Living, living


@pytest.fixture(scope="module")
async def live(test_database: TestDatabase, settings: Settings) -> AsyncIterator[Living]:
    """A server that is one process alone."""
    direct = {"direct_database_url": SecretStr(test_database.application)}
    container = quick_container(settings.model_copy(update=direct), database_url=test_database.product)
    async with living(container, superuser_url=test_database.superuser) as found:
        yield found
