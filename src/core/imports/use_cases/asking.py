from collections.abc import AsyncIterable
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from core.imports.errors import FileEmpty, MappingInvalid
from core.imports.fields import checked_mapping
from core.imports.model import CHUNK, TaskImport
from core.imports.ports import ImportUnitOfWork, OpenImportUnitOfWork
from core.jobs.errors import TooManyJobs
from core.jobs.model import MOST_UNFINISHED, Job, JobKind, JobRef
from core.jobs.ports import JobQueue
from core.jobs.read_models import JobView
from core.kernel.actor import Actor
from core.kernel.errors import ChangedMeanwhile, ReferenceNotFound, Refusal, answers
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer
from core.kernel.ports import Clock, Ids
from core.projects.errors import ProjectArchived
from core.projects.policy import sees_project

_LEFT_OVER = timedelta(hours=1)


class Received(NamedTuple):
    """A file that came in and is kept; `digest` is that of its content."""

    import_id: UUID
    size: int
    digest: bytes


class ImportUseCases:
    """Asking for an import: the file first, as it comes, then the job that reads it."""

    def __init__(self, *, unit_of_work: OpenImportUnitOfWork, queue: JobQueue, clock: Clock, ids: Ids) -> None:
        self._unit_of_work = unit_of_work
        self._queue = queue
        self._clock = clock
        self._ids = ids

    @answers(MappingInvalid, ReferenceNotFound, ProjectArchived, TooManyJobs, FileEmpty)
    async def receive(
        self,
        actor: Actor,
        *,
        project_id: UUID,
        mapping: str | None,
        dry_run: bool,
        content: AsyncIterable[bytes],
    ) -> Received:
        """Keeps a file piece by piece, so that no process ever holds all of it. Whoever sees the project may."""
        columns, at = checked_mapping(mapping), self._clock.now()
        asked = TaskImport(id=self._ids.new(), project_id=project_id, mapping=columns, dry_run=dry_run, created_at=at)
        async with self._unit_of_work(actor) as uow:
            waiting = await uow.imports.make_room(before=at - _LEFT_OVER)
            if waiting + await uow.jobs.count_unfinished() >= MOST_UNFINISHED:
                raise TooManyJobs
            asked.time_zone = await _ensure_open(uow, actor, project_id)
            uow.imports.add(asked)
            await uow.commit()
        whole = False
        try:
            received = await self._keep(actor, asked.id, content)
            whole = True
        finally:
            if not whole:
                await self._give_up(actor, asked.id)
        return received

    @answers(ReferenceNotFound, ProjectArchived, TooManyJobs, ChangedMeanwhile, KeyReused, InFlight)
    async def ask(self, actor: Actor, received: Received, *, once: Once | None = None) -> Answer[JobView]:
        """Makes tasks of the rows of a file in CSV, by a job; whoever sees the project may.

        A row whose `id` or `external_id` a task of the project has changes that task, if whoever asked may edit it; an
        empty cell changes nothing. Labels that are not there yet are made. A row in which something is wrong is
        skipped, and told with its number, its column and the reason, up to 100 of them; the others are written. A file
        that is no CSV is refused as a whole. With `dry_run` nothing is written, and the job's `result` says what would
        have been, but not how many sub-tasks would have been put below others.
        """
        asked = False
        try:
            async with self._unit_of_work(actor, once=once) as uow:
                unfinished = await uow.jobs.count_unfinished()
                task_import = await uow.imports.load(received.import_id)
                if task_import is None:
                    raise ChangedMeanwhile
                await _ensure_open(uow, actor, task_import.project_id)
                job = Job.ask(
                    id=task_import.id,
                    kind=JobKind.TASK_IMPORT,
                    unit="rows",
                    unfinished=unfinished,
                    by=uow.actor,
                    at=self._clock.now(),
                )
                task_import.size = received.size
                uow.imports.save(task_import)
                uow.jobs.add(job)
                seq = await uow.commit(made=Made(kind="job", id=job.id, version=1))
            asked = True
        finally:
            if not asked:
                # Where the commit's answer was lost, there may be a job.
                await self._give_up(actor, received.import_id)
        await self._queue.wake(JobRef(actor.company_id, job.id))
        return Answer(JobView.of(job), seq)

    async def _keep(self, actor: Actor, import_id: UUID, content: AsyncIterable[bytes]) -> Received:
        digest, size, number, rest = sha256(), 0, 0, bytearray()
        async for piece in content:
            digest.update(piece)
            size += len(piece)
            rest += piece
            while len(rest) >= CHUNK:
                await self._keep_one(actor, import_id, number, bytes(rest[:CHUNK]))
                number += 1
                del rest[:CHUNK]
        if not size:
            raise FileEmpty
        if rest:
            await self._keep_one(actor, import_id, number, bytes(rest))
        return Received(import_id, size, digest.digest())

    async def _keep_one(self, actor: Actor, import_id: UUID, number: int, content: bytes) -> None:
        async with self._unit_of_work(actor) as uow:
            uow.imports.keep(import_id, number, content)
            await uow.commit()

    async def _give_up(self, actor: Actor, import_id: UUID) -> None:
        # What is left where even this is refused is removed an hour later.
        with suppress(Refusal):
            async with self._unit_of_work(actor) as uow:
                await uow.imports.give_up(import_id)
                await uow.commit()


async def _ensure_open(uow: ImportUnitOfWork, actor: Actor, project_id: UUID) -> str:
    """The time zone of the company. Raises ReferenceNotFound and ProjectArchived."""
    project = await uow.many_tasks.project(project_id, for_user=actor.user_id)
    if project is None or not sees_project(uow.actor, is_member=project.is_member):
        raise ReferenceNotFound(parameter="project_id")
    if not project.is_active:
        raise ProjectArchived
    return project.time_zone
