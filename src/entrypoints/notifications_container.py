"""The part of the composition root that builds notifications. Only the container takes it up."""

from dependency_injector import containers, providers

from adapters.sql.connection import Database
from adapters.sql.deadlines import SqlDeadlineDays
from adapters.sql.notifying import SqlNotifiedLogs
from adapters.sql.readers.notifications import SqlNotificationReader
from adapters.sql.repositories.notifications import SqlInboxUnitOfWork
from adapters.system.bell import Bell
from core.kernel.ports import Clock, Ids
from core.notifications.use_cases.inbox import InboxUseCases
from core.notifications.use_cases.telling import TellingUseCases


class NotificationsContainer(containers.DeclarativeContainer):
    """The inbox, and what fills it."""

    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    clock: providers.Dependency[Clock] = providers.Dependency()
    ids: providers.Dependency[Ids] = providers.Dependency()

    # Rung when the log went on.
    bell = providers.Singleton(Bell)
    reader = providers.Singleton(SqlNotificationReader, database)
    unit_of_work = providers.Factory(SqlInboxUnitOfWork, database, clock, lazy=True)
    logs = providers.Singleton(SqlNotifiedLogs, database)
    deadlines = providers.Singleton(SqlDeadlineDays, database)

    inbox_use_cases = providers.Singleton(InboxUseCases, unit_of_work=unit_of_work.provider, reader=reader, clock=clock)
    telling_use_cases = providers.Singleton(TellingUseCases, logs=logs, deadlines=deadlines, clock=clock, ids=ids)
