"""Loading and saving tasks, and the board that they stand on.

Every change of a card's place locks its project's row first, so that two of them never compute the same rank.
"""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Text,
    Uuid,
    bindparam,
    exists,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.connection import Database
from adapters.sql.pipeline import Row
from adapters.sql.readers.tasks import named_task, ref_values
from adapters.sql.statement import Statement
from adapters.sql.tables.work import board_columns, cycles, project_members, projects, tasks, users
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.cycles.model import CycleStatus
from core.kernel.actor import Actor
from core.kernel.once import Once
from core.kernel.ports import Clock
from core.tasks.model import Board, Column, Priority, Status, Task
from core.tasks.ports import Assignee, Left, LoadedTask, Neighbour, Opening, TaskRef

_instant = DateTime(timezone=True)
_assignees = users.alias("assignees")


def _member(project_id: Any, user: str) -> ColumnElement[bool]:
    return exists().where(
        project_members.c.project_id == project_id,
        project_members.c.user_id == bindparam(user, type_=Uuid),
    )


# Takes the next number and with it the project's row, which serialises all changes of its board.
_take_number = (
    update(projects)
    .where(projects.c.id == bindparam("project", type_=Uuid))
    .values(last_number=projects.c.last_number + 1)
    .returning(projects.c.key, projects.c.is_active, projects.c.last_number, _member(projects.c.id, "for_user"))
)
_TAKE_NUMBER = Statement(_take_number)

# The same for a request with a key: another one with that key finds no row, instead of waiting for this one's lock.
_TAKE_NUMBER_ONCE = Statement(
    _take_number.where(
        select(func.pg_try_advisory_xact_lock(bindparam("lock", type_=BigInteger), type_=Boolean)).scalar_subquery()
    )
)

_last = (
    select(tasks.c.id, tasks.c.rank)
    .where(tasks.c.column_id == board_columns.c.id)
    .order_by(tasks.c.rank.desc(), tasks.c.id.desc())
    .limit(1)
    .lateral("last")
)
_BOARD = Statement(
    select(board_columns.c.id, board_columns.c.category, _last.c.id, _last.c.rank)
    .select_from(board_columns.outerjoin(_last, true()))
    .where(board_columns.c.project_id == bindparam("project", type_=Uuid))
    .order_by(board_columns.c.position, board_columns.c.id)
)

_mine, _theirs = project_members.alias("mine"), project_members.alias("theirs")
_ASSIGNEE = Statement(
    select(
        users.c.id,
        users.c.name,
        users.c.is_active,
        or_(
            users.c.role != "member",
            exists().where(
                project_members.c.project_id == bindparam("project", type_=Uuid),
                project_members.c.user_id == users.c.id,
            ),
        ),
        exists(
            select(_mine.c.user_id)
            .select_from(_mine.join(_theirs, _mine.c.project_id == _theirs.c.project_id))
            .where(_mine.c.user_id == bindparam("for_user", type_=Uuid), _theirs.c.user_id == users.c.id)
        ),
    ).where(users.c.id == bindparam("assignee", type_=Uuid))
)

CYCLE_STATUS = Statement(
    select(cycles.c.status).where(
        cycles.c.id == bindparam("cycle", type_=Uuid), cycles.c.project_id == bindparam("project", type_=Uuid)
    )
)


@cache
def _leave_cycle(finished_too: bool) -> Statement:
    leaving = update(tasks).where(tasks.c.cycle_id == bindparam("cycle", type_=Uuid))
    return Statement(
        (leaving if finished_too else leaving.where(tasks.c.status != "done"))
        .values(
            cycle_id=bindparam("to", type_=Uuid),
            version=tasks.c.version + 1,
            updated_at=bindparam("at", type_=_instant),
        )
        .returning(tasks.c.number, tasks.c.id, tasks.c.project_id, tasks.c.version)
    )


@cache
def _lock_project(by_key: bool) -> Statement:
    """Locks the project of a task; what follows in the transaction sees the board as nobody else can change it."""
    of_task = select(tasks.c.project_id).where(named_task(by_key)).scalar_subquery()
    return Statement(
        select(projects.c.key, projects.c.is_active, _member(projects.c.id, "for_user"), projects.c.id)
        .where(projects.c.id == of_task)
        .with_for_update(of=projects, key_share=True)
    )


