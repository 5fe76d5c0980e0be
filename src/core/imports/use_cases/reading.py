from uuid import UUID

from core.imports.errors import FileGone, FileMalformed
from core.imports.model import CHUNK, Phase, TaskImport, malformed
from core.imports.ports import ImportUnitOfWork, OpenImportUnitOfWork
from core.imports.rows import LARGEST_ROW, Row
from core.imports.use_cases.linking import link
from core.imports.use_cases.writing import write
from core.jobs.model import Job, LeaseLost
from core.kernel.actor import Actor
from core.kernel.errors import ChangedMeanwhile, Contended
from core.kernel.ports import Clock, Ids
from core.labels.errors import LabelNameTaken
from core.tasks.errors import ExternalIdTaken

# As much as the largest row may take.
_CHECKED_AT_ONCE = LARGEST_ROW + 2 * CHUNK
# Enough for most; where it is not, as much as that.
_READ_AT_ONCE = (2 * CHUNK, _CHECKED_AT_ONCE)
_TIMES = 3


class TaskImportWork:
    """The steps of an import: a stretch of the file is checked, or some rows are written, together with how far it is.

    So whoever goes on, after whatever happened, goes on behind the last row that was written.
    """

    def __init__(self, *, unit_of_work: OpenImportUnitOfWork, clock: Clock, ids: Ids) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._ids = ids

    async def step(self, asker: Actor, job_id: UUID, *, run: UUID) -> bool:
        for _ in range(_TIMES):
            try:
                return await self._step(asker, job_id, run)
            except (ChangedMeanwhile, ExternalIdTaken, LabelNameTaken):
                # Somebody made the same label or task at the same moment: now it is there.
                continue
        raise Contended

    async def _step(self, asker: Actor, job_id: UUID, run: UUID) -> bool:
        async with self._unit_of_work(asker) as uow:
            job = await uow.jobs.load(job_id)
            if job is None:
                raise LeaseLost
            job.ensure_run_by(run)
            task_import = await uow.imports.load(job_id)
            if task_import is None:
                raise FileGone
            if task_import.phase is Phase.CHECKING:
                await self._check(uow, job, task_import)
            else:
                await self._go_on(uow, job, task_import)
            if job.is_over:
                uow.imports.remove(job_id)
            else:
                uow.imports.save(task_import)
            uow.jobs.save(job)
            await uow.commit()
        return job.is_over

    async def _check(self, uow: ImportUnitOfWork, job: Job, task_import: TaskImport) -> None:
        at, offset = self._clock.now(), task_import.offset
        piece = await uow.imports.piece(task_import.id, offset=offset, length=_CHECKED_AT_ONCE)
        try:
            is_whole = task_import.check(piece)
        except FileMalformed as refused:
            job.fail(malformed(refused), at=at)
            return
        job.advance(done=0, total=task_import.total if is_whole else None, at=at)

    async def _go_on(self, uow: ImportUnitOfWork, job: Job, task_import: TaskImport) -> None:
        at = self._clock.now()
        rows = await self._next(uow, task_import)
        if rows:
            if task_import.phase is Phase.LINKING:
                await link(uow, task_import, rows, at=at)
            else:
                await write(uow, task_import, rows, ids=self._ids, at=at)
            task_import.advance(rows)
        job.advance(done=task_import.done, total=task_import.total, at=at)
        if task_import.is_over:
            job.finish(task_import.report(), at=at)

    async def _next(self, uow: ImportUnitOfWork, task_import: TaskImport) -> list[Row]:
        for length in _READ_AT_ONCE:
            piece = await uow.imports.piece(task_import.id, offset=task_import.offset, length=length)
            if rows := task_import.next_rows(piece):
                return rows
        return []
