from collections.abc import Callable, Iterable
from uuid import UUID

from core.cycles.policy import Visible as VisibleCycles
from core.kernel.actor import Actor
from core.kernel.paging import Answer
from core.notifications.policy import Visible as VisibleNotifications
from core.projects.model import Project
from core.projects.policy import Visible as VisibleProjects
from core.projects.ports import ProjectRef
from core.reports.model import COUNTED, Batch, LogEntry, Standing, Tally
from core.reports.read_models import (
    BurndownView,
    CycleCourse,
    DashboardView,
    FlowView,
    PerformanceView,
    ProjectCourse,
    ProjectReport,
    WorkloadView,
)
from core.tasks.fields import Status
from core.tasks.model import Task
from core.tasks.policy import Visible as VisibleTasks
from core.tasks.read_models import TaskView
from tests.fakes.notifications import inbox_of
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables


class InMemoryReportReader:
    """What reports are made from."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def project(self, actor: Actor, ref: ProjectRef, *, visible: VisibleProjects) -> Answer[ProjectReport | None]:
        tables = self._store.read(actor)
        project = _seen(tables, tables.project(ref), visible.member_id)
        return Answer(_report(tables, project) if project is not None else None, tables.last_seq)

    async def performance(self, actor: Actor) -> Answer[list[PerformanceView]]:
        tables = self._store.read(actor)
        views = [PerformanceView.of(user_id, name, **_by_status(tasks)) for user_id, name, tasks in _by_person(tables)]
        return Answer(views, tables.last_seq)

    async def workload(self, actor: Actor) -> Answer[list[WorkloadView]]:
        tables = self._store.read(actor)
        views = []
        for user_id, name, tasks in _by_person(tables, unfinished=True):
            counts = (sum(task.priority == each for task in tasks) for each in ("high", "medium", "low", "urgent"))
            views.append(WorkloadView(user_id, name, len(tasks), *counts))
        return Answer(views, tables.last_seq)

    async def nothing(self, actor: Actor) -> Answer[None]:
        return Answer(None, self._store.read(actor).last_seq)

    async def dashboard(
        self,
        actor: Actor,
        *,
        visible: VisibleTasks,
        visible_notifications: VisibleNotifications,
        most: int,
        most_projects: int,
    ) -> Answer[DashboardView]:
        tables = self._store.read(actor)
        mine = [
            task
            for task in tables.tasks.values()
            if tables.stands(task)
            and task.assigned_to == actor.user_id
            and (visible.member_id is None or (task.project_id, visible.member_id) in tables.members)
        ]
        mine.sort(key=lambda task: (task.created_at, task.id), reverse=True)
        projects = [
            project
            for project in tables.projects.values()
            if tables.project(project.id) and project.is_active and (project.id, actor.user_id) in tables.members
        ]
        view = DashboardView(
            recent_tasks=[
                TaskView.of(
                    tables.counted(task),
                    assigned_to_name=tables.name_of(task.assigned_to),
                    watching=tables.watches(task, actor.user_id),
                )
                for task in mine[:most]
            ],
            project_progress=[
                _report(tables, project)
                for project in sorted(projects, key=lambda each: (each.name, each.id))[:most_projects]
            ],
            notifications=sorted(
                inbox_of(tables, visible_notifications, unread=True), key=lambda view: int(view.position), reverse=True
            )[:most],
        )
        return Answer(view, tables.last_seq)

    async def burndown(self, actor: Actor, cycle_id: UUID, *, visible: VisibleCycles) -> Answer[CycleCourse | None]:
        tables = self._store.read(actor)
        cycle = tables.cycle(cycle_id)
        project = _seen(tables, tables.project(cycle.project_id) if cycle else None, visible.member_id)
        if cycle is None or project is None:
            return Answer(None, tables.last_seq)
        days = [row for (of, _), row in sorted(tables.cycle_days.items()) if of == cycle_id]
        pending = _batch(tables, projects=(), cycles=(cycle_id,), most=None)
        course = CycleCourse(
            cycle_id=cycle.id,
            project_id=project.id,
            project_name=project.name,
            name=cycle.name,
            number=cycle.number,
            starts_on=cycle.starts_on,
            ends_on=cycle.ends_on,
            days=days,
            pending=pending,
        )
        return Answer(course, tables.last_seq)

    async def flow(
        self, actor: Actor, ref: ProjectRef, *, visible: VisibleProjects, most: int
    ) -> Answer[ProjectCourse | None]:
        tables = self._store.read(actor)
        project = _seen(tables, tables.project(ref), visible.member_id)
        if project is None:
            return Answer(None, tables.last_seq)
        days = [row for (of, _), row in sorted(tables.project_days.items()) if of == project.id]
        pending = _batch(tables, projects=(project.id,), cycles=(), most=None)
        return Answer(ProjectCourse(project.id, project.name, days[-most - 1 :], pending), tables.last_seq)


class InMemoryDayCounts:
    """The days of all companies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def behind(self, *, least: int = 1) -> list[UUID]:
        return [
            company_id
            for company_id, tables in sorted(self._store.tables.companies.items())
            if tables.company.is_active and tables.last_seq - tables.counted_up_to >= least
        ]

    async def advance(self, company_id: UUID, *, most: int, counted: Callable[[Batch], Tally]) -> bool:
        tables = self._store.tables.companies[company_id]
        batch = _batch(tables, projects=tables.projects, cycles=tables.cycles, most=most)
        tally = counted(batch)
        tables.standings.update(tally.standings)
        tables.project_days.update(tally.project_days)
        tables.cycle_days.update(tally.cycle_days)
        is_more = len(batch.entries) == most
        tables.counted_up_to = batch.entries[-1].seq if is_more else tables.last_seq
        return is_more


