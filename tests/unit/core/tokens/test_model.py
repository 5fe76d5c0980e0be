import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from core.kernel.audit import AuditType, Note
from core.kernel.errors import Invalid
from core.kernel.events import Audience
from core.tokens.events import ApiTokenRevoked
from core.tokens.model import USUAL, ApiToken, ApiTokenStatus, Scope
from tests.builders import NOW, an_id


def issued(**fields: Any) -> ApiToken:
    given: dict[str, Any] = {
        "id": an_id(),
        "user_id": an_id(),
        "is_service": False,
        "name": "Report",
        "scopes": (Scope.TASKS_READ,),
        "expires_at": USUAL,
        "digest": b"d",
        "hint": "ftk_abcd",
        "by": an_id(),
        "at": NOW,
    }
    token, created = ApiToken.issue(**{**given, **fields})
    assert (created.token_id, created.user_id, created.name) == (token.id, token.user_id, token.name)
    assert (created.scopes, created.expires_at) == (token.scopes, token.expires_at)
    assert created.audience() == Audience(named=(token.user_id,))
    (note,) = created.notes()
    assert (note.type, note.personal) == (AuditType.TOKEN_CREATED, {"name": token.name})
    ends = note.details["expires_at"]
    assert (datetime.fromisoformat(ends) if ends else None) == token.expires_at
    assert ends is None or re.fullmatch(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{6}Z", ends)
    return token


class TestIssuing:
    @pytest.mark.parametrize("is_service", [False, True])
    def test_without_a_wish_it_lives_for_ninety_days(self, is_service: bool) -> None:
        token = issued(is_service=is_service)
        assert token.expires_at == NOW + timedelta(days=90)
        assert (token.created_at, token.last_used_at, token.revoked_at) == (NOW, None, None)

    def test_only_a_service_s_may_have_no_end(self) -> None:
        assert issued(is_service=True, expires_at=None).expires_at is None
        with pytest.raises(Invalid) as refused:
            issued(expires_at=None)
        assert [fault.pointer for fault in refused.value.faults] == ["/expires_at"]

    @pytest.mark.parametrize("is_service", [False, True])
    @pytest.mark.parametrize(
        ("ends", "is_right"),
        [
            (NOW + timedelta(microseconds=1), True),
            (NOW + timedelta(days=366), True),
            (NOW, False),
            (NOW - timedelta(days=1), False),
            (NOW + timedelta(days=366, microseconds=1), False),
        ],
    )
    def test_an_end_is_in_the_future_and_at_most_a_year_ahead(
        self, ends: datetime, is_right: bool, is_service: bool
    ) -> None:
        if is_right:
            assert issued(expires_at=ends, is_service=is_service).expires_at == ends
        else:
            with pytest.raises(Invalid) as refused:
                issued(expires_at=ends, is_service=is_service)
            assert [fault.pointer for fault in refused.value.faults] == ["/expires_at"]

    def test_scopes_are_kept_once_and_in_one_order(self) -> None:
        scopes = (Scope.TASKS_WRITE, Scope.EVENTS_READ, Scope.TASKS_WRITE, Scope.PROJECTS_READ)
        assert issued(scopes=scopes).scopes == ("projects:read", "tasks:write", "events:read")

    @pytest.mark.parametrize(("fields", "pointer"), [({"scopes": ()}, "/scopes"), ({"name": " "}, "/name")])
    def test_it_needs_a_name_and_a_scope(self, fields: dict[str, Any], pointer: str) -> None:
        with pytest.raises(Invalid) as refused:
            issued(**fields)
        assert [fault.pointer for fault in refused.value.faults] == [pointer]


class TestItsLife:
    def test_it_works_until_it_expires(self) -> None:
        token = issued(expires_at=NOW + timedelta(days=1))
        assert token.status(at=NOW + timedelta(days=1, microseconds=-1)) is ApiTokenStatus.ACTIVE
        assert token.status(at=NOW + timedelta(days=1)) is ApiTokenStatus.EXPIRED
        assert replace(token, expires_at=None).status(at=NOW + timedelta(days=9999)) is ApiTokenStatus.ACTIVE

    def test_what_is_revoked_is_revoked_also_when_its_time_is_over(self) -> None:
        token = issued()
        revoked = token.revoke(at=NOW)
        assert token.revoked_at == NOW
        assert revoked == ApiTokenRevoked(token_id=token.id, user_id=token.user_id, name="Report")
        details = {"token_id": token.id, "user_id": token.user_id}
        assert revoked.notes() == (Note(type=AuditType.TOKEN_REVOKED, details=details, personal={"name": "Report"}),)
        for at in (NOW, NOW + timedelta(days=91)):
            assert token.status(at=at) is ApiTokenStatus.REVOKED
