"""An account as it is stored, for the doors that load one whole."""

from typing import Any

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
    "totp_secret",
    "totp_enabled_at",
    "totp_step",
    "recovery_digests",
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
    account = Account(**dict(zip(ACCOUNT_FIELDS, row, strict=True)))
    account.recovery_digests = tuple(account.recovery_digests)
    return account


def account_values(account: Account) -> dict[str, Any]:
    """The parameters of what stores an account."""
    values = {field: getattr(account, field) for field in ACCOUNT_FIELDS}
    return {**values, "recovery_digests": [*account.recovery_digests]}
