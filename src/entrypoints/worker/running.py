"""Carrying jobs out for as long as a process lives."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from core.jobs.model import JobRef
from core.kernel.actor import System
from core.kernel.errors import Unavailable
from entrypoints.background import working
from entrypoints.container import Container
from entrypoints.ending import end
from entrypoints.worker.schedule import schedule

log = logging.getLogger("flowtrack.worker")

_PAUSE = 2.0  # seconds


@asynccontextmanager
async def carrying_out(container: Container) -> AsyncIterator[None]:
    """Carries jobs out until the end of the block, which waits until the present step is over, or taken back."""
    woken = asyncio.create_task(_wait_for_jobs(container), name="jobs")
    try:
        async with working(schedule(container)):
            yield
    finally:
        await end([woken])
        with suppress(Unavailable):
            await container.relay().give_up()


async def _wait_for_jobs(container: Container) -> None:
    async def carry_out(ref: JobRef) -> None:
        told = {"company_id": str(ref.company_id), "job_id": str(ref.job_id)}
        try:
            if await container.job_run_use_cases().run(System(), ref):
                log.info("a job is over", extra=told)
        except Unavailable as away:
            log.warning("a job is left to be taken up again: %s", away.detail, extra=told)
        except Exception:
            log.exception("a job failed by a defect", extra=told)

    while True:
        try:
            await container.job_queue().work(carry_out)
        except Unavailable as away:
            log.warning("jobs are waited for again in a moment: %s", away.detail)
        except Exception:
            log.exception("jobs cannot be waited for; it is tried again")
        await asyncio.sleep(_PAUSE)
