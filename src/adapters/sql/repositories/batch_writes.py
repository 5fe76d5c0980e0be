"""What writes many tasks: one statement for each kind of change, whose rows travel as arrays."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal_column,
    null,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as on_key

from adapters.sql.arrays import array
from adapters.sql.repositories.looked_up import each, looked_up
from adapters.sql.repositories.task_rows import INSTANT, WRITTEN
from adapters.sql.statement import Statement
from adapters.sql.tables.comments import task_watchers
from adapters.sql.tables.labels import task_labels
from adapters.sql.tables.people import users
from adapters.sql.tables.work import projects, task_keys, tasks
from core.tasks.batches import Outcome
from core.tasks.model import Task


class Write(NamedTuple):
    """A statement with its parameters, and how many rows it must change, if that counts."""

    statement: Statement
    values: dict[str, Any]
    rows: int | None = None


def _given(columns: Mapping[str, Any]) -> Any:
    """Rows of those columns, each of which is a parameter of its own. Arrays of arrays would be flattened, so that a
    column of arrays travels as their texts.
    """
    arrays = (bindparam(name, type_=ARRAY(Text if isinstance(kind, ARRAY) else kind)) for name, kind in columns.items())
    return func.unnest(*arrays).table_valued(*map(_new, columns), name="given").render_derived()


def _new(name: str) -> str:
    # No column is called as a table is: where a table stands is looked for in the texts of all statements.
    return f"new_{name}"


def _value(given: Any, name: str, kind: Any = None) -> Any:
    value = given.c[_new(name)]
    return cast(value, kind) if isinstance(kind, ARRAY) else value


_STAYS: dict[str, Any] = {"id": Uuid, "created_by": Uuid, "created_at": INSTANT}
# Whether a task has a next occurrence is written with it: it is locked, and may be deleted by the same batch.
_CHANGES: dict[str, Any] = {
    "project_id": Uuid,
    "number": Integer,
    "deleted_at": INSTANT,
    "recurred_at": INSTANT,
    **WRITTEN,
}
_ADDED = {**_STAYS, **_CHANGES}
_added = _given(_ADDED)
_ADD = Statement(
    insert(tasks).from_select([*_ADDED], select(*(_value(_added, name, kind) for name, kind in _ADDED.items())))
)
_changed = _given({"was": Integer, **_ADDED})
_present = looked_up(tasks, _value(_changed, "id"), tasks.c.version)
_rewritten = (
    select(*(_value(_changed, name, kind) for name, kind in _ADDED.items()))
    .select_from(each(_changed, _present))
    .where(_present.c.version == _value(_changed, "was"))
)


def _putting(rows: Select[Any], changes: Iterable[str]) -> Statement:
    """Writes these columns of whole rows, each of which is there, so that none is added.

    By their key, which is found whatever the planner believes: an update would join the tasks of the company with what
    is given, and of a company that the planner does not know yet hold all against all.
    """
    put = on_key(tasks).from_select([*_ADDED], rows)
    return Statement(
        put.on_conflict_do_update(
            index_elements=["company_id", "id"],
            set_={tasks.c[name]: put.excluded[name] for name in changes},
            where=tasks.c.deleted_at.is_(None),
        )
    )


def _altering(given: Any, *, by_version: bool = False, **changes: Any) -> Statement:
    """Writes these columns of the tasks whose ids are given; what else a row needs is as it is."""
    found = looked_up(tasks, _value(given, "id"), *(tasks.c[name] for name in _ADDED))
    rows = select(*(changes.get(name, found.c[name]) for name in _ADDED)).select_from(each(given, found))
    return _putting(rows.where(found.c.version == _value(given, "was")) if by_version else rows, changes)


_CHANGE = _putting(_rewritten, _CHANGES)
_orphaned = _given({"id": Uuid, "was": Integer, "updated_at": INSTANT})
_ORPHAN = _altering(
    _orphaned,
    by_version=True,
    parent_id=null(),
    version=_value(_orphaned, "was") + literal_column("1"),
    updated_at=_value(_orphaned, "updated_at"),
)
_FREE = _altering(_given({"id": Uuid}), external_id=null())
_ranked = _given({"id": Uuid, "rank": Text})
_RANK = _altering(_ranked, rank=_value(_ranked, "rank"))
_pair = _given({"task_id": Uuid, "label_id": Uuid})
_both = select(_value(_pair, "task_id"), _value(_pair, "label_id"))
# The pairs are a set that is looked into, and never joined: at worst all labels that tasks of the company have are read
# once. Nothing but a join finds what is to be deleted otherwise.
_LABELS_OFF = Statement(
    delete(task_labels).where(
        task_labels.c.task_id == func.any(bindparam("task_id", type_=ARRAY(Uuid))),
        tuple_(task_labels.c.task_id, task_labels.c.label_id).in_(_both).is_(true()),
    )
)
# When each task was made is known: to be asked for it thousands of times, a planner that does not know the company yet
# has read all of its tasks for each.
_BORNE = {"task_id": Uuid, "label_id": Uuid, "created_at": INSTANT}
_borne = _given(_BORNE)
_LABELS_ON = Statement(insert(task_labels).from_select([*_BORNE], select(*(_value(_borne, name) for name in _BORNE))))
_kept = _given({"project_id": Uuid, "number": Integer, "task_id": Uuid})
_KEEP_KEYS = Statement(
    insert(task_keys).from_select(
        ["project_id", "number", "task_id"],
        select(_value(_kept, "project_id"), _value(_kept, "number"), _value(_kept, "task_id")),
    )
)
_had = _given({"task_id": Uuid, "user_id": Uuid})
_say_had = on_key(task_watchers).from_select(
    ["task_id", "user_id", "watching"],
    select(_value(_had, "task_id"), users.c.id, true()).join_from(_had, users, users.c.id == _value(_had, "user_id")),
)
# Whoever left it off begins to watch it anew, as by having it alone.
_WATCH = Statement(
    _say_had.on_conflict_do_update(
        index_elements=(task_watchers.c.company_id, task_watchers.c.task_id, task_watchers.c.user_id),
        set_={"watching": true()},
    )
)
_numbered = _given({"project": Uuid, "last_number": Integer})
_NUMBER = Statement(
    update(projects)
    .where(projects.c.id == _value(_numbered, "project"))
    .values(last_number=_value(_numbered, "last_number"))
)


def adding(added: Sequence[Task]) -> Write:
    """Adds tasks."""
    return Write(_ADD, _columns(added, _ADDED))


def changing(changed: Sequence[tuple[Task, int]]) -> Write:
    """Writes tasks as they are now, each with the version that it had."""
    values = _columns([task for task, _ in changed], _ADDED)
    return Write(_CHANGE, {**values, "was": array([was for _, was in changed])}, len(changed))


def ranking(ranks: Sequence[tuple[UUID, str]]) -> Write:
    """Gives cards their ranks."""
    return Write(_RANK, _transposed(("id", "rank"), ranks), len(ranks))


def putting_labels_on(pairs: Sequence[tuple[UUID, UUID, datetime]]) -> Write:
    """Puts labels on: rows of a task, a label, and when the task was made."""
    return Write(_LABELS_ON, _transposed([*_BORNE], pairs))


def taking_labels_off(pairs: Sequence[tuple[UUID, UUID]]) -> Write:
    """Takes labels off: pairs of a task and a label."""
    return Write(_LABELS_OFF, _transposed(("task_id", "label_id"), pairs))


def written(outcome: Outcome) -> Iterator[Write]:
    """What is to be carried out, in order: an `external_id` is given up before another task gets it, and what is
    referred to is there first.
    """
    if outcome.freed:
        yield Write(_FREE, {"id": array(outcome.freed)}, len(outcome.freed))
    if outcome.added:
        yield adding(outcome.added)
    if outcome.changed:
        yield changing(outcome.changed)
    if outcome.orphaned:
        values = _columns([task for task, _ in outcome.orphaned], {"id": Uuid, "updated_at": INSTANT})
        was = array([was for _, was in outcome.orphaned])
        yield Write(_ORPHAN, {**values, "was": was}, len(outcome.orphaned))
    if outcome.ranks:
        yield ranking(outcome.ranks)
    if outcome.labels_off:
        yield taking_labels_off(outcome.labels_off)
    if outcome.labels_on:
        made = {task.id: task.created_at for task in (*outcome.added, *(task for task, _ in outcome.changed))}
        yield putting_labels_on([(task_id, label_id, made[task_id]) for task_id, label_id in outcome.labels_on])
    if outcome.kept_keys:
        yield Write(_KEEP_KEYS, _transposed(("project_id", "number", "task_id"), outcome.kept_keys))
    if outcome.watching:
        yield Write(_WATCH, _transposed(("task_id", "user_id"), outcome.watching))
    if outcome.last_numbers:
        numbers = outcome.last_numbers
        yield Write(_NUMBER, {"project": [*numbers], "last_number": [*numbers.values()]}, len(numbers))


def _columns(rows: Sequence[Task], columns: Mapping[str, Any]) -> dict[str, Any]:
    """The tasks as an array for each column."""
    return _transposed([*columns], [*map(attrgetter(*columns), rows)])


def _transposed(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    return {name: array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
