"""Which login sessions and tokens ended a moment ago: looked for every second by whoever has doors open."""

from alembic import op

revision = "0029"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("create index login_sessions_ended on login_sessions (revoked_at) where revoked_at is not null")
    op.execute("create index api_tokens_ended on api_tokens (revoked_at) where revoked_at is not null")


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("drop index api_tokens_ended, login_sessions_ended")