@cache
def _load(by_key: bool) -> Statement:
    return Statement(
        select(
            tasks.c.id,
            tasks.c.project_id,
            tasks.c.number,
            tasks.c.title,
            tasks.c.description,
            tasks.c.priority,
            tasks.c.status,
            tasks.c.column_id,
            tasks.c.rank,
            tasks.c.previous_column_id,
            tasks.c.deadline,
            tasks.c.assigned_to,
            tasks.c.created_by,
            tasks.c.completed_at,
            tasks.c.created_at,
            tasks.c.updated_at,
            tasks.c.version,
            tasks.c.cycle_id,
            select(_assignees.c.name).where(_assignees.c.id == tasks.c.assigned_to).scalar_subquery(),
        )
        .where(named_task(by_key))
        .with_for_update(of=tasks, key_share=True)
    )


@cache
def _board_of_task(by_key: bool) -> Statement:
    of_task = select(tasks.c.project_id).where(named_task(by_key)).scalar_subquery()
    return Statement(
        select(board_columns.c.id, board_columns.c.category, _last.c.id, _last.c.rank)
        .select_from(board_columns.outerjoin(_last, true()))
        .where(board_columns.c.project_id == of_task)
        .order_by(board_columns.c.position, board_columns.c.id)
    )


_others = tasks.alias("others")


def _beside(*, above: bool) -> Any:
    """The nearest card above or below the named one, the moved one left out."""
    pair, named = func.row(_others.c.rank, _others.c.id), func.row(tasks.c.rank, tasks.c.id)
    query = select(_others.c.id, _others.c.rank).where(
        _others.c.column_id == tasks.c.column_id,
        _others.c.id != bindparam("moved", type_=Uuid),
        pair < named if above else pair > named,
    )
    order = (_others.c.rank.desc(), _others.c.id.desc()) if above else (_others.c.rank.asc(), _others.c.id.asc())
    return query.order_by(*order).limit(1).lateral("above" if above else "below")


_above, _below = _beside(above=True), _beside(above=False)
_NEIGHBOUR = Statement(
    select(tasks.c.column_id, tasks.c.rank, _above.c.id, _above.c.rank, _below.c.rank)
    .select_from(tasks.outerjoin(_above, true()).outerjoin(_below, true()))
    .where(tasks.c.id == bindparam("named", type_=Uuid), tasks.c.project_id == bindparam("project", type_=Uuid))
)
_ORDER = Statement(
    select(tasks.c.id).where(tasks.c.column_id == bindparam("column", type_=Uuid)).order_by(tasks.c.rank, tasks.c.id)
)
_ranks = (
    func.unnest(bindparam("ids", type_=ARRAY(Uuid)), bindparam("ranks", type_=ARRAY(Text)))
    .table_valued("id", "rank", name="given")
    .render_derived()
)
_RESPREAD = Statement(update(tasks).where(tasks.c.id == _ranks.c.id).values(rank=_ranks.c.rank))

_WRITTEN: dict[str, Any] = {
    "title": Text,
    "description": Text,
    "priority": Text,
    "status": Text,
    "column_id": Uuid,
    "rank": Text,
    "previous_column_id": Uuid,
    "deadline": Date,
    "assigned_to": Uuid,
    "cycle_id": Uuid,
    "completed_at": _instant,
    "version": Integer,
    "updated_at": _instant,
}
_FIXED: dict[str, Any] = {
    "id": Uuid,
    "project_id": Uuid,
    "number": Integer,
    "created_by": Uuid,
    "created_at": _instant,
}
_ADD = Statement(
    insert(tasks).values({name: bindparam(name, type_=kind) for name, kind in {**_FIXED, **_WRITTEN}.items()})
)
_SAVE = Statement(
    update(tasks)
    .where(tasks.c.id == bindparam("task", type_=Uuid), tasks.c.version == bindparam("was", type_=Integer))
    .values(
        {tasks.c[name]: bindparam(f"new_{name}", type_=kind) for name, kind in _WRITTEN.items()}
        | {tasks.c.deleted_at: bindparam("new_deleted_at", type_=_instant)}
    )
)


