"""Gathering and writing many tasks at once, by a number of statements that does not depend on how many there are."""

import asyncio
from collections import defaultdict
from functools import cache
from types import TracebackType
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Uuid, bindparam, case, func, select, true, union
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.arrays import array
from adapters.sql.connection import Database
from adapters.sql.pipeline import Row
from adapters.sql.readers.users import shares_project
from adapters.sql.readers.watching import watches
from adapters.sql.repositories.batch_names import EXTERNAL_IDS, EXTERNAL_IDS_OF_MANY, KEYS, PROJECTS_OF_KEYS
from adapters.sql.repositories.batch_writes import written
from adapters.sql.repositories.looked_up import WITHOUT_SORTING, each, given_ids, looked_up
from adapters.sql.repositories.looked_up import locked as locked_by_id
from adapters.sql.repositories.recurrences import LABELS, TIME_ZONE
from adapters.sql.repositories.task_kin import KIN_ABOVE, KIN_BELOW, LABELS_TO_PUT_ON, labels_named, labels_of
from adapters.sql.repositories.task_rows import LOADED, task_of
from adapters.sql.statement import Statement
from adapters.sql.tables.labels import labels, task_labels
from adapters.sql.tables.people import users
from adapters.sql.tables.work import board_columns, cycles, project_members, projects, tasks
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.cycles.model import CycleStatus
from core.kernel.actor import Actor
from core.kernel.errors import ChangedMeanwhile
from core.kernel.once import Made, Once
from core.kernel.ports import Clock
from core.labels.model import LabelName
from core.tasks.batches import Gathered, GatheredCycle, GatheredPerson, GatheredProject, Kin, Needs, Outcome, Standing
from core.tasks.fields import Status
from core.tasks.model import Task
from core.tasks.ports import TaskRef


def _ids(name: str) -> Any:
    return bindparam(name, type_=ARRAY(Uuid))


def _among(column: Any, name: str) -> Any:
    return column == func.any(_ids(name))


def _each_of(name: str) -> Select[Any]:
    return select(func.unnest(_ids(name)))


_targets = given_ids("tasks")


def _of_targets(name: str) -> Select[Any]:
    found = looked_up(tasks, _targets.c.id, tasks.c[name])
    return select(found.c[name]).select_from(each(_targets, found)).where(found.c[name].is_not(None))


@cache
def _lock_projects(by_key: bool) -> Statement:
    """The projects of the tasks, and those named besides, in the order of their ids: as everybody locks them."""
    wanted = [_each_of("projects"), _of_targets("project_id")]
    if by_key:
        wanted.append(PROJECTS_OF_KEYS)
    return Statement(
        select(projects.c.id, projects.c.key, projects.c.is_active, projects.c.last_number)
        .where(projects.c.id.in_(union(*wanted)))
        .order_by(projects.c.id)
        .with_for_update(of=projects, key_share=True)
    )


@cache
def _tasks(leaving: bool) -> Statement:
    """The targets in the order of their ids, and with them the sub-tasks of those that are leaving."""
    wanted: Any = _targets
    description: Any = tasks.c.description
    if leaving:
        parents, children = given_ids("leaving"), tasks.alias("children")
        below = looked_up(children, parents.c.id, children.c.id, by="parent_id", then=("created_at", "id"))
        both = union(select(_targets.c.id), select(below.c.id).select_from(each(parents, below))).subquery()
        wanted = select(both.c.id).order_by(both.c.id).subquery("wanted")
        # Those that only leave their parent may be many, and long.
        description = case((_among(tasks.c.id, "tasks"), tasks.c.description)).label("description")
    columns = (description if name == "description" else tasks.c[name] for name in LOADED)
    found = locked_by_id(tasks, wanted.c.id, *columns, watches(tasks, "for_user").label("watching"))
    return Statement(select(*found.c).select_from(each(wanted, found)))


_STANDING = Statement(select(projects.c.id).where(_among(projects.c.id, "projects")))


