from datetime import datetime
from typing import Any, NamedTuple, TypedDict
from uuid import UUID

from core.jobs.model import Job


class ProgressShown(TypedDict):
    """How far a job is. `total` None: nobody knows yet."""

    done: int
    total: int | None
    unit: str


class ErrorShown(TypedDict):
    """Why a job failed."""

    code: str
    detail: str


class JobView(NamedTuple):
    """A job as a screen shows it."""

    id: UUID
    kind: str
    state: str
    progress: ProgressShown
    result: dict[str, Any] | None
    error: ErrorShown | None
    created_by: UUID | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @staticmethod
    def of(job: Job) -> "JobView":
        return JobView(
            id=job.id,
            kind=job.kind,
            state=job.state,
            progress={"done": job.done, "total": job.total, "unit": job.unit},
            result=job.result,
            error={"code": job.error.code, "detail": job.error.detail} if job.error is not None else None,
            created_by=job.created_by,
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
        )
