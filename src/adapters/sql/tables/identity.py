"""The global tables: the only ones without a company, reached by the doors of `system` alone, but for `companies`."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    TextClause,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from adapters.sql.tenancy import TenantTable, metadata


def instant(name: str, *, nullable: bool = False, server_default: TextClause | None = None) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=server_default)


# Of what a release that does not know the column writes; this one always says it.
NOW = text("now()")


accounts = Table(
    "accounts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("password_hash", Text),
    instant("email_verified_at", nullable=True),
    instant("claimed_at", nullable=True, server_default=NOW),
    Column("password_is_temporary", Boolean, nullable=False, server_default=text("false")),
    Column("totp_secret", LargeBinary),
    instant("totp_enabled_at", nullable=True),
    Column("totp_step", BigInteger, nullable=False, server_default=text("0")),
    Column("recovery_digests", ARRAY(LargeBinary), nullable=False, server_default=text("'{}'")),
    Column("reset_id", Uuid),
    instant("reset_at", nullable=True),
    Column("verification_id", Uuid),
    instant("verification_at", nullable=True),
    Column("pending_email", Text),
    # What waits to be mailed to its holder, and who is at it until when.
    Column("letters", JSONB, nullable=False, server_default=text("'[]'")),
    instant("letters_due_at", nullable=True),
    instant("letters_leased_until", nullable=True),
    Column("version", Integer, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    CheckConstraint("totp_enabled_at is null or totp_secret is not null", name="accounts_totp_check"),
)
Index("accounts_letters_due", accounts.c.letters_due_at, postgresql_where=text("letters_due_at IS NOT NULL"))

companies = TenantTable(
    "companies",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("code", Text, nullable=False, unique=True),
    Column("contact_email", Text),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    Column("members_edit_all_project_tasks", Boolean, nullable=False, server_default=text("false")),
    Column("time_zone", Text, nullable=False, server_default=text("'UTC'")),
    Column("sso_enforced", Boolean, nullable=False, server_default=text("false")),
    Column("version", Integer, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    instant("deleted_at", nullable=True),
    info={"tenant_column": "id"},
)

login_sessions = Table(
    "login_sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("generation", Integer, nullable=False),
    instant("replaced_at", nullable=True),
    Column("agent", Text),
    Column("address", Text),
    instant("created_at"),
    instant("last_used_at"),
    instant("expires_at"),
    instant("authenticated_at"),
    instant("revoked_at", nullable=True),
    Column("current_company_id", Uuid, ForeignKey("companies.id", ondelete="SET NULL")),
    # When it signed in by what opens the whole account; null where one company's own provider did.
    instant("general_at", nullable=True, server_default=NOW),
    instant("second_factor_at", nullable=True),
    Column("sso_company_ids", ARRAY(Uuid), nullable=False, server_default=text("'{}'")),
    # Who came back from a provider is signed in by a code; until then the session is nobody's.
    Column("code_digest", LargeBinary),
    instant("code_expires_at", nullable=True),
    # Of the sign-in that it came of, so that nobody comes back twice.
    Column("state_digest", LargeBinary),
)
Index("login_sessions_ended", login_sessions.c.revoked_at, postgresql_where=login_sessions.c.revoked_at.is_not(None))
Index(
    "login_sessions_code_unique",
    login_sessions.c.code_digest,
    unique=True,
    postgresql_where=login_sessions.c.code_digest.is_not(None),
)
Index(
    "login_sessions_state_unique",
    login_sessions.c.state_digest,
    unique=True,
    postgresql_where=login_sessions.c.state_digest.is_not(None),
)
Index("login_sessions_of_account", login_sessions.c.account_id)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("public_jwk", Text, nullable=False),
    Column("sealed_private_jwk", LargeBinary, nullable=False),
    instant("created_at"),
    instant("retired_at", nullable=True),
    Column("purpose", Text, nullable=False, server_default=text("'access_token'")),
    CheckConstraint("purpose IN ('access_token', 'audit')", name="signing_keys_purpose_check"),
)

GLOBAL_TABLES = frozenset(
    {"accounts", "companies", "login_sessions", "refresh_tokens", "external_identities", "signing_keys", "leases"}
)
"""The whole list of contract section 1, and who leads (decision 0028); whatever else exists belongs to a company."""
