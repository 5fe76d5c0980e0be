"""Webhooks, the messages to them, and the attempts at each. Every table is a company's."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

import adapters.sql.tables.work  # noqa: F401  (what is referred to is in the metadata then)
from adapters.sql.tables.identity import instant
from adapters.sql.tenancy import TenantTable, company_column, metadata

PENDING = text("state = 'pending'")

# Of one that was deleted the messages are removed later, a batch at a time.
webhooks = TenantTable(
    "webhooks",
    metadata,
    company_column(),
    Column("id", Uuid, primary_key=True),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("types", ARRAY(Text), nullable=False),
    Column("channels", ARRAY(Text), nullable=False),
    # Without foreign keys: a project that is gone for good lets nothing through.
    Column("project_ids", ARRAY(Uuid), nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    # Empty: there was none before.
    Column("sealed_previous_secret", LargeBinary, nullable=False),
    instant("previous_until", nullable=True),
    Column("disabled_reason", Text),
    instant("disabled_at", nullable=True),
    Column("failures", Integer, nullable=False),
    instant("failing_since", nullable=True),
    instant("open_until", nullable=True),
    # Where in the log it began to hear; and where it is, while it is told of the past again.
    Column("after_seq", BigInteger, nullable=False),
    Column("behind_seq", BigInteger),
    Column("created_by", Uuid),
    Column("version", Integer, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    instant("deleted_at", nullable=True),
    ForeignKeyConstraint(["company_id"], ["companies.id"], name="webhooks_company_fk", ondelete="CASCADE"),
    ForeignKeyConstraint(
        ["company_id", "created_by"],
        ["users.company_id", "users.id"],
        name="webhooks_created_by_fk",
        ondelete="SET NULL (created_by)",
    ),
    CheckConstraint("disabled_reason IN ('gone', 'failing')", name="webhooks_disabled_reason_check"),
)

# The events of a message are those of the log by their numbers: their bodies are not copied.
webhook_deliveries = TenantTable(
    "webhook_deliveries",
    metadata,
    company_column(),
    Column("id", Uuid, primary_key=True),
    # In the order in which they were queued: of one company, one transaction at a time queues.
    Column("number", BigInteger, Identity(), nullable=False),
    Column("webhook_id", Uuid, nullable=False),
    # The project, or the company's own id for what happens in the company as a whole.
    Column("stream", Uuid, nullable=False),
    Column("project_id", Uuid),
    Column("event", Text, nullable=False),
    Column("seqs", ARRAY(BigInteger), nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("in_order", Boolean, nullable=False),
    Column("delayed", Boolean, nullable=False),
    instant("due_at"),
    Column("run_id", Uuid),
    instant("lease_until", nullable=True),
    instant("tried_from", nullable=True),
    instant("created_at"),
    instant("finished_at", nullable=True),
    ForeignKeyConstraint(
        ["company_id", "webhook_id"],
        ["webhooks.company_id", "webhooks.id"],
        name="webhook_deliveries_webhook_fk",
        ondelete="CASCADE",
    ),
    CheckConstraint("state IN ('pending', 'delivered', 'dead')", name="webhook_deliveries_state_check"),
    CheckConstraint("(state = 'pending') = (finished_at IS NULL)", name="webhook_deliveries_finished_check"),
)
_of = webhook_deliveries.c
Index("webhook_deliveries_newest", _of.company_id, _of.webhook_id, _of.created_at, _of.id)
Index("webhook_deliveries_by_age", _of.company_id, _of.created_at)
Index(
    "webhook_deliveries_queue", _of.company_id, _of.webhook_id, _of.stream, _of.number,
    postgresql_where=text("state = 'pending' AND in_order"),
)  # fmt: skip
Index("webhook_deliveries_waiting", _of.company_id, _of.webhook_id, _of.due_at, postgresql_where=PENDING)
# Looked for among all that arrived.
Index(
    "webhook_deliveries_dead", _of.company_id, _of.webhook_id, _of.created_at, _of.id,
    postgresql_where=text("state = 'dead'"),
)  # fmt: skip
# Those that were asked for by hand are few, and so are those that are under way.
Index(
    "webhook_deliveries_by_hand",
    _of.company_id,
    _of.due_at,
    postgresql_where=text("state = 'pending' AND NOT in_order"),
)
Index(
    "webhook_deliveries_under_way", _of.company_id, _of.webhook_id,
    postgresql_where=text("state = 'pending' AND lease_until IS NOT NULL"),
)  # fmt: skip

webhook_attempts = TenantTable(
    "webhook_attempts",
    metadata,
    company_column(),
    Column("delivery_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    instant("at"),
    Column("status", Integer),
    Column("duration_ms", Integer, nullable=False),
    Column("response", Text, nullable=False),
    Column("error", Text),
    ForeignKeyConstraint(
        ["company_id", "delivery_id"],
        ["webhook_deliveries.company_id", "webhook_deliveries.id"],
        name="webhook_attempts_delivery_fk",
        ondelete="CASCADE",
    ),
)
