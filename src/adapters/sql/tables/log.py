"""The event log, its counter, what requests with an Idempotency-Key resulted in, and the audit log."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from adapters.sql.tables.identity import instant
from adapters.sql.tenancy import TenantTable, company_column, metadata

# One row a company, taken last in a transaction: its lock makes the numbers gap-free and in the order of commits.
event_sequences = TenantTable(
    "event_sequences",
    metadata,
    company_column(),
    Column("last_seq", BigInteger, nullable=False, server_default=text("0")),
    # The last position at which there may be something for people to be told of, and for mail; readers that do nothing
    # else leave a company alone that has nothing for them.
    Column("last_for_people", BigInteger, nullable=False, server_default=text("0")),
    Column("last_for_mail", BigInteger, nullable=False, server_default=text("0")),
    ForeignKeyConstraint(["company_id"], ["companies.id"], name="event_sequences_company_fk", ondelete="CASCADE"),
    info={"one_row": True},
    postgresql_with={"fillfactor": 50},
)

events = TenantTable(
    "events",
    metadata,
    company_column(),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("event", Text, nullable=False),
    Column("channel", Text, nullable=False),
    instant("occurred_at"),
    Column("actor_id", Uuid),
    Column("via", Text, nullable=False),
    Column("project_id", Uuid),
    Column("named", ARRAY(Uuid), nullable=False, server_default=text("'{}'")),
    Column("for_admins", Boolean, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("for_everyone", Boolean, nullable=False, server_default=text("false")),
    # The task that it tells of, which is in the body too; there no index could find it under row-level security.
    Column("task_id", Uuid),
    # The trace of the request that made it, as a `traceparent`, where that was traced. No door shows it.
    Column("trace", Text),
    # No foreign key: it would lock the company's row in every write, and the sequence's row has one.
    CheckConstraint("via IN ('session', 'token', 'system')", name="events_via_check"),
)
Index(
    "events_of_task",
    events.c.company_id,
    events.c.task_id,
    events.c.seq,
    postgresql_where=events.c.task_id.is_not(None),
)
Index(
    "events_of_project",
    events.c.company_id,
    events.c.project_id,
    events.c.seq,
    postgresql_where=events.c.project_id.is_not(None),
)
Index(
    "events_for_named",
    events.c.company_id,
    events.c.seq,
    postgresql_where=text("(for_everyone or named <> '{}') and event <> 'notification_created'"),
)

# Up to where a reader of the log has read it, and the places before that it has to come back to.
log_positions = TenantTable(
    "log_positions",
    metadata,
    company_column(),
    Column("reader", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("behind", ARRAY(BigInteger), nullable=False, server_default=text("'{}'")),
    instant("again_at", nullable=True),
    instant("leased_until", nullable=True),
    ForeignKeyConstraint(["company_id"], ["companies.id"], name="log_positions_company_fk", ondelete="CASCADE"),
)

idempotency_keys = TenantTable(
    "idempotency_keys",
    metadata,
    company_column(),
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("kind", Text),
    Column("resource_id", Uuid),
    Column("resource_version", BigInteger),
    Column("status", SmallInteger),
    Column("problem", LargeBinary),
    Column("seq", BigInteger, nullable=False),
    instant("created_at"),
    # No foreign key here either: the rows live for a day, and users are deactivated, not deleted.
    CheckConstraint("(resource_id IS NULL) = (status IS NOT NULL)", name="idempotency_keys_outcome_check"),
)
# What is old stands together, of all companies: to find it that way costs a request nothing.
Index("idempotency_keys_old", idempotency_keys.c.created_at, postgresql_using="brin")

audit_events = TenantTable(
    "audit_events",
    metadata,
    company_column(),
    Column("id", Uuid, primary_key=True, server_default=text("gen_random_uuid()")),
    Column("type", Text, nullable=False),
    instant("at"),
    Column("actor_id", Uuid),
    Column("via", Text, nullable=False),
    Column("session_id", Uuid),
    Column("token_id", Uuid),
    Column("request_id", Text),
    Column("details", JSONB, nullable=False),
    # What tells of a person, and with it the salt of its digest: these can be erased.
    Column("address", Text),
    Column("agent", Text),
    Column("personal", JSONB),
    Column("salt", LargeBinary),
    Column("digest", LargeBinary, nullable=False),
    instant("erased_at", nullable=True),
    # One row alone is kept for each of these.
    Column("coalesced_by", Text),
    # Its place in the company's chain, and the proof of it and of all before it; null until it was taken up.
    Column("number", BigInteger),
    Column("mac", LargeBinary),
    # No foreign keys: what an auditor is shown outlives what it tells of, and the events of no company have none.
    CheckConstraint("via IN ('session', 'token', 'system', 'visitor')", name="audit_events_via_check"),
    CheckConstraint("(number IS NULL) = (mac IS NULL)", name="audit_events_chain_check"),
    CheckConstraint(
        "erased_at IS NULL OR (address IS NULL AND agent IS NULL AND personal IS NULL AND salt IS NULL)",
        name="audit_events_erased_check",
    ),
)
_audited = audit_events.c
Index("audit_events_newest", _audited.company_id, _audited.at, _audited.id)
Index(
    "audit_events_number_unique",
    _audited.company_id,
    _audited.number,
    unique=True,
    postgresql_where=_audited.number.is_not(None),
)
Index(
    "audit_events_coalesced_unique",
    _audited.company_id,
    _audited.coalesced_by,
    unique=True,
    postgresql_where=_audited.coalesced_by.is_not(None),
)
Index(
    "audit_events_unchained",
    _audited.company_id,
    _audited.at,
    _audited.id,
    postgresql_where=_audited.number.is_(None),
)
