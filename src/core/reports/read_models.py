from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple
from uuid import UUID

from core.cycles.model import CycleStatus
from core.notifications.read_models import NotificationView
from core.projects.read_models import ProgressView, percentage
from core.reports.model import Batch, CycleDay, Day, ProjectDay
from core.tasks.read_models import TaskView

LONGEST: Final = 366
"""So many days a report shows at most."""


class ProjectReport(NamedTuple):
    """How far a project is: its progress, and which one it is."""

    project_id: UUID
    project_name: str
    total_tasks: int
    completed_tasks: int
    in_progress_tasks: int
    todo_tasks: int
    progress_percentage: float

    @staticmethod
    def of(project_id: UUID, name: str, *, todo: int, in_progress: int, done: int) -> "ProjectReport":
        return ProjectReport(project_id, name, *ProgressView.of(todo=todo, in_progress=in_progress, done=done))


class PerformanceView(NamedTuple):
    """What somebody was given and has done. The rate has one decimal, half rounded up; 0.0 where there is nothing."""

    user_id: UUID
    user_name: str
    total_tasks: int
    completed_tasks: int
    in_progress_tasks: int
    todo_tasks: int
    completion_rate: float

    @staticmethod
    def of(user_id: UUID, name: str, *, todo: int, in_progress: int, done: int) -> "PerformanceView":
        total = todo + in_progress + done
        return PerformanceView(user_id, name, total, done, in_progress, todo, percentage(done, total))


class WorkloadView(NamedTuple):
    """What somebody still has to do."""

    user_id: UUID
    user_name: str
    assigned_tasks: int
    high_priority_tasks: int
    medium_priority_tasks: int
    low_priority_tasks: int
    urgent_priority_tasks: int


class DashboardView(NamedTuple):
    """What somebody sees first: their newest tasks, how far their projects are, and what they did not read yet."""

    recent_tasks: list[TaskView]
    project_progress: list[ProjectReport]
    notifications: list[NotificationView]


class CycleCourse(NamedTuple):
    """A cycle, the days that were counted of it, oldest first, and what of the log was not counted yet."""

    cycle_id: UUID
    project_id: UUID
    project_name: str
    name: str
    number: int
    starts_on: date | None
    ends_on: date | None
    days: Sequence[CycleDay]
    pending: Batch


class ProjectCourse(NamedTuple):
    """A project, the days that were counted of it, oldest first, and what of the log was not counted yet."""

    project_id: UUID
    project_name: str
    days: Sequence[ProjectDay]
    pending: Batch


class BurndownDay(NamedTuple):
    """A day of a cycle, as it ended. Days to come have no more than the ideal line."""

    day: date
    scope: int | None
    done: int | None
    remaining: int | None
    added: int | None
    removed: int | None
    ideal: float | None


class BurndownView(NamedTuple):
    """How a cycle went, or goes. `added` and `removed` are how its scope changed after the start; `carried_over` is
    what was left at its end, None before. The ideal line goes from what it started with to nothing on its last day.
    """

    cycle_id: UUID
    project_id: UUID
    project_name: str
    name: str
    number: int
    status: CycleStatus
    starts_on: date | None
    ends_on: date | None
    scope_at_start: int
    added: int
    removed: int
    carried_over: int | None
    days: list[BurndownDay]

    @staticmethod
    def of(course: CycleCourse, *, today: date) -> "BurndownView":
        """The days from the start of the cycle to its end, or else up to today, and on to its last day if that is still
        to come; none of a cycle that did not start. More than 366 days are cut: the oldest ones.
        """
        tally = course.pending.counted()
        rows = _with(course.days, [day for (cycle, _), day in tally.cycle_days.items() if cycle == course.cycle_id])
        started = [row for row in rows if row.status is not CycleStatus.PLANNED]
        status = rows[-1].status if rows else CycleStatus.PLANNED
        is_over = status is CycleStatus.COMPLETED
        days: list[BurndownDay] = []
        if started:
            first, last = started[0].day, started[-1].day if is_over else max(today, started[-1].day)
            ends_on = course.ends_on if course.ends_on is not None and course.ends_on >= first else None
            days = [
                BurndownDay(row.day, row.scope, row.done, row.remaining, row.added, row.removed, None)
                for row in carried_forward(started, first=first, last=last)
            ]
            if ends_on is not None:
                until = min(ends_on, first + timedelta(days=LONGEST - 1))
                coming = [last + timedelta(days=each) for each in range(1, (until - last).days + 1)]
                days += [BurndownDay(day, None, None, None, None, None, None) for day in coming]
                ideal = _ideal(started[0].scope_before, first=first, last=ends_on)
                days = [day._replace(ideal=ideal(day.day)) for day in days]
        return BurndownView(
            cycle_id=course.cycle_id,
            project_id=course.project_id,
            project_name=course.project_name,
            name=course.name,
            number=course.number,
            status=status,
            starts_on=course.starts_on,
            ends_on=course.ends_on,
            scope_at_start=started[0].scope_before if started else 0,
            added=sum(row.added for row in started),
            removed=sum(row.removed for row in started),
            carried_over=started[-1].remaining if is_over else None,
            days=days[-LONGEST:],
        )


class FlowDay(NamedTuple):
    """How many tasks of each status a project had at the end of a day."""

    day: date
    todo: int
    in_progress: int
    done: int


class FlowView(NamedTuple):
    """How the work of a project flows: day by day, how much stood where."""

    project_id: UUID
    project_name: str
    days: list[FlowDay]

    @staticmethod
    def of(course: ProjectCourse, *, today: date, most: int) -> "FlowView":
        """So many days up to today, at most; none of before there was anything to count."""
        tally = course.pending.counted()
        rows = _with(
            course.days, [day for (project, _), day in tally.project_days.items() if project == course.project_id]
        )
        days: list[FlowDay] = []
        if rows:
            last = max(today, rows[-1].day)
            first = max(rows[0].day, last - timedelta(days=most - 1))
            days = [FlowDay(*row) for row in carried_forward(rows, first=first, last=last)]
        return FlowView(project_id=course.project_id, project_name=course.project_name, days=days)


def _with(days: Sequence[Day], newer: Sequence[Day]) -> list[Day]:
    """The days of both, oldest first; of two of one day, the newer."""
    found: dict[date, Day] = {row.day: row for row in days}
    found.update({row.day: row for row in newer})
    return [found[day] for day in sorted(found)]


def carried_forward(rows: Sequence[Day], *, first: date, last: date) -> list[Day]:
    """A row for each day: what was on days without a row of their own is what had been before. `rows` are sorted, and
    the first of them is not after `first`.
    """
    shown: list[Day] = []
    place = 0
    for each in range((last - first).days + 1):
        day = first + timedelta(days=each)
        while place + 1 < len(rows) and rows[place + 1].day <= day:
            place += 1
        shown.append(rows[place] if rows[place].day == day else _unchanged(rows[place], day))
    return shown


def _unchanged(row: Day, day: date) -> Day:
    return row._replace(day=day, added=0, removed=0) if isinstance(row, CycleDay) else row._replace(day=day)


class _Line(NamedTuple):
    """A straight line from `height` on the first day to nothing on the last."""

    height: int
    first: date
    length: int

    def __call__(self, day: date) -> float:
        left = max(self.length - (day - self.first).days, 0)
        share = Decimal(left) / Decimal(self.length) if self.length else Decimal(0)
        return float((self.height * share).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP))


def _ideal(height: int, *, first: date, last: date) -> _Line:
    return _Line(height, first, (last - first).days)
