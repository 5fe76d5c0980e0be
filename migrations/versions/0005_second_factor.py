"""A second factor of accounts: the sealed secret of an authenticator, and the digests of recovery codes."""

from alembic import op
from migrations.protection import application_role, upkeep_role

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Accounts belong to the upkeep role's doors alone: the application may read none of it.
EXPAND = """
alter table accounts add column totp_secret bytea;
alter table accounts add column totp_enabled_at timestamptz;
alter table accounts add column totp_step bigint not null default 0;
alter table accounts add column recovery_digests bytea[] not null default '{}';
alter table accounts add constraint accounts_totp_check check (totp_enabled_at is null or totp_secret is not null);
"""

# All that the application learns: whether the account of a session that is open has one.
HAS_SECOND_FACTOR = """
create function has_second_factor(given_session uuid) returns boolean
language sql stable security definer set search_path = public, pg_temp as $$
  select exists (
    select from login_sessions s join accounts a on a.id = s.account_id and a.totp_enabled_at is not null
     where s.id = given_session and s.revoked_at is null and s.expires_at > now()
  )
$$
"""
SIGNATURE = "has_second_factor(uuid)"


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(EXPAND)
    op.execute(f"grant create on schema public to {upkeep_role()}")
    op.execute(HAS_SECOND_FACTOR)
    op.execute(f"alter function {SIGNATURE} owner to {upkeep_role()}")
    op.execute(f"revoke create on schema public from {upkeep_role()}")
    op.execute(f"revoke all on function {SIGNATURE} from public")
    op.execute(f"grant execute on function {SIGNATURE} to {application_role()}")


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(f"drop function {SIGNATURE}")
    op.execute("alter table accounts drop constraint accounts_totp_check")
    for column in ("recovery_digests", "totp_step", "totp_enabled_at", "totp_secret"):
        op.execute(f"alter table accounts drop column {column}")
