"""Which login sessions and tokens ended a moment ago, looked for every second by whoever has doors open; and the few
messages to a webhook that were given up, among all that arrived.
"""

from alembic import op

revision = "0029"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("create index login_sessions_ended on login_sessions (revoked_at) where revoked_at is not null")
    op.execute("create index api_tokens_ended on api_tokens (revoked_at) where revoked_at is not null")
    op.execute(
        "create index webhook_deliveries_dead on webhook_deliveries (company_id, webhook_id, created_at, id)"
        " where state = 'dead'"
    )


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("drop index webhook_deliveries_dead, api_tokens_ended, login_sessions_ended")
