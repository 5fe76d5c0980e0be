from uuid import UUID

from core.jobs import policy
from core.jobs.errors import JobFinished, JobNotFound
from core.jobs.ports import JobFilter, JobReader, OpenJobUnitOfWork
from core.jobs.read_models import JobView
from core.kernel.actor import Actor, reading
from core.kernel.errors import answers
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer, CursorInvalid, Page, PageRequest, Sort
from core.kernel.ports import Clock


class JobUseCases:
    """Looking at jobs, and cancelling them."""

    def __init__(self, *, unit_of_work: OpenJobUnitOfWork, reader: JobReader, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._reader = reader
        self._clock = clock

    @reading
    @answers(CursorInvalid)
    async def list(self, actor: Actor, *, where: JobFilter, sort: Sort, page: PageRequest) -> Answer[Page[JobView]]:
        """The jobs that fit the filters: owners and admins see all of the company, members those they asked for.

        What is over is kept for 30 days.
        """
        return await self._reader.page(actor, visible=policy.visible_jobs(actor), where=where, sort=sort, page=page)

    @reading
    @answers(JobNotFound)
    async def get(self, actor: Actor, job_id: UUID) -> Answer[JobView]:
        """One job: how far it is, and what came of it."""
        job, seq = await self._reader.one(actor, job_id, visible=policy.visible_jobs(actor))
        if job is None:
            raise JobNotFound
        return Answer(job, seq)

    @answers(JobNotFound, JobFinished, KeyReused, InFlight)
    async def cancel(self, actor: Actor, job_id: UUID, *, once: Once | None = None) -> Answer[JobView]:
        """Stops a job; nothing more is written by it, and what it wrote stays. Whoever sees it may."""
        async with self._unit_of_work(actor, once=once) as uow:
            job = await uow.jobs.load(job_id)
            if job is None or not policy.sees_job(uow.actor, job):
                raise JobNotFound
            job.cancel(at=self._clock.now())
            uow.jobs.save(job)
            seq = await uow.commit(made=Made(kind="job", id=job.id, version=1))
        return Answer(JobView.of(job), seq)
