import pytest

from adapters.memory.bus import LocalBus
from tests.contracts.bus import BusContract


class TestLocalBus(BusContract):
    @pytest.fixture
    async def bus(self) -> LocalBus:
        return LocalBus()

    @pytest.fixture
    async def other(self, bus: LocalBus) -> LocalBus:
        return bus