def _nearest(column: Any, name: str, *, beyond: Any = None, down: bool) -> Any:
    """The first card of a column in one direction that is none of `:touched`: these may stand elsewhere by then."""
    cards = tasks.alias(f"{name}_cards")
    query = select(cards.c.id, cards.c.rank).where(cards.c.column_id == column, cards.c.id != func.all(_ids("touched")))
    if beyond is not None:
        pair = func.row(cards.c.rank, cards.c.id)
        query = query.where(pair > beyond if down else pair < beyond)
    order = (cards.c.rank.asc(), cards.c.id.asc()) if down else (cards.c.rank.desc(), cards.c.id.desc())
    return query.order_by(*order).limit(1).lateral(name)


_last = _nearest(board_columns.c.id, "last", down=False)
_BOARDS = Statement(
    select(board_columns.c.project_id, board_columns.c.id, board_columns.c.category, _last.c.id, _last.c.rank)
    .select_from(board_columns.outerjoin(_last, true()))
    .where(_among(board_columns.c.project_id, "projects"))
    .order_by(board_columns.c.project_id, board_columns.c.position, board_columns.c.id)
)
_given_beside = given_ids("beside")
_beside = looked_up(tasks, _given_beside.c.id, tasks.c.column_id, tasks.c.id, tasks.c.rank)
_place = func.row(_beside.c.rank, _beside.c.id)
_above = _nearest(_beside.c.column_id, "above", beyond=_place, down=False)
_below = _nearest(_beside.c.column_id, "below", beyond=_place, down=True)
_BESIDE = Statement(
    select(
        _beside.c.column_id,
        _beside.c.id,
        _beside.c.rank,
        _above.c.id,
        _above.c.rank,
        _below.c.id,
        _below.c.rank,
    ).select_from(each(_given_beside, _beside).outerjoin(_above, true()).outerjoin(_below, true()))
)
_CARDS = Statement(
    select(tasks.c.id, tasks.c.column_id, tasks.c.rank)
    .where(tasks.c.column_id == bindparam("column", type_=Uuid))
    .order_by(tasks.c.rank, tasks.c.id)
)


_assigned = _of_targets("assigned_to")
_people = union(_each_of("assignees"), _assigned).subquery("people")
(_person_id,) = _people.c
_is_free, _shares = (users.c.role != "member").label("is_free"), shares_project().label("shares")
_person = looked_up(users, _person_id, users.c.id, users.c.name, users.c.is_active, _is_free, _shares)
_PEOPLE = Statement(select(*_person.c).select_from(each(_people, _person)))
_members = select(project_members.c.project_id, project_members.c.user_id).where(
    _among(project_members.c.project_id, "projects")
)
_ALL_MEMBERS = Statement(_members)
_caller = select(bindparam("for_user", type_=Uuid))
# A set that is looked into for each member of the projects, and no join, which might hold all against all.
_named_people = union(_each_of("assignees"), _caller, _assigned)
_MEMBERS = Statement(_members.where(project_members.c.user_id.in_(_named_people).is_(true())))
_CYCLES = Statement(select(cycles.c.id, cycles.c.project_id, cycles.c.status).where(_among(cycles.c.id, "cycles")))
_on = looked_up(
    task_labels, _targets.c.id, task_labels.c.task_id, task_labels.c.label_id, by="task_id", then=("label_id",)
)
_label = looked_up(labels, _on.c.label_id, labels.c.id, labels.c.name)
_BORNE = Statement(select(_on.c.task_id, _label.c.id, _label.c.name).select_from(each(each(_targets, _on), _label)))

MOST_LOOKED_UP = 20_000
"""More `external_id`s in projects are asked for by one join."""


