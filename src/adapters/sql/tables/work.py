"""What people work on: projects, boards, cycles, tasks. Every table is a company's."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

import adapters.sql.tables.people  # noqa: F401  (what is referred to is in the metadata then)
from adapters.sql.tables.identity import instant
from adapters.sql.tenancy import TenantTable, company_column, metadata

LIVING = text("deleted_at IS NULL")

projects = TenantTable(
    "projects",
    metadata,
    company_column(),
    Column("id", Uuid, primary_key=True),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("deadline", Date),
    Column("status", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("last_number", Integer, nullable=False, server_default=text("0")),
    Column("last_cycle_number", Integer, nullable=False, server_default=text("0")),
    Column("created_by", Uuid),
    Column("version", Integer, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    instant("deleted_at", nullable=True),
    ForeignKeyConstraint(["company_id"], ["companies.id"], name="projects_company_fk", ondelete="CASCADE"),
    ForeignKeyConstraint(
        ["company_id", "created_by"],
        ["users.company_id", "users.id"],
        name="projects_created_by_fk",
        ondelete="SET NULL (created_by)",
    ),
    CheckConstraint("status IN ('pending', 'in_progress', 'completed')", name="projects_status_check"),
    # Each new task takes a number here: room on the page keeps that from touching the indexes.
    postgresql_with={"fillfactor": 70},
)
Index("projects_by_name", projects.c.company_id, projects.c.name, projects.c.id, postgresql_where=LIVING)

# A key goes on resolving after its project got another, and is never given again: it outlives the project, so that no
# foreign key holds it.
project_keys = TenantTable(
    "project_keys",
    metadata,
    company_column(),
    Column("key", Text, primary_key=True),
    Column("project_id", Uuid, nullable=False),
)

project_members = TenantTable(
    "project_members",
    metadata,
    company_column(),
    Column("project_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    instant("added_at"),
    ForeignKeyConstraint(
        ["company_id", "project_id"],
        ["projects.company_id", "projects.id"],
        name="project_members_project_fk",
        ondelete="CASCADE",
    ),
    ForeignKeyConstraint(
        ["company_id", "user_id"],
        ["users.company_id", "users.id"],
        name="project_members_user_fk",
        ondelete="CASCADE",
    ),
)
Index("project_members_of_user", project_members.c.company_id, project_members.c.user_id, project_members.c.project_id)

board_columns = TenantTable(
    "board_columns",
    metadata,
    company_column(),
    Column("id", Uuid, primary_key=True),
    Column("project_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("wip_limit", Integer),
    Column("version", Integer, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    ForeignKeyConstraint(
        ["company_id", "project_id"],
        ["projects.company_id", "projects.id"],
        name="board_columns_project_fk",
        ondelete="CASCADE",
    ),
    # What lets a task's foreign key say that its column is one of its own project's.
    UniqueConstraint("company_id", "project_id", "id", name="board_columns_project_unique"),
    CheckConstraint("category IN ('todo', 'in_progress', 'done')", name="board_columns_category_check"),
)

cycles = TenantTable(
    "cycles",
    metadata,
    company_column(),
    Column("id", Uuid, primary_key=True),
    Column("project_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("s3_prefix", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("description", Text),
    Column("metadata", JSONB, nullable=False, server_default=text("'{}'")),
    Column("starts_on", Date),
    Column("ends_on", Date),
    instant("started_at", nullable=True),
    instant("completed_at", nullable=True),
    Column("created_by", Uuid),
    Column("version", Integer, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    ForeignKeyConstraint(
        ["company_id", "project_id"],
        ["projects.company_id", "projects.id"],
        name="cycles_project_fk",
        ondelete="CASCADE",
    ),
    ForeignKeyConstraint(
        ["company_id", "created_by"],
        ["users.company_id", "users.id"],
        name="cycles_created_by_fk",
        ondelete="SET NULL (created_by)",
    ),
    # What lets a task's foreign key say that its cycle is one of its own project's.
    UniqueConstraint("company_id", "project_id", "id", name="cycles_project_unique"),
    UniqueConstraint("company_id", "project_id", "number", name="cycles_number_unique"),
    CheckConstraint("status IN ('planned', 'active', 'completed')", name="cycles_status_check"),
    CheckConstraint("ends_on >= starts_on", name="cycles_days_check"),
)
Index(
    "cycles_active_unique",
    cycles.c.company_id,
    cycles.c.project_id,
    unique=True,
    postgresql_where=text("status = 'active'"),
)

tasks = TenantTable(
    "tasks",
    metadata,
    company_column(),
    Column("id", Uuid, primary_key=True),
    Column("project_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text),
    Column("priority", Text, nullable=False),
    Column(
        "priority_rank",
        SmallInteger,
        Computed("CASE priority WHEN 'low' THEN 0 WHEN 'medium' THEN 1 WHEN 'high' THEN 2 ELSE 3 END", persisted=True),
        nullable=False,
    ),
    Column("status", Text, nullable=False),
    Column("column_id", Uuid, nullable=False),
    Column("rank", Text(collation="C"), nullable=False),
    Column("previous_column_id", Uuid),
    Column("cycle_id", Uuid),
    Column("deadline", Date),
    Column("assigned_to", Uuid),
    Column("created_by", Uuid),
    # The names of its labels in their order: what task_labels says, where every list reads it.
    Column("label_names", ARRAY(Text), key="labels", nullable=False, server_default=text("'{}'")),
    Column("parent_id", Uuid),
    # Kept by a trigger: of its sub-tasks those that are not deleted.
    Column("sub_tasks_total", Integer, nullable=False, server_default=text("0")),
    Column("sub_tasks_done", Integer, nullable=False, server_default=text("0")),
    Column("external_id", Text),
    Column("recurrence", Text),
    # When its next occurrence was made, which is once.
    instant("recurred_at", nullable=True),
    instant("completed_at", nullable=True),
    Column("version", Integer, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    instant("deleted_at", nullable=True),
    # Through the column to the project: a key to the project itself would say the same again in every insert.
    ForeignKeyConstraint(
        ["company_id", "project_id", "column_id"],
        ["board_columns.company_id", "board_columns.project_id", "board_columns.id"],
        name="tasks_column_fk",
    ),
    ForeignKeyConstraint(
        ["company_id", "project_id", "cycle_id"],
        ["cycles.company_id", "cycles.project_id", "cycles.id"],
        name="tasks_cycle_fk",
        ondelete="SET NULL (cycle_id)",
    ),
    ForeignKeyConstraint(
        ["company_id", "assigned_to"],
        ["users.company_id", "users.id"],
        name="tasks_assigned_to_fk",
        ondelete="SET NULL (assigned_to)",
    ),
    ForeignKeyConstraint(
        ["company_id", "created_by"],
        ["users.company_id", "users.id"],
        name="tasks_created_by_fk",
        ondelete="SET NULL (created_by)",
    ),
    ForeignKeyConstraint(
        ["company_id", "parent_id"],
        ["tasks.company_id", "tasks.id"],
        name="tasks_parent_fk",
        ondelete="SET NULL (parent_id)",
    ),
    UniqueConstraint("company_id", "project_id", "number", name="tasks_number_unique"),
    CheckConstraint("priority IN ('low', 'medium', 'high', 'urgent')", name="tasks_priority_check"),
    CheckConstraint("status IN ('todo', 'in_progress', 'done')", name="tasks_status_check"),
    CheckConstraint("char_length(recurrence) BETWEEN 1 AND 500", name="tasks_recurrence_check"),
    CheckConstraint("(status = 'done') = (completed_at IS NOT NULL)", name="tasks_completed_check"),
)
# It holds besides all that lists filter and sort by, so that of a list in any order the ids are found without reading
# the tasks of the whole company, which lie all over the table.
Index(
    "tasks_listed",
    tasks.c.company_id,
    tasks.c.created_at,
    tasks.c.id,
    postgresql_include=[
        tasks.c[name]
        for name in (
            "project_id",
            "cycle_id",
            "column_id",
            "parent_id",
            "assigned_to",
            "created_by",
            "status",
            "priority",
            "priority_rank",
            "deadline",
            "updated_at",
            "number",
            "rank",
            "title",
        )
    ],
    postgresql_where=LIVING,
)
Index(
    "tasks_of_project",
    tasks.c.company_id,
    tasks.c.project_id,
    tasks.c.created_at,
    tasks.c.id,
    postgresql_where=LIVING,
)
Index(
    "tasks_of_assignee",
    tasks.c.company_id,
    tasks.c.assigned_to,
    tasks.c.created_at,
    tasks.c.id,
    postgresql_where=LIVING,
)
Index("tasks_on_board", tasks.c.company_id, tasks.c.column_id, tasks.c.rank, tasks.c.id, postgresql_where=LIVING)
Index(
    "tasks_of_cycle",
    tasks.c.company_id,
    tasks.c.cycle_id,
    tasks.c.created_at,
    tasks.c.id,
    postgresql_where=text("deleted_at IS NULL AND cycle_id IS NOT NULL"),
)
Index(
    "tasks_of_parent",
    tasks.c.company_id,
    tasks.c.parent_id,
    tasks.c.created_at,
    tasks.c.id,
    # Deleted ones too: who purges their parent looks for them.
    postgresql_where=tasks.c.parent_id.is_not(None),
)
Index(
    "tasks_external_id_unique",
    tasks.c.company_id,
    tasks.c.project_id,
    tasks.c.external_id,
    unique=True,
    postgresql_where=text("external_id IS NOT NULL AND deleted_at IS NULL"),
)
# Counts tasks by what they are, without reading them: it holds all that a report asks for.
Index(
    "tasks_by_standing",
    tasks.c.company_id,
    tasks.c.project_id,
    tasks.c.status,
    tasks.c.assigned_to,
    tasks.c.priority,
    postgresql_where=LIVING,
)
# Finds the deadlines that are near.
Index(
    "tasks_due",
    tasks.c.company_id,
    tasks.c.deadline,
    tasks.c.id,
    postgresql_where=text(
        "deleted_at IS NULL AND deadline IS NOT NULL AND assigned_to IS NOT NULL AND status <> 'done'"
    ),
)
Index("tasks_deleted", tasks.c.company_id, tasks.c.deleted_at, postgresql_where=text("deleted_at IS NOT NULL"))

# A task that moved to another project goes on being found by the number that it had, also once that project is no more.
task_keys = TenantTable(
    "task_keys",
    metadata,
    company_column(),
    Column("project_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("task_id", Uuid, nullable=False),
    ForeignKeyConstraint(
        ["company_id", "task_id"],
        ["tasks.company_id", "tasks.id"],
        name="task_keys_task_fk",
        ondelete="CASCADE",
    ),
)
Index("task_keys_of_task", task_keys.c.company_id, task_keys.c.task_id)
