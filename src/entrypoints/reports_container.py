"""The part of the composition root that builds reports. Only the container takes it up."""

from importlib import import_module
from typing import Any

from dependency_injector import containers, providers

from adapters.sql.connection import Database
from adapters.sql.counting import SqlDayCounts
from adapters.sql.readers.reports import SqlReportReader
from core.kernel.ports import Clock
from core.reports.use_cases.counting import CountingUseCases
from core.reports.use_cases.reports import ReportUseCases


def _charts() -> Any:
    # By name, and only where reports are asked for.
    return import_module("adapters.charts.drawing").PygalCharts()


class ReportsContainer(containers.DeclarativeContainer):
    """Reports, and what counts the days that they are made of."""

    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    clock: providers.Dependency[Clock] = providers.Dependency()

    report_reader = providers.Singleton(SqlReportReader, database)
    day_counts = providers.Singleton(SqlDayCounts, database)
    charts = providers.Singleton(_charts)

    report_use_cases = providers.Singleton(ReportUseCases, reader=report_reader, charts=charts, clock=clock)
    counting_use_cases = providers.Singleton(CountingUseCases, counts=day_counts)
