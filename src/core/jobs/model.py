from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from core.jobs.errors import JobFinished, TooManyJobs
from core.kernel.actor import Actor, Role, Via

MOST_UNFINISHED = 20
"""So many jobs of a company wait or go on at once."""
LEASE = timedelta(seconds=60)
"""How long a worker may be silent until another one takes its job over."""
MOST_ATTEMPTS = 5
"""So many workers take a job up and are not heard of again, then it is given up."""


class JobKind(StrEnum):
    """What is done."""

    TASK_IMPORT = "task_import"


class JobState(StrEnum):
    QUEUED = "queued"
    STARTED = "started"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = (JobState.QUEUED, JobState.STARTED)


class JobRef(NamedTuple):
    """Where a job is to be found."""

    company_id: UUID
    job_id: UUID


class JobError(NamedTuple):
    """Why a job failed: a stable code, and words."""

    code: str
    detail: str


GIVEN_UP = JobError("job.given_up", "Several workers ended in the middle of this; nobody tries again.")


class LeaseLost(Exception):
    """Somebody cancelled the job, or another worker took it over: whoever hears of it writes nothing more."""


@dataclass(slots=True, kw_only=True)
class Job:
    """Work that somebody asked for, by a login session or by the API token `token_id`.

    `done` of `total` units are done; `total` None: nobody knows yet. Whoever carries it out does so as `run_id`, and
    has it alone until `lease_until`. `attempts` counts those who took it up since it last went on.
    """

    id: UUID
    kind: JobKind
    unit: str
    created_by: UUID | None
    via: Via
    token_id: UUID | None
    created_at: datetime
    state: JobState = JobState.QUEUED
    done: int = 0
    total: int | None = None
    result: dict[str, Any] | None = None
    error: JobError | None = None
    run_id: UUID | None = None
    lease_until: datetime | None = None
    attempts: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @staticmethod
    def ask(*, id: UUID, kind: JobKind, unit: str, unfinished: int, by: Actor, at: datetime) -> "Job":
        """A new job, beside so many that are not over. Raises TooManyJobs."""
        if unfinished >= MOST_UNFINISHED:
            raise TooManyJobs
        return Job(id=id, kind=kind, unit=unit, created_by=by.user_id, via=by.via, token_id=by.token_id, created_at=at)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state not in UNFINISHED

    def asker(self, company_id: UUID) -> Actor | None:
        """Whoever asked, to act in the job's steps; what they may is found out when each of them opens. None if they
        were erased.
        """
        if self.created_by is None:
            return None
        return Actor(
            company_id=company_id,
            user_id=self.created_by,
            account_id=None,
            session_id=None,
            role=Role.MEMBER,
            via=self.via,
            job_id=self.id,
        )

    def is_due(self, *, at: datetime) -> bool:
        """Whether nobody carries it out, though it is not over."""
        return not self.is_over and (self.lease_until is None or self.lease_until <= at)

    def claim(self, *, run: UUID, at: datetime) -> bool:
        """Takes the job up, and says whether it is the caller's now. One that so many took up in vain fails instead."""
        if not self.is_due(at=at):
            return False
        if self.attempts >= MOST_ATTEMPTS:
            self.fail(GIVEN_UP, at=at)
            return False
        self.state = JobState.STARTED
        self.started_at = self.started_at or at
        self.run_id, self.lease_until, self.attempts = run, at + LEASE, self.attempts + 1
        return True

    def ensure_run_by(self, run: UUID) -> None:
        """Raises LeaseLost unless it goes on, and is carried out by that run."""
        if self.state is not JobState.STARTED or self.run_id != run:
            raise LeaseLost

    def advance(self, *, done: int, total: int | None, at: datetime) -> None:
        """Notes how far it is, and keeps it for whoever carries it out."""
        self.done, self.total = done, total
        self.lease_until, self.attempts = at + LEASE, 1

    def let_go(self, *, at: datetime) -> None:
        """Leaves it, as it is, to whoever comes next. That was no attempt in vain: who does so is heard of."""
        self.lease_until, self.attempts = at, self.attempts - 1

    def finish(self, result: dict[str, Any], *, at: datetime) -> None:
        """It is done."""
        self.result = result
        self._end(JobState.FINISHED, at=at)

    def fail(self, error: JobError, *, at: datetime) -> None:
        """It cannot go on. What its steps wrote stays."""
        self.error = error
        self._end(JobState.FAILED, at=at)

    def cancel(self, *, at: datetime) -> None:
        """Stops it; what its steps wrote stays. Raises JobFinished if it is over otherwise."""
        if self.state is JobState.CANCELLED:
            return
        if self.is_over:
            raise JobFinished
        self._end(JobState.CANCELLED, at=at)

    def _end(self, state: JobState, *, at: datetime) -> None:
        self.state, self.finished_at = state, at
        self.run_id = self.lease_until = None
