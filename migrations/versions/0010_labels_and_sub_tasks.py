"""Sub-tasks, labels, what tasks are called in other systems, and events that are for everyone."""

from alembic import op
from migrations.protection import protect

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

OWN = "current_setting('app.company_id')::uuid"

# All of them with a constant default, or none: PostgreSQL writes no row for that.
EXPAND = """
alter table tasks
  add column label_names text[] not null default '{}',
  add column parent_id uuid,
  add column sub_tasks_total integer not null default 0,
  add column sub_tasks_done integer not null default 0,
  add column external_id text;
alter table tasks add constraint tasks_parent_fk foreign key (company_id, parent_id)
  references tasks (company_id, id) on delete set null (parent_id);
create index tasks_of_parent on tasks (company_id, parent_id, created_at, id)
  where parent_id is not null;
create unique index tasks_external_id_unique on tasks (company_id, project_id, external_id)
  where external_id is not null and deleted_at is null;
alter table events add column for_everyone boolean not null default false;
"""

TABLES = f"""
create table labels (
  company_id uuid not null default {OWN},
  id uuid not null,
  name text not null,
  folded text collate "C" not null,
  color text,
  created_by uuid,
  version integer not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (company_id, id),
  constraint labels_company_fk foreign key (company_id) references companies (id) on delete cascade,
  constraint labels_created_by_fk foreign key (company_id, created_by) references users (company_id, id)
    on delete set null (created_by),
  constraint labels_name_unique unique (company_id, folded)
);

create table task_labels (
  company_id uuid not null default {OWN},
  task_id uuid not null,
  label_id uuid not null,
  primary key (company_id, task_id, label_id),
  constraint task_labels_task_fk foreign key (company_id, task_id) references tasks (company_id, id)
    on delete cascade,
  constraint task_labels_label_fk foreign key (company_id, label_id) references labels (company_id, id)
    on delete cascade
);
create index task_labels_of_label on task_labels (company_id, label_id, task_id);
"""

# How many sub-tasks stand below a task, and how many of them are done: kept in the row, since every list shows it. All
# that changes it holds the lock of the project.
COUNTING = """
create function count_sub_tasks() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  if tg_op <> 'INSERT' and old.parent_id is not null and old.deleted_at is null then
    update tasks set sub_tasks_total = sub_tasks_total - 1,
                     sub_tasks_done = sub_tasks_done - (old.status = 'done')::integer
     where company_id = old.company_id and id = old.parent_id;
  end if;
  if tg_op <> 'DELETE' and new.parent_id is not null and new.deleted_at is null then
    update tasks set sub_tasks_total = sub_tasks_total + 1,
                     sub_tasks_done = sub_tasks_done + (new.status = 'done')::integer
     where company_id = new.company_id and id = new.parent_id;
  end if;
  return null;
end $$;
create trigger tasks_sub_task_added after insert on tasks for each row
  when (new.parent_id is not null) execute function count_sub_tasks();
create trigger tasks_sub_task_changed after update of parent_id, status, deleted_at on tasks for each row
  when ((old.parent_id is not null or new.parent_id is not null)
    and (old.parent_id is distinct from new.parent_id or old.status <> new.status
      or (old.deleted_at is null) <> (new.deleted_at is null)))
  execute function count_sub_tasks();
create trigger tasks_sub_task_removed after delete on tasks for each row
  when (old.parent_id is not null) execute function count_sub_tasks();
revoke all on function count_sub_tasks() from public;
"""

PROTECTED = ("labels", "task_labels")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(EXPAND)
    op.execute(TABLES)
    for table in PROTECTED:
        protect(table)
    op.execute(COUNTING)


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    for trigger in ("added", "changed", "removed"):
        op.execute(f"drop trigger tasks_sub_task_{trigger} on tasks")
    op.execute("drop function count_sub_tasks()")
    op.execute(f"drop table {', '.join(reversed(PROTECTED))}")
    op.execute("alter table events drop column for_everyone")
    op.execute(
        "alter table tasks drop column label_names, drop column parent_id, drop column sub_tasks_total,"
        " drop column sub_tasks_done, drop column external_id"
    )
