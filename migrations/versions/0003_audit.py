"""The audit log, and by which ways a login session proved who it is."""

from alembic import op
from migrations.protection import application_role, open_door, protect, upkeep_role

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OWN = "current_setting('app.company_id')::uuid"

# The release before goes on writing while this one is brought up: whoever it signs in gave a password.
EXPAND = """
alter table login_sessions add column general_at timestamptz;
alter table login_sessions add column second_factor_at timestamptz;
alter table login_sessions add column sso_company_ids uuid[] not null default '{}';
alter table signing_keys add column purpose text not null default 'access_token'
  constraint signing_keys_purpose_check check (purpose in ('access_token', 'audit'));
alter table companies add column sso_enforced boolean not null default false;
alter table users add column break_glass boolean not null default false;
create unique index users_break_glass_unique on users (company_id) where break_glass;
"""
BACKFILL = "update login_sessions set general_at = created_at"
CONTRACT = "alter table login_sessions alter column general_at set default now()"

# No foreign keys: what an auditor is shown outlives what it tells of, and the events of nobody's company have none.
AUDIT = f"""
create table audit_events (
  company_id uuid not null default {OWN},
  id uuid not null default gen_random_uuid(),
  type text not null,
  at timestamptz not null,
  actor_id uuid,
  via text not null,
  session_id uuid,
  token_id uuid,
  request_id text,
  details jsonb not null,
  address text,
  agent text,
  personal jsonb,
  salt bytea,
  digest bytea not null,
  erased_at timestamptz,
  coalesced_by text,
  number bigint,
  mac bytea,
  primary key (company_id, id),
  constraint audit_events_via_check check (via in ('session', 'token', 'system', 'visitor')),
  constraint audit_events_chain_check check ((number is null) = (mac is null)),
  constraint audit_events_erased_check
    check (erased_at is null or (address is null and agent is null and personal is null and salt is null))
);
create index audit_events_newest on audit_events (company_id, at, id);
create unique index audit_events_number_unique on audit_events (company_id, number) where number is not null;
create unique index audit_events_coalesced_unique on audit_events (company_id, coalesced_by)
  where coalesced_by is not null;
create index audit_events_unchained on audit_events (company_id, at, id) where number is null;
"""

# Only these may ever change: the chain takes a row up once, and what tells of a person can be erased.
CHANGEABLE = "number, mac, address, agent, personal, salt, erased_at"
ERASED = (
    "exists (select from companies c"
    " where c.id = audit_events.company_id and c.deleted_at < now() - interval '30 days')"
)

# A session opens a company if it began in a way that the company accepts: by what opens the whole account, or by the
# company's own provider. One that enforces its provider accepts no other, but from the owner who keeps a password.
ACCEPTED = """case when c.sso_enforced
            then c.id = any (s.sso_company_ids) or (u.break_glass and u.role = 'owner' and s.general_at is not null)
            else s.general_at is not null or c.id = any (s.sso_company_ids) end"""

OPEN_COMPANY = f"""
create function open_company(
  given_session uuid, given_company uuid,
  out user_id uuid, out account_id uuid, out role text, out edits_all boolean, out last_seq bigint,
  out authenticated_at timestamptz, out is_general boolean
) returns setof record language plpgsql security definer set search_path = public, pg_temp as $$
begin
  select u.id, u.account_id, u.role, c.members_edit_all_project_tasks, q.last_seq, s.authenticated_at,
         s.general_at is not null
    into open_company.user_id, open_company.account_id, open_company.role, open_company.edits_all,
         open_company.last_seq, open_company.authenticated_at, open_company.is_general
    from login_sessions s
    join users u on u.company_id = given_company and u.account_id = s.account_id and u.is_active
     and u.accepted_at is not null
    join companies c on c.id = given_company and c.is_active and c.deleted_at is null
    join event_sequences q on q.company_id = given_company
   where s.id = given_session and s.revoked_at is null and s.expires_at > now()
     and {ACCEPTED};
  if found then
    perform set_config('app.company_id', given_company::text, true);
    return next;
  end if;
end $$
"""

