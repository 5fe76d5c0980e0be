"""Accounts, companies, users, projects, tasks, the event log, and the door that opens every request."""

from alembic import op
from migrations.protection import application_role, open_door, protect, upkeep_role

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

OWN = "current_setting('app.company_id')::uuid"

GLOBAL = """
create table accounts (
  id uuid primary key,
  email text not null unique,
  name text not null,
  password_hash text,
  email_verified_at timestamptz,
  version integer not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);

create table companies (
  id uuid primary key,
  name text not null,
  code text not null unique,
  contact_email text,
  is_active boolean not null default true,
  members_edit_all_project_tasks boolean not null default false,
  time_zone text not null default 'UTC',
  version integer not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);

create table login_sessions (
  id uuid primary key,
  account_id uuid not null references accounts (id) on delete cascade,
  nonce bytea not null,
  generation integer not null,
  replaced_at timestamptz,
  agent text,
  address text,
  created_at timestamptz not null,
  last_used_at timestamptz not null,
  expires_at timestamptz not null,
  authenticated_at timestamptz not null,
  revoked_at timestamptz,
  current_company_id uuid references companies (id) on delete set null
);
create index login_sessions_of_account on login_sessions (account_id);

create table signing_keys (
  kid text primary key,
  public_jwk text not null,
  sealed_private_jwk bytea not null,
  created_at timestamptz not null,
  retired_at timestamptz
);
"""

WORK = f"""
create table users (
  company_id uuid not null default {OWN},
  id uuid not null,
  account_id uuid,
  kind text not null,
  name text not null,
  email text not null,
  username text not null,
  role text not null,
  is_active boolean not null,
  last_login_at timestamptz,
  version integer not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (company_id, id),
  constraint users_company_fk foreign key (company_id) references companies (id) on delete cascade,
  constraint users_account_fk foreign key (account_id) references accounts (id),
  constraint users_account_unique unique (company_id, account_id),
  constraint users_kind_check check (kind in ('person', 'service')),
  constraint users_role_check check (role in ('owner', 'admin', 'member')),
  constraint users_account_check check ((kind = 'person') = (account_id is not null))
);
create unique index users_username_unique on users (company_id, lower(username));
create index users_of_account on users (account_id);

create table projects (
  company_id uuid not null default {OWN},
  id uuid not null,
  key text not null,
  name text not null,
  description text,
  deadline date,
  status text not null,
  is_active boolean not null,
  last_number integer not null default 0,
  created_by uuid,
  version integer not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  deleted_at timestamptz,
  primary key (company_id, id),
  constraint projects_company_fk foreign key (company_id) references companies (id) on delete cascade,
  constraint projects_created_by_fk foreign key (company_id, created_by) references users (company_id, id)
    on delete set null (created_by),
  constraint projects_status_check check (status in ('pending', 'in_progress', 'completed'))
) with (fillfactor = 70);
create index projects_by_name on projects (company_id, name, id) where deleted_at is null;

create table project_keys (
  company_id uuid not null default {OWN},
  key text not null,
  project_id uuid not null,
  primary key (company_id, key),
  constraint project_keys_project_fk foreign key (company_id, project_id) references projects (company_id, id)
    on delete cascade
);

create table project_members (
  company_id uuid not null default {OWN},
  project_id uuid not null,
  user_id uuid not null,
  added_at timestamptz not null,
  primary key (company_id, project_id, user_id),
  constraint project_members_project_fk foreign key (company_id, project_id) references projects (company_id, id)
    on delete cascade,
  constraint project_members_user_fk foreign key (company_id, user_id) references users (company_id, id)
    on delete cascade
);
create index project_members_of_user on project_members (company_id, user_id, project_id);

create table board_columns (
  company_id uuid not null default {OWN},
  id uuid not null,
  project_id uuid not null,
  name text not null,
  category text not null,
  position integer not null,
  wip_limit integer,
  version integer not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (company_id, id),
  constraint board_columns_project_fk foreign key (company_id, project_id) references projects (company_id, id)
    on delete cascade,
  constraint board_columns_project_unique unique (company_id, project_id, id),
  constraint board_columns_category_check check (category in ('todo', 'in_progress', 'done'))
);

create table tasks (
  company_id uuid not null default {OWN},
  id uuid not null,
  project_id uuid not null,
  number integer not null,
  title text not null,
  description text,
  priority text not null,
  priority_rank smallint not null generated always as
    (case priority when 'low' then 0 when 'medium' then 1 when 'high' then 2 else 3 end) stored,
  status text not null,
  column_id uuid not null,
  rank text collate "C" not null,
  previous_column_id uuid,
  deadline date,
  assigned_to uuid,
  created_by uuid,
  completed_at timestamptz,
  version integer not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  deleted_at timestamptz,
  primary key (company_id, id),
  constraint tasks_column_fk foreign key (company_id, project_id, column_id)
    references board_columns (company_id, project_id, id),
  constraint tasks_assigned_to_fk foreign key (company_id, assigned_to) references users (company_id, id)
    on delete set null (assigned_to),
  constraint tasks_created_by_fk foreign key (company_id, created_by) references users (company_id, id)
    on delete set null (created_by),
  constraint tasks_number_unique unique (company_id, project_id, number),
  constraint tasks_priority_check check (priority in ('low', 'medium', 'high', 'urgent')),
  constraint tasks_status_check check (status in ('todo', 'in_progress', 'done')),
  constraint tasks_completed_check check ((status = 'done') = (completed_at is not null))
);
create index tasks_newest on tasks (company_id, created_at, id) where deleted_at is null;
create index tasks_of_project on tasks (company_id, project_id, created_at, id) where deleted_at is null;
create index tasks_of_assignee on tasks (company_id, assigned_to, created_at, id) where deleted_at is null;
create index tasks_on_board on tasks (company_id, column_id, rank, id) where deleted_at is null;
"""

