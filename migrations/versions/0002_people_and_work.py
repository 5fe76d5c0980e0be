"""Accounts that wait for their owner, invitations, cycles, keys of moved tasks, and the purge of what was deleted."""

from alembic import op
from migrations.protection import application_role, open_door, protect, upkeep_role

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OWN = "current_setting('app.company_id')::uuid"

# Every account was made by its holder until now, and every user joined by themselves.
EXPAND = """
alter table accounts add column claimed_at timestamptz;
alter table accounts add column password_is_temporary boolean not null default false;
alter table companies add column deleted_at timestamptz;
alter table users add column accepted_at timestamptz;
alter table users alter column email drop not null;
alter table projects add column last_cycle_number integer not null default 0;
"""

BACKFILL = """
update accounts set claimed_at = created_at;
update users set accepted_at = created_at;
"""

# As the owner, a backfill would see no rows: row-level security is forced.
COUNT_LEFT = """
select (select count(*) from accounts where claimed_at is null) + (select count(*) from users where accepted_at is null)
"""

# The release before goes on writing while this one is brought up: whom it writes joined by themselves, as until now.
CONTRACT = """
alter table accounts alter column claimed_at set default now();
alter table users alter column accepted_at set default now();
alter table users add constraint users_email_check check (kind = 'service' or email is not null);
"""

TABLES = f"""
create table invitations (
  company_id uuid not null default {OWN},
  id uuid not null,
  email text not null,
  role text not null,
  user_id uuid,
  token_digest bytea not null,
  invited_by uuid,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  accepted_at timestamptz,
  revoked_at timestamptz,
  primary key (company_id, id),
  constraint invitations_company_fk foreign key (company_id) references companies (id) on delete cascade,
  constraint invitations_user_fk foreign key (company_id, user_id) references users (company_id, id) on delete cascade,
  constraint invitations_invited_by_fk foreign key (company_id, invited_by) references users (company_id, id)
    on delete set null (invited_by),
  constraint invitations_role_check check (role in ('owner', 'admin', 'member'))
);
create unique index invitations_token_unique on invitations (token_digest);
create unique index invitations_open_unique on invitations (company_id, email)
  where accepted_at is null and revoked_at is null;

create table cycles (
  company_id uuid not null default {OWN},
  id uuid not null,
  project_id uuid not null,
  number integer not null,
  name text not null,
  s3_prefix text not null,
  status text not null,
  description text,
  metadata jsonb not null default '{{}}',
  starts_on date,
  ends_on date,
  started_at timestamptz,
  completed_at timestamptz,
  created_by uuid,
  version integer not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (company_id, id),
  constraint cycles_project_fk foreign key (company_id, project_id) references projects (company_id, id)
    on delete cascade,
  constraint cycles_created_by_fk foreign key (company_id, created_by) references users (company_id, id)
    on delete set null (created_by),
  constraint cycles_project_unique unique (company_id, project_id, id),
  constraint cycles_number_unique unique (company_id, project_id, number),
  constraint cycles_status_check check (status in ('planned', 'active', 'completed')),
  constraint cycles_days_check check (ends_on >= starts_on)
);
create unique index cycles_active_unique on cycles (company_id, project_id) where status = 'active';

create table task_keys (
  company_id uuid not null default {OWN},
  project_id uuid not null,
  number integer not null,
  task_id uuid not null,
  primary key (company_id, project_id, number),
  constraint task_keys_task_fk foreign key (company_id, task_id) references tasks (company_id, id) on delete cascade
);
create index task_keys_of_task on task_keys (company_id, task_id);

-- A key outlives its project: it is never given again, and what moved away in time goes on being found by it.
alter table project_keys drop constraint project_keys_project_fk;

alter table tasks add column cycle_id uuid;
alter table tasks add constraint tasks_cycle_fk foreign key (company_id, project_id, cycle_id)
  references cycles (company_id, project_id, id) on delete set null (cycle_id);
create index tasks_of_cycle on tasks (company_id, cycle_id, created_at, id) where deleted_at is null;
create index tasks_deleted on tasks (company_id, deleted_at) where deleted_at is not null;
create index idempotency_keys_old on idempotency_keys (company_id, created_at);
"""

# As before, and when the session last proved who it is; whoever has not accepted their membership is not let in.
OPEN_COMPANY = """
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
   order by c.name, c.id
$$
"""

