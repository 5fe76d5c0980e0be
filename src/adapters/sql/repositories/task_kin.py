"""What a task is loaded and saved with besides its own row: the tasks above and below it, and its labels."""

from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    delete,
    func,
    insert,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.pipeline import Row
from adapters.sql.readers.task_names import named_task
from adapters.sql.repositories.looked_up import each, given_ids, looked_up
from adapters.sql.repositories.task_rows import INSTANT
from adapters.sql.statement import Statement
from adapters.sql.tables.labels import labels, task_labels
from adapters.sql.tables.work import tasks
from adapters.sql.tenancy import including_deleted
from core.labels.model import LabelName, folded
from core.tasks.fields import DEEPEST, Lineage

NO_TASK = UUID(int=0)
"""In the place of a task that is not there yet, and so above and below nothing."""

# A batch may put labels on what it then deletes.
_all = including_deleted(tasks)
_task = bindparam("task", type_=Uuid)
_step = literal(1, Integer)


def lineage(parent: Any, project: Any, task: Any) -> Select[Any]:
    """How many tasks stand above the parent, how deep it goes below the task, and whether the parent is the task or one
    of those. No row if the project has no such parent.
    """
    first = select(tasks.c.id, tasks.c.parent_id, literal(0, Integer).label("level"))
    above = first.where(tasks.c.id == parent, tasks.c.project_id == project).cte("above", recursive=True)
    above = above.union_all(
        select(tasks.c.id, tasks.c.parent_id, above.c.level + _step).where(
            tasks.c.id == above.c.parent_id, above.c.level <= DEEPEST
        )
    )
    itself = select(tasks.c.id, literal(0, Integer).label("level")).where(tasks.c.id == task)
    below = itself.cte("below", recursive=True)
    below = below.union_all(
        select(tasks.c.id, below.c.level + _step).where(tasks.c.parent_id == below.c.id, below.c.level <= DEEPEST)
    )
    deepest = select(func.coalesce(func.max(below.c.level), 0)).scalar_subquery()
    within = func.bool_or(above.c.id == task)
    return select(func.max(above.c.level), deepest, within).select_from(above).having(func.count() > 0)


LINEAGE = Statement(lineage(bindparam("parent", type_=Uuid), bindparam("project", type_=Uuid), _task))


def _kin(first: str, *, upwards: bool) -> Statement:
    """The tasks and all above them, or all below. WITHOUT_SORTING comes before."""
    columns, given = (tasks.c.id, tasks.c.project_id, tasks.c.parent_id), given_ids(first)
    named = looked_up(tasks, given.c.id, *columns)
    line = select(*named.c).select_from(each(given, named)).cte("line", recursive=True)
    if upwards:
        step = looked_up(tasks, line.c.parent_id, *columns)
    else:
        step = looked_up(tasks, line.c.id, *columns, by="parent_id", then=("created_at", "id"))
    line = line.union(select(*step.c).select_from(each(line, step)))
    return Statement(select(line.c.id, line.c.project_id, line.c.parent_id))


KIN_ABOVE = _kin("parents", upwards=True)
KIN_BELOW = _kin("reparented", upwards=False)

# The parent's id, and its children's: their project's lock is held.
LEAVE_PARENT = Statement(
    update(tasks)
    .where(tasks.c.parent_id == bindparam("parent", type_=Uuid))
    .values(parent_id=null(), version=tasks.c.version + 1, updated_at=bindparam("at", type_=INSTANT))
    .returning(tasks.c.number, tasks.c.id, tasks.c.project_id, tasks.c.version)
)

_named = labels.c.folded == func.any(bindparam("folded", type_=ARRAY(Text)))
_each = select(labels.c.id, labels.c.name).order_by(labels.c.id)
# Locked against being renamed, and before the project and the task: who renames one changes its tasks afterwards.
LABELS_TO_PUT_ON = Statement(_each.where(_named).with_for_update(read=True, of=labels))


@cache
def labels_borne(by_key: bool) -> Statement:
    """The labels of the task that is named."""
    task = select(tasks.c.id).where(named_task(by_key)).scalar_subquery()
    return Statement(_each.where(labels.c.id.in_(select(task_labels.c.label_id).where(task_labels.c.task_id == task))))


# By itself, so that a task that were not there is an error, and once for all labels. WITHOUT_SORTING comes before.
_made = select(_all.c.created_at).where(_all.c.id >= _task, _all.c.id <= _task).order_by(_all.c.id).scalar_subquery()
LABELS_ON = Statement(
    insert(task_labels).from_select(
        ["task_id", "label_id", "created_at"], select(_task, func.unnest(bindparam("labels", type_=ARRAY(Uuid))), _made)
    )
)
LABELS_OFF = Statement(
    delete(task_labels).where(
        task_labels.c.task_id == _task, task_labels.c.label_id == func.any(bindparam("labels", type_=ARRAY(Uuid)))
    )
)


def lineage_of(rows: list[Row]) -> Lineage | None:
    """What LINEAGE found."""
    if not rows:
        return None
    above, below, is_within = rows[0]
    return Lineage(above=above, below=below, is_within=is_within)


def labels_named(names: tuple[str, ...]) -> dict[str, Any]:
    """The parameters of LABELS_TO_PUT_ON."""
    return {"folded": [folded(name) for name in names]}


def labels_of(*rows: list[Row]) -> tuple[LabelName, ...]:
    """The labels in rows, each once."""
    return tuple(LabelName(*row) for row in dict.fromkeys(row for each in rows for row in each))
