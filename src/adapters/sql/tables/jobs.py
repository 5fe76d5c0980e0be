"""Work that takes longer than a request: jobs. Every table is a company's."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Index, Integer, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

import adapters.sql.tables.people  # noqa: F401  (what is referred to is in the metadata then)
from adapters.sql.tables.identity import instant
from adapters.sql.tenancy import TenantTable, company_column, metadata

UNFINISHED = text("state IN ('queued', 'started')")

jobs = TenantTable(
    "jobs",
    metadata,
    company_column(),
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger),
    Column("result", JSONB),
    Column("error", JSONB),
    Column("created_by", Uuid),
    Column("via", Text, nullable=False),
    # Without a foreign key: a token that is gone must not look like none.
    Column("token_id", Uuid),
    # Who carries it out, and how long they may be silent.
    Column("run_id", Uuid),
    instant("lease_until", nullable=True),
    Column("attempts", Integer, nullable=False),
    instant("created_at"),
    instant("started_at", nullable=True),
    instant("finished_at", nullable=True),
    ForeignKeyConstraint(["company_id"], ["companies.id"], name="jobs_company_fk", ondelete="CASCADE"),
    ForeignKeyConstraint(
        ["company_id", "created_by"],
        ["users.company_id", "users.id"],
        name="jobs_created_by_fk",
        ondelete="SET NULL (created_by)",
    ),
    CheckConstraint("state IN ('queued', 'started', 'finished', 'failed', 'cancelled')", name="jobs_state_check"),
    CheckConstraint("(state IN ('queued', 'started')) = (finished_at IS NULL)", name="jobs_finished_check"),
)
Index("jobs_newest", jobs.c.company_id, jobs.c.created_at, jobs.c.id)
Index("jobs_of_asker", jobs.c.company_id, jobs.c.created_by, jobs.c.created_at, jobs.c.id)
Index("jobs_unfinished", jobs.c.company_id, jobs.c.created_at, postgresql_where=UNFINISHED)
