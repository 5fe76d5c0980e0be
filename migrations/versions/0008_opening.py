"""Opening a company sets it in the query that finds the caller, which is one less for each request."""

from alembic import op
from migrations.protection import upkeep_role

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_OUT = """out user_id uuid, out account_id uuid, out role text, out edits_all boolean, out last_seq bigint,
  out authenticated_at timestamptz, out is_general boolean"""
_FORM = "returns setof record language plpgsql security definer set search_path = public, pg_temp"

# Evaluated for the row that is found, and so not at all if there is none.
_SETTING = ("  declare placed text;\n", ", set_config('app.company_id', given_company::text, true)", ", placed", "")
_SETTING_BEFORE = ("", "", "", "    perform set_config('app.company_id', given_company::text, true);\n")


def _by_session(declared: str, selected: str, into: str, performed: str) -> str:
    return f"""
create or replace function open_company(
  given_session uuid, given_company uuid,
  {_OUT}
) {_FORM} as $$
{declared}begin
  select u.id, u.account_id, u.role, c.members_edit_all_project_tasks, q.last_seq, s.authenticated_at,
         s.general_at is not null{selected}
    into open_company.user_id, open_company.account_id, open_company.role, open_company.edits_all,
         open_company.last_seq, open_company.authenticated_at, open_company.is_general{into}
    from login_sessions s
    join users u on u.company_id = given_company and u.account_id = s.account_id and u.is_active
     and u.accepted_at is not null
    join companies c on c.id = given_company and c.is_active and c.deleted_at is null
    join event_sequences q on q.company_id = given_company
   where s.id = given_session and s.revoked_at is null and s.expires_at > now()
     and case when c.sso_enforced
            then c.id = any (s.sso_company_ids) or (u.break_glass and u.role = 'owner' and s.general_at is not null)
            else s.general_at is not null or c.id = any (s.sso_company_ids) end;
  if found then
{performed}    return next;
  end if;
end $$
"""


def _by_token(declared: str, selected: str, into: str, performed: str) -> str:
    return f"""
create or replace function open_company_by_token(
  given_token uuid, given_company uuid,
  {_OUT}
) {_FORM} as $$
{declared}begin
  select u.id, u.account_id, u.role, c.members_edit_all_project_tasks, q.last_seq, false{selected}
    into open_company_by_token.user_id, open_company_by_token.account_id, open_company_by_token.role,
         open_company_by_token.edits_all, open_company_by_token.last_seq, open_company_by_token.is_general{into}
    from api_tokens t
    join users u on u.company_id = t.company_id and u.id = t.user_id and u.is_active and u.accepted_at is not null
    join companies c on c.id = t.company_id and c.is_active and c.deleted_at is null
    join event_sequences q on q.company_id = t.company_id
   where t.company_id = given_company and t.id = given_token and t.revoked_at is null
     and (t.expires_at is null or t.expires_at > now());
  if found then
{performed}    return next;
  end if;
end $$
"""


def _replace(setting: tuple[str, str, str, str]) -> None:
    op.execute(f"grant create on schema public to {upkeep_role()}")
    # Replaced as their owner, which the migrating role may become.
    op.execute(f"set local role {upkeep_role()}")
    op.execute(_by_session(*setting))
    op.execute(_by_token(*setting))
    op.execute("set local role none")
    op.execute(f"revoke create on schema public from {upkeep_role()}")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    _replace(_SETTING)


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    _replace(_SETTING_BEFORE)