class SqlBatches:
    """Many tasks of one unit of work's company."""

    def __init__(self, unit: "SqlBatchUnitOfWork") -> None:
        self._unit = unit

    async def gather(self, needs: Needs, *, for_user: UUID) -> Gathered:
        keys = [_parted(ref) for ref in needs.targets if not isinstance(ref, UUID)]
        locking = {
            "projects": [*needs.projects],
            "tasks": array(sorted(ref for ref in needs.targets if isinstance(ref, UUID))),
            "keys": [key for key, _ in keys],
            "numbers": [number for _, number in keys],
        }
        asked = [(_lock_projects(bool(keys)), locking)]
        if keys:
            asked.append((KEYS, locking))
        if needs.labels:
            # Before projects and tasks, as whoever renames one.
            asked.insert(0, (LABELS_TO_PUT_ON, labels_named(tuple(needs.labels))))
        _, *fetched = await self._unit.fetch((WITHOUT_SORTING, {}), *asked)
        named = labels_of(fetched.pop(0)) if needs.labels else ()
        locked, *more = fetched
        found = {f"{key}-{number}": (project_id, task_id) for key, number, project_id, task_id in (more or [[]])[0]}
        ids = _Ids({ref: task_id for ref, (_, task_id) in found.items() if task_id is not None})
        return await self._gathered(needs, ids, locked, named, found, for_user=for_user)

    async def cards(self, column_id: UUID) -> list[Standing]:
        (rows,) = await self._unit.fetch((_CARDS, {"column": column_id}))
        return [Standing._make(row) for row in rows]

    async def begin_to_write(self, outcome: Outcome) -> None:
        self.write(outcome)
        await self._unit.begin_to_flush()

    def write(self, outcome: Outcome) -> None:
        for statement, values, rows in written(outcome):
            self._unit.write(statement, values, rows=rows)

    # Private parts

    async def _gathered(
        self,
        needs: Needs,
        ids: "_Ids",
        locked: list[Row],
        named: tuple[LabelName, ...],
        found: dict[str, tuple[UUID, UUID | None]],
        *,
        for_user: UUID,
    ) -> Gathered:
        targets, beside, leaving = sorted(ids.of(needs.targets)), [*needs.beside], ids.of(needs.leaving)
        read_tasks = _tasks(bool(leaving))
        values: dict[str, Any] = {
            "tasks": array(targets),
            "leaving": leaving,
            "transferred": ids.of(needs.transferred),
            "reparented": ids.of(needs.reparented),
            "projects": [row[0] for row in locked],
            "touched": array([*{*targets, *beside}]),
            "beside": beside,
            "parents": [*needs.parents],
            "assignees": [*needs.assignees],
            "cycles": [*needs.cycles],
            "external_ids": array([*needs.external_ids]),
            "for_user": for_user,
        }
        lookups = len(locked) * (len(needs.external_ids) + len(values["transferred"]))
        external_ids = EXTERNAL_IDS if lookups <= MOST_LOOKED_UP else EXTERNAL_IDS_OF_MANY
        asked = {
            read_tasks: targets,
            _BOARDS: locked,
            _BESIDE: beside,
            KIN_ABOVE: needs.parents,
            KIN_BELOW: values["reparented"],
            _PEOPLE: needs.assignees or targets,
            _ALL_MEMBERS if needs.transferred else _MEMBERS: locked,
            _CYCLES: needs.cycles,
            _BORNE: targets,
            TIME_ZONE: targets or needs.projects,
            external_ids: needs.external_ids or values["transferred"],
        }
        statements = [statement for statement, wanted in asked.items() if wanted]
        answered = await self._unit.fetch(*((statement, values) for statement in statements)) if statements else []
        rows: dict[Statement, list[Row]] = defaultdict(list, zip(statements, answered, strict=True))
        tasks = await self._tasks(rows[read_tasks], locked)
        columns: defaultdict[UUID, list[tuple[UUID, Status]]] = defaultdict(list)
        for project_id, column_id, category, *_ in rows[_BOARDS]:
            columns[project_id].append((column_id, Status(category)))
        borne: defaultdict[UUID, list[LabelName]] = defaultdict(list)
        for task_id, *label in rows[_BORNE]:
            borne[task_id].append(LabelName(*label))
        if needs.recurring or any(task.recurrence is not None for task in tasks):
            await self._keep_names({label.name for each in borne.values() for label in each})
        wanted = set(targets)
        return Gathered(
            projects=tuple(GatheredProject._make((*row, tuple(columns[row[0]]))) for row in locked),
            tasks=tasks,
            below=frozenset(task.id for task in tasks) - wanted,
            kin=tuple(Kin._make(row) for row in (*rows[KIN_ABOVE], *rows[KIN_BELOW])),
            cards=_standing([task for task in tasks if task.id in wanted], rows),
            people=tuple(GatheredPerson._make(row) for row in rows[_PEOPLE]),
            members=frozenset((*rows[_MEMBERS], *rows[_ALL_MEMBERS])),
            cycles=tuple(
                GatheredCycle(id, project_id, CycleStatus(status)) for id, project_id, status in rows[_CYCLES]
            ),
            labels=named,
            borne={task_id: tuple(each) for task_id, each in borne.items()},
            external_ids={(project_id, external): task_id for project_id, external, task_id in rows[external_ids]},
            keys=ids.keys,
            project_keys={ref.rpartition("-")[0]: project_id for ref, (project_id, _) in found.items()},
            watched=frozenset(row[0] for row in rows[read_tasks] if row[-1]),
            time_zone=rows[TIME_ZONE][0][0] if rows[TIME_ZONE] else "UTC",
        )

    async def _keep_names(self, names: set[str]) -> None:
        """Labels of tasks that come again keep their names. Raises ChangedMeanwhile."""
        if names:
            (held,) = await self._unit.fetch((LABELS, labels_named(tuple(names))))
            if len(held) != len(names):
                raise ChangedMeanwhile

    async def _tasks(self, rows: list[Row], locked: list[Row]) -> tuple[Task, ...]:
        """The tasks of projects that are locked; those of deleted projects are not there. Raises ChangedMeanwhile."""
        keys = {project_id: key for project_id, key, *_ in locked}
        place = LOADED.index("project_id")
        elsewhere = {row[place] for row in rows} - keys.keys()
        if elsewhere:
            (standing,) = await self._unit.fetch((_STANDING, {"projects": [*elsewhere]}))
            if standing:
                raise ChangedMeanwhile
        return tuple(task_of(row, keys[row[place]]) for row in rows if row[place] in keys)


