from core.kernel.actor import System
from core.kernel.errors import answers
from core.reports.model import Batch
from core.reports.ports import DayCounts

_AT_ONCE = 1_000


class CountingUseCases:
    """Counting the days that reports are made of. The installation itself does."""

    def __init__(self, *, counts: DayCounts) -> None:
        self._counts = counts

    @answers()
    async def catch_up(self, _: System, *, least: int = 1) -> int:
        """Counts what happened since the last time, where so many events at least are left, and answers in how many
        companies.

        A company with a long way to go does not keep the others waiting: each is given a batch in turn.
        """
        waiting = behind = await self._counts.behind(least=least)
        while waiting:
            waiting = [
                company
                for company in waiting
                if await self._counts.advance(company, most=_AT_ONCE, counted=Batch.counted)
            ]
        return len(behind)
