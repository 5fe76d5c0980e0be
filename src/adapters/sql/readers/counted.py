"""The part of the log that is to be counted: of its events only what counting needs, whatever else they tell."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.tables.log import events, log_positions
from adapters.sql.tables.reports import counted_tasks
from adapters.sql.tables.work import tasks
from adapters.sql.tenancy import including_deleted
from core.cycles.model import CycleStatus
from core.reports.model import COUNTED, CycleDay, LogEntry, ProjectDay, Standing
from core.tasks.fields import Status

READER = "reports"
_MOVES = ("status", "cycle_id")

_tasks = including_deleted(tasks)
_changes = events.c.body["changes"]
# Texts of any length may have changed: they stay where they are.
_body = events.c.body.op("-")(cast("changes", Text)).op("||")(
    func.jsonb_build_object(
        "changes", func.jsonb_build_object(*(part for name in _MOVES for part in (name, _changes[name])))
    )
)
_task_id = cast(events.c.body["task_id"].astext, Uuid)

counted_up_to: ColumnElement[int] = (
    select(func.coalesce(func.max(log_positions.c.seq), 0)).where(log_positions.c.reader == READER).scalar_subquery()
)
"""Where the company's log was counted up to."""


def entries(after: ColumnElement[int]) -> Select[Any]:
    """The events to count after a position, oldest first, `:most` at most, each with the task that it is about."""
    return (
        select(events.c.seq, events.c.event, events.c.occurred_at, _body.label("told"), _task_id.label("task_id"))
        .where(
            events.c.seq > after,
            events.c.event == func.any(bindparam("counted", type_=ARRAY(Text), value=list(COUNTED))),
            or_(
                events.c.event != "task_updated",
                *(_changes[name].is_not(None) for name in _MOVES),
                _changes["project_id"].is_not(None),
            ),
        )
        .order_by(events.c.seq)
        .limit(bindparam("most", type_=Integer))
    )


def standings(after: ColumnElement[int]) -> Select[Any]:
    """The same, each with where its task stood when it was counted last; one that was not yet, where it stands now.

    Each task is looked up by itself: of a company that has just begun to grow few tasks are expected, and each event
    would be held against all of them.
    """
    page = entries(after).subquery("page")
    counted = (
        select(counted_tasks)
        .where(counted_tasks.c.task_id == page.c.task_id)
        .limit(literal_column("1"))
        .lateral("then")
    )
    now = (
        select(_tasks.c.project_id, _tasks.c.status, _tasks.c.cycle_id)
        .where(_tasks.c.id == page.c.task_id)
        .limit(literal_column("1"))
        .lateral("now")
    )
    return (
        select(
            *page.c,
            func.coalesce(counted.c.project_id, now.c.project_id),
            func.coalesce(counted.c.status, now.c.status),
            case((counted.c.task_id.is_(None), now.c.cycle_id), else_=counted.c.cycle_id),
            func.coalesce(counted.c.is_counted, false()),
        )
        .select_from(page.outerjoin(counted, true()).outerjoin(now, true()))
        .order_by(page.c.seq)
    )


def entry_of(row: tuple[Any, ...]) -> LogEntry:
    """The event in a row of either."""
    return LogEntry(*row[:4])


def standing_of(row: tuple[Any, ...]) -> Standing | None:
    """Where a task stood, from four columns; None if it is gone for good."""
    project_id, status, cycle_id, is_counted = row
    return Standing(project_id, Status(status), cycle_id, is_counted) if project_id is not None else None


def project_day_of(row: tuple[Any, ...]) -> ProjectDay | None:
    """A day of a project, from its columns; None if there is none."""
    return ProjectDay._make(row) if row[0] is not None else None


def cycle_day_of(row: tuple[Any, ...]) -> CycleDay | None:
    """A day of a cycle, from its columns; None if there is none."""
    return CycleDay(row[0], CycleStatus(row[1]), *row[2:]) if row[0] is not None else None
