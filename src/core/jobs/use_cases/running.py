from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from core.jobs.errors import AskerGone
from core.jobs.model import Job, JobError, JobKind, JobRef, LeaseLost
from core.jobs.ports import JobQueue, JobRuns, JobWork
from core.kernel.actor import System
from core.kernel.errors import Refusal, Unavailable, answers
from core.kernel.ports import Clock, Ids

_SOON = timedelta(seconds=5)
"""So long after it was asked for, a job is left to the worker that was woken for it."""
TURN = timedelta(seconds=10)
"""After so long a job is left to whoever comes next, behind those of other companies."""
BROKEN = JobError("job.broken", "The fault is the server's own, and was logged.")


class JobRunUseCases:
    """Carrying jobs out. Any number of workers may: each job is at one of them, and each of its steps happens once."""

    def __init__(
        self, *, runs: JobRuns, queue: JobQueue, work: Mapping[JobKind, JobWork], clock: Clock, ids: Ids
    ) -> None:
        self._runs = runs
        self._queue = queue
        self._work = work
        self._clock = clock
        self._ids = ids

    @answers()
    async def run(self, _: System, ref: JobRef) -> bool:
        """Carries a job out for a turn, answers whether it is over, and wakes a worker for what its company has next.
        Not over is also what is not for the caller to do, or was taken away meanwhile.

        A step that is refused ends the job; where a store is away it is left to be taken up again, and that is raised.
        A defect ends it too, and is raised.
        """
        run = self._ids.new()
        job = await self._runs.claim(ref, run=run, at=self._clock.now())
        if job is None:
            return False
        is_over = await self._take_turn(job, ref, run)
        after = await self._runs.next_of(ref.company_id, at=self._clock.now())
        if after is not None:
            await self._queue.wake(after)
        return is_over

    @answers()
    async def sweep(self, _: System) -> int:
        """Wakes workers for the jobs that nobody carries out, and answers how many there are."""
        at = self._clock.now()
        due = await self._runs.due(at=at, asked_before=at - _SOON)
        await self._queue.wake(*due)
        return len(due)

    async def _take_turn(self, job: Job, ref: JobRef, run: UUID) -> bool:
        try:
            return await self._carry_out(job, ref, run)
        except LeaseLost:
            return False
        except Unavailable:
            await self._runs.let_go(ref, run=run, at=self._clock.now())
            raise
        except Refusal as refused:
            error = JobError(refused.code, refused.detail)
            await self._runs.fail(ref, error, run=run, at=self._clock.now())
        except Exception:
            await self._runs.fail(ref, BROKEN, run=run, at=self._clock.now())
            raise
        except BaseException:
            # The worker is told to stop: another one goes on.
            await self._runs.let_go(ref, run=run, at=self._clock.now())
            raise
        return True

    async def _carry_out(self, job: Job, ref: JobRef, run: UUID) -> bool:
        asker = job.asker(ref.company_id)
        if asker is None:
            raise AskerGone
        until = self._clock.now() + TURN
        while not await self._work[job.kind].step(asker, job.id, run=run):
            if self._clock.now() >= until:
                await self._runs.let_go(ref, run=run, at=self._clock.now())
                return False
        return True
