"""Reports and the dashboard over HTTP."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from core.cycles.model import CycleStatus
from core.kernel.paging import Answer
from core.reports.read_models import LONGEST, BurndownView, DashboardView, FlowView
from core.reports.use_cases.reports import ReportUseCases
from entrypoints.rest import answers
from entrypoints.rest.caller import SignedInRoute, caller, container_of
from entrypoints.rest.drawn import SVG, VARY, drawn, wants_drawing
from entrypoints.rest.operations import operation
from entrypoints.rest.refs import cycle_id as cycle_ref
from entrypoints.rest.refs import project_ref
from entrypoints.rest.v1.fields import Shown
from entrypoints.rest.v1.notifications import NOTIFICATION_EXAMPLE, NotificationShown
from entrypoints.rest.v1.task_fields import TASK_EXAMPLE, TaskShown

router = APIRouter(prefix="/api/v1", route_class=SignedInRoute, tags=["Reports"])

ProjectId = Annotated[str, Path(description="The project's id, or its key in any case.")]
CycleId = Annotated[str, Path(description="The cycle's id.")]
Days = Annotated[int, Query(ge=1, le=LONGEST, description="So many days up to today, at most.")]
USUAL_DAYS = 90
_RATE = Field(ge=0, le=100, description="One decimal, half rounded up; 0.0 where there are no tasks.")


class ProjectReportShown(Shown):
    project_id: UUID
    project_name: str
    total_tasks: int
    completed_tasks: int
    in_progress_tasks: int
    todo_tasks: int
    progress_percentage: float = _RATE


class PerformanceShown(Shown):
    user_id: UUID
    user_name: str
    total_tasks: int
    completed_tasks: int
    in_progress_tasks: int
    todo_tasks: int
    completion_rate: float = _RATE


class WorkloadShown(Shown):
    user_id: UUID
    user_name: str
    assigned_tasks: int
    high_priority_tasks: int
    medium_priority_tasks: int
    low_priority_tasks: int
    urgent_priority_tasks: int


class BurndownDayShown(Shown):
    """A day as it ended; of days to come there is no more than the ideal line."""

    day: date
    scope: int | None
    done: int | None
    remaining: int | None
    added: int | None
    removed: int | None
    ideal: float | None


class BurndownShown(Shown):
    cycle_id: UUID
    project_id: UUID
    project_name: str
    name: str
    number: int
    status: CycleStatus
    starts_on: date | None
    ends_on: date | None
    scope_at_start: int
    added: int = Field(description="Tasks that were put into the cycle after it had started.")
    removed: int = Field(description="Tasks that were taken out of it after it had started, or deleted.")
    carried_over: int | None = Field(description="What was left when it was completed; null before.")
    days: list[BurndownDayShown]


class FlowDayShown(Shown):
    day: date
    todo: int
    in_progress: int
    done: int


class FlowShown(Shown):
    project_id: UUID
    project_name: str
    days: list[FlowDayShown]


class DashboardShown(Shown):
    recent_tasks: list[TaskShown]
    project_progress: list[ProjectReportShown]
    notifications: list[NotificationShown] = Field(max_length=10)


PROJECT_EXAMPLE = {
    "project_id": "01920000-0000-7000-8000-000000000001",
    "project_name": "Website",
    "total_tasks": 8,
    "completed_tasks": 3,
    "in_progress_tasks": 1,
    "todo_tasks": 4,
    "progress_percentage": 37.5,
}
PERFORMANCE_EXAMPLE = {
    "user_id": "01920000-0000-7000-8000-000000000002",
    "user_name": "Ann",
    "total_tasks": 3,
    "completed_tasks": 2,
    "in_progress_tasks": 1,
    "todo_tasks": 0,
    "completion_rate": 66.7,
}
WORKLOAD_EXAMPLE = {
    "user_id": "01920000-0000-7000-8000-000000000002",
    "user_name": "Ann",
    "assigned_tasks": 4,
    "high_priority_tasks": 1,
    "medium_priority_tasks": 2,
    "low_priority_tasks": 0,
    "urgent_priority_tasks": 1,
}
BURNDOWN_EXAMPLE = {
    "cycle_id": "01920000-0000-7000-8000-000000000021",
    "project_id": "01920000-0000-7000-8000-000000000001",
    "project_name": "Website",
    "name": "Autumn",
    "number": 3,
    "status": "active",
    "starts_on": "2026-11-16",
    "ends_on": "2026-11-18",
    "scope_at_start": 8,
    "added": 1,
    "removed": 0,
    "carried_over": None,
    "days": [
        {"day": "2026-11-16", "scope": 8, "done": 1, "remaining": 7, "added": 0, "removed": 0, "ideal": 8.0},
        {"day": "2026-11-17", "scope": 9, "done": 4, "remaining": 5, "added": 1, "removed": 0, "ideal": 4.0},
        {
            "day": "2026-11-18",
            "scope": None,
            "done": None,
            "remaining": None,
            "added": None,
            "removed": None,
            "ideal": 0.0,
        },
    ],
}
FLOW_EXAMPLE = {
    "project_id": "01920000-0000-7000-8000-000000000001",
    "project_name": "Website",
    "days": [
        {"day": "2026-11-16", "todo": 5, "in_progress": 2, "done": 1},
        {"day": "2026-11-17", "todo": 4, "in_progress": 1, "done": 3},
    ],
}
SVG_EXAMPLE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 480" role="img"><title>Autumn</title></svg>'
DASHBOARD_EXAMPLE = {
    "recent_tasks": [TASK_EXAMPLE],
    "project_progress": [PROJECT_EXAMPLE],
    "notifications": [NOTIFICATION_EXAMPLE],
}


def reports_of(request: Request) -> ReportUseCases:
    found: ReportUseCases = container_of(request).report_use_cases()
    return found


@router.get(
    "/reports/project/{project_id}",
    **operation(
        ReportUseCases.project,
        id="reportProject",
        summary="Report on a project",
        shows=ProjectReportShown,
        example=PROJECT_EXAMPLE,
    ),
)
async def report_project(request: Request, project_id: ProjectId) -> Response:
    answer = await reports_of(request).project(caller(request), project_ref(project_id))
    return _told(answers.encoded(answers.as_written(answer.value)), answer.seq)


@router.get(
    "/reports/team-performance",
    **operation(
        ReportUseCases.performance,
        id="reportTeamPerformance",
        summary="Report on what everybody has done",
        shows=list[PerformanceShown],
        example=[PERFORMANCE_EXAMPLE],
    ),
)
async def report_team_performance(request: Request) -> Response:
    answer = await reports_of(request).performance(caller(request))
    return _told(answers.encoded_list(answer.value), answer.seq)


@router.get(
    "/reports/workload",
    **operation(
        ReportUseCases.workload,
        id="reportWorkload",
        summary="Report on what everybody has to do",
        shows=list[WorkloadShown],
        example=[WORKLOAD_EXAMPLE],
    ),
)
async def report_workload(request: Request) -> Response:
    answer = await reports_of(request).workload(caller(request))
    return _told(answers.encoded_list(answer.value), answer.seq)


@router.get(
    "/reports/cycles/{cycle_id}/burndown",
    **operation(
        ReportUseCases.burndown,
        id="reportBurndown",
        summary="Report how a cycle goes",
        shows=BurndownShown,
        example=BURNDOWN_EXAMPLE,
        also_answers=SVG,
    ),
)
async def report_burndown(request: Request, cycle_id: CycleId) -> Response:
    if wants_drawing(request):
        return await draw_burndown(request, cycle_id)
    answer = await reports_of(request).burndown(caller(request), cycle_ref(cycle_id))
    return _told(_with_days(answer), answer.seq, varies=True)


@router.get(
    "/reports/cycles/{cycle_id}/burndown.svg",
    **operation(
        ReportUseCases.burndown_chart,
        id="drawBurndown",
        summary="Draw how a cycle goes",
        draws=SVG,
        example=SVG_EXAMPLE,
    ),
)
async def draw_burndown(request: Request, cycle_id: CycleId) -> Response:
    return drawn(await reports_of(request).burndown_chart(caller(request), cycle_ref(cycle_id)))


@router.get(
    "/reports/projects/{project_id}/flow",
    **operation(
        ReportUseCases.flow,
        id="reportFlow",
        summary="Report how the work of a project flows",
        shows=FlowShown,
        example=FLOW_EXAMPLE,
        also_answers=SVG,
    ),
)
async def report_flow(request: Request, project_id: ProjectId, days: Days = USUAL_DAYS) -> Response:
    if wants_drawing(request):
        return await draw_flow(request, project_id, days)
    answer = await reports_of(request).flow(caller(request), project_ref(project_id), days=days)
    return _told(_with_days(answer), answer.seq, varies=True)


@router.get(
    "/reports/projects/{project_id}/flow.svg",
    **operation(
        ReportUseCases.flow_chart,
        id="drawFlow",
        summary="Draw how the work of a project flows",
        draws=SVG,
        example=SVG_EXAMPLE,
    ),
)
async def draw_flow(request: Request, project_id: ProjectId, days: Days = USUAL_DAYS) -> Response:
    return drawn(await reports_of(request).flow_chart(caller(request), project_ref(project_id), days=days))


@router.get(
    "/dashboard",
    **operation(
        ReportUseCases.dashboard,
        id="getDashboard",
        summary="Get your dashboard",
        shows=DashboardShown,
        example=DASHBOARD_EXAMPLE,
    ),
)
async def get_dashboard(request: Request) -> Response:
    board, seq = await reports_of(request).dashboard(caller(request))
    parts = (answers.nested_list(part) for part in board)
    return _told(answers.encoded(answers.mirror(DashboardView)(*parts)), seq)


def _with_days(answer: Answer[Any]) -> bytes:
    view: BurndownView | FlowView = answer.value
    kind: Any = type(view)
    return answers.encoded(answers.mirror(kind)(*view[:-1], answers.nested_list(list(view.days))))


def _told(body: bytes, seq: int, *, varies: bool = False) -> Response:
    response = answers.JsonResponse(body, headers=answers.read_headers(seq))
    if varies:
        response.headers["vary"] = VARY
    return response
