"""Where a company's log last held something for people to be told of, and for mail: what has nothing for a reader, it
leaves alone.
"""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    for name in ("last_for_people", "last_for_mail"):
        op.execute(f"alter table event_sequences add column {name} bigint not null default 0")
    # Nobody knows of what was written before: all of it is looked at once.
    op.execute("alter table event_sequences no force row level security")
    op.execute("update event_sequences set last_for_people = last_seq, last_for_mail = last_seq")
    left = (
        op.get_bind().exec_driver_sql("select count(*) from event_sequences where last_for_mail <> last_seq").scalar()
    )
    assert left == 0, f"of {left} companies nothing would be looked at"
    op.execute("alter table event_sequences force row level security")


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("alter table event_sequences drop column last_for_mail, drop column last_for_people")
