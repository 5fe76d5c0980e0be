from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from core.cycles.errors import CycleNotFound
from core.cycles.policy import visible_cycles
from core.kernel.actor import Actor, reading
from core.kernel.errors import Forbidden, answers
from core.kernel.paging import Answer
from core.kernel.ports import Clock
from core.notifications.policy import visible_notifications
from core.projects.errors import ProjectNotFound
from core.projects.policy import visible_projects
from core.projects.ports import ProjectRef
from core.reports import policy
from core.reports.ports import Charts, ReportReader
from core.reports.read_models import (
    BurndownView,
    DashboardView,
    FlowView,
    PerformanceView,
    ProjectReport,
    WorkloadView,
)
from core.tasks.policy import visible_tasks

_MOST_RECENT = 10
_MOST_PROJECTS = 100


class ReportUseCases:
    """Telling how the work of projects, people and cycles goes, in figures and drawn."""

    def __init__(self, *, reader: ReportReader, charts: Charts, clock: Clock) -> None:
        self._reader = reader
        self._charts = charts
        self._clock = clock

    @reading
    @answers(ProjectNotFound)
    async def project(self, actor: Actor, ref: ProjectRef) -> Answer[ProjectReport]:
        """How far a project is. Whoever sees it may know."""
        report, seq = await self._reader.project(actor, ref, visible=visible_projects(actor))
        if report is None:
            raise ProjectNotFound
        return Answer(report, seq)

    @reading
    @answers(Forbidden)
    async def performance(self, actor: Actor) -> Answer[list[PerformanceView]]:
        """What everybody was given and has done, over all tasks that are not deleted. Owners and admins may know.

        Every active user is there, and whoever has tasks, by name.
        """
        await self._ensure_may(actor)
        return await self._reader.performance(actor)

    @reading
    @answers(Forbidden)
    async def workload(self, actor: Actor) -> Answer[list[WorkloadView]]:
        """What everybody still has to do, by priority: tasks that are neither done nor deleted. Owners and admins may
        know.

        Every active user is there, and whoever has such tasks, by name.
        """
        await self._ensure_may(actor)
        return await self._reader.workload(actor)

    @reading
    @answers()
    async def dashboard(self, actor: Actor) -> Answer[DashboardView]:
        """What the caller sees first: the 10 newest of the tasks assigned to them, and how far the active projects are
        that they belong to, the first 100 by name, and the 10 newest notifications that they did not read.
        """
        return await self._reader.dashboard(
            actor,
            visible=visible_tasks(actor),
            visible_notifications=visible_notifications(actor),
            most=_MOST_RECENT,
            most_projects=_MOST_PROJECTS,
        )

    @reading
    @answers(CycleNotFound)
    async def burndown(self, actor: Actor, cycle_id: UUID) -> Answer[BurndownView]:
        """How a cycle goes, day by day in the company's time zone, each as it ended. Whoever sees the cycle may know.

        Days are counted from the events: what happens to the tasks of a cycle that is over does not change how it went.
        What was added to the scope and removed from it after the start is kept; what was left at the end was carried
        over. The ideal line goes from what the cycle started with to nothing on its last day, if it has one. A cycle
        that did not start has no days.
        """
        course, seq = await self._reader.burndown(actor, cycle_id, visible=visible_cycles(actor))
        if course is None:
            raise CycleNotFound
        return Answer(BurndownView.of(course, today=self._today(course.pending.zone)), seq)

    @answers(CycleNotFound)
    async def burndown_chart(self, actor: Actor, cycle_id: UUID) -> Answer[str]:
        """The burndown of a cycle, drawn: what remains, the scope, and the ideal line, as an SVG document."""
        burndown, seq = await self.burndown(actor, cycle_id)
        return Answer(await self._charts.burndown(burndown), seq)

    @reading
    @answers(ProjectNotFound)
    async def flow(self, actor: Actor, ref: ProjectRef, *, days: int) -> Answer[FlowView]:
        """How many tasks of each status a project had, day by day in the company's time zone, each as it ended, up to
        today. Whoever sees the project may know.

        Days are counted from the events, so that the past stays what it was.
        """
        course, seq = await self._reader.flow(actor, ref, visible=visible_projects(actor), most=days)
        if course is None:
            raise ProjectNotFound
        return Answer(FlowView.of(course, today=self._today(course.pending.zone), most=days), seq)

    @answers(ProjectNotFound)
    async def flow_chart(self, actor: Actor, ref: ProjectRef, *, days: int) -> Answer[str]:
        """The flow of a project, drawn: how many tasks stood where, one area above the other, as an SVG document."""
        flow, seq = await self.flow(actor, ref, days=days)
        return Answer(await self._charts.flow(flow), seq)

    def _today(self, zone: str) -> date:
        return self._clock.now().astimezone(ZoneInfo(zone)).date()

    async def _ensure_may(self, actor: Actor) -> None:
        if not actor.administers:
            # Whether that is still so, only the database knows.
            await self._reader.nothing(actor)
        policy.authorise_company_reports(actor)
