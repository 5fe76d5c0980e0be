"""What a serving process does by itself, again and again, beside answering."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import NamedTuple, Protocol

from core.kernel.actor import System
from core.kernel.errors import Unavailable
from entrypoints.container import Container
from entrypoints.ending import end

log = logging.getLogger("flowtrack.background")

_HOUR = 3600.0
_MINUTE = 60.0
_TOGETHER = 0.3
# A report counts so many in a few hundredths of a second.
_MANY_EVENTS = 200
_REST = 9
"""After it was rung for, work rests so many times as long as it took, so that it leaves nine tenths to others."""
# One of its own: what draws from the random numbers that all share, and repeats them, is not disturbed.
_RANDOM = random.SystemRandom()


class Waking(Protocol):
    """What wakes work before its time."""

    async def wait(self, *, at_most: float) -> None: ...


class Recurring(NamedTuple):
    """Work that is done every so many seconds, the first time after `first`; and sooner where a `bell` is rung.

    What `rests` takes a tenth of the time at most while it is rung for without end, or is done every so many seconds.
    """

    name: str
    every: float
    first: float
    work: Callable[[], Awaitable[None]]
    bell: Waking | None = None
    rests: bool = False


def jobs(container: Container) -> list[Recurring]:
    """All that there are; add a row for another."""
    return [
        Recurring("purge", _HOUR, 10 * _MINUTE, lambda: _purge(container)),
        Recurring(
            "uses of tokens", _MINUTE, _MINUTE, lambda: container.presented_token_use_cases().keep_uses(System())
        ),
        # Another process may have made a key; one that meets a token of it looks at once.
        Recurring("signing keys", _MINUTE, _MINUTE, container.key_ring().refresh),
        # Rung when something was written to be mailed; what another process wrote before it died is found in time.
        Recurring("mail", 15.0, 5.0, lambda: _mail(container), bell=container.mail_bell()),
        # Rung by commits of this process; what another one left when it died is found within half a minute.
        Recurring("audit chain", _MINUTE / 2, _MINUTE / 2, lambda: _chain(container), bell=container.audit_bell()),
        # Reports count by themselves what has not been counted yet, so that nobody waits for this; unless that is much.
        Recurring("days of reports", _MINUTE, 5.0, lambda: _count_days(container, least=1)),
        Recurring("days of busy companies", 10.0, 5.0, lambda: _count_days(container, least=_MANY_EVENTS)),
        Recurring("webhooks that wait", 15.0, 5.0, lambda: container.webhook_dispatch_use_cases().measure(System())),
        Recurring("audit heads", _HOUR, _HOUR, lambda: _write_heads(container)),
    ]


@asynccontextmanager
async def working(recurring: list[Recurring]) -> AsyncIterator[None]:
    """Does the work until the end of the block, which waits until all of it has let go."""
    tasks = [asyncio.create_task(_again_and_again(each), name=each.name) for each in recurring]
    try:
        yield
    finally:
        await end(tasks)


async def finish(container: Container) -> None:
    """Writes down, at the end, what this process alone knows."""
    try:
        await container.presented_token_use_cases().keep_uses(System())
    except Unavailable as away:
        log.warning("when API tokens were last used is not kept: %s", away.detail)


async def _again_and_again(job: Recurring) -> None:
    # Processes that were started together need not all ask at once.
    await _pause(job, job.first * _RANDOM.uniform(1.0, 1.2), took=0.0)
    while True:
        began = time.monotonic()
        try:
            await job.work()
        except Unavailable as away:
            log.warning("%s was left to the next time: %s", job.name, away.detail)
        except Exception:
            log.exception("%s failed; it is tried again", job.name)
        await _pause(job, job.every * _RANDOM.uniform(0.9, 1.1), took=time.monotonic() - began)


async def _pause(job: Recurring, seconds: float, *, took: float) -> None:
    if job.bell is None:
        await asyncio.sleep(seconds)
        return
    await job.bell.wait(at_most=seconds)
    # Whatever else is done at the same time goes along.
    await asyncio.sleep(max(_TOGETHER, min(_REST * took, job.every)) if job.rests else _TOGETHER)


async def _chain(container: Container) -> None:
    await container.audit_chain_use_cases().extend(System())


async def _count_days(container: Container, *, least: int) -> None:
    await container.counting_use_cases().catch_up(System(), least=least)


async def _write_heads(container: Container) -> None:
    for company, head in (await container.audit_chain_use_cases().heads(System())).items():
        log.info("audit head", extra={"company_id": str(company), "head": str(head)})


async def _purge(container: Container) -> None:
    purged = await container.purge_use_cases().purge(System())
    if purged is not None and any(asdict(purged).values()):
        log.info("purged", extra={name: count for name, count in asdict(purged).items() if count})


async def _mail(container: Container) -> None:
    posted = await container.mail_use_cases().deliver(System())
    container.metrics().mailed("letter", sent=posted.sent, later=posted.later, refused=posted.refused)
    if posted.sent or posted.refused or posted.later:
        log.info("mailed", extra={name: count for name, count in asdict(posted).items() if count})
