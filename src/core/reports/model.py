from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from core.cycles.events import CycleCompleted, CycleStarted
from core.cycles.model import CycleStatus
from core.tasks.events import TaskCreated, TaskDeleted, TaskMoved, TaskRestored, TaskUpdated
from core.tasks.fields import Status

COUNTED: Final = tuple(
    sorted(
        kind.event
        for kind in (TaskCreated, TaskUpdated, TaskMoved, TaskDeleted, TaskRestored, CycleStarted, CycleCompleted)
    )
)
"""The events that change a count: a column's new category, a bulk and the end of a cycle are told task by task."""


class LogEntry(NamedTuple):
    """An event of the log. Of its body no more is needed than ids, status and cycle."""

    seq: int
    event: str
    occurred_at: datetime
    body: Mapping[str, Any]


class Standing(NamedTuple):
    """Where a task stands, as far as the log was read. One that is not counted was deleted, or is not made yet."""

    project_id: UUID
    status: Status
    cycle_id: UUID | None
    is_counted: bool


class ProjectDay(NamedTuple):
    """How many tasks of each status a project had at the end of a day."""

    day: date
    todo: int = 0
    in_progress: int = 0
    done: int = 0

    def with_one(self, status: Status, *, more: int) -> "ProjectDay":
        """The same with one more, or with `more` of them."""
        return self._replace(**{status.value: getattr(self, status.value) + more})


class CycleDay(NamedTuple):
    """How many tasks a cycle had at the end of a day, and how many of them were done; `added` and `removed` are the
    changes of its scope on that day, once it had started.
    """

    day: date
    status: CycleStatus = CycleStatus.PLANNED
    scope: int = 0
    done: int = 0
    added: int = 0
    removed: int = 0

    @property
    def remaining(self) -> int:
        """What was not done at the end of the day."""
        return self.scope - self.done

    @property
    def scope_before(self) -> int:
        """The scope before that day's changes: of the day on which the cycle started, what it started with."""
        return self.scope - self.added + self.removed


Day = TypeVar("Day", ProjectDay, CycleDay)


