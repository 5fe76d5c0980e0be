"""Who was told what, and what they want to be told of. Every table is a company's."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

import adapters.sql.tables.work  # noqa: F401  (what is referred to is in the metadata then)
from adapters.sql.tables.identity import instant
from adapters.sql.tenancy import TenantTable, company_column, metadata

notifications = TenantTable(
    "notifications",
    metadata,
    company_column(),
    Column("id", Uuid, primary_key=True),
    # Its own position: that of the event by which its recipient hears of it.
    Column("seq", BigInteger, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    # The position of what it tells of.
    Column("cause", BigInteger),
    Column("event", Text),
    # Who did that, and in which comment. No foreign keys: names and texts are shown as far as they are there.
    Column("actor_id", Uuid),
    Column("comment_id", Uuid),
    Column("project_id", Uuid),
    Column("task_id", Uuid),
    Column("task_count", Integer, nullable=False),
    Column("deadline", Date),
    Column("days_before", SmallInteger),
    instant("created_at"),
    instant("read_at", nullable=True),
    ForeignKeyConstraint(
        ["company_id", "user_id"], ["users.company_id", "users.id"], name="notifications_user_fk", ondelete="CASCADE"
    ),
    ForeignKeyConstraint(
        ["company_id", "project_id"],
        ["projects.company_id", "projects.id"],
        name="notifications_project_fk",
        ondelete="CASCADE",
    ),
    ForeignKeyConstraint(
        ["company_id", "task_id"], ["tasks.company_id", "tasks.id"], name="notifications_task_fk", ondelete="CASCADE"
    ),
    CheckConstraint(
        "kind IN ('assigned', 'mentioned', 'commented', 'deadline_near', 'added_to_project')",
        name="notifications_kind_check",
    ),
    CheckConstraint("(kind = 'deadline_near') = (cause IS NULL)", name="notifications_cause_check"),
    CheckConstraint(
        "kind <> 'deadline_near' OR (task_id IS NOT NULL AND deadline IS NOT NULL AND days_before IS NOT NULL)",
        name="notifications_deadline_check",
    ),
)
_n = notifications.c
Index("notifications_inbox", _n.company_id, _n.user_id, _n.seq)
Index("notifications_unread", _n.company_id, _n.user_id, _n.seq, postgresql_where=text("read_at IS NULL"))
# One thing is told to nobody twice, whoever dies in between.
Index(
    "notifications_cause_unique",
    _n.company_id,
    _n.user_id,
    _n.cause,
    unique=True,
    postgresql_where=text("cause IS NOT NULL"),
)
Index(
    "notifications_deadline_unique",
    _n.company_id,
    _n.task_id,
    _n.user_id,
    _n.deadline,
    _n.days_before,
    unique=True,
    postgresql_where=text("kind = 'deadline_near'"),
)
# Who purges a task or a project looks for them.
Index("notifications_of_task", _n.company_id, _n.task_id, postgresql_where=text("task_id IS NOT NULL"))
Index("notifications_of_project", _n.company_id, _n.project_id, postgresql_where=text("project_id IS NOT NULL"))
Index("notifications_read", _n.company_id, _n.read_at, postgresql_where=text("read_at IS NOT NULL"))

# A row for whoever ever said what they want.
notification_preferences = TenantTable(
    "notification_preferences",
    metadata,
    company_column(),
    Column("user_id", Uuid, primary_key=True),
    Column("unwanted", ARRAY(Text), nullable=False),
    Column("mailed", ARRAY(Text), nullable=False),
    # Whether anything is mailed: of an array no index could be asked under row-level security.
    Column("is_mailed", Boolean, nullable=False),
    # The last day on which it was mailed, or there was nothing to mail; up to where; and who is at it until when.
    Column("mailed_on", Date),
    Column("mailed_seq", BigInteger, nullable=False, server_default=text("0")),
    instant("leased_until", nullable=True),
    Column("version", Integer, nullable=False),
    instant("created_at"),
    instant("updated_at"),
    ForeignKeyConstraint(
        ["company_id", "user_id"],
        ["users.company_id", "users.id"],
        name="notification_preferences_user_fk",
        ondelete="CASCADE",
    ),
    CheckConstraint("is_mailed = (mailed <> '{}')", name="notification_preferences_mailed_check"),
)
_p = notification_preferences.c
Index("notification_preferences_mailed", _p.company_id, _p.mailed_on, postgresql_where=text("is_mailed"))

# The last day whose deadlines a company's users were told of.
notification_days = TenantTable(
    "notification_days",
    metadata,
    company_column(),
    Column("told_on", Date, nullable=False),
    ForeignKeyConstraint(["company_id"], ["companies.id"], name="notification_days_company_fk", ondelete="CASCADE"),
)
