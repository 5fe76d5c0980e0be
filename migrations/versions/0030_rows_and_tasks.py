"""Rows of files say which task they are about, so that others may name it as theirs to stand below."""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("alter table import_rows add column task_id uuid")


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("alter table import_rows drop column task_id")
