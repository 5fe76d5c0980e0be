"""Loading and saving jobs."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import BigInteger, DateTime, Integer, Text, Uuid, bindparam, func, insert, select, update
from sqlalchemy.dialects.postgresql import JSONB

from adapters.sql.connection import Database
from adapters.sql.pipeline import Row
from adapters.sql.statement import Statement
from adapters.sql.tables.jobs import UNFINISHED, jobs
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.jobs.model import Job, JobError, JobKind, JobState
from core.kernel.actor import Actor, Via
from core.kernel.events import Channel
from core.kernel.once import Once
from core.kernel.ports import Clock
from core.realtime.read_models import Moment

_INSTANT = DateTime(timezone=True)
_FIXED: dict[str, Any] = {
    "id": Uuid,
    "kind": Text,
    "unit": Text,
    "created_by": Uuid,
    "via": Text,
    "token_id": Uuid,
    "created_at": _INSTANT,
}
_CHANGED: dict[str, Any] = {
    "state": Text,
    "done": BigInteger,
    "total": BigInteger,
    "result": JSONB,
    "error": JSONB,
    "run_id": Uuid,
    "lease_until": _INSTANT,
    "attempts": Integer,
    "started_at": _INSTANT,
    "finished_at": _INSTANT,
}
_FIELDS = {**_FIXED, **_CHANGED}
_job = bindparam("job", type_=Uuid)
_ADDING = 7163298420

# Whoever adds one counts first, and others who would wait for them.
_ONE_AT_A_TIME = Statement(select(func.pg_advisory_xact_lock(bindparam("lock", type_=BigInteger))))
_COUNT_UNFINISHED = Statement(select(func.count()).select_from(jobs).where(UNFINISHED))
LOAD = Statement(select(*(jobs.c[name] for name in _FIELDS)).where(jobs.c.id == _job).with_for_update(of=jobs))
_ADD = Statement(insert(jobs).values({name: bindparam(name, type_=kind) for name, kind in _FIELDS.items()}))
SAVE = Statement(
    update(jobs)
    .where(jobs.c.id == _job)
    .values({name: bindparam(f"new_{name}", type_=kind) for name, kind in _CHANGED.items()})
)


class SqlJobs:
    """The jobs of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def count_unfinished(self) -> int:
        lock = (self._unit.company_id.int ^ _ADDING) % 2**63
        _, rows = await self._unit.fetch((_ONE_AT_A_TIME, {"lock": lock}), (_COUNT_UNFINISHED, {}))
        return int(rows[0][0])

    async def load(self, job_id: UUID) -> Job | None:
        (rows,) = await self._unit.fetch((LOAD, {"job": job_id}))
        return job_of(rows[0]) if rows else None

    def add(self, job: Job) -> None:
        self._unit.write(_ADD, {name: _plain(getattr(job, name)) for name in _FIELDS})

    def save(self, job: Job) -> None:
        self._unit.write(SAVE, saved_values(job), rows=1)
        told = progress_of(job, self._unit.company_id)
        if told is not None:
            self._unit.tell(told)


class SqlJobUnitOfWork(SqlUnitOfWork):
    """A unit of work with jobs."""

    def __init__(
        self, database: Database, clock: Clock, actor: Actor, *, once: Once | None = None, lazy: bool = False
    ) -> None:
        super().__init__(database, clock, actor, once=once, lazy=lazy)
        self.jobs = SqlJobs(self)


def progress_of(job: Job, company_id: UUID) -> Moment | None:
    """How far a job is, for whoever asked for it, if they are still there."""
    if job.created_by is None:
        return None
    frame = {
        "type": "job_progress",
        "job_id": job.id,
        "kind": str(job.kind),
        "state": str(job.state),
        "progress": {"done": job.done, "total": job.total, "unit": job.unit},
    }
    return Moment(company_id, (job.created_by,), str(Channel.NOTIFICATIONS), frame)


def job_of(row: Row) -> Job:
    """The job in a row of LOAD."""
    values: dict[str, Any] = dict(zip(_FIELDS, row, strict=True))
    values["kind"], values["state"], values["via"] = (
        JobKind(values["kind"]),
        JobState(values["state"]),
        Via(values["via"]),
    )
    values["error"] = JobError(**values["error"]) if values["error"] is not None else None
    return Job(**values)


def saved_values(job: Job) -> dict[str, Any]:
    """The parameters of SAVE."""
    return {"job": job.id, **{f"new_{name}": _plain(getattr(job, name)) for name in _CHANGED}}


def _plain(value: object) -> object:
    if isinstance(value, JobError):
        return Jsonb(value._asdict())
    if isinstance(value, dict):
        return Jsonb(value)
    return str(value) if isinstance(value, JobKind | JobState | Via) else value
