"""Many tasks of one project at once: each kind of write is one statement, whatever they are many of."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import DateTime, Integer, Text, Uuid, bindparam, column, func, insert, or_, select, update
from sqlalchemy import cast as as_type
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from adapters.sql.arrays import array
from adapters.sql.repositories.batch_writes import Write, adding, changing, putting_labels_on, taking_labels_off
from adapters.sql.repositories.looked_up import WITHOUT_SORTING, each, given_ids, locked, looked_up
from adapters.sql.repositories.task_kin import KIN_ABOVE, KIN_BELOW
from adapters.sql.repositories.task_rows import (
    LOADED,
    assignee_in,
    belongs_to,
    board_in,
    board_of,
    is_member_in,
    task_of,
)
from adapters.sql.statement import Statement
from adapters.sql.tables.identity import companies
from adapters.sql.tables.labels import labels, task_labels
from adapters.sql.tables.people import users
from adapters.sql.tables.work import board_columns, cycles, projects, tasks
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.cycles.model import CycleStatus
from core.imports.ports import Beginning, NamedCycle, Seen
from core.labels.model import Label, LabelName, folded
from core.tasks.batches import Kin
from core.tasks.model import Task
from core.tasks.ports import Assignee

_INSTANT = DateTime(timezone=True)
_project = bindparam("project", type_=Uuid)
# One by one, the next in the order of the one index that has it: of a project that grew just now PostgreSQL knows
# nothing, and would by equality take any other index of it, and read all of its tasks for each.
_given = (
    func.unnest(bindparam("external_ids", type_=ARRAY(Text)))
    .table_valued(column("external_id", Text), name="given")
    .render_derived()
)
_called = tasks.alias("called")
_found = (
    select(_called.c.id, _called.c.external_id)
    .where(_called.c.project_id == _project, _called.c.external_id >= _given.c.external_id)
    .order_by(_called.c.external_id)
    .limit(1)
    .lateral("found")
)
_FIND = Statement(select(_found.c.id).select_from(_given.join(_found, _found.c.external_id == _given.c.external_id)))
_ids = given_ids("ids")

_PROJECT = Statement(
    select(
        projects.c.is_active,
        belongs_to(projects.c.id, "for_user"),
        select(companies.c.time_zone).scalar_subquery(),
    ).where(projects.c.id == _project)
)

# In the order in which everybody locks: labels, the project, tasks. What is read after each sees what nobody changes.
_on = looked_up(task_labels, _ids.c.id, task_labels.c.label_id, by="task_id", then=("label_id",))
_borne = select(_on.c.label_id).select_from(each(_ids, _on))
_LABELS = Statement(
    select(labels.c.id, labels.c.name)
    .where(or_(labels.c.folded == func.any(bindparam("folded", type_=ARRAY(Text))), labels.c.id.in_(_borne)))
    .order_by(labels.c.id)
    .with_for_update(read=True, of=labels)
)
_COUNT_LABELS = Statement(select(func.count()).select_from(labels))
_LOCK_PROJECT = Statement(
    select(projects.c.key, projects.c.is_active, projects.c.last_number)
    .where(projects.c.id == _project)
    .with_for_update(of=projects, key_share=True)
)
# That it is still of that project PostgreSQL asks again of what is locked; what it is called, of what is read then.
_locked = locked(tasks, _ids.c.id, *(tasks.c[name] for name in LOADED), of={"project_id": _project})
_TASKS = Statement(select(*_locked.c).select_from(each(_ids, _locked)))
_BOARD = Statement(board_in(_project))
_COLUMN_NAMES = Statement(
    select(board_columns.c.id, board_columns.c.name).where(board_columns.c.project_id == _project)
)
_email, _username, _name = (func.lower(users.c[each]) for each in ("email", "username", "name"))
_words = bindparam("people", type_=ARRAY(Text))
_PEOPLE = Statement(
    assignee_in(_project)
    .add_columns(_email, _username)
    .where(
        # Of two functions side by side, `==` may put either first, and `any` stands on the right alone.
        or_(
            *(
                each.op("=")(func.any(_words))
                for each in (as_type(users.c.id, Text), _email, _username, _name, users.c.name)
            )
        )
    )
    .order_by(users.c.id)
)

_named_cycles = bindparam("cycles", type_=ARRAY(Text))
_CYCLES = Statement(
    select(cycles.c.id, cycles.c.name, cycles.c.status)
    .where(cycles.c.project_id == _project)
    .where(
        or_(
            *(
                each.op("=")(func.any(_named_cycles))
                for each in (as_type(cycles.c.id, Text), func.lower(cycles.c.name), cycles.c.name)
            )
        )
    )
    .order_by(cycles.c.number)
)

_TAKE_NUMBERS = Statement(
    update(projects).where(projects.c.id == _project).values(last_number=bindparam("last_number", type_=Integer))
)


def _rows(kinds: dict[str, Any]) -> Any:
    """The rows of a document, as a table of these columns."""
    return (
        func.jsonb_to_recordset(bindparam("document", type_=JSONB))
        .table_valued(*(column(name, kind) for name, kind in kinds.items()), name="given")
        .render_derived(with_types=True)
    )


_LABEL: dict[str, Any] = {
    "id": Uuid,
    "name": Text,
    "folded": Text,
    "color": Text,
    "created_by": Uuid,
    "version": Integer,
    "created_at": _INSTANT,
    "updated_at": _INSTANT,
}
_new_labels = _rows(_LABEL)
_ADD_LABELS = Statement(insert(labels).from_select(list(_LABEL), select(*(_new_labels.c[name] for name in _LABEL))))


class SqlManyTasks:
    """Many tasks of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def project(self, project_id: UUID, *, for_user: UUID) -> Seen | None:
        (rows,) = await self._unit.fetch((_PROJECT, {"project": project_id, "for_user": for_user}))
        return Seen._make(rows[0]) if rows else None

    async def begin(
        self,
        project_id: UUID,
        *,
        for_user: UUID,
        labels: Sequence[str],
        people: Sequence[str],
        external_ids: Sequence[str],
        ids: Sequence[UUID] = (),
        cycles: Sequence[str] = (),
    ) -> Beginning | None:
        where = {"project": project_id}
        found_ids = sorted({*ids, *await self._find(project_id, external_ids)})
        named = {**where, "ids": array(found_ids)}
        asked: list[tuple[Statement, dict[str, Any]]] = [
            (_LABELS, {**named, "folded": [folded(name) for name in labels]}),
            (_LOCK_PROJECT, where),
            (_BOARD, {**where, "for_user": for_user}),
            (_COLUMN_NAMES, where),
            (_COUNT_LABELS, {}),
        ]
        if found_ids:
            asked.insert(2, (_TASKS, named))
        if people:
            asked.append((_PEOPLE, {**where, "for_user": for_user, "people": list(people)}))
        if cycles:
            asked.append((_CYCLES, {**where, "cycles": list(cycles)}))
        # The last card of a column, too, is otherwise looked for among all tasks of the company.
        _, found, project, *more = await self._unit.fetch((WITHOUT_SORTING, {}), *asked)
        loaded = more.pop(0) if found_ids else []
        columns, names, ((label_count,),), *others = more
        if not project:
            return None
        key, is_active, last_number = project[0]
        by_word: dict[str, Assignee] = {}
        by_name: defaultdict[str, list[Assignee]] = defaultdict(list)
        for *row, email, username in others.pop(0) if people else ():
            assignee = Assignee._make(row)
            # An address or an id goes before a username that reads the same.
            by_word[str(assignee.id)] = assignee
            if username is not None:
                by_word.setdefault(username, assignee)
            if email is not None:
                by_word[email] = assignee
            by_name[assignee.name.casefold()].append(assignee)
        locked_tasks = [task_of(row, key) for row in loaded]
        return Beginning(
            project_key=key,
            project_is_active=is_active,
            is_member=is_member_in(columns),
            last_number=last_number,
            board=board_of(columns),
            column_names=dict(names),
            labels=tuple(LabelName._make(row) for row in found),
            label_count=label_count,
            people=by_word,
            namesakes={name: tuple(each) for name, each in by_name.items()},
            tasks={task.external_id: task for task in locked_tasks if task.external_id is not None},
            by_id={task.id: task for task in locked_tasks},
            cycles=tuple(
                NamedCycle(cycle_id, name, CycleStatus(status))
                for cycle_id, name, status in (others[0] if cycles else ())
            ),
        )

    async def kin(self, *, parents: Sequence[UUID], tasks: Sequence[UUID]) -> list[Kin]:
        _, above, below = await self._unit.fetch(
            (WITHOUT_SORTING, {}), (KIN_ABOVE, {"parents": array(parents)}), (KIN_BELOW, {"reparented": array(tasks)})
        )
        return [Kin._make(row) for row in (*above, *below)]

    async def _find(self, project_id: UUID, external_ids: Sequence[str]) -> list[UUID]:
        if not external_ids:
            return []
        _, rows = await self._unit.fetch(
            (WITHOUT_SORTING, {}), (_FIND, {"project": project_id, "external_ids": array(external_ids)})
        )
        # They are locked in this order, which is everybody's.
        return sorted(task_id for (task_id,) in rows)

    def take_numbers(self, project_id: UUID, *, last: int) -> None:
        self._unit.write(_TAKE_NUMBERS, {"project": project_id, "last_number": last}, rows=1)

    def add_labels(self, labels: Sequence[Label]) -> None:
        rows = [
            {name: getattr(label, name) for name in _LABEL if name != "folded"} | {"folded": folded(label.name)}
            for label in labels
        ]
        self._unit.write(_ADD_LABELS, {"document": Jsonb(rows)})

    def add(self, tasks: Sequence[Task]) -> None:
        self._write(adding(tasks))

    def save(self, tasks: Sequence[tuple[Task, int]]) -> None:
        self._write(changing(tasks))

    def label(self, *, on: Sequence[tuple[Task, UUID]], off: Sequence[tuple[Task, UUID]]) -> None:
        if off:
            self._write(taking_labels_off([(task.id, label) for task, label in off]))
        if on:
            self._write(putting_labels_on([(task.id, label, task.created_at) for task, label in on]))

    def _write(self, write: Write) -> None:
        self._unit.write(write.statement, write.values, rows=write.rows)

    async def settle(self) -> None:
        await self._unit.flush()
