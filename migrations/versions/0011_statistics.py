"""What the planner is to know of tasks: a project, a person, a cycle are of one company, and have many tasks."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

OF_ONE_COMPANY = ("project_id", "column_id", "cycle_id", "assigned_to", "created_by")
# Those by which an index finds what it also has in order, the newest first.
IN_ORDER = ("project_id", "cycle_id", "assigned_to")
# So many of all tasks have the same value, the planner is told, where it does not know which value: of a million, 500.
SHARE = 0.0005


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    for column in OF_ONE_COMPANY:
        op.execute(f"create statistics tasks_{column}_of_company (dependencies) on company_id, {column} from tasks")
    for column in IN_ORDER:
        op.execute(f"alter table tasks alter column {column} set (n_distinct = -{SHARE})")
    # Both count from the next ANALYZE on.
    op.execute("analyze tasks")


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    for column in OF_ONE_COMPANY:
        op.execute(f"drop statistics tasks_{column}_of_company")
    for column in IN_ORDER:
        op.execute(f"alter table tasks alter column {column} reset (n_distinct)")
    op.execute("analyze tasks")
