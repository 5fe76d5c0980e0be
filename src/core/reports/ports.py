from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from core.cycles.policy import Visible as VisibleCycles
from core.kernel.actor import Actor
from core.kernel.paging import Answer
from core.notifications.policy import Visible as VisibleNotifications
from core.projects.policy import Visible as VisibleProjects
from core.projects.ports import ProjectRef
from core.reports.model import Batch, Tally
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
from core.tasks.policy import Visible as VisibleTasks


class ReportReader(Protocol):
    """What reports are made from. Each call is one round trip, and one snapshot."""

    async def project(
        self, actor: Actor, ref: ProjectRef, *, visible: VisibleProjects
    ) -> Answer[ProjectReport | None]: ...

    async def performance(self, actor: Actor) -> Answer[list[PerformanceView]]:
        """All tasks but deleted ones, by whom they are assigned to: every active user, and whoever has any, by name."""
        ...

    async def workload(self, actor: Actor) -> Answer[list[WorkloadView]]:
        """The same of what is not done."""
        ...

    async def nothing(self, actor: Actor) -> Answer[None]:
        """Finds out no more than who the caller is now. Raises ActorChanged."""
        ...

    async def dashboard(
        self,
        actor: Actor,
        *,
        visible: VisibleTasks,
        visible_notifications: VisibleNotifications,
        most: int,
        most_projects: int,
    ) -> Answer[DashboardView]:
        """The newest of the visible tasks that are assigned to the caller, the first of the active projects that they
        belong to, by name, and the newest of the visible notifications that were not read; so many of each at most.
        """
        ...

    async def burndown(self, actor: Actor, cycle_id: UUID, *, visible: VisibleCycles) -> Answer[CycleCourse | None]: ...

    async def flow(
        self, actor: Actor, ref: ProjectRef, *, visible: VisibleProjects, most: int
    ) -> Answer[ProjectCourse | None]:
        """The newest days that were counted, so many at most, and what was not counted yet."""
        ...


class DayCounts(Protocol):
    """Counts the companies' logs, each from where it was counted up to."""

    async def behind(self, *, least: int = 1) -> list[UUID]:
        """The companies whose logs went on by so many events at least."""
        ...

    async def advance(self, company_id: UUID, *, most: int, counted: Callable[[Batch], Tally]) -> bool:
        """Takes up to so many events of a company's log, and keeps what comes of them together with the new position:
        no event is counted twice. Whether there are more; also false where somebody else is at it, or where it fails
        for what is in the log: the other companies are counted all the same.
        """
        ...


class Charts(Protocol):
    """Draws reports, as SVG documents that hold no program and refer to nothing outside. Raises Busy if many wait."""

    async def burndown(self, burndown: BurndownView) -> str: ...

    async def flow(self, flow: FlowView) -> str: ...
