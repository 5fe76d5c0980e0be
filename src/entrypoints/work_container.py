"""The part of the composition root that builds what people work on. Only the container takes it up."""

from dependency_injector import containers, providers

from adapters.sql.connection import Database
from adapters.sql.readers.activity import SqlActivityReader
from adapters.sql.readers.columns import SqlColumnReader
from adapters.sql.readers.comments import SqlCommentReader
from adapters.sql.readers.cycles import SqlCycleReader
from adapters.sql.readers.labels import SqlLabelReader
from adapters.sql.readers.members import SqlMemberReader
from adapters.sql.readers.projects import SqlProjectReader
from adapters.sql.readers.search import SqlSearchReader
from adapters.sql.readers.tasks import SqlTaskReader
from adapters.sql.repositories.batches import SqlBatchUnitOfWork
from adapters.sql.repositories.comments import SqlCommentUnitOfWork
from adapters.sql.repositories.cycles import SqlCycleUnitOfWork
from adapters.sql.repositories.labels import SqlLabelUnitOfWork
from adapters.sql.repositories.members import SqlMemberUnitOfWork
from adapters.sql.repositories.projects import SqlProjectUnitOfWork
from adapters.sql.repositories.tasks import SqlTaskUnitOfWork
from adapters.sql.repositories.watchers import SqlWatcherUnitOfWork
from core.activity.use_cases import ActivityUseCases
from core.comments.use_cases import CommentUseCases
from core.cycles.use_cases import CycleUseCases
from core.kernel.ports import Clock, Ids
from core.labels.use_cases import LabelUseCases
from core.projects.use_cases.members import MemberUseCases
from core.projects.use_cases.projects import ProjectUseCases
from core.search.use_cases import SearchUseCases
from core.tasks.listeners import leave_cycle, release_tasks
from core.tasks.use_cases.boards import BoardUseCases
from core.tasks.use_cases.bulk import BulkUseCases
from core.tasks.use_cases.columns import ColumnUseCases
from core.tasks.use_cases.deleted_tasks import DeletedTaskUseCases
from core.tasks.use_cases.exporting import ExportUseCases
from core.tasks.use_cases.tasks import TaskUseCases
from core.watching.use_cases import WatchUseCases


class WorkContainer(containers.DeclarativeContainer):
    """Projects, cycles, tasks and what is put on them."""

    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    clock: providers.Dependency[Clock] = providers.Dependency()
    ids: providers.Dependency[Ids] = providers.Dependency()

    project_reader = providers.Singleton(SqlProjectReader, database)
    cycle_reader = providers.Singleton(SqlCycleReader, database)
    member_reader = providers.Singleton(SqlMemberReader, database)
    task_reader = providers.Singleton(SqlTaskReader, database)
    column_reader = providers.Singleton(SqlColumnReader, database)
    label_reader = providers.Singleton(SqlLabelReader, database)
    comment_reader = providers.Singleton(SqlCommentReader, database)
    activity_reader = providers.Singleton(SqlActivityReader, database)
    search_reader = providers.Singleton(SqlSearchReader, database)

    project_unit_of_work = providers.Factory(SqlProjectUnitOfWork, database, clock, ids)
    cycle_unit_of_work = providers.Factory(SqlCycleUnitOfWork, database, clock, lazy=True)
    member_unit_of_work = providers.Factory(SqlMemberUnitOfWork, database, clock, lazy=True)
    task_unit_of_work = providers.Factory(SqlTaskUnitOfWork, database, clock, lazy=True)
    batch_unit_of_work = providers.Factory(SqlBatchUnitOfWork, database, clock, lazy=True)
    label_unit_of_work = providers.Factory(SqlLabelUnitOfWork, database, clock, lazy=True)
    comment_unit_of_work = providers.Factory(SqlCommentUnitOfWork, database, clock, lazy=True)
    watcher_unit_of_work = providers.Factory(SqlWatcherUnitOfWork, database, clock, lazy=True)

    project_use_cases = providers.Singleton(
        ProjectUseCases, unit_of_work=project_unit_of_work.provider, reader=project_reader, clock=clock, ids=ids
    )
    cycle_use_cases = providers.Singleton(
        CycleUseCases,
        unit_of_work=cycle_unit_of_work.provider,
        reader=cycle_reader,
        leave_cycle=leave_cycle,
        clock=clock,
        ids=ids,
    )
    member_use_cases = providers.Singleton(
        MemberUseCases,
        unit_of_work=member_unit_of_work.provider,
        reader=member_reader,
        clock=clock,
        on_removed=release_tasks,
    )
    task_use_cases = providers.Singleton(
        TaskUseCases, unit_of_work=task_unit_of_work.provider, reader=task_reader, clock=clock, ids=ids
    )
    bulk_use_cases = providers.Singleton(
        BulkUseCases, unit_of_work=batch_unit_of_work.provider, reader=task_reader, clock=clock, ids=ids
    )
    export_use_cases = providers.Singleton(ExportUseCases, unit_of_work=task_unit_of_work.provider, reader=task_reader)
    deleted_task_use_cases = providers.Singleton(
        DeletedTaskUseCases, unit_of_work=task_unit_of_work.provider, reader=task_reader, clock=clock
    )
    column_use_cases = providers.Singleton(
        ColumnUseCases, unit_of_work=task_unit_of_work.provider, reader=column_reader, clock=clock, ids=ids
    )
    board_use_cases = providers.Singleton(BoardUseCases, reader=task_reader)
    label_use_cases = providers.Singleton(
        LabelUseCases, unit_of_work=label_unit_of_work.provider, reader=label_reader, clock=clock, ids=ids
    )
    comment_use_cases = providers.Singleton(
        CommentUseCases, unit_of_work=comment_unit_of_work.provider, reader=comment_reader, clock=clock, ids=ids
    )
    watch_use_cases = providers.Singleton(WatchUseCases, unit_of_work=watcher_unit_of_work.provider)
    activity_use_cases = providers.Singleton(ActivityUseCases, reader=activity_reader)
    search_use_cases = providers.Singleton(SearchUseCases, reader=search_reader)
