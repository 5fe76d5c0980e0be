"""Where readers of the log stand, letters that wait beside an account, and the links that its holder asked for."""

from alembic import op
from migrations.protection import open_door, protect

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

OWN = "current_setting('app.company_id')::uuid"

EXPAND = f"""
alter table accounts add column reset_id uuid;
alter table accounts add column reset_at timestamptz;
alter table accounts add column verification_id uuid;
alter table accounts add column verification_at timestamptz;
alter table accounts add column pending_email text;
alter table accounts add column letters jsonb not null default '[]';
alter table accounts add column letters_due_at timestamptz;
alter table accounts add column letters_leased_until timestamptz;
create index accounts_letters_due on accounts (letters_due_at) where letters_due_at is not null;

create table log_positions (
  company_id uuid not null default {OWN},
  reader text not null,
  seq bigint not null,
  behind bigint[] not null default '{{}}',
  again_at timestamptz,
  leased_until timestamptz,
  primary key (company_id, reader),
  constraint log_positions_company_fk foreign key (company_id) references companies (id) on delete cascade
);
"""

# What happened before there was mail is not mailed now.
BACKFILL = (
    "insert into log_positions (company_id, reader, seq) select company_id, 'mail', last_seq from event_sequences"
)
COUNT_LEFT = """
select count(*) from event_sequences q where not exists (select from log_positions p where p.company_id = q.company_id)
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(EXPAND)
    # As the owner, a backfill would see no rows: row-level security is forced.
    op.execute("alter table event_sequences no force row level security")
    op.execute(BACKFILL)
    left = op.get_bind().exec_driver_sql(COUNT_LEFT).scalar()
    assert left == 0, f"{left} companies got no position"
    op.execute("alter table event_sequences force row level security")
    protect("log_positions")
    # The reader that mails looks for the companies whose logs went on.
    open_door("log_positions", verbs=("select",))


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("drop table log_positions")
    op.execute(
        "alter table accounts drop column letters_leased_until, drop column letters_due_at, drop column letters,"
        " drop column pending_email, drop column verification_at, drop column verification_id, drop column reset_at,"
        " drop column reset_id"
    )
