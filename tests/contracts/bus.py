"""The contract of Bus. The subclass provides the fixture `bus`, and `other`: as another process has it, or the same."""

import asyncio
from collections.abc import Callable
from uuid import UUID, uuid4

from core.realtime.ports import Bus
from core.realtime.read_models import Moment

WITHIN = 5.0


class Heard:
    """An ear that remembers."""

    def __init__(self) -> None:
        self.appends: list[tuple[UUID, int]] = []
        self.ends: list[UUID] = []
        self.moments: list[Moment] = []
        self.misses = 0
        self.stirs = 0

    def appended(self, company_id: UUID, seq: int) -> None:
        self.appends.append((company_id, seq))

    def ended(self, account_id: UUID) -> None:
        self.ends.append(account_id)

    def told(self, moment: Moment) -> None:
        self.moments.append(moment)

    def missed(self) -> None:
        self.misses += 1

    def stirred(self) -> None:
        self.stirs += 1


async def until(holds: Callable[[], bool], *, again: Callable[[], None] = lambda: None) -> None:
    """Waits until something holds, and does something again and again meanwhile."""
    async with asyncio.timeout(WITHIN):
        while not holds():
            again()
            await asyncio.sleep(0.02)


class BusContract:
    async def test_whoever_listens_here_is_told_at_once(self, bus: Bus) -> None:
        heard, company, account = Heard(), uuid4(), uuid4()
        bus.listen(heard)
        bus.appended(company, 7)
        bus.ended(account)
        moment = Moment(company, (account,), "notifications", {"type": "presence", "state": "online"})
        bus.tell(moment)
        assert (heard.appends, heard.ends, heard.moments) == ([(company, 7)], [account], [moment])

    async def test_a_company_that_is_followed_is_heard_of_elsewhere(self, bus: Bus, other: Bus) -> None:
        heard, company = Heard(), uuid4()
        other.listen(heard)
        other.follow(company)
        await until(lambda: (company, 1) in heard.appends, again=lambda: bus.appended(company, 1))
        moment = Moment(company, (company,), "notifications", {"type": "presence", "user_id": str(company)})
        bus.tell(moment)
        await until(lambda: moment in heard.moments)
        for seq in range(2, 50):
            bus.appended(company, seq)
        await until(lambda: (company, 49) in heard.appends)

    async def test_sessions_that_ended_are_heard_of_everywhere(self, bus: Bus, other: Bus) -> None:
        heard, account = Heard(), uuid4()
        other.listen(heard)
        await until(lambda: account in heard.ends, again=lambda: bus.ended(account))

    async def test_that_some_log_goes_on_is_heard_of_without_following(self, bus: Bus, other: Bus) -> None:
        heard, company = Heard(), uuid4()
        other.listen(heard)
        await until(lambda: heard.stirs > 0, again=lambda: bus.appended(company, 1))
