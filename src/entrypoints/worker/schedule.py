"""What a worker does by itself, again and again, beside the jobs that it is woken for."""

import logging

from core.kernel.actor import System
from entrypoints.background import Recurring
from entrypoints.container import Container

log = logging.getLogger("flowtrack.worker")


def schedule(container: Container) -> list[Recurring]:
    """All that there is; add a row for another."""
    return [
        # What a process did not announce before it died.
        Recurring("relay", 1.0, 0.2, container.relay().turn),
        # Whose wake-up was lost, and whose worker is no more.
        Recurring("jobs that are due", 10.0, 1.0, lambda: _sweep(container)),
        Recurring("wake-ups of workers that are no more", 60.0, 30.0, container.job_queue().tidy),
    ]


async def _sweep(container: Container) -> None:
    due = await container.job_run_use_cases().sweep(System())
    if due:
        log.info("jobs that nobody carried out", extra={"count": due})
