"""Tasks that come again, by a rule."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    # Not looked at here, where the table is locked. If it breaks off in between, it is begun again.
    op.execute("alter table tasks add column if not exists recurrence text")
    op.execute("alter table tasks add column if not exists recurred_at timestamptz")
    op.execute("alter table tasks drop constraint if exists tasks_recurrence_check")
    op.execute(
        "alter table tasks add constraint tasks_recurrence_check"
        " check (char_length(recurrence) between 1 and 500) not valid"
    )
    # While everybody works on.
    with op.get_context().autocommit_block():
        op.execute("alter table tasks validate constraint tasks_recurrence_check")


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("alter table tasks drop column recurrence, drop column recurred_at")
