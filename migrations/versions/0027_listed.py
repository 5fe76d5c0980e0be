"""An index that holds all that lists filter and sort by, in place of the one that has the newest alone."""

from alembic import op

revision = "0027"
down_revision = "0025"
branch_labels = None
depends_on = None

INDEX, BEFORE = "tasks_listed", "tasks_newest"
KEY = "company_id, created_at, id"
HELD = (
    "project_id, cycle_id, column_id, parent_id, assigned_to, created_by, status, priority, priority_rank, deadline,"
    " updated_at, number, rank, title"
)
LIVING = "deleted_at is null"


def upgrade() -> None:
    # If it breaks off here, it is begun again.
    with op.get_context().autocommit_block():
        _build(INDEX, f"({KEY}) include ({HELD}) where {LIVING}")
    op.execute("set local lock_timeout = '5s'")
    op.execute(f"drop index {BEFORE}")


def _build(index: str, columns: str) -> None:
    connection = op.get_bind()
    # For transactions that began before, which hold up nobody else.
    connection.exec_driver_sql("set lock_timeout = '300s'")
    valid = f"select indisvalid from pg_index where indexrelid = to_regclass('public.{index}')"
    is_valid = connection.exec_driver_sql(valid).scalar()
    if is_valid is False:
        # What an attempt that broke off has left.
        connection.exec_driver_sql(f"drop index concurrently {index}")
    if not is_valid:
        connection.exec_driver_sql(f"create index concurrently {index} on tasks {columns}")
    connection.exec_driver_sql("reset lock_timeout")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        _build(BEFORE, f"({KEY}) where {LIVING}")
    op.execute("set local lock_timeout = '5s'")
    op.execute(f"drop index {INDEX}")
