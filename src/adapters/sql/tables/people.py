"""Who works in a company: users, invitations, and the tokens that act for users. Every table is a company's."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.tables.identity import NOW, instant
from adapters.sql.tenancy import TenantTable, company_column, metadata

users = TenantTable(
    "users",
    metadata,
    company_column(),
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text),
    Column("username", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    # Whoever was made a user of a company by somebody else is let in once they accepted.
    instant("accepted_at", nullable=True, server_default=NOW),
    instant("last_login_at", nullable=True),
    # The owner who may still enter by password where the company demands its own provider.
    Column("break_glass", Boolean, nullable=False, server_default=text("false")),
    Column("version", Integer, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    ForeignKeyConstraint(["company_id"], ["companies.id"], name="users_company_fk", ondelete="CASCADE"),
    ForeignKeyConstraint(["account_id"], ["accounts.id"], name="users_account_fk"),
    UniqueConstraint("company_id", "account_id", name="users_account_unique"),
    CheckConstraint("kind IN ('person', 'service')", name="users_kind_check"),
    CheckConstraint("role IN ('owner', 'admin', 'member')", name="users_role_check"),
    CheckConstraint("(kind = 'person') = (account_id IS NOT NULL)", name="users_account_check"),
    CheckConstraint("kind = 'service' OR email IS NOT NULL", name="users_email_check"),
)
Index("users_username_unique", users.c.company_id, text("lower(username)"), unique=True)
Index("users_break_glass_unique", users.c.company_id, unique=True, postgresql_where=users.c.break_glass)
# Sign-in asks for all memberships of an account, whatever the company.
Index("users_of_account", users.c.account_id)

invitations = TenantTable(
    "invitations",
    metadata,
    company_column(),
    Column("id", Uuid, primary_key=True),
    Column("email", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("user_id", Uuid),
    Column("token_digest", LargeBinary, nullable=False),
    Column("invited_by", Uuid),
    instant("created_at"),
    instant("expires_at"),
    instant("accepted_at", nullable=True),
    instant("revoked_at", nullable=True),
    ForeignKeyConstraint(["company_id"], ["companies.id"], name="invitations_company_fk", ondelete="CASCADE"),
    ForeignKeyConstraint(
        ["company_id", "user_id"],
        ["users.company_id", "users.id"],
        name="invitations_user_fk",
        ondelete="CASCADE",
    ),
    ForeignKeyConstraint(
        ["company_id", "invited_by"],
        ["users.company_id", "users.id"],
        name="invitations_invited_by_fk",
        ondelete="SET NULL (invited_by)",
    ),
    CheckConstraint("role IN ('owner', 'admin', 'member')", name="invitations_role_check"),
)
# Whoever holds a link does not say of which company it is.
Index("invitations_token_unique", invitations.c.token_digest, unique=True)
Index(
    "invitations_open_unique",
    invitations.c.company_id,
    invitations.c.email,
    unique=True,
    postgresql_where=text("accepted_at IS NULL AND revoked_at IS NULL"),
)

# Of a token's secret no more than the digest is kept.
api_tokens = TenantTable(
    "api_tokens",
    metadata,
    company_column(),
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("hint", Text, nullable=False),
    Column("created_by", Uuid),
    instant("created_at"),
    instant("expires_at", nullable=True),
    instant("last_used_at", nullable=True),
    instant("revoked_at", nullable=True),
    ForeignKeyConstraint(["company_id"], ["companies.id"], name="api_tokens_company_fk", ondelete="CASCADE"),
    ForeignKeyConstraint(
        ["company_id", "user_id"],
        ["users.company_id", "users.id"],
        name="api_tokens_user_fk",
        ondelete="CASCADE",
    ),
    ForeignKeyConstraint(
        ["company_id", "created_by"],
        ["users.company_id", "users.id"],
        name="api_tokens_created_by_fk",
        ondelete="SET NULL (created_by)",
    ),
    CheckConstraint("cardinality(scopes) > 0", name="api_tokens_scopes_check"),
)
# Whoever presents a token does not say of which company it is.
Index("api_tokens_digest_unique", api_tokens.c.digest, unique=True)
# Those that ended a moment ago are looked for in all companies at once.
Index("api_tokens_ended", api_tokens.c.revoked_at, postgresql_where=api_tokens.c.revoked_at.is_not(None))
Index(
    "api_tokens_of_user",
    api_tokens.c.company_id,
    api_tokens.c.user_id,
    api_tokens.c.created_at.desc(),
    api_tokens.c.id.desc(),
)
