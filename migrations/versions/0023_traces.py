"""Events remember the trace of the request that made them, where it was traced."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("alter table events add column trace text")


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("alter table events drop column trace")