OPEN_COMPANY_BEFORE = """
create function open_company(
  given_session uuid, given_company uuid,
  out user_id uuid, out account_id uuid, out role text, out edits_all boolean, out last_seq bigint
) returns setof record language plpgsql security definer set search_path = public, pg_temp as $$
begin
  select u.id, u.account_id, u.role, c.members_edit_all_project_tasks, q.last_seq
    into open_company.user_id, open_company.account_id, open_company.role, open_company.edits_all,
         open_company.last_seq
    from login_sessions s
    join users u on u.company_id = given_company and u.account_id = s.account_id and u.is_active
    join companies c on c.id = given_company and c.is_active
    join event_sequences q on q.company_id = given_company
   where s.id = given_session and s.revoked_at is null and s.expires_at > now();
  if found then
    perform set_config('app.company_id', given_company::text, true);
    return next;
  end if;
end $$
"""

COMPANIES_OF_SESSION_BEFORE = COMPANIES_OF_SESSION.replace(" and u.accepted_at is not null", "").replace(
    " and c.deleted_at is null", ""
)

# What each door across companies needs: accepting an invitation; the purge of companies that were deleted long ago.
DOORS = {"invitations": ("select", "update"), "companies": ("delete",)}


# The log is only ever added to, but for that of a company whose time to come back is over.
ERASED = "exists (select from companies c where c.id = events.company_id and c.deleted_at < now() - interval '30 days')"

# Keys that outlived their projects: to the revision before they would refer to nothing.
KEYS_BEFORE = """
alter table project_keys no force row level security;
alter table projects no force row level security;
delete from project_keys k
 where not exists (select from projects p where p.company_id = k.company_id and p.id = k.project_id);
alter table project_keys add constraint project_keys_project_fk foreign key (company_id, project_id)
  references projects (company_id, id) on delete cascade;
alter table projects force row level security;
alter table project_keys force row level security;
"""


def _remake(function: str, signature: str, *, drop: bool) -> None:
    if drop:
        op.execute(f"drop function {signature}")
    op.execute(function)
    op.execute(f"alter function {signature} owner to {upkeep_role()}")
    op.execute(f"revoke all on function {signature} from public")
    op.execute(f"grant execute on function {signature} to {application_role()}")


def _functions(open_company: str, companies_of_session: str) -> None:
    op.execute(f"grant create on schema public to {upkeep_role()}")
    _remake(open_company, "open_company(uuid, uuid)", drop=True)
    # Replaced as its owner, which the migrating role may become.
    op.execute(f"set local role {upkeep_role()}")
    op.execute(companies_of_session)
    op.execute("set local role none")
    op.execute(f"revoke create on schema public from {upkeep_role()}")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(EXPAND)
    op.execute("alter table users no force row level security")
    op.execute(BACKFILL)
    left = op.get_bind().exec_driver_sql(COUNT_LEFT).scalar()
    assert left == 0, f"{left} accounts and users were not filled"
    op.execute("alter table users force row level security")
    op.execute(CONTRACT)
    op.execute(TABLES)
    for table in ("invitations", "cycles", "task_keys"):
        protect(table)
    for table, verbs in DOORS.items():
        open_door(table, verbs=verbs)
    for verb in ("select", "delete"):
        op.execute(f"create policy upkeep_{verb} on events for {verb} to {upkeep_role()} using ({ERASED})")
    op.execute(f"grant select, delete on events to {upkeep_role()}")
    op.execute(f"grant delete on accounts, login_sessions, signing_keys to {upkeep_role()}")
    _functions(OPEN_COMPANY, COMPANIES_OF_SESSION)


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    _functions(OPEN_COMPANY_BEFORE, COMPANIES_OF_SESSION_BEFORE)
    op.execute(f"revoke delete on accounts, login_sessions, signing_keys from {upkeep_role()}")
    op.execute(f"revoke select, delete on events from {upkeep_role()}")
    for verb in ("select", "delete"):
        op.execute(f"drop policy upkeep_{verb} on events")
    for table, verbs in DOORS.items():
        for verb in verbs:
            op.execute(f"drop policy upkeep_{verb} on {table}")
        op.execute(f"revoke {', '.join(verbs)} on {table} from {upkeep_role()}")
    op.execute("drop index idempotency_keys_old, tasks_deleted, tasks_of_cycle")
    op.execute("alter table tasks drop column cycle_id")
    op.execute("drop table task_keys, cycles, invitations")
    op.execute(KEYS_BEFORE)
    op.execute("alter table users drop constraint users_email_check")
    # A service user has no address, and there were none before.
    op.execute("alter table users no force row level security")
    op.execute("delete from users where email is null")
    # Nor does the release before know who was only invited: it would let them in.
    op.execute("update users set is_active = false where accepted_at is null")
    op.execute("alter table users force row level security")
    op.execute("alter table users alter column email set not null")
    op.execute("alter table users drop column accepted_at")
    op.execute("alter table projects drop column last_cycle_number")
    op.execute("alter table companies drop column deleted_at")
    op.execute("alter table accounts drop column claimed_at, drop column password_is_temporary")
