"""Loading and saving tasks, and the board that they stand on.

Every change of a card's place locks its project's row first, so that two of them never compute the same rank.
"""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Integer, Uuid, bindparam, func, insert, select, true, update

from adapters.sql.connection import Database
from adapters.sql.readers.task_names import named_task, ref_values
from adapters.sql.repositories.batch_writes import ranking
from adapters.sql.repositories.columns import SqlColumns
from adapters.sql.repositories.deleted_tasks import SqlDeletedTasks
from adapters.sql.repositories.looked_up import AND_WITHOUT_SORTING
from adapters.sql.repositories.recurrences import SqlRecurrences
from adapters.sql.repositories.task_kin import (
    LABELS_OFF,
    LABELS_ON,
    LABELS_TO_PUT_ON,
    LEAVE_PARENT,
    LINEAGE,
    NO_TASK,
    labels_borne,
    labels_named,
    labels_of,
    lineage_of,
)
from adapters.sql.repositories.task_rows import (
    CHANGED,
    FIXED,
    INSTANT,
    LOADED,
    WRITTEN,
    Last,
    added_values,
    assignee_in,
    board_in,
    board_of,
    changed_values,
    is_member_in,
    loading,
    lock_of,
    saving,
    task_of,
)
from adapters.sql.statement import Statement
from adapters.sql.tables.people import users
from adapters.sql.tables.work import cycles, project_members, projects, task_keys, tasks
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.cycles.model import CycleStatus
from core.kernel.actor import Actor
from core.kernel.once import Once
from core.kernel.ports import Clock
from core.labels.model import LabelName
from core.tasks.fields import Lineage, Status
from core.tasks.model import Task
from core.tasks.ports import Assignee, Left, LoadedTask, Neighbour, Opening, Orphan, TaskRef

_the_project = bindparam("project", type_=Uuid)
# Takes the next number and with it the project's row, which serialises all changes of its board. What follows is looked
# up: the last cards of the board, too, are otherwise looked for among all tasks of a company that is new.
_take_number = (
    update(projects)
    .where(projects.c.id == _the_project)
    .values(last_number=projects.c.last_number + 1)
    .returning(projects.c.key, projects.c.is_active, projects.c.last_number, AND_WITHOUT_SORTING)
)
_TAKE_NUMBER = Statement(_take_number)

# The same for a request with a key: another one with that key finds no row, instead of waiting for this one's lock.
_TAKE_NUMBER_ONCE = Statement(
    _take_number.where(
        select(func.pg_try_advisory_xact_lock(bindparam("lock", type_=BigInteger), type_=Boolean)).scalar_subquery()
    )
)

_BOARD = Statement(board_in(_the_project))
_BOARD_INTO = Statement(board_in(_the_project, Last.WHERE_IT_MAY_GO))

_ASSIGNEE = Statement(
    assignee_in(bindparam("project", type_=Uuid)).where(users.c.id == bindparam("assignee", type_=Uuid))
)
_MEMBERS = Statement(
    select(project_members.c.user_id)
    .where(project_members.c.project_id == bindparam("project", type_=Uuid))
    .order_by(project_members.c.user_id)
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
            updated_at=bindparam("at", type_=INSTANT),
        )
        .returning(tasks.c.number, tasks.c.id, tasks.c.project_id, tasks.c.version)
    )


@cache
def _lock_project(by_key: bool, also: bool) -> Statement:
    """Locks the project of a task, and `:also` another one, always the lower id first; what follows in the transaction
    sees the board as nobody else can change it.
    """
    task = select(tasks.c.project_id).where(named_task(by_key)).cte("task")
    of_task = select(task.c.project_id).scalar_subquery()
    query = select(projects.c.key, projects.c.is_active, projects.c.id, AND_WITHOUT_SORTING)
    if also:
        query = query.where(projects.c.id.in_([of_task, bindparam("also", type_=Uuid)])).order_by(projects.c.id)
    else:
        query = query.where(projects.c.id == of_task)
    return Statement(query.with_for_update(of=projects, key_share=True))


@cache
def _load(by_key: bool) -> Statement:
    return Statement(loading(tasks).where(named_task(by_key)).with_for_update(of=tasks, key_share=True))


@cache
def _board_of_task(by_key: bool, last: Last) -> Statement:
    return Statement(board_in(select(tasks.c.project_id).where(named_task(by_key)).scalar_subquery(), last))


_named, _others = tasks.alias("named"), tasks.alias("others")


@cache
def _neighbour(by_key: bool) -> Statement:
    """The card `:beside` of the same project, with the nearest above and below it, the moved one left out."""
    moved = select(tasks.c.id, tasks.c.project_id).where(named_task(by_key)).subquery("moved")

    def nearest(*, above: bool) -> Any:
        pair, named = func.row(_others.c.rank, _others.c.id), func.row(_named.c.rank, _named.c.id)
        query = select(_others.c.id, _others.c.rank).where(
            _others.c.column_id == _named.c.column_id,
            _others.c.id != moved.c.id,
            pair < named if above else pair > named,
        )
        order = (_others.c.rank.desc(), _others.c.id.desc()) if above else (_others.c.rank.asc(), _others.c.id.asc())
        return query.order_by(*order).limit(1).lateral("above" if above else "below")

    above, below = nearest(above=True), nearest(above=False)
    return Statement(
        select(_named.c.column_id, _named.c.rank, above.c.id, above.c.rank, below.c.rank)
        .select_from(
            moved.join(_named, _named.c.project_id == moved.c.project_id)
            .outerjoin(above, true())
            .outerjoin(below, true())
        )
        .where(_named.c.id == bindparam("beside", type_=Uuid))
    )


