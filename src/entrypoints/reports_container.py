"""The part of the composition root that builds reports. Only the container takes it up."""

from dependency_injector import containers, providers

from adapters.charts.drawing import PygalCharts
from adapters.sql.connection import Database
from adapters.sql.counting import SqlDayCounts
from adapters.sql.readers.reports import SqlReportReader
from core.kernel.ports import Clock
from core.reports.use_cases.counting import CountingUseCases
from core.reports.use_cases.reports import ReportUseCases


class ReportsContainer(containers.DeclarativeContainer):
    """Reports, and what counts the days that they are made of."""

    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    clock: providers.Dependency[Clock] = providers.Dependency()

    report_reader = providers.Singleton(SqlReportReader, database)
    day_counts = providers.Singleton(SqlDayCounts, database)
    charts = providers.Singleton(PygalCharts)

    report_use_cases = providers.Singleton(ReportUseCases, reader=report_reader, charts=charts, clock=clock)
    counting_use_cases = providers.Singleton(CountingUseCases, counts=day_counts)
