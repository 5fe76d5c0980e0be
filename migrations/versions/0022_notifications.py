"""Notifications, what each user wants to be told of, and an index that finds the deadlines that are near."""

from alembic import op
from migrations.protection import open_door, protect

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

OWN = "current_setting('app.company_id')::uuid"

TABLES = f"""
create table notifications (
  company_id uuid not null default {OWN},
  id uuid not null,
  seq bigint not null,
  user_id uuid not null,
  kind text not null,
  cause bigint,
  event text,
  actor_id uuid,
  comment_id uuid,
  project_id uuid,
  task_id uuid,
  task_count integer not null,
  deadline date,
  days_before smallint,
  created_at timestamptz not null,
  read_at timestamptz,
  primary key (company_id, id),
  constraint notifications_user_fk foreign key (company_id, user_id) references users (company_id, id)
    on delete cascade,
  constraint notifications_project_fk foreign key (company_id, project_id) references projects (company_id, id)
    on delete cascade,
  constraint notifications_task_fk foreign key (company_id, task_id) references tasks (company_id, id)
    on delete cascade,
  constraint notifications_kind_check
    check (kind in ('assigned', 'mentioned', 'commented', 'deadline_near', 'added_to_project')),
  constraint notifications_cause_check check ((kind = 'deadline_near') = (cause is null)),
  constraint notifications_deadline_check check (
    kind <> 'deadline_near' or (task_id is not null and deadline is not null and days_before is not null))
);
create index notifications_inbox on notifications (company_id, user_id, seq);
create index notifications_unread on notifications (company_id, user_id, seq) where read_at is null;
create unique index notifications_cause_unique on notifications (company_id, user_id, cause) where cause is not null;
create unique index notifications_deadline_unique
  on notifications (company_id, task_id, user_id, deadline, days_before) where kind = 'deadline_near';
create index notifications_of_task on notifications (company_id, task_id) where task_id is not null;
create index notifications_of_project on notifications (company_id, project_id) where project_id is not null;
create index notifications_read on notifications (company_id, read_at) where read_at is not null;

create table notification_preferences (
  company_id uuid not null default {OWN},
  user_id uuid not null,
  unwanted text[] not null,
  mailed text[] not null,
  is_mailed boolean not null,
  mailed_on date,
  mailed_seq bigint not null default 0,
  leased_until timestamptz,
  version integer not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (company_id, user_id),
  constraint notification_preferences_user_fk foreign key (company_id, user_id) references users (company_id, id)
    on delete cascade,
  constraint notification_preferences_mailed_check check (is_mailed = (mailed <> '{{}}'))
);
create index notification_preferences_mailed on notification_preferences (company_id, mailed_on) where is_mailed;

create table notification_days (
  company_id uuid not null default {OWN},
  told_on date not null,
  primary key (company_id),
  constraint notification_days_company_fk foreign key (company_id) references companies (id) on delete cascade
);
"""
PROTECTED = ("notifications", "notification_preferences", "notification_days")

INDEX = "tasks_due"
COLUMNS = (
    "(company_id, deadline, id)"
    " where deleted_at is null and deadline is not null and assigned_to is not null and status <> 'done'"
)
_IS_VALID = f"select indisvalid from pg_index where indexrelid = to_regclass('public.{INDEX}')"

# Nobody is told of what happened before there were notifications. The owner is bound by the wall like everybody.
BEGIN_NOW = """
alter table event_sequences no force row level security;
alter table log_positions no force row level security;
insert into log_positions (company_id, reader, seq) select company_id, 'notifications', last_seq from event_sequences;
alter table log_positions force row level security;
alter table event_sequences force row level security;
"""
FORGET = """
alter table log_positions no force row level security;
delete from log_positions where reader = 'notifications';
alter table log_positions force row level security;
"""


def upgrade() -> None:
    # If it breaks off here, it is begun again.
    with op.get_context().autocommit_block():
        _build_index()
    op.execute("set local lock_timeout = '5s'")
    op.execute(TABLES)
    for table in PROTECTED:
        protect(table)
    # Whose morning was not told yet, and who is to get mail, is found in all companies.
    open_door("notification_days", verbs=("select",))
    open_door("notification_preferences", verbs=("select",))
    op.execute(BEGIN_NOW)


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
    op.execute(FORGET)
