"""Loading and saving the columns of a board; the project's row is locked first, as for every move of a card."""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    case,
    delete,
    func,
    insert,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.pipeline import Row
from adapters.sql.readers.projects import named_project, ref_value
from adapters.sql.repositories.task_rows import belongs_to
from adapters.sql.statement import Statement
from adapters.sql.tables.work import board_columns, projects, tasks
from adapters.sql.tenancy import including_deleted
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.projects.ports import ProjectRef
from core.tasks.columns import Arrangement, BoardColumn, Card
from core.tasks.fields import Status
from core.tasks.ports import LoadedBoard

_all = including_deleted(tasks)
_instant = DateTime(timezone=True)
_the_column = bindparam("column", type_=Uuid)
_of_column = select(board_columns.c.project_id).where(board_columns.c.id == _the_column).scalar_subquery()


def _locking(named: ColumnElement[bool]) -> Statement:
    return Statement(
        select(projects.c.id, projects.c.is_active).where(named).with_for_update(of=projects, key_share=True)
    )


def _columns(project: Any) -> Select[Any]:
    counted = select(func.count()).where(tasks.c.column_id == board_columns.c.id).select_from(tasks).scalar_subquery()
    return (
        select(
            board_columns.c.id,
            board_columns.c.project_id,
            board_columns.c.name,
            board_columns.c.category,
            board_columns.c.position,
            board_columns.c.wip_limit,
            board_columns.c.created_at,
            board_columns.c.updated_at,
            counted,
            board_columns.c.version,
            # Asked once the project is locked: see `board_in`.
            belongs_to(project, "for_user"),
        )
        .where(board_columns.c.project_id == project)
        .order_by(board_columns.c.position, board_columns.c.id)
    )


@cache
def _lock_project(by_key: bool) -> Statement:
    return _locking(named_project(by_key))


@cache
def _board(by_key: bool) -> Statement:
    return Statement(_columns(select(projects.c.id).where(named_project(by_key)).scalar_subquery()))


_LOCK_PROJECT_OF_COLUMN = _locking(projects.c.id == _of_column)
_BOARD_OF_COLUMN = Statement(_columns(_of_column))
_CARDS = Statement(
    select(tasks.c.id, tasks.c.rank, tasks.c.status, tasks.c.version)
    .where(tasks.c.column_id == _the_column)
    .order_by(tasks.c.rank, tasks.c.id)
    .with_for_update(of=tasks, key_share=True)
)
_ADD = Statement(
    insert(board_columns).values(
        id=bindparam("id", type_=Uuid),
        project_id=bindparam("project_id", type_=Uuid),
        name=bindparam("name", type_=Text),
        category=bindparam("category", type_=Text),
        position=bindparam("position", type_=Integer),
        wip_limit=bindparam("wip_limit", type_=Integer),
        version=bindparam("version", type_=Integer),
        created_at=bindparam("created_at", type_=_instant),
        updated_at=bindparam("updated_at", type_=_instant),
    )
)
_SAVE = Statement(
    update(board_columns)
    .where(board_columns.c.id == _the_column, board_columns.c.version == bindparam("was", type_=Integer))
    .values(
        name=bindparam("new_name", type_=Text),
        category=bindparam("new_category", type_=Text),
        wip_limit=bindparam("new_wip_limit", type_=Integer),
        version=bindparam("new_version", type_=Integer),
        updated_at=bindparam("new_updated_at", type_=_instant),
    )
)
_places = (
    func.unnest(bindparam("ids", type_=ARRAY(Uuid)), bindparam("positions", type_=ARRAY(Integer)))
    .table_valued("id", "position", name="given")
    .render_derived()
)
_PLACE = Statement(update(board_columns).where(board_columns.c.id == _places.c.id).values(position=_places.c.position))
_at = bindparam("at", type_=_instant)
_category = bindparam("category", type_=Text)
# Wherever the cards came from before they were done, it is not the column that they stand in, or is gone.
_follow = {
    "status": _category,
    "completed_at": case((_category != "done", null()), (tasks.c.status == "done", tasks.c.completed_at), else_=_at),
    "previous_column_id": case(((_category == "done") & (tasks.c.status == "done"), tasks.c.previous_column_id)),
    "version": tasks.c.version + 1,
    "updated_at": _at,
}
_RECATEGORISE = Statement(
    update(tasks).where(tasks.c.id == func.any(bindparam("ids", type_=ARRAY(Uuid)))).values(_follow)
)
_ranks = (
    func.unnest(bindparam("ids", type_=ARRAY(Uuid)), bindparam("ranks", type_=ARRAY(Text)))
    .table_valued("id", "rank", name="given")
    .render_derived()
)
_MOVE = Statement(
    update(tasks).where(tasks.c.id == _ranks.c.id).values({**_follow, "column_id": _the_column, "rank": _ranks.c.rank})
)
# What was deleted can be restored, and so must stand somewhere.
_REHANG_DELETED = Statement(
    update(_all)
    .where(_all.c.column_id == _the_column, _all.c.deleted_at.is_not(None))
    .values(column_id=bindparam("heir", type_=Uuid))
)
_REMOVE = Statement(delete(board_columns).where(board_columns.c.id == _the_column))