_ORDER = Statement(
    select(tasks.c.id).where(tasks.c.column_id == bindparam("column", type_=Uuid)).order_by(tasks.c.rank, tasks.c.id)
)

_ADDED: dict[str, Any] = {**FIXED, **WRITTEN}
# What most new tasks do not have. A statement without it has fewer values to read, and nothing to decide.
_RARE = {"previous_column_id", "cycle_id", "parent_id", "labels", "external_id", "recurrence", "completed_at"}
_ADD, _ADD_PLAIN = (
    Statement(
        insert(tasks).values({name: bindparam(name, type_=kind) for name, kind in _ADDED.items() if name not in out})
    )
    for out in ((), _RARE)
)
_SAVE = Statement(saving(tasks).values(CHANGED))
# A move changes these alone: no trigger, no check and no computed column of another one is looked at.
_PLACED = ("status", "column_id", "rank", "previous_column_id", "completed_at", "version", "updated_at")
_SAVE_PLACE = Statement(saving(tasks).values({tasks.c[name]: CHANGED[tasks.c[name]] for name in _PLACED}))
_KEPT = {name: LOADED.index(name) for name in WRITTEN if name not in _PLACED}
_TRANSFER = Statement(
    saving(tasks).values(
        CHANGED
        | {
            tasks.c.project_id: bindparam("new_project_id", type_=Uuid),
            tasks.c.number: bindparam("new_number", type_=Integer),
        }
    )
)
_ADD_KEY = Statement(
    insert(task_keys).values(
        project_id=bindparam("project", type_=Uuid),
        number=bindparam("number", type_=Integer),
        task_id=bindparam("task", type_=Uuid),
    )
)


