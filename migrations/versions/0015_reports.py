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

INDEX = "tasks_by_standing"
COLUMNS = "(company_id, project_id, status, assigned_to, priority) where deleted_at is null"
_IS_VALID = f"select indisvalid from pg_index where indexrelid = to_regclass('public.{INDEX}')"

PROTECTED = ("counted_tasks", "project_days", "cycle_days")


def upgrade() -> None:
    # If it breaks off here, it is begun again.
    with op.get_context().autocommit_block():
        _build_index()
    op.execute("set local lock_timeout = '5s'")
    op.execute(TABLES)
    for table in PROTECTED:
        protect(table)


def _build_index() -> None:
    connection = op.get_bind()
    # For transactions that began before, which hold up nobody else.
    connection.exec_driver_sql("set lock_timeout = '300s'")
    is_valid = connection.exec_driver_sql(_IS_VALID).scalar()
    if is_valid is False:
        # What an attempt that broke off has left.
        connection.exec_driver_sql(f"drop index concurrently {INDEX}")
    if not is_valid:
        connection.exec_driver_sql(f"create index concurrently {INDEX} on tasks {COLUMNS}")
    connection.exec_driver_sql("reset lock_timeout")


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(f"drop index {INDEX}")
    op.execute(f"drop table {', '.join(reversed(PROTECTED))}")
    # Whoever counts again begins at the beginning.
    op.execute("alter table log_positions no force row level security")
    op.execute("delete from log_positions where reader = 'reports'")
    op.execute("alter table log_positions force row level security")
