"""Reading single columns."""

from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, func, select

from adapters.sql.connection import Database
from adapters.sql.readers.projects import is_member_of
from adapters.sql.statement import Statement
from adapters.sql.tables.work import board_columns, projects, tasks
from core.kernel.actor import Actor
from core.kernel.paging import Answer
from core.projects.policy import Visible
from core.tasks.read_models import ColumnDetails


@cache
def _one(member: bool) -> Statement:
    counted = select(func.count()).where(tasks.c.column_id == board_columns.c.id).select_from(tasks).scalar_subquery()
    query = (
        select(
            board_columns.c.id,
            board_columns.c.project_id,
            board_columns.c.name,
            board_columns.c.category,
            board_columns.c.position,
            board_columns.c.wip_limit,
            func.coalesce(counted > board_columns.c.wip_limit, False),
            counted,
            board_columns.c.version,
            board_columns.c.created_at,
            board_columns.c.updated_at,
        )
        .select_from(board_columns.join(projects, projects.c.id == board_columns.c.project_id))
        .where(board_columns.c.id == bindparam("column", type_=Uuid))
    )
    return Statement(query.where(is_member_of(board_columns.c.project_id)) if member else query)


class SqlColumnReader:
    """What screens show of single columns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def one(self, actor: Actor, column_id: UUID, *, visible: Visible) -> Answer[ColumnDetails | None]:
        values: dict[str, Any] = {"column": column_id}
        if visible.member_id is not None:
            values["member_id"] = visible.member_id
        found = await self._database.rows(actor, _one(visible.member_id is not None), values)
        return Answer(ColumnDetails._make(found.rows[0]) if found.rows else None, found.seq)
