"""How each refusal about jobs and imports comes about; `test_refusals` carries them out."""

from collections.abc import AsyncIterator, Awaitable
from typing import Any

from core.imports.errors import FileEmpty, MappingInvalid
from core.imports.use_cases.asking import ImportUseCases, Received
from core.jobs.errors import JobFinished, JobNotFound, TooManyJobs
from core.jobs.model import MOST_UNFINISHED
from core.jobs.use_cases.jobs import JobUseCases
from core.kernel.actor import Actor
from core.kernel.errors import ChangedMeanwhile, ReferenceNotFound
from core.kernel.once import InFlight, KeyReused
from core.projects.errors import ProjectArchived
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

    _imports(refuses)


async def _content(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def receiving(office: Office, *pieces: bytes, by: Actor | None = None, **given: Any) -> Awaitable[Received]:
    fields = {"project_id": office.web.id, "mapping": None, "dry_run": False, **given}
    return office.imports.receive(by or office.mia, content=_content(*pieces), **fields)


async def _full(office: Office) -> None:
    for _ in range(MOST_UNFINISHED):
        await add_job(office.world, office.mia)


def _imports(refuses: Any) -> None:
    @refuses(ImportUseCases.receive, MappingInvalid)
    async def _(office: Office) -> Awaitable[object]:
        return receiving(office, b"title\n", mapping="redmine")

    @refuses(ImportUseCases.receive, ReferenceNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return receiving(office, b"title\n", by=office.nora)

    @refuses(ImportUseCases.receive, ProjectArchived)
    async def _(office: Office) -> Awaitable[object]:
        await office.archive_web()
        return receiving(office, b"title\n")

    @refuses(ImportUseCases.receive, TooManyJobs)
    async def _(office: Office) -> Awaitable[object]:
        await _full(office)
        return receiving(office, b"title\n")

    @refuses(ImportUseCases.receive, FileEmpty)
    async def _(office: Office) -> Awaitable[object]:
        return receiving(office)

    # What came in is removed when nothing is made of it, which is all that is different afterwards.

    def after(office: Office, received: Received, **more: Any) -> Awaitable[object]:
        async def ask() -> object:
            try:
                return await office.imports.ask(office.mia, received, **more)
            finally:
                assert received.import_id not in office.stored.task_imports

        return ask()

    async def gone(office: Office, received: Received) -> None:
        """As if it had been removed in between, so that the stage is the same before and after."""
        office.stored.task_imports.pop(received.import_id, None)
        office.stored.import_chunks.pop((received.import_id, 0), None)

    @refuses(ImportUseCases.ask, ChangedMeanwhile)
    async def _(office: Office) -> Awaitable[object]:
        received = await receiving(office, b"title\n")
        await gone(office, received)
        return after(office, received)

    @refuses(ImportUseCases.ask, ReferenceNotFound)
    async def _(office: Office) -> Awaitable[object]:
        async def ask() -> object:
            received = await receiving(office, b"title\n")
            members = office.stored.members
            office.stored.members = members - {(office.web.id, office.mia.user_id)}
            try:
                return await after(office, received)
            finally:
                office.stored.members = members

        return ask()

    @refuses(ImportUseCases.ask, ProjectArchived)
    async def _(office: Office) -> Awaitable[object]:
        async def ask() -> object:
            received = await receiving(office, b"title\n")
            project = office.stored.projects[office.web.id]
            await office.archive_web()
            try:
                return await after(office, received)
            finally:
                office.stored.projects[office.web.id] = project

        return ask()

    @refuses(ImportUseCases.ask, TooManyJobs)
    async def _(office: Office) -> Awaitable[object]:
        async def ask() -> object:
            received = await receiving(office, b"title\n")
            jobs = dict(office.stored.jobs)
            await _full(office)
            try:
                return await after(office, received)
            finally:
                office.stored.jobs = jobs

        return ask()

    @refuses(ImportUseCases.ask, KeyReused)
    async def _(office: Office) -> Awaitable[object]:
        first = await receiving(office, b"title\n")
        await office.imports.ask(office.mia, first, once=a_key())

        async def ask() -> object:
            return await after(office, await receiving(office, b"title\n"), once=a_key(digest=b"other"))

        return ask()

    @refuses(ImportUseCases.ask, InFlight)
    async def _(office: Office) -> Awaitable[object]:
        await office.world.import_unit_of_work(office.mia, once=a_key()).__aenter__()

        async def ask() -> object:
            return await after(office, await receiving(office, b"title\n"), once=a_key())

        return ask()