def _batch(tables: CompanyTables, *, projects: Iterable[UUID], cycles: Iterable[UUID], most: int | None) -> Batch:
    entries = [
        LogEntry(event.seq, event.event, event.occurred_at, event.body)
        for event in tables.events
        if event.seq > tables.counted_up_to and event.event in COUNTED
    ]
    return Batch(
        zone=tables.company.settings.time_zone,
        entries=tuple(entries[:most]),
        tasks={
            task.id: tables.standings.get(task.id)
            or Standing(task.project_id, task.status, task.cycle_id, is_counted=False)
            for task in tables.tasks.values()
        },
        projects={
            each: next((row for (of, _), row in sorted(tables.project_days.items(), reverse=True) if of == each), None)
            for each in projects
        },
        cycles={
            each: next((row for (of, _), row in sorted(tables.cycle_days.items(), reverse=True) if of == each), None)
            for each in cycles
        },
    )


def _seen(tables: CompanyTables, project: Project | None, member_id: UUID | None) -> Project | None:
    if project is None or (member_id is not None and (project.id, member_id) not in tables.members):
        return None
    return project


def _by_status(tasks: list[Task]) -> dict[str, int]:
    return {status.value: sum(task.status is status for task in tasks) for status in Status}


def _report(tables: CompanyTables, project: Project) -> ProjectReport:
    tasks = [task for task in tables.tasks.values() if tables.stands(task) and task.project_id == project.id]
    return ProjectReport.of(project.id, project.name, **_by_status(tasks))


def _by_person(tables: CompanyTables, *, unfinished: bool = False) -> list[tuple[UUID, str, list[Task]]]:
    found = []
    for user_id, person in tables.people.items():
        tasks = [
            task
            for task in tables.tasks.values()
            if tables.stands(task) and task.assigned_to == user_id and not (unfinished and task.status is Status.DONE)
        ]
        if person.user.is_active or tasks:
            found.append((user_id, person.user.name, tasks))
    return sorted(found, key=lambda each: (each[1], each[0]))


class WordyCharts:
    """Tells what would be drawn."""

    async def burndown(self, burndown: BurndownView) -> str:
        return f"<svg>{burndown.name}: {len(burndown.days)} days</svg>"

    async def flow(self, flow: FlowView) -> str:
        return f"<svg>{flow.project_name}: {len(flow.days)} days</svg>"
