"""What people put on tasks: labels. Every table is a company's."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, Text, UniqueConstraint, Uuid

import adapters.sql.tables.work  # noqa: F401  (what is referred to is in the metadata then)
from adapters.sql.tables.identity import instant
from adapters.sql.tenancy import TenantTable, company_column, metadata

labels = TenantTable(
    "labels",
    metadata,
    company_column(),
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    # The name in no case at all: two labels never differ by case alone.
    Column("folded", Text(collation="C"), nullable=False),
    Column("color", Text),
    Column("created_by", Uuid),
    Column("version", Integer, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    ForeignKeyConstraint(["company_id"], ["companies.id"], name="labels_company_fk", ondelete="CASCADE"),
    ForeignKeyConstraint(
        ["company_id", "created_by"],
        ["users.company_id", "users.id"],
        name="labels_created_by_fk",
        ondelete="SET NULL (created_by)",
    ),
    UniqueConstraint("company_id", "folded", name="labels_name_unique"),
)

task_labels = TenantTable(
    "task_labels",
    metadata,
    company_column(),
    Column("task_id", Uuid, primary_key=True),
    Column("label_id", Uuid, primary_key=True),
    # When the task was created, which never changes: the order of lists.
    instant("created_at"),
    ForeignKeyConstraint(
        ["company_id", "task_id"], ["tasks.company_id", "tasks.id"], name="task_labels_task_fk", ondelete="CASCADE"
    ),
    ForeignKeyConstraint(
        ["company_id", "label_id"], ["labels.company_id", "labels.id"], name="task_labels_label_fk", ondelete="CASCADE"
    ),
)
Index(
    "task_labels_newest",
    task_labels.c.company_id,
    task_labels.c.label_id,
    task_labels.c.created_at,
    task_labels.c.task_id,
)
