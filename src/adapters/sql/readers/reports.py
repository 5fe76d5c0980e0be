"""Reading what reports are made from."""

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Integer, Select, Uuid, bindparam, cast, func, or_, select, true

from adapters.sql.connection import Database, Rows
from adapters.sql.readers.counted import (
    counted_up_to,
    cycle_day_of,
    entry_of,
    project_day_of,
    standing_of,
    standings,
)
from adapters.sql.readers.notifications import newest_unread, notification_view
from adapters.sql.readers.projects import is_member_of, named_project, ref_value
from adapters.sql.readers.task_lists import Shape, page_statement, task_view
from adapters.sql.statement import Statement
from adapters.sql.tables.identity import companies
from adapters.sql.tables.people import users
from adapters.sql.tables.reports import cycle_days, project_days
from adapters.sql.tables.work import cycles, project_members, projects, tasks
from core.cycles.policy import Visible as VisibleCycles
from core.kernel.actor import Actor
from core.kernel.paging import Answer, Sort
from core.notifications.policy import Visible as VisibleNotifications
from core.projects.policy import Visible as VisibleProjects
from core.projects.ports import ProjectRef
from core.reports.model import Batch
from core.reports.read_models import (
    CycleCourse,
    DashboardView,
    PerformanceView,
    ProjectCourse,
    ProjectReport,
    WorkloadView,
)
from core.tasks.policy import Visible as VisibleTasks

_AT_ONCE = 1_000
_MEMBER = bindparam("member_id", type_=Uuid)


_STATUSES = ("todo", "in_progress", "done")
_PRIORITIES = ("high", "medium", "low", "urgent")


def _total(counted: FromClause, column: str, value: str) -> ColumnElement[int]:
    """The sum of the counts of one value. PostgreSQL sums integers to larger ones, so that it has to be told."""
    return cast(func.coalesce(func.sum(counted.c.count).filter(counted.c[column] == value), 0), Integer)


def _by_status(among: FromClause) -> FromClause:
    """The tasks of each of some projects, counted by status.

    In the order of the index, whose entries are counted as they come: a quarter of the time that sorting them takes.
    """
    return (
        select(tasks.c.status, func.count().label("count"))
        .where(tasks.c.project_id == among.c.id)
        .group_by(tasks.c.status)
        .correlate(among)
        .lateral("counted")
    )


def _progress(counted: FromClause) -> list[ColumnElement[int]]:
    return [_total(counted, "status", status) for status in _STATUSES]


_of_project = _by_status(projects)


@cache
def project_statement(by_key: bool, member: bool) -> Statement:
    """How far one project is."""
    query = (
        select(projects.c.id, projects.c.name, *_progress(_of_project))
        .select_from(projects.outerjoin(_of_project, true()))
        .where(named_project(by_key))
        .group_by(projects.c.id, projects.c.name)
    )
    return Statement(query.where(is_member_of(projects.c.id)) if member else query)


def _by_person(kinds: Sequence[str], column: str, *conditions: ColumnElement[bool]) -> Statement:
    """Tasks by whom they are assigned to, counted by the values of a column, and all of them: of every active user, and
    of whoever has any, by name.

    The tasks of a deleted project are deleted themselves.
    """
    by = dict.fromkeys(("project_id", "status", "assigned_to", column))
    counted = (
        select(*(tasks.c[name] for name in by), func.count().label("count"))
        .where(tasks.c.assigned_to.is_not(None), *conditions)
        .group_by(*(tasks.c[name] for name in by))
        .subquery("counted")
    )
    given = (
        select(
            counted.c.assigned_to,
            cast(func.sum(counted.c.count), Integer).label("all"),
            *(_total(counted, column, kind).label(kind) for kind in kinds),
        )
        .group_by(counted.c.assigned_to)
        .subquery("given")
    )
    return Statement(
        select(users.c.id, users.c.name, *(func.coalesce(given.c[name], 0) for name in ("all", *kinds)))
        .select_from(users.outerjoin(given, given.c.assigned_to == users.c.id))
        .where(or_(users.c.is_active, given.c.assigned_to.is_not(None)))
        .order_by(users.c.name, users.c.id)
    )


