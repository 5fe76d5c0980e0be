"""Comments, whom they mention, who watches a task, and the log by project and by task."""

from alembic import op
from migrations.protection import protect

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

OWN = "current_setting('app.company_id')::uuid"

TABLES = f"""
create table comments (
  company_id uuid not null default {OWN},
  id uuid not null,
  task_id uuid not null,
  parent_id uuid,
  author_id uuid,
  body text not null,
  is_deleted boolean not null default false,
  version integer not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (company_id, id),
  constraint comments_task_fk foreign key (company_id, task_id) references tasks (company_id, id) on delete cascade,
  constraint comments_parent_fk foreign key (company_id, parent_id) references comments (company_id, id)
    on delete cascade,
  constraint comments_author_fk foreign key (company_id, author_id) references users (company_id, id)
    on delete set null (author_id)
);
create index comments_of_task on comments (company_id, task_id, created_at, id);
create index comments_of_parent on comments (company_id, parent_id) where parent_id is not null;

create table comment_mentions (
  company_id uuid not null default {OWN},
  comment_id uuid not null,
  user_id uuid not null,
  primary key (company_id, comment_id, user_id),
  constraint comment_mentions_comment_fk foreign key (company_id, comment_id) references comments (company_id, id)
    on delete cascade,
  constraint comment_mentions_user_fk foreign key (company_id, user_id) references users (company_id, id)
    on delete cascade
);

create table task_watchers (
  company_id uuid not null default {OWN},
  task_id uuid not null,
  user_id uuid not null,
  watching boolean not null,
  primary key (company_id, task_id, user_id),
  constraint task_watchers_task_fk foreign key (company_id, task_id) references tasks (company_id, id)
    on delete cascade,
  constraint task_watchers_user_fk foreign key (company_id, user_id) references users (company_id, id)
    on delete cascade
);
"""

# Who has a task watches it without a row. Whoever loses it goes on, which from then on a row says; whoever gets it
# begins, though they had left it. A trigger, since many statements assign tasks, and creating one is to cost nothing.
WATCHING = """
create function keep_watching() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  -- Not for somebody who is erased, and loses it by that.
  insert into task_watchers (company_id, task_id, user_id, watching)
    select u.company_id, old.id, u.id, true from users u
     where u.company_id = old.company_id and u.id = old.assigned_to
    on conflict do nothing;
  delete from task_watchers
   where company_id = new.company_id and task_id = new.id and user_id = new.assigned_to and not watching;
  return null;
end $$;
create trigger tasks_assigned after update of assigned_to on tasks for each row
  when (old.assigned_to is distinct from new.assigned_to) execute function keep_watching();
revoke all on function keep_watching() from public;
"""

# The column is filled from now on. That old rows have none is right until they are filled, as docs/operations.md says:
# not here, where the table is locked.
LOG = "alter table events add column task_id uuid"
# Both are read newest first, of one project and of one task. The log may be long, and everything that is written is
# written into it: neither who reads nor who writes is to wait until they are built.
INDEXES = {
    "events_of_task": "(company_id, task_id, seq) where task_id is not null",
    "events_of_project": "(company_id, project_id, seq) where project_id is not null",
}
_IS_VALID = "select indisvalid from pg_index where indexrelid = to_regclass(%(name)s)"

PROTECTED = ("comments", "comment_mentions", "task_watchers")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    if op.get_bind().exec_driver_sql("select to_regclass('public.comments')").scalar() is None:
        _make()
    # If it breaks off here, it is begun again.
    with op.get_context().autocommit_block():
        _build_indexes()


def _make() -> None:
    op.execute(TABLES)
    for table in PROTECTED:
        protect(table)
    op.execute(WATCHING)
    op.execute(LOG)


def _build_indexes() -> None:
    connection = op.get_bind()
    # For transactions that began before, which hold up nobody else.
    connection.exec_driver_sql("set lock_timeout = '300s'")
    for name, columns in INDEXES.items():
        is_valid = connection.exec_driver_sql(_IS_VALID, {"name": f"public.{name}"}).scalar()
        if is_valid is False:
            # What an attempt that broke off has left.
            connection.exec_driver_sql(f"drop index concurrently {name}")
        if not is_valid:
            connection.exec_driver_sql(f"create index concurrently {name} on events {columns}")
    connection.exec_driver_sql("reset lock_timeout")


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    for name in reversed(INDEXES):
        op.execute(f"drop index {name}")
    op.execute("alter table events drop column task_id")
    op.execute("drop trigger tasks_assigned on tasks")
    op.execute("drop function keep_watching()")
    op.execute(f"drop table {', '.join(reversed(PROTECTED))}")
