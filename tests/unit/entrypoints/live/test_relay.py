from datetime import timedelta
from uuid import UUID

import pytest

from adapters.memory.bus import LocalBus
from core.kernel.errors import DatabaseAway
from core.realtime.read_models import Backlog
from entrypoints.live import relay as relays
from entrypoints.live.relay import Relay
from tests.builders import an_id
from tests.contracts.bus import Heard
from tests.fakes.clock import SettableClock
from tests.fakes.feeds import InMemoryLeases, InMemoryLogs


class Bell:
    def __init__(self) -> None:
        self.rings = 0

    def ring(self) -> None:
        self.rings += 1


class Seen:
    """What the relay says of itself."""

    def __init__(self) -> None:
        self.leads = False
        self.behind: dict[str, tuple[int, float]] = {}

    def relayed(self, *, leads: bool, behind: dict[str, tuple[int, float]]) -> None:
        self.leads = leads
        self.behind = dict(behind)


class Stage:
    """Two processes with one database, and no Redis."""

    def __init__(self) -> None:
        self.clock = SettableClock()
        self.logs = InMemoryLogs()
        self.leases = InMemoryLeases(self.clock)
        self.seen = Seen()
        self.buses = [LocalBus(), LocalBus()]
        self.heard = [Heard(), Heard()]
        self.relays = [
            Relay(logs=self.logs, leases=self.leases, bus=bus, holder=an_id(), observer=self.seen) for bus in self.buses
        ]
        for bus, heard in zip(self.buses, self.heard, strict=True):
            bus.listen(heard)
        self.company = an_id()

    def announced(self, place: int = 0) -> list[tuple[UUID, int]]:
        return self.heard[place].appends


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_one_leads_until_it_is_gone(stage: Stage) -> None:
    first, second = stage.relays
    await first.turn()
    await second.turn()
    assert (first.leads, second.leads) == (True, False)
    stage.clock.advance(timedelta(seconds=relays.LEASE_SECONDS + 1))
    await second.turn()
    await first.turn()
    assert (first.leads, second.leads) == (False, True)
    await second.give_up()
    await first.turn()
    assert first.leads


async def test_what_nobody_announced_is_announced_once(stage: Stage) -> None:
    relay = stage.relays[0]
    stage.logs.positions[stage.company] = 3
    await relay.turn()
    stage.logs.positions[stage.company] = 5
    await relay.turn()
    await relay.turn()
    assert stage.announced() == [(stage.company, 3), (stage.company, 5)]


async def test_what_was_announced_is_not_announced_again(stage: Stage) -> None:
    relay = stage.relays[0]
    stage.logs.positions[stage.company] = 3
    await relay.turn()
    stage.logs.positions[stage.company] = 4
    stage.buses[0].appended(stage.company, 4)
    stage.announced().clear()
    await relay.turn()
    assert stage.announced() == []


async def test_readers_are_woken_by_whatever_happens(stage: Stage) -> None:
    bell = Bell()
    stage.relays[0].readers.append(bell)
    stage.buses[0].appended(stage.company, 1)
    assert bell.rings >= 1
    before = bell.rings
    stage.logs.positions[stage.company] = 1
    await stage.relays[0].turn()
    assert bell.rings > before


async def test_it_says_who_is_behind_and_by_how_much(stage: Stage) -> None:
    relay = stage.relays[0]
    stage.logs.behind = [Backlog("mail", stage.company, 2, 5, 9.0), Backlog("mail", an_id(), 0, 4, None)]
    await relay.turn()
    assert stage.seen.behind["mail"] == (7, 9.0)
    stage.logs.behind = []
    for _ in range(5):
        await relay.turn()
    assert stage.seen.behind["mail"] == (0, 0.0)


async def test_a_leader_that_cannot_know_it_says_that_it_leads_no_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> None:
        raise DatabaseAway

    relay = stage.relays[0]
    await relay.turn()
    assert stage.seen.leads
    monkeypatch.setattr(stage.logs, "heads", away)
    with pytest.raises(DatabaseAway):
        await relay.turn()
    assert not stage.seen.leads
    monkeypatch.undo()
    await relay.turn()
    assert stage.seen.leads
    await relay.give_up()
    assert not stage.seen.leads
