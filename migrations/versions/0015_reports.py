"""The days that reports are made of, counted from the log, and an index that counts tasks without reading them."""

from alembic import op
from migrations.protection import protect

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

OWN = "current_setting('app.company_id')::uuid"

TABLES = f"""
create table counted_tasks (
  company_id uuid not null default {OWN},
  task_id uuid not null,
  project_id uuid not null,
  status text not null,
  cycle_id uuid,
  is_counted boolean not null,
  primary key (company_id, task_id),
  constraint counted_tasks_task_fk foreign key (company_id, task_id) references tasks (company_id, id)
    on delete cascade,
  constraint counted_tasks_status_check check (status in ('todo', 'in_progress', 'done'))
);

create table project_days (
  company_id uuid not null default {OWN},
  project_id uuid not null,
  day date not null,
  todo integer not null,
  in_progress integer not null,
  done integer not null,
  primary key (company_id, project_id, day),
  constraint project_days_project_fk foreign key (company_id, project_id) references projects (company_id, id)
    on delete cascade
);

create table cycle_days (
  company_id uuid not null default {OWN},
  cycle_id uuid not null,
  day date not null,
  status text not null,
  scope integer not null,
  done integer not null,
  added integer not null,
  removed integer not null,
  primary key (company_id, cycle_id, day),
  constraint cycle_days_cycle_fk foreign key (company_id, cycle_id) references cycles (company_id, id)
    on delete cascade,
  constraint cycle_days_status_check check (status in ('planned', 'active', 'completed'))
);
"""

INDEX = """
create index if not exists tasks_by_standing on tasks (company_id, project_id, status, assigned_to, priority)
  where deleted_at is null
"""

PROTECTED = ("counted_tasks", "project_days", "cycle_days")


def upgrade() -> None:
    # In a transaction of its own: meanwhile tasks cannot be written, but projects and cycles can, to which the tables
    # refer. Not concurrently: that waits for whoever waits for this migration to end.
    with op.get_context().autocommit_block():
        op.execute("set lock_timeout = '5s'")
        op.execute(INDEX)
        op.execute("reset lock_timeout")
    op.execute("set local lock_timeout = '5s'")
    op.execute(TABLES)
    for table in PROTECTED:
        protect(table)


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("drop index tasks_by_standing")
    op.execute(f"drop table {', '.join(reversed(PROTECTED))}")
    # Whoever counts again begins at the beginning.
    op.execute("alter table log_positions no force row level security")
    op.execute("delete from log_positions where reader = 'reports'")
    op.execute("alter table log_positions force row level security")
