"""What a worker does by itself, again and again, beside the jobs that it is woken for."""

import logging
from dataclasses import asdict

from core.kernel.actor import System
from entrypoints.background import Recurring
from entrypoints.container import Container
from entrypoints.worker.dispatching import dispatch

log = logging.getLogger("flowtrack.worker")


def schedule(container: Container) -> list[Recurring]:
    """All that there is; add a row for another, and its bell to the relay's readers if it reads logs."""
    container.relay().readers[:] = [container.notification_bell(), container.webhook_bell()]
    return [
        # What a process did not announce before it died.
        Recurring("relay", 1.0, 0.2, container.relay().turn),
        # Whose wake-up was lost, and whose worker is no more.
        Recurring("jobs that are due", 10.0, 1.0, lambda: _sweep(container)),
        # Rung when a log went on; what nobody was woken for is found in a moment.
        Recurring("notifications", 2.0, 1.0, lambda: _tell(container), bell=container.notification_bell(), rests=True),
        Recurring("daily mail", 60.0, 15.0, lambda: _mail(container)),
        Recurring("deadlines", 60.0, 5.0, lambda: _tell_of_deadlines(container)),
        Recurring("wake-ups of workers that are no more", 60.0, 30.0, container.job_queue().tidy),
        # Rung when something happened; what another process wrote is found in time.
        Recurring(
            "webhooks to queue", 1.0, 0.5, lambda: _queue_webhooks(container), bell=container.webhook_bell(), rests=True
        ),
        Recurring("webhooks to send", 1.5, 0.5, lambda: _send_webhooks(container), bell=container.queued_bell()),
    ]


async def _sweep(container: Container) -> None:
    due = await container.job_run_use_cases().sweep(System())
    if due:
        log.info("jobs that nobody carried out", extra={"count": due})


async def _queue_webhooks(container: Container) -> None:
    await container.webhook_queue_use_cases().catch_up(System(), queued_some=container.queued_bell().ring)


async def _send_webhooks(container: Container) -> None:
    await dispatch(container.webhook_dispatch_use_cases())


async def _tell(container: Container) -> None:
    await container.telling_use_cases().catch_up(System())


async def _tell_of_deadlines(container: Container) -> None:
    told = await container.telling_use_cases().tell_of_deadlines(System())
    if told:
        log.info("deadlines were told", extra={"companies": told})


async def _mail(container: Container) -> None:
    posted = await container.digest_use_cases().deliver(System())
    container.metrics().mailed("daily", sent=posted.sent, later=posted.later, refused=posted.refused)
    if posted.sent or posted.refused or posted.later:
        log.info("mailed what was not read", extra={name: count for name, count in asdict(posted).items() if count})
