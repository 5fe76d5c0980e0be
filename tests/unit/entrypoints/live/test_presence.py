"""Who comes and goes, where looking takes its time."""

import asyncio
from collections.abc import AsyncIterator, Collection
from uuid import UUID

import pytest

from adapters.memory.attendance import LocalAttendance
from adapters.memory.bus import LocalBus
from core.kernel.errors import DatabaseAway
from core.realtime.read_models import Acquaintances, Glance, Moment, Portion
from entrypoints.live import presence as presences
from entrypoints.live.presence import Presence
from tests.builders import an_id


class SlowAttendance(LocalAttendance):
    """Waits before it answers, while it is held."""

    def __init__(self) -> None:
        super().__init__()
        self.held = asyncio.Event()
        self.held.set()

    async def say(self, company_id: UUID, user_ids: Collection[UUID]) -> None:
        await super().say(company_id, user_ids)
        await self.held.wait()


class Acquainted:
    """Admins see all, and the others nobody; or the database is away."""

    def __init__(self) -> None:
        self.admins: set[UUID] = set()
        self.questions: list[int] = []
        self.is_away = False

    async def acquainted(
        self,
        company_id: UUID,  # noqa: ARG002
        *,
        listeners: Collection[UUID],
        others: Collection[UUID],
    ) -> Acquaintances:
        self.questions.append(len(listeners) * len(others))
        if self.is_away:
            raise DatabaseAway
        return Acquaintances(frozenset(self.admins & set(listeners)), frozenset())

    async def read(self, *_: object, **__: object) -> Portion:
        raise AssertionError

    async def glance(self, _: Collection[UUID]) -> Glance:
        raise AssertionError


class Stage:
    def __init__(self) -> None:
        self.attendance = SlowAttendance()
        self.reader = Acquainted()
        self.presence = Presence(attendance=self.attendance, feeds=self.reader, bus=LocalBus())
        self.told: list[Moment] = []
        self.presence.tell = self.told.append
        self.company = an_id()

    async def settle(self) -> None:
        for _ in range(5000):
            await asyncio.sleep(0)

    def said(self) -> list[tuple[str, str]]:
        return [(str(each.frame["user_id"]), each.frame["state"]) for each in self.told]


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(presences, "GRACE", 0.0)
    found = Stage()
    running = asyncio.create_task(found.presence.run())
    yield found
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_who_comes_while_the_last_one_is_seen_off_is_online(stage: Stage) -> None:
    ann, bob = an_id(), an_id()
    stage.presence.came(stage.company, ann)
    await stage.settle()
    stage.attendance.held.clear()
    stage.presence.left(stage.company, ann)
    await stage.settle()
    stage.presence.came(stage.company, bob)
    stage.attendance.held.set()
    await stage.settle()
    assert await stage.attendance.online(stage.company) == {bob}


async def test_nobody_is_told_of_themselves_and_all_of_others_once(stage: Stage) -> None:
    ann, bob = an_id(), an_id()
    stage.reader.admins = {ann, bob}
    stage.presence.came(stage.company, ann)
    await stage.settle()
    stage.presence.came(stage.company, bob)
    await stage.settle()
    stage.presence.left(stage.company, bob)
    await stage.settle()
    assert [(each.user_ids, each.frame["user_id"], each.frame["state"]) for each in stage.told] == [
        ((ann,), bob, "online"),
        ((ann,), bob, "offline"),
    ]


async def test_what_could_not_be_told_is_told_later(stage: Stage) -> None:
    ann, bob = an_id(), an_id()
    stage.reader.admins = {ann}
    stage.presence.came(stage.company, ann)
    await stage.settle()
    stage.reader.is_away = True
    stage.presence.came(stage.company, bob)
    await stage.settle()
    assert stage.told == []
    # It is not asked again and again meanwhile.
    assert len(stage.reader.questions) == 2
    stage.reader.is_away = False
    stage.presence.missed()
    await stage.settle()
    assert stage.said() == [(str(bob), "online")]


async def test_in_a_large_company_nothing_is_asked_at_once(stage: Stage) -> None:
    users = [an_id() for _ in range(1000)]
    stage.reader.admins = set(users[:10])
    for user_id in users:
        stage.presence.came(stage.company, user_id)
    await stage.settle()
    assert max(stage.reader.questions) <= 5000
    assert {other for other, _ in stage.said()} == set(map(str, users))


async def test_who_comes_back_and_goes_again_has_the_whole_grace(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presences, "GRACE", 0.05)
    ann = an_id()
    stage.presence.came(stage.company, ann)
    stage.presence.left(stage.company, ann)
    stage.presence.came(stage.company, ann)
    monkeypatch.setattr(presences, "GRACE", 600.0)
    stage.presence.left(stage.company, ann)
    await asyncio.sleep(0.1)
    assert await stage.attendance.online(stage.company) == {ann}
    stage.presence.came(stage.company, ann)
