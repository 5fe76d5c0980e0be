"""Who may do what with jobs: owners and admins with all of the company, members with those that they asked for."""

from dataclasses import dataclass
from uuid import UUID

from core.jobs.model import Job
from core.kernel.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """Which jobs: those that `created_by` asked for, or all if it is None."""

    created_by: UUID | None = None


def visible_jobs(actor: Actor) -> Visible:
    """Which jobs somebody sees."""
    return Visible() if actor.administers else Visible(created_by=actor.user_id)


def sees_job(actor: Actor, job: Job) -> bool:
    """The same rule as `visible_jobs`, asked of one. Whoever sees a job may cancel it."""
    return actor.administers or job.created_by == actor.user_id
