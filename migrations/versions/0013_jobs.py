"""Jobs, work that takes longer than a request, and the files of imports."""

from alembic import op
from migrations.protection import application_role, open_door, protect, upkeep_role

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

OWN = "current_setting('app.company_id')::uuid"

TABLES = f"""
create table jobs (
  company_id uuid not null default {OWN},
  id uuid not null,
  kind text not null,
  state text not null,
  unit text not null,
  done bigint not null,
  total bigint,
  result jsonb,
  error jsonb,
  created_by uuid,
  via text not null,
  token_id uuid,
  run_id uuid,
  lease_until timestamptz,
  attempts integer not null,
  created_at timestamptz not null,
  started_at timestamptz,
  finished_at timestamptz,
  primary key (company_id, id),
  constraint jobs_company_fk foreign key (company_id) references companies (id) on delete cascade,
  constraint jobs_created_by_fk foreign key (company_id, created_by) references users (company_id, id)
    on delete set null (created_by),
  constraint jobs_state_check check (state in ('queued', 'started', 'finished', 'failed', 'cancelled')),
  constraint jobs_finished_check check ((state in ('queued', 'started')) = (finished_at is null))
);
create index jobs_newest on jobs (company_id, created_at, id);
create index jobs_of_asker on jobs (company_id, created_by, created_at, id);
create index jobs_unfinished on jobs (company_id, created_at) where state in ('queued', 'started');

create table task_imports (
  company_id uuid not null default {OWN},
  id uuid not null,
  project_id uuid not null,
  progress jsonb not null,
  created_at timestamptz not null,
  primary key (company_id, id),
  constraint task_imports_project_fk foreign key (company_id, project_id) references projects (company_id, id)
    on delete cascade
);
create index task_imports_by_age on task_imports (company_id, created_at);

create table import_chunks (
  company_id uuid not null default {OWN},
  import_id uuid not null,
  number integer not null,
  content bytea not null,
  primary key (company_id, import_id, number),
  constraint import_chunks_import_fk foreign key (company_id, import_id) references task_imports (company_id, id)
    on delete cascade
);

create table import_rows (
  company_id uuid not null default {OWN},
  import_id uuid not null,
  external_id text not null,
  number integer not null,
  primary key (company_id, import_id, external_id),
  constraint import_rows_import_fk foreign key (company_id, import_id) references task_imports (company_id, id)
    on delete cascade
);
"""

# What open_company is for a login session, for a step of a job that somebody carries out: it lets in whoever asked for
# it, as long as they are an active user, and the token that they asked by, if any, works.
OPENING = """
create function open_company_by_job(
  given_job uuid, given_company uuid,
  out user_id uuid, out account_id uuid, out role text, out edits_all boolean, out last_seq bigint,
  out authenticated_at timestamptz, out is_general boolean
) returns setof record language plpgsql security definer set search_path = public, pg_temp as $$
declare placed text;
begin
  select u.id, u.account_id, u.role, c.members_edit_all_project_tasks, q.last_seq, false,
         set_config('app.company_id', given_company::text, true)
    into open_company_by_job.user_id, open_company_by_job.account_id, open_company_by_job.role,
         open_company_by_job.edits_all, open_company_by_job.last_seq, open_company_by_job.is_general, placed
    from jobs j
    join users u on u.company_id = j.company_id and u.id = j.created_by and u.is_active and u.accepted_at is not null
    join companies c on c.id = j.company_id and c.is_active and c.deleted_at is null
    join event_sequences q on q.company_id = j.company_id
   where j.company_id = given_company and j.id = given_job and j.state = 'started'
     and (j.token_id is null or exists (
       select from api_tokens t
        where t.company_id = j.company_id and t.id = j.token_id and t.user_id = j.created_by and t.revoked_at is null
          and (t.expires_at is null or t.expires_at > now())));
  if found then
    return next;
  end if;
end $$
"""
PROTECTED = ("jobs", "task_imports", "import_chunks", "import_rows")
SIGNATURE = "open_company_by_job(uuid, uuid)"


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(TABLES)
    for table in PROTECTED:
        protect(table)
    # Those that nobody carries out are found in all companies.
    open_door("jobs", verbs=("select",))
    op.execute(f"grant create on schema public to {upkeep_role()}")
    op.execute(f"set local role {upkeep_role()}")
    op.execute(OPENING)
    op.execute(f"revoke all on function {SIGNATURE} from public")
    op.execute(f"grant execute on function {SIGNATURE} to {application_role()}")
    op.execute("set local role none")
    op.execute(f"revoke create on schema public from {upkeep_role()}")


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(f"set local role {upkeep_role()}")
    op.execute(f"drop function {SIGNATURE}")
    op.execute("set local role none")
    op.execute(f"drop table {', '.join(reversed(PROTECTED))}")
