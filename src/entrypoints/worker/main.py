"""The process that carries jobs out beside the servers."""

import asyncio
import logging
import signal
from contextlib import AbstractAsyncContextManager, nullcontext

from entrypoints.background import Recurring, working
from entrypoints.container import Container, told_to_others
from entrypoints.worker.running import carrying_out

log = logging.getLogger("flowtrack.worker")


async def work(container: Container, *, beside: AbstractAsyncContextManager[None] | None = None) -> None:
    """Carries jobs out until SIGTERM or SIGINT; what it is in the middle of is left to others.

    `beside` is open meanwhile.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    database = container.database()
    await database.open()
    try:
        alive = Recurring("that it lives", 10.0, 0.0, lambda: _say_so(container))
        async with told_to_others(container), beside or nullcontext(), carrying_out(container), working([alive]):
            log.info("the worker is ready")
            await stop.wait()
    finally:
        await container.job_queue().close()
        await database.close()
        container.tracing().close()


async def _say_so(container: Container) -> None:
    """For who watches the process: a file that is touched as long as it lives, and reaches the database."""
    if await container.database().is_alive():
        mark = container.settings().data_dir / "worker-alive"
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
