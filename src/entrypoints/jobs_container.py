"""The part of the composition root that builds jobs, and what carries them out. Only the container takes it up."""

from dependency_injector import containers, providers

from adapters.jobs.queue import ProcrastinateQueue
from adapters.sql.connection import Database
from adapters.sql.job_runs import SqlJobRuns
from adapters.sql.readers.jobs import SqlJobReader
from adapters.sql.repositories.jobs import SqlJobUnitOfWork
from adapters.sql.repositories.task_imports import SqlImportUnitOfWork
from core.imports.use_cases.asking import ImportUseCases
from core.imports.use_cases.reading import TaskImportWork
from core.jobs.model import JobKind
from core.jobs.use_cases.jobs import JobUseCases
from core.jobs.use_cases.running import JobRunUseCases
from core.kernel.ports import Clock, Ids


class JobsContainer(containers.DeclarativeContainer):
    """Jobs: asking for them, looking at them, and carrying them out."""

    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    url: providers.Dependency[str] = providers.Dependency(instance_of=str)
    clock: providers.Dependency[Clock] = providers.Dependency()
    ids: providers.Dependency[Ids] = providers.Dependency()

    queue = providers.Singleton(ProcrastinateQueue, url=url)
    runs = providers.Singleton(SqlJobRuns, database)
    reader = providers.Singleton(SqlJobReader, database)
    unit_of_work = providers.Factory(SqlJobUnitOfWork, database, clock, lazy=True)

    use_cases = providers.Singleton(JobUseCases, unit_of_work=unit_of_work.provider, reader=reader, clock=clock)
    import_unit_of_work = providers.Factory(SqlImportUnitOfWork, database, clock, lazy=True)
    import_use_cases = providers.Singleton(
        ImportUseCases, unit_of_work=import_unit_of_work.provider, queue=queue, clock=clock, ids=ids
    )
    import_work = providers.Singleton(TaskImportWork, unit_of_work=import_unit_of_work.provider, clock=clock, ids=ids)
    work = providers.Dict({JobKind.TASK_IMPORT: import_work})
    run_use_cases = providers.Singleton(JobRunUseCases, runs=runs, queue=queue, work=work, clock=clock, ids=ids)
