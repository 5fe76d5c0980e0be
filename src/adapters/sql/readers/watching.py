"""Whether somebody watches a task: unless a row says otherwise, who created it or has it does."""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Uuid, bindparam, false, func, or_, select

from adapters.sql.tables.comments import task_watchers


def watches(rows: FromClause, user: str) -> ColumnElement[Any]:
    """Whether the user in that parameter watches the task, from rows that have the columns of tasks.

    Looked up for each task by itself: given a join, PostgreSQL would expect few tasks, and look through all that the
    user watches again for each of five hundred. The user is asked for by themselves, or PostgreSQL, which estimates
    from values that it knows, might plan each request anew (decision 0014).
    """
    user_id = select(bindparam(user, type_=Uuid)).scalar_subquery()
    said = select(task_watchers.c.watching).where(
        task_watchers.c.task_id == rows.c.id, task_watchers.c.user_id == user_id
    )
    has = or_(rows.c.created_by == user_id, rows.c.assigned_to == user_id)
    return func.coalesce(said.correlate(rows).scalar_subquery(), has, false())