PERFORMANCE = _by_person(_STATUSES, "status")
# Not "is not done": under row-level security an index is asked for what is equal, not for what is not.
WORKLOAD = _by_person(_PRIORITIES, "priority", tasks.c.status.in_(("todo", "in_progress")))
NOTHING = Statement(select(true()))


def recent_statement(member: bool, *, most: int) -> Statement:
    """The newest tasks of a person's; for a member of those projects alone that they belong to still.

    As a list, names last: given joins and a limit that it does not know, PostgreSQL would begin with the projects.
    """
    filters = {"mine", "member_id"} if member else {"mine"}
    newest = Sort(field="created_at", descending=True)
    return page_statement(Shape(frozenset(filters), newest, after=False, after_null=False, most=most, skips=False))


# The first by name, before any task of theirs is counted.
_mine = (
    select(projects.c.id, projects.c.name)
    .select_from(project_members.join(projects, projects.c.id == project_members.c.project_id))
    .where(project_members.c.user_id == _MEMBER, projects.c.is_active)
    .order_by(projects.c.name, projects.c.id)
    .limit(bindparam("most", type_=Integer))
    .subquery("mine")
)
_of_mine = _by_status(_mine)
MY_PROJECTS = Statement(
    select(_mine.c.id, _mine.c.name, *_progress(_of_mine))
    .select_from(_mine.outerjoin(_of_mine, true()))
    .group_by(_mine.c.id, _mine.c.name)
    .order_by(_mine.c.name, _mine.c.id)
)

PENDING = Statement(standings(counted_up_to))


@cache
def cycle_statement(member: bool) -> Statement:
    """A cycle with its days, a row each, oldest first."""
    query: Select[Any] = (
        select(
            cycles.c.id,
            projects.c.id,
            projects.c.name,
            cycles.c.name,
            cycles.c.number,
            cycles.c.starts_on,
            cycles.c.ends_on,
            companies.c.time_zone,
            *(cycle_days.c[name] for name in ("day", "status", "scope", "done", "added", "removed")),
        )
        .select_from(
            cycles.join(projects, projects.c.id == cycles.c.project_id)
            .join(companies, true())
            .outerjoin(cycle_days, cycle_days.c.cycle_id == cycles.c.id)
        )
        .where(cycles.c.id == bindparam("cycle", type_=Uuid))
        .order_by(cycle_days.c.day)
    )
    return Statement(query.where(is_member_of(projects.c.id)) if member else query)


@cache
def flow_statement(by_key: bool, member: bool) -> Statement:
    """A project with its newest days, a row each, newest first."""
    query: Select[Any] = (
        select(
            projects.c.id,
            projects.c.name,
            companies.c.time_zone,
            *(project_days.c[name] for name in ("day", "todo", "in_progress", "done")),
        )
        .select_from(
            projects.join(companies, true()).outerjoin(project_days, project_days.c.project_id == projects.c.id)
        )
        .where(named_project(by_key))
        .order_by(project_days.c.day.desc())
        .limit(bindparam("days", type_=Integer))
    )
    return Statement(query.where(is_member_of(projects.c.id)) if member else query)


