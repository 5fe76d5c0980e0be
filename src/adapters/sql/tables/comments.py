"""What people say about tasks, and who watches them. Every table is a company's."""

from sqlalchemy import Boolean, Column, ForeignKeyConstraint, Index, Integer, Text, Uuid, text

import adapters.sql.tables.work  # noqa: F401  (what is referred to is in the metadata then)
from adapters.sql.tables.identity import instant
from adapters.sql.tenancy import TenantTable, company_column, metadata

comments = TenantTable(
    "comments",
    metadata,
    company_column(),
    Column("id", Uuid, primary_key=True),
    Column("task_id", Uuid, nullable=False),
    Column("parent_id", Uuid),
    Column("author_id", Uuid),
    Column("body", Text, nullable=False),
    # Not `deleted_at`: one that was answered is shown for ever, without its text.
    Column("is_deleted", Boolean, nullable=False, server_default=text("false")),
    Column("version", Integer, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    ForeignKeyConstraint(
        ["company_id", "task_id"], ["tasks.company_id", "tasks.id"], name="comments_task_fk", ondelete="CASCADE"
    ),
    ForeignKeyConstraint(
        ["company_id", "parent_id"],
        ["comments.company_id", "comments.id"],
        name="comments_parent_fk",
        ondelete="CASCADE",
    ),
    ForeignKeyConstraint(
        ["company_id", "author_id"],
        ["users.company_id", "users.id"],
        name="comments_author_fk",
        ondelete="SET NULL (author_id)",
    ),
)
Index(
    "comments_of_task",
    comments.c.company_id,
    comments.c.task_id,
    comments.c.created_at,
    comments.c.id,
)
Index(
    "comments_of_parent",
    comments.c.company_id,
    comments.c.parent_id,
    postgresql_where=comments.c.parent_id.is_not(None),
)

comment_mentions = TenantTable(
    "comment_mentions",
    metadata,
    company_column(),
    Column("comment_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    ForeignKeyConstraint(
        ["company_id", "comment_id"],
        ["comments.company_id", "comments.id"],
        name="comment_mentions_comment_fk",
        ondelete="CASCADE",
    ),
    ForeignKeyConstraint(
        ["company_id", "user_id"],
        ["users.company_id", "users.id"],
        name="comment_mentions_user_fk",
        ondelete="CASCADE",
    ),
)

# Whoever created a task, or has it, watches it without a row; a row says what differs from that.
task_watchers = TenantTable(
    "task_watchers",
    metadata,
    company_column(),
    Column("task_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    Column("watching", Boolean, nullable=False),
    ForeignKeyConstraint(
        ["company_id", "task_id"], ["tasks.company_id", "tasks.id"], name="task_watchers_task_fk", ondelete="CASCADE"
    ),
    ForeignKeyConstraint(
        ["company_id", "user_id"], ["users.company_id", "users.id"], name="task_watchers_user_fk", ondelete="CASCADE"
    ),
)
