"""An account as it is stored, for the doors that load one whole."""

from adapters.sql.pipeline import Row
from core.auth.model import Account

ACCOUNT_FIELDS = (
    "id",
    "email",
    "name",
    "password_hash",
    "password_is_temporary",
    "email_verified_at",
    "claimed_at",
    "reset_id",
    "reset_at",
    "verification_id",
    "verification_at",
    "pending_email",
    "version",
    "created_at",
    "updated_at",
)


def account_of(row: Row) -> Account:
    """An account from a row of ACCOUNT_FIELDS."""
    return Account(**dict(zip(ACCOUNT_FIELDS, row, strict=True)))