LOG = f"""
create table event_sequences (
  company_id uuid primary key default {OWN},
  last_seq bigint not null default 0,
  constraint event_sequences_company_fk foreign key (company_id) references companies (id) on delete cascade
) with (fillfactor = 50);

create table events (
  company_id uuid not null default {OWN},
  seq bigint not null,
  event text not null,
  channel text not null,
  occurred_at timestamptz not null,
  actor_id uuid,
  via text not null,
  project_id uuid,
  named uuid[] not null default '{{}}',
  for_admins boolean not null,
  body jsonb not null,
  primary key (company_id, seq),
  constraint events_via_check check (via in ('session', 'token', 'system'))
);

create table idempotency_keys (
  company_id uuid not null default {OWN},
  id uuid not null,
  user_id uuid not null,
  digest bytea not null,
  kind text,
  resource_id uuid,
  resource_version bigint,
  status smallint,
  problem bytea,
  seq bigint not null,
  created_at timestamptz not null,
  primary key (company_id, id),
  constraint idempotency_keys_outcome_check check ((resource_id is null) = (status is not null))
);
"""

# The statement that opens every request: it finds the login session's user in the company, and only then sets the
# company that all row-level security compares with. No session, no context; no context, no rows. Its owner is the
# upkeep role, so that the application itself can read neither login sessions nor other companies' users.
OPEN_COMPANY = """
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

COMPANIES_OF_SESSION = """
create function companies_of_session(given_session uuid) returns table (
  user_id uuid, role text, id uuid, name text, code text, contact_email text, is_active boolean,
  members_edit_all_project_tasks boolean, time_zone text, version integer,
  created_at timestamptz, updated_at timestamptz
) language sql stable security definer set search_path = public, pg_temp as $$
  select u.id, u.role, c.id, c.name, c.code, c.contact_email, c.is_active, c.members_edit_all_project_tasks,
         c.time_zone, c.version, c.created_at, c.updated_at
    from login_sessions s
    join users u on u.account_id = s.account_id and u.is_active
    join companies c on c.id = u.company_id and c.is_active
   where s.id = given_session and s.revoked_at is null and s.expires_at > now()
   order by c.name, c.id
$$
"""

TENANT_TABLES = (
    "users",
    "projects",
    "project_keys",
    "project_members",
    "board_columns",
    "tasks",
    "event_sequences",
    "events",
    "idempotency_keys",
)


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    for statements in (GLOBAL, WORK, LOG):
        op.execute(statements)
    protect("companies", tenant_column="id", verbs="select, insert, update")
    for table in TENANT_TABLES:
        # The log is only ever added to.
        protect(table, verbs="select, insert" if table == "events" else "select, insert, update, delete")
    # Signing in looks a person up in all companies, and notes when they came.
    open_door("users", verbs=("select", "update"))
    open_door("companies", verbs=("select",))
    # The opening statement says where the log stands.
    open_door("event_sequences", verbs=("select",))
    for table in ("accounts", "login_sessions", "signing_keys"):
        op.execute(f"grant select, insert, update on {table} to {upkeep_role()}")

    op.execute(f"grant create on schema public to {upkeep_role()}")
    for create, signature in (
        (OPEN_COMPANY, "open_company(uuid, uuid)"),
        (COMPANIES_OF_SESSION, "companies_of_session(uuid)"),
    ):
        op.execute(create)
        op.execute(f"alter function {signature} owner to {upkeep_role()}")
        op.execute(f"revoke all on function {signature} from public")
        op.execute(f"grant execute on function {signature} to {application_role()}")
    op.execute(f"revoke create on schema public from {upkeep_role()}")


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("drop function companies_of_session(uuid), open_company(uuid, uuid)")
    for table in (*reversed(TENANT_TABLES), "signing_keys", "login_sessions", "companies", "accounts"):
        op.execute(f"drop table {table}")