class SqlReportReader:
    """What reports are made from."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def project(self, actor: Actor, ref: ProjectRef, *, visible: VisibleProjects) -> Answer[ProjectReport | None]:
        shape = project_statement(not isinstance(ref, UUID), visible.member_id is not None)
        found = await self._database.rows(actor, shape, _named(ref, visible.member_id))
        return Answer(_report(found.rows[0]) if found.rows else None, found.seq)

    async def performance(self, actor: Actor) -> Answer[list[PerformanceView]]:
        found = await self._database.rows(actor, PERFORMANCE, {})
        views = [
            PerformanceView.of(user_id, name, todo=todo, in_progress=in_progress, done=done)
            for user_id, name, _, todo, in_progress, done in found.rows
        ]
        return Answer(views, found.seq)

    async def workload(self, actor: Actor) -> Answer[list[WorkloadView]]:
        found = await self._database.rows(actor, WORKLOAD, {})
        return Answer([WorkloadView._make(row) for row in found.rows], found.seq)

    async def nothing(self, actor: Actor) -> Answer[None]:
        found = await self._database.rows(actor, NOTHING, {})
        return Answer(None, found.seq)

    async def dashboard(
        self,
        actor: Actor,
        *,
        visible: VisibleTasks,
        visible_notifications: VisibleNotifications,
        most: int,
        most_projects: int,
    ) -> Answer[DashboardView]:
        recent = recent_statement(visible.member_id is not None, most=most)
        values: dict[str, Any] = {"mine": actor.user_id, "watcher": actor.user_id}
        if visible.member_id is not None:
            values["member_id"] = visible.member_id
        mine = {"member_id": actor.user_id, "most": most_projects}
        (tasks_found, projects_found, unread), seq = await self._database.several(
            actor, (recent, values), (MY_PROJECTS, mine), newest_unread(visible_notifications, most=most)
        )
        view = DashboardView(
            recent_tasks=[task_view(row) for row in tasks_found],
            project_progress=[_report(row) for row in projects_found],
            notifications=[notification_view(row) for row in unread],
        )
        return Answer(view, seq)

    async def burndown(self, actor: Actor, cycle_id: UUID, *, visible: VisibleCycles) -> Answer[CycleCourse | None]:
        member = visible.member_id
        values = {"cycle": cycle_id} | ({"member_id": member} if member is not None else {})
        found = await self._with_pending(actor, cycle_statement(member is not None), values)
        if not found.rows:
            return Answer(None, found.seq)
        cycle, zone = found.rows[0][:7], found.rows[0][7]
        days = [day for row in found.rows if (day := cycle_day_of(row[8:])) is not None]
        newest = days[-1] if days else None
        pending = _pending(found, zone)._replace(cycles={cycle_id: newest})
        return Answer(CycleCourse._make((*cycle, days, pending)), found.seq)

    async def flow(
        self, actor: Actor, ref: ProjectRef, *, visible: VisibleProjects, most: int
    ) -> Answer[ProjectCourse | None]:
        statement = flow_statement(not isinstance(ref, UUID), visible.member_id is not None)
        # One more: the last before those that are shown, from which the first of them may be carried forward.
        values = {**_named(ref, visible.member_id), "days": most + 1}
        found = await self._with_pending(actor, statement, values)
        if not found.rows:
            return Answer(None, found.seq)
        project_id, name, zone = found.rows[0][:3]
        days = [day for row in reversed(found.rows) if (day := project_day_of(row[3:])) is not None]
        pending = _pending(found, zone)._replace(projects={project_id: days[-1] if days else None})
        return Answer(ProjectCourse(project_id, name, days=days, pending=pending), found.seq)

    async def _with_pending(self, actor: Actor, statement: Statement, values: dict[str, Any]) -> Rows:
        """The rows, and beside them what of the log was not counted yet: of the same snapshot."""
        return await self._database.rows(actor, statement, values, also=(PENDING, {"most": _AT_ONCE}))


def _pending(found: Rows, zone: str) -> Batch:
    """What was not counted yet, but for the projects and cycles that it is to be counted for."""
    return Batch(
        zone=zone,
        entries=tuple(entry_of(row) for row in found.also),
        tasks={row[4]: standing_of(row[5:]) for row in found.also if row[4] is not None},
        projects={},
        cycles={},
    )


def _named(ref: ProjectRef, member_id: UUID | None) -> dict[str, Any]:
    return {"ref": ref_value(ref)} | ({"member_id": member_id} if member_id is not None else {})


def _report(row: tuple[Any, ...]) -> ProjectReport:
    project_id, name, todo, in_progress, done = row
    return ProjectReport.of(project_id, name, todo=todo, in_progress=in_progress, done=done)