class SqlTasks:
    """The tasks of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def begin(
        self, project_id: UUID, *, for_user: UUID, assignee: UUID | None, cycle: UUID | None = None
    ) -> Opening | None:
        values: dict[str, Any] = {"project": project_id, "for_user": for_user}
        lock = self._unit.key_lock
        take = (_TAKE_NUMBER, values) if lock is None else (_TAKE_NUMBER_ONCE, {**values, "lock": lock})
        asked = [take, (_BOARD, {"project": project_id})]
        if assignee is not None:
            asked.append((_ASSIGNEE, {**values, "assignee": assignee}))
        if cycle is not None:
            asked.append((CYCLE_STATUS, {"cycle": cycle, "project": project_id}))
        taken, columns, *more = await self._unit.fetch(*asked, guarded=True)
        if not taken:
            return None
        key, is_active, number, is_member = taken[0]
        found = more[0] if assignee is not None else []
        named = more[-1] if cycle is not None else []
        return Opening(
            project_key=key,
            project_is_active=is_active,
            is_member=is_member,
            number=number,
            board=_board(columns),
            assignee=Assignee._make(found[0]) if found else None,
            cycle=CycleStatus(named[0][0]) if named else None,
        )

    async def load(self, ref: TaskRef, *, for_user: UUID) -> LoadedTask | None:
        by_key, values = not isinstance(ref, UUID), ref_values(ref)
        locked, loaded, columns = await self._unit.fetch(
            (_lock_project(by_key), {**values, "for_user": for_user}),
            (_load(by_key), values),
            (_board_of_task(by_key), values),
        )
        if not locked or not loaded:
            return None
        key, is_active, is_member, _ = locked[0]
        row = loaded[0]
        task = Task(
            id=row[0],
            project_id=row[1],
            key=f"{key}-{row[2]}",
            number=row[2],
            title=row[3],
            description=row[4],
            priority=Priority(row[5]),
            status=Status(row[6]),
            column_id=row[7],
            rank=row[8],
            previous_column_id=row[9],
            deadline=row[10],
            assigned_to=row[11],
            created_by=row[12],
            completed_at=row[13],
            created_at=row[14],
            updated_at=row[15],
            version=row[16],
            cycle_id=row[17],
        )
        return LoadedTask(task, is_active, is_member, row[18], _board(columns))

    async def assignee(self, user_id: UUID, *, project_id: UUID, for_user: UUID) -> Assignee | None:
        values = {"assignee": user_id, "project": project_id, "for_user": for_user}
        (rows,) = await self._unit.fetch((_ASSIGNEE, values))
        return Assignee._make(rows[0]) if rows else None

    async def cycle(self, cycle_id: UUID, *, project_id: UUID) -> CycleStatus | None:
        (rows,) = await self._unit.fetch((CYCLE_STATUS, {"cycle": cycle_id, "project": project_id}))
        return CycleStatus(rows[0][0]) if rows else None

    async def leave_cycle(self, cycle_id: UUID, *, to: UUID | None, finished_too: bool, at: datetime) -> list[Left]:
        (rows,) = await self._unit.fetch((_leave_cycle(finished_too), {"cycle": cycle_id, "to": to, "at": at}))
        return [Left._make(row[1:]) for row in sorted(rows)]

    async def neighbour(self, task_id: UUID, *, project_id: UUID, moved: UUID) -> Neighbour | None:
        values = {"named": task_id, "project": project_id, "moved": moved}
        (rows,) = await self._unit.fetch((_NEIGHBOUR, values))
        return Neighbour._make(rows[0]) if rows else None

    async def order(self, column_id: UUID) -> list[UUID]:
        (rows,) = await self._unit.fetch((_ORDER, {"column": column_id}))
        return [task_id for (task_id,) in rows]

    async def respread(self, ranks: list[tuple[UUID, str]]) -> None:
        values = {"ids": [task_id for task_id, _ in ranks], "ranks": [rank for _, rank in ranks]}
        self._unit.write(_RESPREAD, values, rows=len(ranks))
        await self._unit.flush()

    def add(self, task: Task) -> None:
        self._unit.write(_ADD, {name: _plain(getattr(task, name)) for name in (*_FIXED, *_WRITTEN)})

    def save(self, task: Task, *, was: int) -> None:
        values = {f"new_{name}": _plain(getattr(task, name)) for name in (*_WRITTEN, "deleted_at")}
        self._unit.write(_SAVE, {**values, "task": task.id, "was": was}, rows=1)


def _board(rows: list[Row]) -> Board:
    return Board(
        columns=tuple(Column(id=row[0], category=Status(row[1]), last_id=row[2], last_rank=row[3]) for row in rows)
    )


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Status | Priority) else value


class SqlTaskUnitOfWork(SqlUnitOfWork):
    """A unit of work with tasks."""

    def __init__(
        self, database: Database, clock: Clock, actor: Actor, *, once: Once | None = None, lazy: bool = False
    ) -> None:
        super().__init__(database, clock, actor, once=once, lazy=lazy)
        self.tasks = SqlTasks(self)
