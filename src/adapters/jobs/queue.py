"""Waking workers, by procrastinate on PostgreSQL.

A wake-up carries the ids of a job and nothing else, and is written once the job is committed: the library's trigger
notifies, which inside our own transactions would cost every commit of theirs. Whether a job is due, whose it is and how
far it came is in our own table: a wake-up that a dead worker had taken may stay taken for ever.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ProcrastinateException
from procrastinate.jobs import Status
from psycopg.conninfo import make_conninfo
from psycopg_pool import PoolTimeout

from adapters.jobs.schema import SCHEMA
from core.jobs.model import JobRef
from core.kernel.errors import DatabaseAway

log = logging.getLogger("flowtrack.jobs")
# It tells of every wake-up; what fails in one we say ourselves.
logging.getLogger("procrastinate").setLevel(logging.CRITICAL)

# The role's usual isolation is for reads; whoever takes a wake-up looks again at what others took meanwhile.
_OPTIONS = f"-c search_path={SCHEMA} -c default_transaction_isolation=read\\ committed"
_AT_ONCE = 2
# Seconds that a step has when the worker is told to stop.
_TO_END = 2.0
# And so many more that the worker has to put all away, before it is told again.
_MORE = 2.0
# Seconds that the database has to let us in: whoever asked for a job waits as long for their answer.
_TO_OPEN = 4.0
_AWAY = (ProcrastinateException, psycopg.Error, PoolTimeout)

CarryOut = Callable[[JobRef], Awaitable[object]]


async def _over(working: asyncio.Task[None], *, within: float) -> None:
    """Waits so many seconds for its end, whoever else wants ours."""
    deadline = time.monotonic() + within
    while not working.done() and (left := deadline - time.monotonic()) > 0:
        with suppress(asyncio.CancelledError):
            await asyncio.wait([working], timeout=left)


class ProcrastinateQueue:
    """The wake-ups of all companies. `url` is the database's own, past any pooler: workers listen."""

    def __init__(self, *, url: str) -> None:
        self._url = url
        self._app: App | None = None
        self._opening = asyncio.Lock()
        self._carry_out: CarryOut | None = None

    async def wake(self, *refs: JobRef) -> None:
        """Has some worker take the jobs up. Never raises."""
        try:
            app = await self._opened()
            for ref in refs:
                await self._wake(app, ref)
        except _AWAY:
            log.warning("no worker could be woken; the job is found in time", exc_info=True)

    async def work(self, carry_out: CarryOut) -> None:
        """Carries out whatever jobs workers are woken for, until it is cancelled.

        Raises DatabaseAway, and whatever else stands in the way.
        """
        try:
            await self._work(carry_out)
        except _AWAY as error:
            raise DatabaseAway from error

    async def _work(self, carry_out: CarryOut) -> None:
        self._carry_out = carry_out
        app = await self._opened()
        working = asyncio.create_task(
            app.run_worker_async(
                concurrency=_AT_ONCE,
                delete_jobs="always",
                install_signal_handlers=False,
                shutdown_graceful_timeout=_TO_END,
            )
        )
        try:
            await asyncio.shield(working)
        except asyncio.CancelledError:
            # Whoever is cancelled twice would leave jobs behind that nobody lets go of. It is told again once it should
            # have ended: a pool that opens may lose a cancellation, and it would then go on for ever.
            while not working.done():
                working.cancel()
                await _over(working, within=_TO_END + _MORE)
            if not working.cancelled() and (error := working.exception()) is not None:
                log.warning("wake-ups that were taken are found in time: %s", type(error).__name__)
            raise

    async def tidy(self) -> None:
        """Takes away what workers had taken that are no more."""
        app = await self._opened()
        for stalled in await app.job_manager.get_stalled_jobs():
            await app.job_manager.finish_job(stalled, status=Status.FAILED, delete_job=True)

    async def close(self) -> None:
        """Gives the connections back."""
        app, self._app = self._app, None
        if app is not None:
            await app.close_async()

    async def _opened(self) -> App:
        async with self._opening:
            if self._app is None:
                app = self._made()
                try:
                    async with asyncio.timeout(_TO_OPEN):
                        await app.open_async()
                except TimeoutError as error:
                    await app.close_async()
                    raise PoolTimeout(f"no connection within {_TO_OPEN} s") from error
                self._app = app
            return self._app

    async def _wake(self, app: App, ref: JobRef) -> None:
        task = app.configure_task("carry_out", queueing_lock=str(ref.job_id))
        try:
            await task.defer_async(company_id=str(ref.company_id), job_id=str(ref.job_id))
        except AlreadyEnqueued:
            log.debug("a worker is to take the job up already")

    def _made(self) -> App:
        connector = PsycopgConnector(
            conninfo=make_conninfo(self._url, options=_OPTIONS, application_name="flowtrack-jobs", connect_timeout=3),
            min_size=1,
            max_size=_AT_ONCE + 2,
            timeout=3.0,
        )
        app = App(connector=connector)
        app.task(name="carry_out")(self._woken)
        return app

    async def _woken(self, company_id: str, job_id: str) -> None:
        assert self._carry_out is not None, "wake-ups are taken by whoever works"
        await self._carry_out(JobRef(UUID(company_id), UUID(job_id)))
