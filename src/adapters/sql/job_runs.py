"""Taking jobs up and letting them go, in whatever company they are. Only the container may import this."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Uuid, bindparam, exists, func, or_, select

from adapters.sql.connection import COMMIT, Database, execute
from adapters.sql.pipeline import Asked
from adapters.sql.repositories.jobs import LOAD, SAVE, job_of, progress_of, saved_values
from adapters.sql.statement import Statement
from adapters.sql.tables.jobs import UNFINISHED, jobs
from adapters.sql.upkeep import Upkeep
from core.jobs.model import Job, JobError, JobRef, LeaseLost

_DUE = Statement.plain(
    "select company_id, id from jobs where state in ('queued', 'started')"
    " and case when lease_until is null then created_at < %(asked_before)s else lease_until <= %(at)s end"
    " order by created_at, id limit 1000"
)
_at = bindparam("at", type_=DateTime(timezone=True))
_CLAIMING = 7163298421

# Whoever takes one up looks first whether others go on, and those who would at the same moment wait for them.
_ONE_AT_A_TIME = Statement(select(func.pg_advisory_xact_lock(bindparam("lock", type_=BigInteger))))
_OTHERS = Statement(
    select(exists().where(UNFINISHED, jobs.c.id != bindparam("job", type_=Uuid), jobs.c.lease_until > _at))
)
_NEXT = Statement(
    select(jobs.c.id)
    .where(UNFINISHED, or_(jobs.c.lease_until.is_(None), jobs.c.lease_until <= _at))
    .order_by(jobs.c.created_at, jobs.c.id)
    .limit(1)
)


class SqlJobRuns:
    """The jobs of all companies: looked for as the upkeep role, and each touched inside its company's wall."""

    def __init__(self, database: Database) -> None:
        self._upkeep = Upkeep(database)

    async def due(self, *, at: datetime, asked_before: datetime) -> list[JobRef]:
        (found,) = await self._upkeep.ask(Asked(_DUE, {"at": at, "asked_before": asked_before}))
        return [JobRef._make(row) for row in found.rows()]

    async def claim(self, ref: JobRef, *, run: UUID, at: datetime) -> Job | None:
        async with self._upkeep.within(ref.company_id) as connection:
            lock = (ref.company_id.int ^ _CLAIMING) % 2**63
            _, others, found = await execute(
                connection,
                Asked(_ONE_AT_A_TIME, {"lock": lock}),
                Asked(_OTHERS, {"job": ref.job_id, "at": at}),
                Asked(LOAD, {"job": ref.job_id}),
            )
            row = found.first()
            if row is None or others.first() == (True,):
                return None
            job = job_of(row)
            if not job.is_due(at=at):
                return None
            is_claimed = job.claim(run=run, at=at)
            await execute(connection, Asked(SAVE, saved_values(job)), Asked(COMMIT, {}))
            return job if is_claimed else None

    async def next_of(self, company_id: UUID, *, at: datetime) -> JobRef | None:
        async with self._upkeep.within(company_id) as connection:
            (found,) = await execute(connection, Asked(_NEXT, {"at": at}))
            row = found.first()
            return JobRef(company_id, row[0]) if row is not None else None

    async def fail(self, ref: JobRef, error: JobError, *, run: UUID, at: datetime) -> None:
        await self._change(ref, run, lambda job: job.fail(error, at=at))

    async def let_go(self, ref: JobRef, *, run: UUID, at: datetime) -> None:
        await self._change(ref, run, lambda job: job.let_go(at=at))

    async def _change(self, ref: JobRef, run: UUID, change: Callable[[Job], None]) -> None:
        async with self._upkeep.within(ref.company_id) as connection:
            (found,) = await execute(connection, Asked(LOAD, {"job": ref.job_id}))
            row = found.first()
            if row is None:
                return
            job = job_of(row)
            try:
                job.ensure_run_by(run)
            except LeaseLost:
                return
            change(job)
            told = progress_of(job, ref.company_id)
            if told is not None:
                connection.moments.append(told)
            await execute(connection, Asked(SAVE, saved_values(job)), Asked(COMMIT, {}))
