from core.kernel.actor import System
from core.kernel.days import last_at_hour
from core.kernel.errors import answers
from core.kernel.ports import Clock, Ids
from core.notifications.model import MORNING, Batch, DueTask, Notification, tell, tell_of_deadlines
from core.notifications.ports import Calendar, DeadlineDays, NotifiedLogs

_AT_ONCE = 200
_TASKS_AT_ONCE = 500


class TellingUseCases:
    """Telling the users of all companies what concerns them. The installation itself does."""

    def __init__(self, *, logs: NotifiedLogs, deadlines: DeadlineDays, clock: Clock, ids: Ids) -> None:
        self._logs = logs
        self._deadlines = deadlines
        self._clock = clock
        self._ids = ids

    @answers()
    async def catch_up(self, _: System) -> int:
        """Tells of what happened since the last time, and answers in how many companies something did.

        A company with a long way to go does not keep the others waiting: each is given a batch in turn.
        """
        waiting = behind = await self._logs.behind()
        while waiting:
            waiting = [
                company for company in waiting if await self._logs.advance(company, most=_AT_ONCE, told=self._told)
            ]
        return len(behind)

    @answers()
    async def tell_of_deadlines(self, _: System) -> int:
        """Tells of the deadlines of today and tomorrow, wherever it is 9 in the morning or later and nobody did since;
        answers in how many companies. Mornings that nobody was there for are not told of afterwards, but for the last.
        """
        now = self._clock.now()
        due = 0
        for calendar in await self._deadlines.calendars():
            day = last_at_hour(calendar.zone, now, hour=MORNING)
            if calendar.told_on is None:
                await self._deadlines.begin(calendar.company_id, day=day)
            elif calendar.told_on < day:
                due += 1
                await self._tell_of_day(calendar._replace(told_on=day))
        return due

    async def _tell_of_day(self, calendar: Calendar) -> None:
        day = calendar.told_on
        assert day is not None

        def told(tasks: list[DueTask]) -> list[Notification]:
            return tell_of_deadlines(tasks, day=day, new_id=self._ids.new, at=self._clock.now())

        while await self._deadlines.advance(calendar.company_id, day=day, most=_TASKS_AT_ONCE, told=told):
            pass

    def _told(self, batch: Batch) -> list[Notification]:
        return tell(batch, new_id=self._ids.new, at=self._clock.now())
