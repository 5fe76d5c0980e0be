"""Login sessions as rows, for the doors that read and write them."""

from typing import Any

from adapters.sql.pipeline import Row
from core.auth.model import LoginSession

SESSION_FIELDS = (
    "id",
    "account_id",
    "nonce",
    "agent",
    "address",
    "created_at",
    "last_used_at",
    "expires_at",
    "authenticated_at",
    "generation",
    "replaced_at",
    "revoked_at",
    "current_company_id",
    "general_at",
    "second_factor_at",
    "sso_company_ids",
)


def session_of(row: Row) -> LoginSession:
    """A login session from a row of SESSION_FIELDS."""
    fields = dict(zip(SESSION_FIELDS, row, strict=True))
    return LoginSession(**{**fields, "sso_company_ids": tuple(fields["sso_company_ids"])})


def session_values(session: LoginSession) -> dict[str, Any]:
    """The parameters of what writes a login session."""
    fields = {field: getattr(session, field) for field in SESSION_FIELDS}
    return {**fields, "sso_company_ids": list(session.sso_company_ids)}
