"""Connections to OpenID providers, the domains that companies have proved, and who somebody is at a provider."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from adapters.sql.tables.identity import instant
from adapters.sql.tenancy import TenantTable, company_column, metadata

oidc_connections = TenantTable(
    "oidc_connections",
    metadata,
    company_column(),
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    # Empty: the provider asks for none.
    Column("sealed_client_secret", LargeBinary, nullable=False),
    Column("domains", ARRAY(Text), nullable=False),
    Column("default_role", Text, nullable=False),
    Column("role_claim", Text),
    Column("role_map", JSONB, nullable=False),
    Column("jit_provisioning", Boolean, nullable=False),
    Column("enforce_sso", Boolean, nullable=False),
    Column("break_glass_user_id", Uuid),
    Column("admits_owners", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    ForeignKeyConstraint(["company_id"], ["companies.id"], name="oidc_connections_company_fk", ondelete="CASCADE"),
    ForeignKeyConstraint(
        ["company_id", "break_glass_user_id"],
        ["users.company_id", "users.id"],
        name="oidc_connections_break_glass_fk",
        ondelete="SET NULL (break_glass_user_id)",
    ),
    # Owners are made by owners alone.
    CheckConstraint("default_role IN ('admin', 'member')", name="oidc_connections_role_check"),
)
# Whoever comes to sign in does not say of which company the connection is.
Index("oidc_connections_id_unique", oidc_connections.c.id, unique=True)

email_domains = TenantTable(
    "email_domains",
    metadata,
    company_column(),
    Column("id", Uuid, primary_key=True),
    Column("domain", Text, nullable=False),
    Column("token", Text, nullable=False),
    instant("verified_at", nullable=True),
    Column("version", Integer, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    ForeignKeyConstraint(["company_id"], ["companies.id"], name="email_domains_company_fk", ondelete="CASCADE"),
    UniqueConstraint("company_id", "domain", name="email_domains_domain_unique"),
)
# Whoever looks for a way in knows their address alone.
Index("email_domains_proved", email_domains.c.domain, postgresql_where=text("verified_at IS NOT NULL"))

external_identities = Table(
    "external_identities",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    instant("created_at"),
)
Index("external_identities_of_account", external_identities.c.account_id)
