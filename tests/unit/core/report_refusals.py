"""How each refusal of reports comes about; `test_refusals` carries them out."""

from collections.abc import Awaitable
from typing import Any

from core.cycles.errors import CycleNotFound
from core.kernel.errors import Forbidden
from core.projects.errors import ProjectNotFound
from core.reports.use_cases.reports import ReportUseCases
from tests.builders.office import Office


def add_to(refuses: Any) -> None:
    """Adds the scenarios."""

    @refuses(ReportUseCases.project, ProjectNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.reports.project(office.nora, office.web.id)

    @refuses(ReportUseCases.performance, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        return office.reports.performance(office.mia)

    @refuses(ReportUseCases.workload, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        return office.reports.workload(office.mia)

    @refuses(ReportUseCases.burndown, CycleNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.reports.burndown(office.nora, (await office.cycle()).id)

    @refuses(ReportUseCases.burndown_chart, CycleNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.reports.burndown_chart(office.nora, (await office.cycle()).id)

    @refuses(ReportUseCases.flow, ProjectNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.reports.flow(office.nora, office.web.id, days=9)

    @refuses(ReportUseCases.flow_chart, ProjectNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.reports.flow_chart(office.nora, office.web.id, days=9)
