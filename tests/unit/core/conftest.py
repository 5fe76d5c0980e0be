import pytest

from tests.builders.office import Office


@pytest.fixture
async def office() -> Office:
    return await Office.open()
