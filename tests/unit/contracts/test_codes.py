"""The fakes of what second factors are made of keep the contracts of the real ones."""

from types import SimpleNamespace

import pytest

from core.auth.ports import LoginTickets, RecoveryCodes
from tests.contracts.codes import RecoveryCodeContract, TicketContract, TimeCodeContract
from tests.fakes.codes import CountedRecoveryCodes, PredictableTimeCodes, RememberedTickets


class TestPredictableTimeCodes(TimeCodeContract):
    @pytest.fixture
    def world(self) -> SimpleNamespace:
        codes = PredictableTimeCodes()
        return SimpleNamespace(codes=codes, shown=lambda secret, at: codes.code(secret, at=at))


class TestCountedRecoveryCodes(RecoveryCodeContract):
    @pytest.fixture
    def codes(self) -> RecoveryCodes:
        return CountedRecoveryCodes()


class TestRememberedTickets(TicketContract):
    @pytest.fixture
    def tickets(self) -> LoginTickets:
        return RememberedTickets()
