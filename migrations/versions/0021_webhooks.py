"""Webhooks, the messages to them, and the attempts at each."""

from alembic import op
from migrations.protection import open_door, protect

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

OWN = "current_setting('app.company_id')::uuid"

TABLES = f"""
create table webhooks (
  company_id uuid not null default {OWN},
  id uuid not null,
  url text not null,
  description text not null,
  types text[] not null,
  channels text[] not null,
  project_ids uuid[] not null,
  is_active boolean not null,
  sealed_secret bytea not null,
  sealed_previous_secret bytea not null,
  previous_until timestamptz,
  disabled_reason text,
  disabled_at timestamptz,
  failures integer not null,
  failing_since timestamptz,
  open_until timestamptz,
  after_seq bigint not null,
  behind_seq bigint,
  created_by uuid,
  version integer not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  deleted_at timestamptz,
  primary key (company_id, id),
  constraint webhooks_company_fk foreign key (company_id) references companies (id) on delete cascade,
  constraint webhooks_created_by_fk foreign key (company_id, created_by) references users (company_id, id)
    on delete set null (created_by),
  constraint webhooks_disabled_reason_check check (disabled_reason in ('gone', 'failing'))
);

create table webhook_deliveries (
  company_id uuid not null default {OWN},
  id uuid not null,
  number bigint not null generated always as identity,
  webhook_id uuid not null,
  stream uuid not null,
  project_id uuid,
  event text not null,
  seqs bigint[] not null,
  state text not null,
  attempts integer not null,
  in_order boolean not null,
  delayed boolean not null,
  due_at timestamptz not null,
  run_id uuid,
  lease_until timestamptz,
  tried_from timestamptz,
  created_at timestamptz not null,
  finished_at timestamptz,
  primary key (company_id, id),
  constraint webhook_deliveries_webhook_fk foreign key (company_id, webhook_id) references webhooks (company_id, id)
    on delete cascade,
  constraint webhook_deliveries_state_check check (state in ('pending', 'delivered', 'dead')),
  constraint webhook_deliveries_finished_check check ((state = 'pending') = (finished_at is null))
);
create index webhook_deliveries_newest on webhook_deliveries (company_id, webhook_id, created_at, id);
create index webhook_deliveries_by_age on webhook_deliveries (company_id, created_at);
create index webhook_deliveries_queue on webhook_deliveries (company_id, webhook_id, stream, number)
  where state = 'pending' and in_order;
create index webhook_deliveries_waiting on webhook_deliveries (company_id, webhook_id, due_at)
  where state = 'pending';
create index webhook_deliveries_by_hand on webhook_deliveries (company_id, due_at)
  where state = 'pending' and not in_order;
create index webhook_deliveries_under_way on webhook_deliveries (company_id, webhook_id)
  where state = 'pending' and lease_until is not null;

create table webhook_attempts (
  company_id uuid not null default {OWN},
  delivery_id uuid not null,
  number integer not null,
  at timestamptz not null,
  status integer,
  duration_ms integer not null,
  response text not null,
  error text,
  primary key (company_id, delivery_id, number),
  constraint webhook_attempts_delivery_fk foreign key (company_id, delivery_id)
    references webhook_deliveries (company_id, id) on delete cascade
);
"""
PROTECTED = ("webhooks", "webhook_deliveries", "webhook_attempts")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(TABLES)
    for table in PROTECTED:
        protect(table)
    # Which companies have webhooks, and messages that are due, is asked across all of them.
    open_door("webhooks", verbs=("select",))
    open_door("webhook_deliveries", verbs=("select",))


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(f"drop table {', '.join(reversed(PROTECTED))}")
    # Whoever reads again begins at the beginning of what is there by then.
    op.execute("alter table log_positions no force row level security")
    op.execute("delete from log_positions where reader = 'webhooks'")
    op.execute("alter table log_positions force row level security")
