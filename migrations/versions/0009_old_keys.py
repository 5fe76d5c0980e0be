"""The rows of Idempotency-Keys are found by age where they stand together, which is one index less for each request."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("drop index idempotency_keys_old")
    op.execute("create index idempotency_keys_old on idempotency_keys using brin (created_at)")


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("drop index idempotency_keys_old")
    op.execute("create index idempotency_keys_old on idempotency_keys (company_id, created_at)")
