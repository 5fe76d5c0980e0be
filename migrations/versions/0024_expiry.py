"""Old events may go: what the upkeep role may see and delete of the log of the company that it has entered."""

from alembic import op
from migrations.protection import upkeep_role

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# How long events are kept the installation says; nothing younger than a day goes, whatever it says.
OLD = (
    "company_id = nullif(current_setting('app.company_id', true), '')::uuid and occurred_at < now() - interval '1 day'"
)


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    for verb in ("select", "delete"):
        op.execute(f"create policy upkeep_expiry_{verb} on events for {verb} to {upkeep_role()} using ({OLD})")


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    for verb in ("select", "delete"):
        op.execute(f"drop policy upkeep_expiry_{verb} on events")
