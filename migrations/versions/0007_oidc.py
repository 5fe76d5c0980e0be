"""Connections to OpenID providers, proved domains, identities at providers, and sign-ins that wait for their code."""

from alembic import op
from migrations.protection import open_door, protect, upkeep_role

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OWN = "current_setting('app.company_id')::uuid"

TABLES = f"""
create table oidc_connections (
  company_id uuid not null default {OWN},
  id uuid not null,
  name text not null,
  issuer text not null,
  client_id text not null,
  sealed_client_secret bytea not null,
  domains text[] not null,
  default_role text not null,
  role_claim text,
  role_map jsonb not null,
  jit_provisioning boolean not null,
  enforce_sso boolean not null,
  break_glass_user_id uuid,
  admits_owners boolean not null,
  version integer not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (company_id, id),
  constraint oidc_connections_company_fk foreign key (company_id) references companies (id) on delete cascade,
  constraint oidc_connections_break_glass_fk foreign key (company_id, break_glass_user_id)
    references users (company_id, id) on delete set null (break_glass_user_id),
  constraint oidc_connections_role_check check (default_role in ('admin', 'member'))
);
create unique index oidc_connections_id_unique on oidc_connections (id);

create table email_domains (
  company_id uuid not null default {OWN},
  id uuid not null,
  domain text not null,
  token text not null,
  verified_at timestamptz,
  version integer not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (company_id, id),
  constraint email_domains_company_fk foreign key (company_id) references companies (id) on delete cascade,
  constraint email_domains_domain_unique unique (company_id, domain)
);
create index email_domains_proved on email_domains (domain) where verified_at is not null;

create table external_identities (
  issuer text not null,
  subject text not null,
  account_id uuid not null references accounts (id) on delete cascade,
  created_at timestamptz not null,
  primary key (issuer, subject)
);
create index external_identities_of_account on external_identities (account_id);

alter table login_sessions add column code_digest bytea;
alter table login_sessions add column code_expires_at timestamptz;
alter table login_sessions add column state_digest bytea;
create unique index login_sessions_code_unique on login_sessions (code_digest) where code_digest is not null;
create unique index login_sessions_state_unique on login_sessions (state_digest) where state_digest is not null;
"""

# Signing in asks for a connection and a domain of whatever company.
DOORS = {"oidc_connections": ("select",), "email_domains": ("select",)}


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(TABLES)
    for table, verbs in DOORS.items():
        protect(table)
        open_door(table, verbs=verbs)
    op.execute(f"grant select, insert, delete on external_identities to {upkeep_role()}")


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    # Nobody has redeemed their code: to the revision before they would be signed in.
    op.execute("delete from login_sessions where code_digest is not null")
    op.execute("drop index login_sessions_state_unique, login_sessions_code_unique")
    op.execute(
        "alter table login_sessions drop column state_digest, drop column code_expires_at, drop column code_digest"
    )
    op.execute("drop table external_identities, email_domains, oidc_connections")