COMPANIES_OF_SESSION = """
create or replace function companies_of_session(given_session uuid) returns table (
  user_id uuid, role text, id uuid, name text, code text, contact_email text, is_active boolean,
  members_edit_all_project_tasks boolean, time_zone text, version integer,
  created_at timestamptz, updated_at timestamptz
) language sql stable security definer set search_path = public, pg_temp as $$
  select u.id, u.role, c.id, c.name, c.code, c.contact_email, c.is_active, c.members_edit_all_project_tasks,
         c.time_zone, c.version, c.created_at, c.updated_at
    from login_sessions s
    join users u on u.account_id = s.account_id and u.is_active and u.accepted_at is not null
    join companies c on c.id = u.company_id and c.is_active and c.deleted_at is null
   where s.id = given_session and s.revoked_at is null and s.expires_at > now()
     and (s.general_at is not null or c.id = any (s.sso_company_ids))
   order by c.name, c.id
$$
"""

OPEN_COMPANY_BEFORE = """
create function open_company(
  given_session uuid, given_company uuid,
  out user_id uuid, out account_id uuid, out role text, out edits_all boolean, out last_seq bigint,
  out authenticated_at timestamptz
) returns setof record language plpgsql security definer set search_path = public, pg_temp as $$
begin
  select u.id, u.account_id, u.role, c.members_edit_all_project_tasks, q.last_seq, s.authenticated_at
    into open_company.user_id, open_company.account_id, open_company.role, open_company.edits_all,
         open_company.last_seq, open_company.authenticated_at
    from login_sessions s
    join users u on u.company_id = given_company and u.account_id = s.account_id and u.is_active
     and u.accepted_at is not null
    join companies c on c.id = given_company and c.is_active and c.deleted_at is null
    join event_sequences q on q.company_id = given_company
   where s.id = given_session and s.revoked_at is null and s.expires_at > now();
  if found then
    perform set_config('app.company_id', given_company::text, true);
    return next;
  end if;
end $$
"""

COMPANIES_OF_SESSION_BEFORE = COMPANIES_OF_SESSION.replace(
    "     and (s.general_at is not null or c.id = any (s.sso_company_ids))\n", ""
)


def _functions(open_company: str, companies_of_session: str) -> None:
    op.execute(f"grant create on schema public to {upkeep_role()}")
    op.execute("drop function open_company(uuid, uuid)")
    op.execute(open_company)
    op.execute(f"alter function open_company(uuid, uuid) owner to {upkeep_role()}")
    op.execute("revoke all on function open_company(uuid, uuid) from public")
    op.execute(f"grant execute on function open_company(uuid, uuid) to {application_role()}")
    # Replaced as its owner, which the migrating role may become.
    op.execute(f"set local role {upkeep_role()}")
    op.execute(companies_of_session)
    op.execute("set local role none")
    op.execute(f"revoke create on schema public from {upkeep_role()}")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(EXPAND)
    op.execute(BACKFILL)
    left = op.get_bind().exec_driver_sql("select count(*) from login_sessions where general_at is null").scalar()
    assert left == 0, f"{left} login sessions were not filled"
    op.execute(CONTRACT)
    op.execute(AUDIT)
    # The log is only ever added to.
    protect("audit_events", verbs="select, insert")
    # What happens to an account is noted in each of its companies; the chain takes rows up, in all companies.
    open_door("audit_events", verbs=("select", "insert"))
    op.execute(
        f"create policy upkeep_update on audit_events for update to {upkeep_role()} using (true) with check (true)"
    )
    op.execute(f"grant update ({CHANGEABLE}) on audit_events to {upkeep_role()}")
    op.execute(f"create policy upkeep_delete on audit_events for delete to {upkeep_role()} using ({ERASED})")
    op.execute(f"grant delete on audit_events to {upkeep_role()}")
    _functions(OPEN_COMPANY, COMPANIES_OF_SESSION)


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    _functions(OPEN_COMPANY_BEFORE, COMPANIES_OF_SESSION_BEFORE)
    op.execute("drop table audit_events")
    # The release before knows no other sessions than those that open everything, and no other keys.
    op.execute("delete from login_sessions where general_at is null")
    op.execute("delete from signing_keys where purpose <> 'access_token'")
    op.execute("drop index users_break_glass_unique")
    op.execute("alter table users drop column break_glass")
    op.execute("alter table companies drop column sso_enforced")
    op.execute("alter table signing_keys drop column purpose")
    op.execute(
        "alter table login_sessions drop column general_at, drop column second_factor_at, drop column sso_company_ids"
    )
