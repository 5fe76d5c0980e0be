"""The part of the composition root that builds jobs, and what carries them out. Only the container takes it up."""

from dependency_injector import containers, providers

from adapters.jobs.queue import ProcrastinateQueue
from adapters.sql.connection import Database
from adapters.sql.job_runs import SqlJobRuns
from adapters.sql.readers.jobs import SqlJobReader
from adapters.sql.repositories.jobs import SqlJobUnitOfWork
from core.jobs.use_cases.jobs import JobUseCases
from core.jobs.use_cases.running import JobRunUseCases
from core.kernel.ports import Clock, Ids


class JobsContainer(containers.DeclarativeContainer):
    """Jobs: looking at them, and carrying them out."""

    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    url: providers.Dependency[str] = providers.Dependency(instance_of=str)
    clock: providers.Dependency[Clock] = providers.Dependency()
    ids: providers.Dependency[Ids] = providers.Dependency()

    queue = providers.Singleton(ProcrastinateQueue, url=url)
    runs = providers.Singleton(SqlJobRuns, database)
    reader = providers.Singleton(SqlJobReader, database)
    unit_of_work = providers.Factory(SqlJobUnitOfWork, database, clock, lazy=True)

    use_cases = providers.Singleton(JobUseCases, unit_of_work=unit_of_work.provider, reader=reader, clock=clock)
    run_use_cases = providers.Singleton(
        JobRunUseCases, runs=runs, queue=queue, work=providers.Dict(), clock=clock, ids=ids
    )
