from datetime import timedelta

import pytest

from core.kernel.actor import NotByToken
from core.kernel.step_up import (
    LASTS,
    AccountProofRequired,
    StepUpRequired,
    ensure_general,
    ensure_stepped_up,
    stepped_up_until,
)
from tests.builders import NOW, an_actor, an_id

SECOND = timedelta(seconds=1)


class TestSteppingUp:
    def test_a_proof_counts_for_ten_minutes(self) -> None:
        actor = an_actor(authenticated_at=NOW)
        assert LASTS == timedelta(minutes=10)
        assert stepped_up_until(NOW) == NOW + LASTS
        ensure_stepped_up(actor, at=NOW)
        ensure_stepped_up(actor, at=NOW + LASTS - SECOND)
        for late in (LASTS, LASTS + SECOND, timedelta(days=80)):
            with pytest.raises(StepUpRequired):
                ensure_stepped_up(actor, at=NOW + late)

    def test_whom_the_database_was_not_asked_about_proved_nothing(self) -> None:
        with pytest.raises(StepUpRequired):
            ensure_stepped_up(an_actor(), at=NOW)


class TestWhatIsTheAccounts:
    def test_it_is_for_whoever_signed_in_to_the_account(self) -> None:
        ensure_general(an_actor(is_general=True))
        with pytest.raises(AccountProofRequired):
            ensure_general(an_actor())

    def test_no_token_reaches_it_and_hears_why(self) -> None:
        with pytest.raises(NotByToken):
            ensure_general(an_actor(session_id=None, token_id=an_id()))
