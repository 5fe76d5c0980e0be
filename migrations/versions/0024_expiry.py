"""Old events may go: what the upkeep role may take from the log of the company that it has entered, and no more."""

from alembic import op
from migrations.protection import upkeep_role

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# In the company that it has entered upkeep sees and reaches all, as everybody does. How long events are kept the
# installation says; nothing younger than a day goes, whatever it says, but with its company.
OLD = """occurred_at < now() - interval '1 day'
  or exists (select from companies c where c.id = events.company_id and c.deleted_at < now() - interval '30 days')"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(f"create policy upkeep_expiry on events as restrictive for delete to {upkeep_role()} using ({OLD})")


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("drop policy upkeep_expiry on events")
