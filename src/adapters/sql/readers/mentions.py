"""Whom comments mention: the users' ids and their names, as two arrays that go together; null where there is nobody."""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from adapters.sql.tables.comments import comment_mentions
from adapters.sql.tables.people import users

_mentioned = users.alias("mentioned")


def mentioned_by(rows: FromClause) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """The ids and the names, from rows that have the columns of comments."""

    def each(column: ColumnElement[Any]) -> ColumnElement[Any]:
        return (
            select(func.array_agg(aggregate_order_by(column, _mentioned.c.id)))
            .select_from(comment_mentions.join(_mentioned, _mentioned.c.id == comment_mentions.c.user_id))
            .where(comment_mentions.c.comment_id == rows.c.id)
            .correlate(rows)
            .scalar_subquery()
        )

    return each(_mentioned.c.id), each(_mentioned.c.name)
