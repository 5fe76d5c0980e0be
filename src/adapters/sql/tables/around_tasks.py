"""What people put on tasks: labels, comments, mentions in these, and who watches. Every table is a company's."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, Text, UniqueConstraint, Uuid

import adapters.sql.tables.work  # noqa: F401  (what is referred to is in the metadata then)
from adapters.sql.tables.identity import instant
from adapters.sql.tenancy import TenantTable, company_column, metadata


def _of_task(table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["company_id", "task_id"], ["tasks.company_id", "tasks.id"], name=f"{table}_task_fk", ondelete="CASCADE"
    )


def _of_user(table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["company_id", "user_id"], ["users.company_id", "users.id"], name=f"{table}_user_fk", ondelete="CASCADE"
    )


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
    _of_task("task_labels"),
    ForeignKeyConstraint(
        ["company_id", "label_id"], ["labels.company_id", "labels.id"], name="task_labels_label_fk", ondelete="CASCADE"
    ),
)
Index("task_labels_of_label", task_labels.c.company_id, task_labels.c.label_id, task_labels.c.task_id)

comments = TenantTable(
    "comments",
    metadata,
    company_column(),
    Column("id", Uuid, primary_key=True),
    Column("task_id", Uuid, nullable=False),
    Column("reply_to", Uuid),
    Column("author_id", Uuid),
    Column("body", Text, nullable=False),
    Column("version", Integer, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    # When it was deleted after somebody had answered it: it keeps its place, without its words. Not `deleted_at`, which
    # would hide it.
    instant("removed_at", nullable=True),
    _of_task("comments"),
    ForeignKeyConstraint(
        ["company_id", "task_id", "reply_to"],
        ["comments.company_id", "comments.task_id", "comments.id"],
        name="comments_reply_to_fk",
        ondelete="SET NULL (reply_to)",
    ),
    ForeignKeyConstraint(
        ["company_id", "author_id"],
        ["users.company_id", "users.id"],
        name="comments_author_fk",
        ondelete="SET NULL (author_id)",
    ),
    # What lets an answer's foreign key say that what it answers stands at the same task.
    UniqueConstraint("company_id", "task_id", "id", name="comments_task_unique"),
)
Index("comments_of_task", comments.c.company_id, comments.c.task_id, comments.c.created_at, comments.c.id)
Index(
    "comments_answers",
    comments.c.company_id,
    comments.c.reply_to,
    postgresql_where=comments.c.reply_to.is_not(None),
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
    _of_user("comment_mentions"),
)

task_watchers = TenantTable(
    "task_watchers",
    metadata,
    company_column(),
    Column("task_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    instant("since"),
    _of_task("task_watchers"),
    _of_user("task_watchers"),
)
Index("task_watchers_of_user", task_watchers.c.company_id, task_watchers.c.user_id, task_watchers.c.task_id)
