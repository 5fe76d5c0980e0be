"""The days that reports are made of, and what counts them: where each task stood when the log was last read."""

from sqlalchemy import Boolean, CheckConstraint, Column, Date, ForeignKeyConstraint, Integer, Text, Uuid

import adapters.sql.tables.work  # noqa: F401  (what is referred to is in the metadata then)
from adapters.sql.tenancy import TenantTable, company_column, metadata

counted_tasks = TenantTable(
    "counted_tasks",
    metadata,
    company_column(),
    Column("task_id", Uuid, primary_key=True),
    # Where it stood in the log, which may be gone by now: no foreign keys.
    Column("project_id", Uuid, nullable=False),
    Column("status", Text, nullable=False),
    Column("cycle_id", Uuid),
    Column("is_counted", Boolean, nullable=False),
    ForeignKeyConstraint(
        ["company_id", "task_id"],
        ["tasks.company_id", "tasks.id"],
        name="counted_tasks_task_fk",
        ondelete="CASCADE",
    ),
    CheckConstraint("status IN ('todo', 'in_progress', 'done')", name="counted_tasks_status_check"),
)

# A row for each day on which something changed, as the day ended.
project_days = TenantTable(
    "project_days",
    metadata,
    company_column(),
    Column("project_id", Uuid, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("todo", Integer, nullable=False),
    Column("in_progress", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    ForeignKeyConstraint(
        ["company_id", "project_id"],
        ["projects.company_id", "projects.id"],
        name="project_days_project_fk",
        ondelete="CASCADE",
    ),
)

cycle_days = TenantTable(
    "cycle_days",
    metadata,
    company_column(),
    Column("cycle_id", Uuid, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("status", Text, nullable=False),
    Column("scope", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    # Of that day alone, and only once the cycle had started.
    Column("added", Integer, nullable=False),
    Column("removed", Integer, nullable=False),
    ForeignKeyConstraint(
        ["company_id", "cycle_id"],
        ["cycles.company_id", "cycles.id"],
        name="cycle_days_cycle_fk",
        ondelete="CASCADE",
    ),
    CheckConstraint("status IN ('planned', 'active', 'completed')", name="cycle_days_status_check"),
)
