"""What the installation tells by itself, with a clock that is set."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from core.companies.model import CompanyChanges
from core.kernel.actor import Actor, System
from core.notifications.use_cases.telling import TellingUseCases
from tests.contracts.notifications import kinds, look, read_log
from tests.contracts.steps import add_task, open_project
from tests.fakes.clock import SettableClock
from tests.fakes.world import World

BERLIN = "Europe/Berlin"


def telling(world: World) -> TellingUseCases:
    return TellingUseCases(logs=world.notified_logs, deadlines=world.deadline_days, clock=world.clock, ids=world.ids)


class Day:
    """A company in a zone, and Ann, who has a task."""

    def __init__(self, at: str) -> None:
        self.world = World(clock=SettableClock(datetime.fromisoformat(at).replace(tzinfo=UTC)))

    async def begin(self, *, zone: str, deadline: str) -> "Day":
        self.owner = await self.world.company()
        self.move_to(zone)
        project = await open_project(self.world, self.owner)
        self.ann = await self.world.person(self.owner.company_id)
        await self.world.add_to_project(project.id, self.ann)
        await self.tell()
        self.task = await add_task(
            self.world, self.owner, project, assigned_to=self.ann.user_id, deadline=date.fromisoformat(deadline)
        )
        return self

    def move_to(self, zone: str) -> None:
        tables = self.world.tables.companies[self.owner.company_id]
        tables.company.change(CompanyChanges(given=frozenset({"time_zone"}), time_zone=zone), at=self.world.clock.now())

    async def tell(self) -> None:
        await telling(self.world).tell_of_deadlines(System())

    async def told_at(self, *instants: str) -> list[int]:
        """How many they had been told by then."""
        found = []
        for at in instants:
            self.world.clock.at = datetime.fromisoformat(at).replace(tzinfo=UTC)
            await self.tell()
            await self.tell()
            views = await look(self.world, self.ann)
            found.append(sum(view.kind == "deadline_near" for view in views))
        return found


class TestDeadlines:
    async def test_are_told_at_nine_the_day_before_and_on_the_day(self) -> None:
        day = await Day("2026-03-02T12:00:00").begin(zone=BERLIN, deadline="2026-03-05")
        assert await day.told_at(
            "2026-03-03T08:00:00", "2026-03-04T07:59:00", "2026-03-04T08:00:00", "2026-03-04T20:00:00",
            "2026-03-05T07:59:00", "2026-03-05T08:01:00", "2026-03-06T08:01:00", "2026-03-07T08:01:00",
        ) == [0, 0, 1, 1, 1, 2, 2, 2]  # fmt: skip

    async def test_are_told_at_nine_in_summer_and_in_winter(self) -> None:
        spring = await Day("2026-03-27T12:00:00").begin(zone=BERLIN, deadline="2026-03-29")
        assert await spring.told_at(
            "2026-03-28T07:59:00", "2026-03-28T08:00:00", "2026-03-29T06:59:00", "2026-03-29T07:00:00"
        ) == [0, 1, 1, 2]
        autumn = await Day("2026-10-23T12:00:00").begin(zone=BERLIN, deadline="2026-10-25")
        assert await autumn.told_at(
            "2026-10-24T06:59:00", "2026-10-24T07:00:00", "2026-10-25T07:59:00", "2026-10-25T08:00:00"
        ) == [0, 1, 1, 2]

    async def test_are_told_later_if_nobody_was_there_at_nine(self) -> None:
        day = await Day("2026-03-02T12:00:00").begin(zone="UTC", deadline="2026-03-05")
        # Of the morning before nobody needs to be told any more.
        assert await day.told_at("2026-03-05T23:00:00", "2026-03-06T09:00:00") == [1, 1]

    async def test_are_told_once_if_the_company_moves_to_another_zone(self) -> None:
        day = await Day("2026-03-02T12:00:00").begin(zone="Pacific/Kiritimati", deadline="2026-03-04")
        assert await day.told_at("2026-03-02T20:00:00") == [1]
        day.move_to("Pacific/Pago_Pago")
        assert await day.told_at("2026-03-03T19:00:00", "2026-03-03T21:00:00", "2026-03-04T20:00:00") == [1, 1, 2]
        day.move_to("Pacific/Kiritimati")
        assert await day.told_at("2026-03-04T20:30:00") == [2]

    async def test_are_told_anew_when_they_are_others(self) -> None:
        day = await Day("2026-03-02T12:00:00").begin(zone="UTC", deadline="2026-03-04")
        assert await day.told_at("2026-03-03T09:00:00") == [1]
        tasks = day.world.tables.companies[day.owner.company_id].tasks
        tasks[day.task.id].deadline = date(2026, 3, 5)
        assert await day.told_at("2026-03-04T09:00:00", "2026-03-05T09:00:00") == [2, 3]

    async def test_a_company_begins_with_its_next_morning(self) -> None:
        day = await Day("2026-03-02T12:00:00").begin(zone="UTC", deadline="2026-03-02")
        assert await day.told_at("2026-03-02T12:01:00", "2026-03-03T09:00:00") == [0, 0]


class TestTelling:
    async def test_everybody_is_told_of_their_own_company(self) -> None:
        world = World()
        stages = [await self._given(world) for _ in range(2)]
        assert await telling(world).catch_up(System()) == 2
        # What was told is in the log itself, and concerns nobody any more.
        assert await telling(world).catch_up(System()) == 0
        for _, ann in stages:
            assert await kinds(world, ann) == ["assigned"]

    async def _given(self, world: World) -> tuple[Actor, Actor]:
        owner = await world.company()
        project = await open_project(world, owner)
        ann = await world.person(owner.company_id)
        await world.add_to_project(project.id, ann)
        world.clock.advance(timedelta(seconds=1))
        await add_task(world, owner, project, assigned_to=ann.user_id)
        return owner, ann
