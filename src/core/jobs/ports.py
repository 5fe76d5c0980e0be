from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from core.jobs.model import Job, JobError, JobKind, JobRef, JobState
from core.jobs.policy import Visible
from core.jobs.read_models import JobView
from core.kernel.actor import Actor
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.kernel.ports import UnitOfWork


class Jobs(Protocol):
    """The jobs of the company that the unit of work was opened for."""

    async def count_unfinished(self) -> int:
        """How many are not over; nobody adds another one until the transaction ends."""
        ...

    async def load(self, job_id: UUID) -> Job | None:
        """A job to change, locked until the transaction ends."""
        ...

    def add(self, job: Job) -> None: ...

    def save(self, job: Job) -> None:
        """Writes a job that was loaded."""
        ...


class JobUnitOfWork(UnitOfWork, Protocol):
    @property
    def jobs(self) -> Jobs: ...


class OpenJobUnitOfWork(Protocol):
    def __call__(self, actor: Actor, *, once: Once | None = None) -> JobUnitOfWork: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs: each given filter must hold, any of its values will do."""

    kind: tuple[JobKind, ...] = ()
    state: tuple[JobState, ...] = ()


class JobReader(Protocol):
    """What screens show of jobs. Each call is one round trip, and one snapshot."""

    async def page(
        self, actor: Actor, *, visible: Visible, where: JobFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[JobView]]: ...

    async def one(self, actor: Actor, job_id: UUID, *, visible: Visible) -> Answer[JobView | None]: ...


class JobRuns(Protocol):
    """Taking jobs up and letting them go, in whatever company they are."""

    async def due(self, *, at: datetime, asked_before: datetime) -> list[JobRef]:
        """Jobs that nobody carries out: those that wait since before then, and those whose worker was not heard of."""
        ...

    async def claim(self, ref: JobRef, *, run: UUID, at: datetime) -> Job | None:
        """Takes a job up, for `run` alone; None if it is over, somebody else's, or another of its company goes on: so a
        company has one worker, however many jobs it asked for.
        """
        ...

    async def next_of(self, company_id: UUID, *, at: datetime) -> JobRef | None:
        """The oldest job of a company that nobody carries out."""
        ...

    async def fail(self, ref: JobRef, error: JobError, *, run: UUID, at: datetime) -> None:
        """Ends a job that `run` still has."""
        ...

    async def let_go(self, ref: JobRef, *, run: UUID, at: datetime) -> None:
        """Leaves a job that `run` still has to others, at once."""
        ...


class JobQueue(Protocol):
    """Wakes workers. What it loses is found again by whoever looks for jobs that are due."""

    async def wake(self, *refs: JobRef) -> None:
        """Has some worker take the jobs up, soon. Never raises: the jobs are stored, and found sooner or later."""
        ...


class JobWork(Protocol):
    """What one kind of job does."""

    async def step(self, asker: Actor, job_id: UUID, *, run: UUID) -> bool:
        """Does a part of it in one transaction, as whoever asked; answers whether that was the last one.

        Raises LeaseLost, and refusals that end the job. After Unavailable the same step may be tried again.
        """
        ...
