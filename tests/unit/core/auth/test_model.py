from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.auth.model import IDLE, LONGEST, REPLAY_GRACE, LoginSession
from tests.builders import NOW, a_login_session, an_account, an_id

SECOND = timedelta(seconds=1)


class TestLoginSession:
    def test_it_is_open_for_seven_days(self) -> None:
        session = a_login_session()
        assert session.is_open(at=NOW)
        assert session.is_open(at=NOW + timedelta(days=7) - SECOND)
        assert not session.is_open(at=NOW + timedelta(days=7))

    def test_use_keeps_it_open_but_no_longer_than_ninety_days_in_all(self) -> None:
        session = a_login_session()
        for day in range(6, 90, 6):
            session.rotate(at=NOW + timedelta(days=day))
        assert session.is_open(at=NOW + timedelta(days=90) - SECOND)
        assert not session.is_open(at=NOW + timedelta(days=90))

    @given(st.lists(st.integers(0, 8 * 24), max_size=30))
    def test_it_never_outlives_its_bounds(self, hours: list[int]) -> None:
        session, at = a_login_session(), NOW
        for each in hours:
            at += timedelta(hours=each)
            if not session.is_open(at=at):
                break
            session.rotate(at=at)
            assert session.expires_at <= min(at + IDLE, NOW + LONGEST)
            assert (session.last_used_at, session.replaced_at) == (at, at)

    def test_rotating_makes_the_next_generation(self) -> None:
        session = a_login_session()
        session.rotate(at=NOW + SECOND)
        assert session.generation == 2

    def test_the_token_just_replaced_is_a_repeat_for_ten_seconds(self) -> None:
        session = a_login_session()
        assert not session.is_repeat(0, at=NOW)
        session.rotate(at=NOW)
        assert session.is_repeat(1, at=NOW + REPLAY_GRACE)
        assert not session.is_repeat(1, at=NOW + REPLAY_GRACE + SECOND)

    def test_an_older_or_the_present_token_is_no_repeat(self) -> None:
        session = a_login_session()
        session.rotate(at=NOW)
        session.rotate(at=NOW + SECOND)
        assert not session.is_repeat(1, at=NOW + SECOND)
        assert not session.is_repeat(3, at=NOW + SECOND)
        assert session.is_repeat(2, at=NOW + SECOND)

    def test_once_revoked_it_stays_so_since_then(self) -> None:
        session = a_login_session()
        session.revoke(at=NOW + SECOND)
        session.revoke(at=NOW + 2 * SECOND)
        assert session.revoked_at == NOW + SECOND
        assert not session.is_open(at=NOW)

    def test_an_agent_of_any_length_is_kept_in_part(self) -> None:
        begun = [
            LoginSession.begin(id=an_id(), account_id=an_id(), nonce=b"", agent=agent, address=None, at=NOW).agent
            for agent in ("x" * 9000, "", None)
        ]
        assert begun == ["x" * 500, None, None]

    def test_an_agent_is_kept_without_what_no_screen_shows(self) -> None:
        session = LoginSession.begin(
            id=an_id(), account_id=an_id(), nonce=b"", agent="\x00Fire\x1b[31mfox\n", address=None, at=NOW
        )
        assert session.agent == "Fire[31mfox"

    def test_only_a_proof_changes_when_its_holder_proved_who_they_are(self) -> None:
        session = a_login_session()
        session.rotate(at=NOW + SECOND)
        assert session.authenticated_at == NOW
        session.step_up(at=NOW + 2 * SECOND)
        assert (session.authenticated_at, session.last_used_at) == (NOW + 2 * SECOND, NOW + SECOND)


class TestTakingOverAnEarlierSession:
    """The same browser signs in once more, and keeps what it had proved."""

    EARLIER = NOW - timedelta(hours=1)
    FIRM, OTHER = an_id(), an_id()

    def session(self, *, at: datetime = NOW, by: UUID | None = None, **fields: Any) -> LoginSession:
        begun = LoginSession.begin(
            id=an_id(), account_id=an_id(), nonce=b"n", agent=None, address=None, at=at, by_provider_of=by
        )
        return replace(begun, **fields)

    def test_a_provider_makes_no_earlier_proof_of_the_account_fresh(self) -> None:
        factor_at = self.EARLIER + SECOND
        session = self.session(by=self.FIRM)
        session.join(self.session(at=self.EARLIER, second_factor_at=factor_at))
        assert (session.general_at, session.authenticated_at) == (self.EARLIER, self.EARLIER)
        assert (session.sso_company_ids, session.second_factor_at) == ((self.FIRM,), factor_at)

    def test_a_password_makes_no_earlier_word_of_a_provider_fresh(self) -> None:
        session = self.session()
        session.join(self.session(at=self.EARLIER, by=self.FIRM))
        assert (session.general_at, session.authenticated_at) == (NOW, self.EARLIER)
        assert session.sso_company_ids == (self.FIRM,)

    def test_one_companys_provider_makes_no_earlier_word_of_anothers_fresh(self) -> None:
        session = self.session(by=self.OTHER)
        session.join(self.session(at=self.EARLIER, by=self.FIRM))
        assert (session.general_at, session.authenticated_at) == (None, self.EARLIER)
        assert session.sso_company_ids == tuple(sorted((self.FIRM, self.OTHER)))

    @pytest.mark.parametrize("by", [None, FIRM])
    def test_what_has_nothing_to_take_over_stays_as_fresh_as_it_is(self, by: UUID | None) -> None:
        session = self.session(by=by)
        session.join(self.session(at=self.EARLIER, by=by))
        assert (session.authenticated_at, session.created_at) == (NOW, NOW)

    @pytest.mark.parametrize("by", [None, OTHER])
    def test_a_later_proof_of_the_earlier_one_makes_it_no_fresher_either(self, by: UUID | None) -> None:
        """Somebody stepped up in the earlier session while this one began."""
        session = self.session(by=by)
        session.join(self.session(at=self.EARLIER, by=self.FIRM, authenticated_at=NOW + SECOND))
        assert session.authenticated_at == NOW

    def test_it_ends_when_the_earlier_one_would_have_at_the_latest(self) -> None:
        session = self.session()
        session.join(self.session(at=NOW - LONGEST + SECOND, by=self.FIRM))
        assert session.expires_at == NOW + SECOND


class TestPasswordOfAnAccount:
    def test_a_chosen_one_is_no_longer_temporary_and_claims_the_account(self) -> None:
        account = an_account(password_is_temporary=True, claimed_at=None, version=3)
        account.choose_password("a hash", at=NOW + SECOND)
        assert (account.password_hash, account.password_is_temporary) == ("a hash", False)
        assert (account.claimed_at, account.updated_at, account.version) == (NOW + SECOND, NOW + SECOND, 4)

    def test_an_account_is_claimed_once(self) -> None:
        account = an_account(claimed_at=NOW)
        account.choose_password("a hash", at=NOW + SECOND)
        assert account.claimed_at == NOW

    def test_the_same_password_hashed_anew_is_no_other_and_a_chosen_one_is(self) -> None:
        before, same, other = (an_account(password_hash="an old hash") for _ in range(3))
        same.keep_password("a new hash")
        other.choose_password("another hash", at=NOW)
        assert not before.has_another_password_than(before)
        assert not same.has_another_password_than(before)
        assert other.has_another_password_than(before)
        assert same.version == before.version
