"""Tasks that come again, by a rule."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("alter table tasks add column recurrence text, add column recurred_at timestamptz")
    op.execute(
        "alter table tasks add constraint tasks_recurrence_check check (char_length(recurrence) between 1 and 500)"
    )


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("alter table tasks drop column recurrence, drop column recurred_at")
