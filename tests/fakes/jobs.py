from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from core.jobs.model import Job, JobError, JobRef, JobState, LeaseLost
from core.jobs.policy import Visible
from core.jobs.ports import JobFilter
from core.jobs.read_models import JobView
from core.kernel.actor import Actor
from core.kernel.errors import Conflict
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from tests.fakes.paging import Key, page_of
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables
from tests.fakes.unit_of_work import InMemoryUnitOfWork

SORTS = {"created_at": Key(lambda job: job.created_at, datetime.isoformat, datetime.fromisoformat)}


class InMemoryJobs:
    """The jobs of one unit of work's company."""

    def __init__(self, unit: InMemoryUnitOfWork) -> None:
        self._unit = unit

    async def count_unfinished(self) -> int:
        return sum(not job.is_over for job in self._unit.now.jobs.values())

    async def load(self, job_id: UUID) -> Job | None:
        found = self._unit.now.jobs.get(job_id)
        return replace(found) if found is not None else None

    def add(self, job: Job) -> None:
        self._put(replace(job), is_new=True)

    def save(self, job: Job) -> None:
        self._put(replace(job), is_new=False)

    def _put(self, job: Job, *, is_new: bool) -> None:
        def put(tables: CompanyTables) -> None:
            if (job.id in tables.jobs) is is_new:
                raise Conflict("there is such a job, or none")
            tables.jobs[job.id] = job

        self._unit.transaction.defer(self._unit.within(put))


class InMemoryJobUnitOfWork(InMemoryUnitOfWork):
    """A unit of work with jobs."""

    def __init__(self, store: Store, actor: Actor, *, once: Once | None = None) -> None:
        super().__init__(store, actor, once=once)
        self.jobs = InMemoryJobs(self)


class InMemoryJobReader:
    """What screens show of jobs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(
        self, actor: Actor, *, visible: Visible, where: JobFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[JobView]]:
        tables = self._store.read(actor)
        fitting = [
            job
            for job in tables.jobs.values()
            if visible.created_by in (None, job.created_by)
            and (not where.kind or job.kind in where.kind)
            and (not where.state or job.state in where.state)
        ]
        found = page_of(fitting, page, key=SORTS[sort.field], sort=sort, id_of=lambda job: job.id)
        return Answer(Page([JobView.of(job) for job in found.items], found.next_position, found.total), tables.last_seq)

    async def one(self, actor: Actor, job_id: UUID, *, visible: Visible) -> Answer[JobView | None]:
        tables = self._store.read(actor)
        job = tables.jobs.get(job_id)
        if job is None or visible.created_by not in (None, job.created_by):
            return Answer(None, tables.last_seq)
        return Answer(JobView.of(job), tables.last_seq)


class InMemoryJobRuns:
    """The jobs of all companies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def due(self, *, at: datetime, asked_before: datetime) -> list[JobRef]:
        found = [
            (job.created_at, JobRef(company_id, job.id))
            for company_id, tables in self._store.tables.companies.items()
            for job in tables.jobs.values()
            if job.is_due(at=at) and (job.state is JobState.STARTED or job.created_at < asked_before)
        ]
        return [ref for _, ref in sorted(found)]

    async def claim(self, ref: JobRef, *, run: UUID, at: datetime) -> Job | None:
        tables = self._store.tables.companies[ref.company_id]
        found = tables.jobs.get(ref.job_id)
        if found is None:
            return None
        if any(job.id != ref.job_id and _goes_on(job, at=at) for job in tables.jobs.values()):
            return None
        job = replace(found)
        is_claimed = job.claim(run=run, at=at)
        tables.jobs[job.id] = replace(job)
        return job if is_claimed else None

    async def next_of(self, company_id: UUID, *, at: datetime) -> JobRef | None:
        waiting = [job for job in self._store.tables.companies[company_id].jobs.values() if job.is_due(at=at)]
        oldest = min(waiting, key=lambda job: (job.created_at, job.id), default=None)
        return JobRef(company_id, oldest.id) if oldest is not None else None

    async def fail(self, ref: JobRef, error: JobError, *, run: UUID, at: datetime) -> None:
        self._change(ref, run, lambda job: job.fail(error, at=at))

    async def let_go(self, ref: JobRef, *, run: UUID, at: datetime) -> None:
        self._change(ref, run, lambda job: job.let_go(at=at))

    def _change(self, ref: JobRef, run: UUID, change: Callable[[Job], None]) -> None:
        tables = self._store.tables.companies[ref.company_id]
        job = replace(tables.jobs[ref.job_id])
        try:
            job.ensure_run_by(run)
        except LeaseLost:
            return
        change(job)
        tables.jobs[job.id] = job


def _goes_on(job: Job, *, at: datetime) -> bool:
    return not job.is_over and not job.is_due(at=at) and job.lease_until is not None


class RememberedWakes:
    """Wakes nobody, and remembers for what somebody would have been."""

    def __init__(self) -> None:
        self.refs: list[JobRef] = []

    async def wake(self, *refs: JobRef) -> None:
        self.refs.extend(refs)
