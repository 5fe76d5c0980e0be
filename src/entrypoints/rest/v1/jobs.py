"""Jobs over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from core.jobs.model import JobKind, JobState
from core.jobs.ports import JobFilter
from core.jobs.read_models import JobView
from core.jobs.use_cases.jobs import JobUseCases
from core.kernel.paging import Answer
from entrypoints.rest import answers, paging
from entrypoints.rest.caller import SignedInRoute, caller, container_of
from entrypoints.rest.idempotency import answered_once
from entrypoints.rest.operations import operation
from entrypoints.rest.refs import job_id as job_ref
from entrypoints.rest.v1.fields import Several, Shown

router = APIRouter(prefix="/api/v1/jobs", route_class=SignedInRoute, tags=["Jobs"])

JobId = Annotated[str, Path(description="The job's id.")]
SORTS = Literal["created_at", "-created_at"]


class JobProgress(BaseModel):
    """`total` null: nobody knows yet."""

    done: int
    total: int | None
    unit: str


class JobFailure(BaseModel):
    """A stable code, and words."""

    code: str
    detail: str


class JobShown(Shown):
    id: UUID
    kind: JobKind
    state: JobState
    progress: JobProgress
    result: dict[str, Any] | None
    error: JobFailure | None
    created_by: UUID | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


JOB_EXAMPLE = {
    "id": "01920000-0000-7000-8000-000000000071",
    "kind": "task_import",
    "state": "started",
    "progress": {"done": 500, "total": 12000, "unit": "rows"},
    "result": None,
    "error": None,
    "created_by": "01920000-0000-7000-8000-000000000002",
    "created_at": "2026-11-20T09:30:00.123456Z",
    "started_at": "2026-11-20T09:30:01.123456Z",
    "finished_at": None,
}


def jobs_of(request: Request) -> JobUseCases:
    found: JobUseCases = container_of(request).job_use_cases()
    return found


def job_body(answer: Answer[JobView], *, status: int = 200, location: str | None = None) -> Response:
    """A job, without a tag: it changes by itself."""
    headers = answers.read_headers(answer.seq)
    if location is not None:
        headers.append((b"location", location.encode()))
    return answers.JsonResponse(answers.encoded(answers.as_written(answer.value)), status=status, headers=headers)


@router.get(
    "",
    **operation(
        JobUseCases.list,
        id="listJobs",
        summary="List jobs",
        shows=list[JobShown],
        example=[JOB_EXAMPLE],
        is_list=True,
    ),
)
async def list_jobs(
    request: Request,
    kind: Annotated[list[JobKind], Several, Query()] = [],  # noqa: B006  (the framework copies it)
    state: Annotated[list[JobState], Several, Query()] = [],  # noqa: B006
    sort: SORTS = "-created_at",
    limit: paging.Limit = paging.USUAL_LIMIT,
    cursor: paging.Cursor = None,
    skip: paging.Skip = 0,
    include_total: paging.IncludeTotal = False,
) -> Response:
    page = paging.page_request(request, limit=limit, cursor=cursor, skip=skip, include_total=include_total)
    where = JobFilter(kind=tuple(kind), state=tuple(state))
    answer = await jobs_of(request).list(caller(request), where=where, sort=paging.sort_of(sort), page=page)
    return paging.listed(request, answer)


@router.get(
    "/{job_id}",
    **operation(JobUseCases.get, id="getJob", summary="Get a job", shows=JobShown, example=JOB_EXAMPLE),
)
async def get_job(request: Request, job_id: JobId) -> Response:
    return job_body(await jobs_of(request).get(caller(request), job_ref(job_id)))


@router.post(
    "/{job_id}/cancel",
    **operation(
        JobUseCases.cancel,
        id="cancelJob",
        summary="Cancel a job",
        shows=JobShown,
        example={**JOB_EXAMPLE, "state": "cancelled", "finished_at": "2026-11-20T09:30:02.123456Z"},
        idempotent=True,
    ),
)
async def cancel_job(request: Request, job_id: JobId) -> Response:
    actor, jobs, ref = caller(request), jobs_of(request), job_ref(job_id)
    return await answered_once(
        request,
        do=lambda once: jobs.cancel(actor, ref, once=once),
        again=lambda made: jobs.get(actor, made),
        respond=job_body,
    )
