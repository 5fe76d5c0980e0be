"""How each refusal about jobs comes about; `test_refusals` carries them out."""

from collections.abc import Awaitable
from typing import Any

from core.jobs.errors import JobFinished, JobNotFound
from core.jobs.use_cases.jobs import JobUseCases
from core.kernel.once import InFlight, KeyReused
from tests.builders.office import Office
from tests.contracts.jobs import add_job
from tests.contracts.steps import a_key


def add_to(refuses: Any) -> None:
    """Adds the scenarios."""

    @refuses(JobUseCases.get, JobNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.jobs.get(office.max, (await add_job(office.world, office.mia)).id)

    @refuses(JobUseCases.cancel, JobNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.jobs.cancel(office.max, (await add_job(office.world, office.mia)).id)

    @refuses(JobUseCases.cancel, JobFinished)
    async def _(office: Office) -> Awaitable[object]:
        job = await add_job(office.world, office.mia)
        office.stored.jobs[job.id].finish({}, at=office.clock.now())
        return office.jobs.cancel(office.mia, job.id)

    @refuses(JobUseCases.cancel, KeyReused)
    async def _(office: Office) -> Awaitable[object]:
        job = await add_job(office.world, office.mia)
        await office.jobs.cancel(office.mia, job.id, once=a_key())
        return office.jobs.cancel(office.mia, job.id, once=a_key(digest=b"other"))

    @refuses(JobUseCases.cancel, InFlight)
    async def _(office: Office) -> Awaitable[object]:
        job = await add_job(office.world, office.mia)
        await office.world.job_unit_of_work(office.mia, once=a_key()).__aenter__()
        return office.jobs.cancel(office.mia, job.id, once=a_key())
