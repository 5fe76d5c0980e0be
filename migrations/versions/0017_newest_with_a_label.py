"""The newest tasks with a label, found in their order: a task's label knows when the task was created."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

FILLED = ("tasks", "task_labels")
BACKFILL = """
update task_labels b set created_at = t.created_at
  from tasks t where t.company_id = b.company_id and t.id = b.task_id
"""
STATISTICS = "task_labels_label_id_of_company"
# So many of all rows have the same label, the planner is told, as in 0011: of a million, 500.
SHARE = 0.0005


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    # Locked from here to the end: no release has this table yet, so that it is small.
    op.execute("alter table task_labels add column created_at timestamptz")
    _fill()
    op.execute("alter table task_labels alter column created_at set not null")
    op.execute(
        "create index task_labels_newest on task_labels (company_id, label_id, created_at, task_id);"
        " drop index task_labels_of_label"
    )
    op.execute(f"create statistics {STATISTICS} (dependencies) on company_id, label_id from task_labels")
    op.execute(f"alter table task_labels alter column label_id set (n_distinct = -{SHARE})")
    op.execute("analyze task_labels")


def _fill() -> None:
    for table in FILLED:
        op.execute(f"alter table {table} no force row level security")
    connection = op.get_bind()
    count = connection.exec_driver_sql("select count(*) from task_labels").scalar()
    filled = connection.exec_driver_sql(BACKFILL).rowcount
    assert filled == count, f"{filled} of {count} labels of tasks were filled"
    for table in FILLED:
        op.execute(f"alter table {table} force row level security")


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(f"drop statistics {STATISTICS}")
    op.execute("alter table task_labels alter column label_id reset (n_distinct)")
    op.execute("create index task_labels_of_label on task_labels (company_id, label_id, task_id)")
    # With its index.
    op.execute("alter table task_labels drop column created_at")
    op.execute("analyze task_labels")