class SqlTasks:
    """The tasks of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit
        # What a move leaves as it is, of each task that was loaded and not saved yet.
        self._loaded: dict[UUID, dict[str, Any]] = {}

    async def begin(
        self,
        project_id: UUID,
        *,
        for_user: UUID,
        assignee: UUID | None,
        cycle: UUID | None = None,
        parent: UUID | None = None,
        labels: tuple[str, ...] = (),
        into: Status | UUID | None = None,
    ) -> Opening | None:
        values: dict[str, Any] = {"project": project_id, "for_user": for_user}
        lock = self._unit.key_lock
        number = {"project": project_id}
        take = (_TAKE_NUMBER, number) if lock is None else (_TAKE_NUMBER_ONCE, {**number, "lock": lock})
        board = (_BOARD, values)
        if into is not None:
            column = into if isinstance(into, UUID) else None
            category = str(into) if column is None else None
            board = (_BOARD_INTO, {**values, "into_category": category, "into_column": column})
        asked = [take, board]
        if assignee is not None:
            asked.append((_ASSIGNEE, {**values, "assignee": assignee}))
        if cycle is not None:
            asked.append((CYCLE_STATUS, {"cycle": cycle, "project": project_id}))
        if parent is not None:
            asked.append((LINEAGE, {"parent": parent, "project": project_id, "task": NO_TASK}))
        if labels:
            asked.insert(0, (LABELS_TO_PUT_ON, labels_named(labels)))
        fetched = await self._unit.fetch(*asked, guarded=True)
        borne = fetched.pop(0) if labels else []
        lineage = fetched.pop() if parent is not None else []
        taken, columns, *more = fetched
        if not taken:
            return None
        key, is_active, taken_number, _ = taken[0]
        found = more[0] if assignee is not None else []
        named = more[-1] if cycle is not None else []
        return Opening(
            project_key=key,
            project_is_active=is_active,
            is_member=is_member_in(columns),
            number=taken_number,
            board=board_of(columns),
            assignee=Assignee._make(found[0]) if found else None,
            cycle=CycleStatus(named[0][0]) if named else None,
            parent=lineage_of(lineage),
            labels=labels_of(borne),
        )

    async def load(
        self,
        ref: TaskRef,
        *,
        for_user: UUID,
        also: UUID | None = None,
        beside: UUID | None = None,
        labels: tuple[str, ...] | None = None,
    ) -> LoadedTask | None:
        by_key, values = not isinstance(ref, UUID), ref_values(ref)
        lock: dict[str, Any] = dict(values)
        if also is not None:
            lock["also"] = also
        asked = [
            (_lock_project(by_key, also is not None), lock),
            (_load(by_key), {**values, "for_user": for_user}),
            # Beside a card it goes by the ranks of that one and its neighbours.
            (
                _board_of_task(by_key, Last.OF_ALL if beside is None else Last.OF_NONE),
                {**values, "for_user": for_user},
            ),
        ]
        if beside is not None:
            asked.append((_neighbour(by_key), {**values, "beside": beside}))
        if labels is not None:
            asked.insert(0, (LABELS_TO_PUT_ON, labels_named(labels)))
            asked.append((labels_borne(by_key), values))
        fetched = await self._unit.fetch(*asked)
        named = labels_of(fetched.pop(0), fetched.pop()) if labels is not None else ()
        locked, loaded, columns, *more = fetched
        if not locked or not loaded:
            return None
        row = loaded[0]
        kept = {f"new_{name}": row[place] for name, place in _KEPT.items()}
        self._loaded[row[0]] = {**kept, "new_deleted_at": None}
        key, is_active = lock_of(locked, row)
        also_is_locked = any(project_id == also for _, _, project_id, _ in locked)
        return LoadedTask(
            task=task_of(row, key),
            project_is_active=is_active,
            is_member=is_member_in(columns),
            assigned_to_name=row[len(LOADED)],
            board=board_of(columns),
            watching=row[len(LOADED) + 1],
            also_is_locked=also_is_locked,
            neighbour=Neighbour._make(more[0][0]) if more and more[0] else None,
            labels=named,
        )

    async def assignee(self, user_id: UUID, *, project_id: UUID, for_user: UUID) -> Assignee | None:
        values = {"assignee": user_id, "project": project_id, "for_user": for_user}
        (rows,) = await self._unit.fetch((_ASSIGNEE, values))
        return Assignee._make(rows[0]) if rows else None

    async def cycle(self, cycle_id: UUID, *, project_id: UUID) -> CycleStatus | None:
        (rows,) = await self._unit.fetch((CYCLE_STATUS, {"cycle": cycle_id, "project": project_id}))
        return CycleStatus(rows[0][0]) if rows else None

    async def lineage(self, parent_id: UUID, *, project_id: UUID, of: UUID) -> Lineage | None:
        (rows,) = await self._unit.fetch((LINEAGE, {"parent": parent_id, "project": project_id, "task": of}))
        return lineage_of(rows)

    async def leave_parent(self, parent_id: UUID, *, at: datetime) -> list[Orphan]:
        (rows,) = await self._unit.fetch((LEAVE_PARENT, {"parent": parent_id, "at": at}))
        return [Orphan._make(row[1:]) for row in sorted(rows)]

    async def leave_cycle(self, cycle_id: UUID, *, to: UUID | None, finished_too: bool, at: datetime) -> list[Left]:
        (rows,) = await self._unit.fetch((_leave_cycle(finished_too), {"cycle": cycle_id, "to": to, "at": at}))
        return [Left._make(row[1:]) for row in sorted(rows)]

    async def order(self, column_id: UUID) -> list[UUID]:
        (rows,) = await self._unit.fetch((_ORDER, {"column": column_id}))
        return [task_id for (task_id,) in rows]

    async def respread(self, ranks: list[tuple[UUID, str]]) -> None:
        statement, values, rows = ranking(ranks)
        self._unit.write(statement, values, rows=rows)
        await self._unit.flush()

    def add(self, task: Task) -> None:
        values = added_values(task)
        self._unit.write(_ADD if any(values[name] for name in _RARE) else _ADD_PLAIN, values)

    def save(self, task: Task, *, was: int) -> None:
        values = changed_values(task, was=was)
        stood = self._loaded.pop(task.id, None)
        is_moved = stood is not None and all(values[name] == each for name, each in stood.items())
        self._unit.write(_SAVE_PLACE if is_moved else _SAVE, values, rows=1)

    def label(self, task_id: UUID, *, on: tuple[LabelName, ...], off: tuple[LabelName, ...]) -> None:
        if off:
            self._unit.write(LABELS_OFF, {"task": task_id, "labels": [label.id for label in off]})
        if on:
            self._unit.write(LABELS_ON, {"task": task_id, "labels": [label.id for label in on]})

    def transfer(self, task: Task, *, was: int, from_project: UUID, from_number: int) -> None:
        values = {"new_project_id": task.project_id, "new_number": task.number}
        self._unit.write(_TRANSFER, {**changed_values(task, was=was), **values}, rows=1)
        self._unit.write(_ADD_KEY, {"project": from_project, "number": from_number, "task": task.id})

    async def project_members(self, project_id: UUID) -> tuple[UUID, ...]:
        (rows,) = await self._unit.fetch((_MEMBERS, {"project": project_id}))
        return tuple(user_id for (user_id,) in rows)


class SqlTaskUnitOfWork(SqlUnitOfWork):
    """A unit of work with tasks."""

    def __init__(
        self, database: Database, clock: Clock, actor: Actor, *, once: Once | None = None, lazy: bool = False
    ) -> None:
        super().__init__(database, clock, actor, once=once, lazy=lazy)
        self.tasks = SqlTasks(self)
        self.recurrences = SqlRecurrences(self)
        self.deleted_tasks = SqlDeletedTasks(self)
        self.columns = SqlColumns(self)
