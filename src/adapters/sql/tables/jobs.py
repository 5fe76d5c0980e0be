"""Work that takes longer than a request: jobs, and the files of imports. Every table is a company's."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

import adapters.sql.tables.work  # noqa: F401  (what is referred to is in the metadata then)
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

# A file that becomes tasks, of the job with the same id; it may be here before the job. How far it is read is one
# document, of which nobody asks anything.
task_imports = TenantTable(
    "task_imports",
    metadata,
    company_column(),
    Column("id", Uuid, primary_key=True),
    Column("project_id", Uuid, nullable=False),
    Column("progress", JSONB, nullable=False),
    instant("created_at"),
    ForeignKeyConstraint(
        ["company_id", "project_id"],
        ["projects.company_id", "projects.id"],
        name="task_imports_project_fk",
        ondelete="CASCADE",
    ),
)
Index("task_imports_by_age", task_imports.c.company_id, task_imports.c.created_at)

import_chunks = TenantTable(
    "import_chunks",
    metadata,
    company_column(),
    Column("import_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["company_id", "import_id"],
        ["task_imports.company_id", "task_imports.id"],
        name="import_chunks_import_fk",
        ondelete="CASCADE",
    ),
)

# What each row of a file is called, by which others mean it, and the task that it is about: no two are about the same.
import_rows = TenantTable(
    "import_rows",
    metadata,
    company_column(),
    Column("import_id", Uuid, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("number", Integer, nullable=False),
    # Of a dry run, one that is nowhere.
    Column("task_id", Uuid),
    ForeignKeyConstraint(
        ["company_id", "import_id"],
        ["task_imports.company_id", "task_imports.id"],
        name="import_rows_import_fk",
        ondelete="CASCADE",
    ),
)