class Tally:
    """Counts events, one after the other, in days of a time zone.

    It begins with where tasks stood when they were counted last, those that never were as they stand now, and with the
    newest day of each project and cycle, None where there is none yet.
    What is in none of these is gone for good, and is passed over. A day that is over is never changed again: what comes
    late by a clock that goes slow counts for the newest day.
    """

    def __init__(
        self,
        *,
        zone: str,
        tasks: Mapping[UUID, Standing | None],
        projects: Mapping[UUID, ProjectDay | None],
        cycles: Mapping[UUID, CycleDay | None],
    ) -> None:
        self._zone = ZoneInfo(zone)
        self._tasks = dict(tasks)
        self._projects = dict(projects)
        self._cycles = dict(cycles)
        self.standings: dict[UUID, Standing] = {}
        self.project_days: dict[tuple[UUID, date], ProjectDay] = {}
        self.cycle_days: dict[tuple[UUID, date], CycleDay] = {}

    def count(self, entries: Iterable[LogEntry]) -> None:
        """Counts what happened. What is new or different is in `standings`, `project_days` and `cycle_days` then."""
        for entry in entries:
            day = entry.occurred_at.astimezone(self._zone).date()
            if entry.event in (CycleStarted.event, CycleCompleted.event):
                self._turn(UUID(entry.body["cycle_id"]), entry, day)
            elif entry.event in COUNTED:
                self._place(UUID(entry.body["task_id"]), entry, day)

    def _turn(self, cycle_id: UUID, entry: LogEntry, day: date) -> None:
        row = self._cycle(cycle_id, day)
        if row is None:
            return
        if entry.event == CycleStarted.event:
            self._keep_cycle(cycle_id, row._replace(status=CycleStatus.ACTIVE))
            return
        # The tasks that were carried over left right before: they stay in the scope, unfinished, and were not removed.
        left = min(entry.body["carried_over"], row.removed)
        ended = row._replace(status=CycleStatus.COMPLETED, scope=row.scope + left, removed=row.removed - left)
        self._keep_cycle(cycle_id, ended)

    def _place(self, task_id: UUID, entry: LogEntry, day: date) -> None:
        if task_id not in self._tasks:
            return
        old = self._tasks[task_id]
        new = standing_after(old, entry)
        if new is None or new == old:
            return
        self._tasks[task_id] = self.standings[task_id] = new
        if old is not None and old.is_counted:
            if new.is_counted and (new.project_id, new.status) == (old.project_id, old.status):
                self._recount_cycles(old, new, day)
                return
            self._recount_project(old, day, more=-1)
        if new.is_counted:
            self._recount_project(new, day, more=1)
        self._recount_cycles(old, new, day)

    def _recount_project(self, standing: Standing, day: date, *, more: int) -> None:
        project_id = standing.project_id
        if project_id in self._projects:
            row = _begun(self._projects[project_id], day, ProjectDay(day)).with_one(standing.status, more=more)
            self._projects[project_id] = self.project_days[project_id, row.day] = row

    def _recount_cycles(self, old: Standing | None, new: Standing, day: date) -> None:
        was = old if old is not None and old.is_counted and old.cycle_id is not None else None
        now = new if new.is_counted and new.cycle_id is not None else None
        if was is not None and now is not None and was.cycle_id == now.cycle_id:
            self._recount_cycle(was, day, more=-1, is_change=False)
            self._recount_cycle(now, day, more=1, is_change=False)
            return
        if was is not None:
            self._recount_cycle(was, day, more=-1, is_change=True)
        if now is not None:
            self._recount_cycle(now, day, more=1, is_change=True)

    def _recount_cycle(self, standing: Standing, day: date, *, more: int, is_change: bool) -> None:
        assert standing.cycle_id is not None
        row = self._cycle(standing.cycle_id, day)
        # What happens to the tasks of a cycle that is over does not change how it went.
        if row is None or row.status is CycleStatus.COMPLETED:
            return
        row = row._replace(scope=row.scope + more, done=row.done + (more if standing.status is Status.DONE else 0))
        if is_change and row.status is CycleStatus.ACTIVE:
            row = row._replace(added=row.added + 1) if more > 0 else row._replace(removed=row.removed + 1)
        self._keep_cycle(standing.cycle_id, row)

    def _cycle(self, cycle_id: UUID, day: date) -> CycleDay | None:
        if cycle_id not in self._cycles:
            return None
        found = self._cycles[cycle_id]
        if found is not None and found.day < day:
            found = found._replace(added=0, removed=0)
        return _begun(found, day, CycleDay(day))

    def _keep_cycle(self, cycle_id: UUID, row: CycleDay) -> None:
        self._cycles[cycle_id] = self.cycle_days[cycle_id, row.day] = row


def _begun(newest: Day | None, day: date, empty: Day) -> Day:
    if newest is None:
        return empty
    return newest._replace(day=day) if newest.day < day else newest


def standing_after(old: Standing | None, entry: LogEntry) -> Standing | None:
    """Where a task stands after an event of it; None where that cannot be told, since nobody saw it being made.

    Events of a release without reports do not say with which status and cycle a task was made: it stands where it did.
    Processes of such a release may still write them while this one is rolled out.
    """
    body = entry.body
    project_id = UUID(body["project_id"])
    if entry.event in (TaskCreated.event, TaskRestored.event):
        known = old if old is not None else Standing(project_id, Status.TODO, None, is_counted=False)
        status = Status(body["status"]) if body.get("status") else known.status
        cycle_id = _id(body["cycle_id"]) if "cycle_id" in body else known.cycle_id
        return Standing(project_id, status, cycle_id, is_counted=True)
    if old is None:
        return None
    if entry.event == TaskDeleted.event:
        return old._replace(is_counted=False)
    if entry.event == TaskMoved.event:
        return old._replace(status=Status(body["new_status"]))
    changes, new = body["changes"], old._replace(project_id=project_id)
    if changes.get("status"):
        new = new._replace(status=Status(changes["status"]["new"]))
    if changes.get("cycle_id"):
        new = new._replace(cycle_id=_id(changes["cycle_id"]["new"]))
    return new


def _id(value: str | None) -> UUID | None:
    return UUID(value) if value is not None else None


class Batch(NamedTuple):
    """Some of a company's log, and all that is needed to count it."""

    zone: str
    entries: tuple[LogEntry, ...]
    tasks: Mapping[UUID, Standing | None]
    projects: Mapping[UUID, ProjectDay | None]
    cycles: Mapping[UUID, CycleDay | None]

    def counted(self) -> Tally:
        """What comes of it."""
        tally = Tally(zone=self.zone, tasks=self.tasks, projects=self.projects, cycles=self.cycles)
        tally.count(self.entries)
        return tally