class SqlBatchUnitOfWork(SqlUnitOfWork):
    """A unit of work with batches. It may be sending some of its writes: who needs the connection waits for that."""

    def __init__(
        self, database: Database, clock: Clock, actor: Actor, *, once: Once | None = None, lazy: bool = False
    ) -> None:
        super().__init__(database, clock, actor, once=once, lazy=lazy)
        self.batches = SqlBatches(self)
        self._flushing: asyncio.Task[None] | None = None

    async def begin_to_flush(self) -> None:
        """Sends what was collected; it is carried out while this process does something else."""
        await self._flushed()
        self._flushing = asyncio.create_task(self.flush())
        # Until it is on its way.
        await asyncio.sleep(0)

    async def fetch(self, *asked: tuple[Statement, dict[str, Any]], guarded: bool = False) -> list[list[Row]]:
        await self._flushed()
        return await super().fetch(*asked, guarded=guarded)

    async def commit(self, *, made: Made | None = None) -> int:
        await self._flushed()
        return await super().commit(made=made)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        flushing, self._flushing = self._flushing, None
        try:
            if flushing is not None:
                await _over(flushing)
        finally:
            await super().__aexit__(kind, error, trace)

    async def _flushed(self) -> None:
        flushing, self._flushing = self._flushing, None
        if flushing is not None:
            await flushing


async def _over(flushing: asyncio.Task[None]) -> None:
    """Waits until that has let go of the connection, whatever it came to."""
    try:
        await asyncio.wait([flushing])
    finally:
        if not flushing.done():
            flushing.cancel()
            await asyncio.wait([flushing])
        if not flushing.cancelled():
            flushing.exception()


class _Ids:
    """The ids of tasks by what they are named by; who names one that there is not names nothing."""

    def __init__(self, keys: dict[str, UUID]) -> None:
        self.keys = keys

    def of(self, refs: set[TaskRef]) -> list[UUID]:
        found = (ref if isinstance(ref, UUID) else self.keys.get(ref) for ref in refs)
        return [*{task_id for task_id in found if task_id is not None}]


def _parted(key: str) -> tuple[str, int]:
    project, _, number = key.rpartition("-")
    return project, int(number)


def _standing(targets: list[Task], rows: dict[Statement, list[Row]]) -> tuple[Standing, ...]:
    """All cards of which it is known where they stand, each once."""
    found = {task.id: Standing(task.id, task.column_id, task.rank) for task in targets}
    for column_id, *cards in rows[_BESIDE]:
        for card_id, rank in zip(cards[::2], cards[1::2], strict=True):
            if card_id is not None:
                found[card_id] = Standing(card_id, column_id, rank)
    for _, column_id, _, card_id, rank in rows[_BOARDS]:
        if card_id is not None:
            found[card_id] = Standing(card_id, column_id, rank)
    return tuple(found.values())
