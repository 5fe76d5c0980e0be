"""API tokens."""

from alembic import op
from migrations.protection import application_role, open_door, protect, upkeep_role

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

OWN = "current_setting('app.company_id')::uuid"

TABLE = f"""
create table api_tokens (
  company_id uuid not null default {OWN},
  id uuid not null,
  user_id uuid not null,
  name text not null,
  scopes text[] not null,
  digest bytea not null,
  hint text not null,
  created_by uuid,
  created_at timestamptz not null,
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz,
  primary key (company_id, id),
  constraint api_tokens_company_fk foreign key (company_id) references companies (id) on delete cascade,
  constraint api_tokens_user_fk foreign key (company_id, user_id) references users (company_id, id) on delete cascade,
  constraint api_tokens_created_by_fk foreign key (company_id, created_by) references users (company_id, id)
    on delete set null (created_by),
  constraint api_tokens_scopes_check check (cardinality(scopes) > 0)
);
create unique index api_tokens_digest_unique on api_tokens (digest);
create index api_tokens_of_user on api_tokens (company_id, user_id, created_at desc, id desc);
"""

# What open_company is for a login session: whether the token works is found out in the statement that opens each
# request's transaction. Nobody proved anything by it, and it is for one company alone:
# `authenticated_at` is null, and it is not general.
OPENING = """
create function open_company_by_token(
  given_token uuid, given_company uuid,
  out user_id uuid, out account_id uuid, out role text, out edits_all boolean, out last_seq bigint,
  out authenticated_at timestamptz, out is_general boolean
) returns setof record language plpgsql security definer set search_path = public, pg_temp as $$
begin
  select u.id, u.account_id, u.role, c.members_edit_all_project_tasks, q.last_seq, false
    into open_company_by_token.user_id, open_company_by_token.account_id, open_company_by_token.role,
         open_company_by_token.edits_all, open_company_by_token.last_seq, open_company_by_token.is_general
    from api_tokens t
    join users u on u.company_id = t.company_id and u.id = t.user_id and u.is_active and u.accepted_at is not null
    join companies c on c.id = t.company_id and c.is_active and c.deleted_at is null
    join event_sequences q on q.company_id = t.company_id
   where t.company_id = given_company and t.id = given_token and t.revoked_at is null
     and (t.expires_at is null or t.expires_at > now());
  if found then
    perform set_config('app.company_id', given_company::text, true);
    return next;
  end if;
end $$
"""

# Whose a token is, for who presents it the first time: they do not say of which company it is.
RECOGNISING = """
create function api_token_of(given_digest bytea) returns table (
  id uuid, company_id uuid, user_id uuid, account_id uuid, role text, scopes text[], expires_at timestamptz
) language sql stable security definer set search_path = public, pg_temp as $$
  select t.id, t.company_id, u.id, u.account_id, u.role, t.scopes, t.expires_at
    from api_tokens t
    join users u on u.company_id = t.company_id and u.id = t.user_id and u.is_active and u.accepted_at is not null
    join companies c on c.id = t.company_id and c.is_active and c.deleted_at is null
   where t.digest = given_digest and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
$$
"""

FUNCTIONS = {"open_company_by_token(uuid, uuid)": OPENING, "api_token_of(bytea)": RECOGNISING}


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(TABLE)
    protect("api_tokens")
    open_door("api_tokens", verbs=("select", "update"))
    op.execute(f"grant create on schema public to {upkeep_role()}")
    for signature, function in FUNCTIONS.items():
        op.execute(function)
        op.execute(f"alter function {signature} owner to {upkeep_role()}")
        op.execute(f"revoke all on function {signature} from public")
        op.execute(f"grant execute on function {signature} to {application_role()}")
    op.execute(f"revoke create on schema public from {upkeep_role()}")


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    for signature in FUNCTIONS:
        op.execute(f"drop function {signature}")
    op.execute("drop table api_tokens")