class SqlColumns:
    """The columns of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def of_project(self, ref: ProjectRef, *, for_user: UUID) -> LoadedBoard | None:
        by_key, named = not isinstance(ref, UUID), {"ref": ref_value(ref)}
        locked, columns = await self._unit.fetch(
            (_lock_project(by_key), named), (_board(by_key), {**named, "for_user": for_user})
        )
        return _loaded(locked, columns)

    async def around(self, column_id: UUID, *, for_user: UUID) -> LoadedBoard | None:
        named = {"column": column_id}
        locked, columns = await self._unit.fetch(
            (_LOCK_PROJECT_OF_COLUMN, named), (_BOARD_OF_COLUMN, {**named, "for_user": for_user})
        )
        return _loaded(locked, columns)

    async def cards(self, column_id: UUID) -> list[Card]:
        (rows,) = await self._unit.fetch((_CARDS, {"column": column_id}))
        return [Card(task_id, rank, Status(status), version) for task_id, rank, status, version in rows]

    def add(self, column: BoardColumn) -> None:
        self._unit.write(
            _ADD,
            {
                "id": column.id,
                "project_id": column.project_id,
                "name": column.name,
                "category": str(column.category),
                "position": column.position,
                "wip_limit": column.wip_limit,
                "version": column.version,
                "created_at": column.created_at,
                "updated_at": column.updated_at,
            },
        )

    def save(self, column: BoardColumn, *, was: int) -> None:
        values = {
            "column": column.id,
            "was": was,
            "new_name": column.name,
            "new_category": str(column.category),
            "new_wip_limit": column.wip_limit,
            "new_version": column.version,
            "new_updated_at": column.updated_at,
        }
        self._unit.write(_SAVE, values, rows=1)

    def place(self, columns: list[BoardColumn]) -> None:
        values = {"ids": [column.id for column in columns], "positions": [column.position for column in columns]}
        self._unit.write(_PLACE, values, rows=len(columns))

    def recategorise(self, cards: list[Card], *, category: Status, at: datetime) -> None:
        values = {"ids": [card.id for card in cards], "category": str(category), "at": at}
        self._unit.write(_RECATEGORISE, values, rows=len(cards))

    def move(self, cards: list[Card], ranks: list[str], *, to: BoardColumn, at: datetime) -> None:
        values = {
            "ids": [card.id for card in cards],
            "ranks": ranks,
            "column": to.id,
            "category": str(to.category),
            "at": at,
        }
        self._unit.write(_MOVE, values, rows=len(cards))

    def remove(self, column: BoardColumn, *, heir: BoardColumn) -> None:
        self._unit.write(_REHANG_DELETED, {"column": column.id, "heir": heir.id})
        self._unit.write(_REMOVE, {"column": column.id}, rows=1)


def _loaded(locked: list[Row], columns: list[Row]) -> LoadedBoard | None:
    if not locked or not columns:
        return None
    project_id, is_active = locked[0]
    is_member = columns[0][10]
    found = [
        BoardColumn(
            id=row[0],
            project_id=row[1],
            name=row[2],
            category=Status(row[3]),
            position=row[4],
            wip_limit=row[5],
            created_at=row[6],
            updated_at=row[7],
            task_count=row[8],
            version=row[9],
        )
        for row in columns
    ]
    return LoadedBoard(Arrangement(project_id=project_id, columns=found), is_active, is_member)
