"""What the live doors ask: which login sessions and tokens still open a company, which tickets were used, who leads."""

from alembic import op
from migrations.protection import application_role, protect, upkeep_role

revision = "0020"
down_revision = "0017"
branch_labels = None
depends_on = None

OWN = "current_setting('app.company_id')::uuid"

# What open_company and open_company_by_token ask of one, of many; it opens nothing.
STANDING = """
create function standing_keys(given_company uuid, given_sessions uuid[], given_tokens uuid[])
returns table (key_id uuid, user_id uuid, role text)
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  return query
  select s.id, u.id, u.role
    from login_sessions s
    join users u on u.company_id = given_company and u.account_id = s.account_id and u.is_active
     and u.accepted_at is not null
    join companies c on c.id = given_company and c.is_active and c.deleted_at is null
   where s.id = any (given_sessions) and s.revoked_at is null and s.expires_at > now()
     and case when c.sso_enforced
            then c.id = any (s.sso_company_ids) or (u.break_glass and u.role = 'owner' and s.general_at is not null)
            else s.general_at is not null or c.id = any (s.sso_company_ids) end
  union all
  select t.id, u.id, u.role
    from api_tokens t
    join users u on u.company_id = t.company_id and u.id = t.user_id and u.is_active and u.accepted_at is not null
    join companies c on c.id = t.company_id and c.is_active and c.deleted_at is null
   where t.company_id = given_company and t.id = any (given_tokens) and t.revoked_at is null
     and (t.expires_at is null or t.expires_at > now());
end $$
"""
SIGNATURE = "standing_keys(uuid, uuid[], uuid[])"

TABLES = f"""
create table used_tickets (
  company_id uuid not null default {OWN},
  id uuid not null,
  expires_at timestamptz not null,
  primary key (company_id, id),
  constraint used_tickets_company_fk foreign key (company_id) references companies (id) on delete cascade
);
create table leases (
  name text primary key,
  holder uuid not null,
  until timestamptz not null
);
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(TABLES)
    protect("used_tickets")
    op.execute(f"grant select, insert, update, delete on leases to {upkeep_role()}")
    op.execute(f"grant create on schema public to {upkeep_role()}")
    op.execute(f"set local role {upkeep_role()}")
    op.execute(STANDING)
    op.execute(f"revoke all on function {SIGNATURE} from public")
    op.execute(f"grant execute on function {SIGNATURE} to {application_role()}")
    op.execute("set local role none")
    op.execute(f"revoke create on schema public from {upkeep_role()}")


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(f"set local role {upkeep_role()}")
    op.execute(f"drop function {SIGNATURE}")
    op.execute("set local role none")
    op.execute("drop table used_tickets, leases")
