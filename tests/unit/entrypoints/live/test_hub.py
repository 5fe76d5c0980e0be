"""The hub: each door hears all that it may, once, in order, whatever happens meanwhile."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapters.memory.bus import LocalBus
from core.kernel.actor import Actor, Role
from core.kernel.errors import Busy, DatabaseAway
from core.kernel.events import Audience
from core.realtime.errors import TooManyDoors
from core.realtime.model import HELD_AT_ONCE, Audible
from core.realtime.read_models import EventView, Glance, Logged, Moment, Portion
from entrypoints.live import hub as hubs
from entrypoints.live.doors import Ending
from entrypoints.live.hub import Hub
from entrypoints.live.showing import Written
from tests.builders import an_actor, an_id
from tests.fakes.clock import SettableClock

NOW = SettableClock().now()


class Company:
    """A log, who belongs to the one project that there is, and whose key stands. Reads wait while it is held."""

    def __init__(self) -> None:
        self.id = an_id()
        self.project_id = an_id()
        self.log: list[Logged] = []
        self.members: set[UUID] = set()
        self.admins: set[UUID] = set()
        self.gone: set[UUID] = set()
        self.forgotten = 0
        self.ended: set[UUID] = set()
        self.reads = 0
        self.failing = 0
        self.size = 0
        self.held = asyncio.Event()
        self.held.set()
        self.holders: dict[UUID, UUID] = {}

    def append(self, audience: Audience) -> int:
        seq = len(self.log) + 1
        event = EventView(seq, "noted", "task_updates", NOW, None, "session", audience.project_id, {})
        self.log.append(Logged(event, audience))
        return seq

    async def read(
        self,
        company_id: UUID,
        *,
        position: int,
        most: int,
        most_bytes: int,
        sessions: Collection[UUID],
        tokens: Collection[UUID],
        users: Collection[UUID],
    ) -> Portion:
        assert company_id == self.id
        assert not tokens
        self.reads += 1
        if self.failing:
            self.failing -= 1
            raise DatabaseAway
        first = max(position, self.forgotten)
        asked = self.log[first : first + most]
        found = asked[: max(1, most_bytes // self.size)] if self.size else asked
        portion = Portion(
            events=found,
            examined=found[-1].event.seq if found else position,
            standing={
                key: Audible(user_id=self.holders[key], everything=self.holders[key] in self.admins)
                for key in sessions
                if self.holders[key] not in self.gone
            },
            members=frozenset((self.project_id, user) for user in self.members & set(users)),
            is_cut=len(found) < len(asked),
        )
        await self.held.wait()
        await asyncio.sleep(0)
        return portion

    async def is_kept(self, company_id: UUID, *, position: int) -> bool:
        assert company_id == self.id
        return position >= len(self.log) or any(
            logged.event.seq in (position, position + 1) for logged in self.log[self.forgotten :]
        )

    async def glance(self, company_ids: Collection[UUID]) -> Glance:
        return Glance({self.id: len(self.log)} if self.id in company_ids else {}, frozenset(self.ended))


class Listener:
    """A door that remembers what it is given."""

    is_socket = True

    def __init__(self, actor: Actor, position: int) -> None:
        self.actor = actor
        self.position = position
        self.heard: list[int] = []
        self.moments: list[str] = []
        self.why: Ending | None = None
        self.waiting = 0

    @property
    def is_open(self) -> bool:
        return self.why is None

    def hear(self, written: Written) -> None:
        if written.seq is None:
            self.moments.append(written.name)
        else:
            self.heard.append(written.seq)

    def shut(self, why: Ending) -> None:
        self.why = why


class Stage:
    def __init__(self) -> None:
        self.company = Company()
        self.bus = LocalBus()
        self.hub = Hub(feeds=self.company, bus=self.bus)

    def door(self, role: Role = Role.ADMIN, *, position: int | None = None, is_member: bool = True) -> Listener:
        """An open door of somebody new."""
        actor = replace(an_actor(role), company_id=self.company.id)
        self.company.holders[actor.key_id] = actor.user_id
        if actor.administers:
            self.company.admins.add(actor.user_id)
        if is_member:
            self.company.members.add(actor.user_id)
        listener = Listener(actor, len(self.company.log) if position is None else position)
        self.hub.admit(listener)
        self.hub.open(listener)
        return listener

    def write(self, *audiences: Audience, announced: bool = True) -> None:
        for audience in audiences or (Audience(),):
            seq = self.company.append(audience)
        if announced:
            self.bus.appended(self.company.id, seq)

    async def settle(self) -> None:
        """Until the hub has nothing to do."""
        for _ in range(1000):
            if not any(feed.reading for feed in self.hub._feeds.values()):
                return
            await asyncio.sleep(0)
        raise AssertionError("the hub does not come to rest")


@pytest.fixture
async def stage() -> Stage:
    return Stage()


class TestHearing:
    async def test_all_doors_hear_of_one_read(self, stage: Stage) -> None:
        doors = [stage.door() for _ in range(100)]
        await stage.settle()
        stage.company.reads = 0
        stage.write()
        await stage.settle()
        assert {tuple(door.heard) for door in doors} == {(1,)}
        assert stage.company.reads == 1

    async def test_what_is_announced_while_it_reads_is_read_together(self, stage: Stage) -> None:
        door = stage.door()
        await stage.settle()
        stage.company.held.clear()
        stage.company.reads = 0
        for _ in range(20):
            stage.write()
            await asyncio.sleep(0)
        stage.company.held.set()
        await stage.settle()
        assert door.heard == list(range(1, 21))
        assert stage.company.reads <= 3

    async def test_a_door_that_opens_during_a_read_misses_nothing(self, stage: Stage) -> None:
        first = stage.door()
        await stage.settle()
        stage.company.held.clear()
        stage.write()
        await asyncio.sleep(0)
        late = stage.door(position=0)
        stage.company.held.set()
        await stage.settle()
        assert first.heard == late.heard == [1]

    async def test_a_door_hears_nothing_again(self, stage: Stage) -> None:
        stage.write(Audience(), Audience(), Audience())
        ahead, behind = stage.door(position=3), stage.door(position=1)
        await stage.settle()
        assert (ahead.heard, behind.heard) == ([], [2, 3])
        stage.write()
        await stage.settle()
        assert (ahead.heard, behind.heard) == ([4], [2, 3, 4])

    async def test_doors_that_would_miss_what_is_kept_no_longer_are_closed_by_name(self, stage: Stage) -> None:
        stage.write(*(Audience() for _ in range(9)), announced=False)
        stage.company.forgotten = 5
        doors = {position: stage.door(position=position) for position in (0, 3, 4, 5, 7, 9)}
        await stage.settle()
        heard = {position: door.heard for position, door in doors.items() if door.is_open}
        assert heard == {5: [6, 7, 8, 9], 7: [8, 9], 9: []}
        assert {door.why for door in doors.values() if not door.is_open} == {Ending.EXPIRED}
        assert all(door.heard == [] for door in doors.values() if not door.is_open)

    async def test_where_nothing_is_kept_only_who_has_read_all_goes_on(self, stage: Stage) -> None:
        stage.write(*(Audience() for _ in range(3)))
        behind, abreast = stage.door(position=1), stage.door(position=3)
        stage.company.forgotten = 3
        stage.bus.appended(stage.company.id, 3)
        await stage.settle()
        assert (behind.why, abreast.why) == (Ending.EXPIRED, None)
        stage.write()
        await stage.settle()
        assert (behind.heard, abreast.heard) == ([], [4])

    async def test_more_than_a_read_holds_comes_whole(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hubs, "MOST_AT_ONCE", 4)
        stage.write(*(Audience() for _ in range(10)), announced=False)
        door = stage.door(position=0)
        await stage.settle()
        assert door.heard == list(range(1, 11))

    async def test_what_is_too_large_for_a_read_comes_whole(self, stage: Stage) -> None:
        stage.company.size = HELD_AT_ONCE // 3
        door = stage.door()
        await stage.settle()
        stage.company.reads = 0
        stage.write(*[Audience()] * 10)
        await stage.settle()
        assert door.heard == list(range(1, 11))
        assert stage.company.reads >= 4

    async def test_a_database_that_is_away_is_asked_again(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hubs, "_AGAIN_AFTER", 0.0)
        door = stage.door()
        await stage.settle()
        stage.company.failing = 3
        stage.write()
        await stage.settle()
        assert door.heard == [1]

    async def test_what_was_not_announced_is_found_by_looking(self, stage: Stage) -> None:
        door = stage.door()
        await stage.settle()
        stage.write(announced=False)
        await stage.settle()
        assert door.heard == []
        await stage.hub._look()
        await stage.settle()
        assert door.heard == [1]

    async def test_what_is_announced_and_not_there_is_not_waited_for(self, stage: Stage) -> None:
        door = stage.door()
        stage.bus.appended(stage.company.id, 99)
        await stage.settle()
        stage.write()
        await stage.settle()
        assert door.heard == [1]

    async def test_a_moment_is_for_those_that_it_names(self, stage: Stage) -> None:
        ann, bob = stage.door(), stage.door()
        frame: dict[str, Any] = {"type": "presence", "state": "online"}
        stage.bus.tell(Moment(stage.company.id, (ann.actor.user_id,), "notifications", frame))
        assert (ann.moments, bob.moments) == (["presence"], [])


class TestWhoHears:
    async def test_what_holds_is_what_is_so_when_it_is_read(self, stage: Stage) -> None:
        door = stage.door(Role.MEMBER)
        told = Audience(project_id=stage.company.project_id)
        stage.write(told)
        await stage.settle()
        stage.company.members.clear()
        stage.write(told)
        await stage.settle()
        stage.company.admins.add(door.actor.user_id)
        stage.write(told)
        await stage.settle()
        assert door.heard == [1, 3]

    async def test_a_door_whose_session_ended_is_closed_and_hears_nothing(self, stage: Stage) -> None:
        door, other = stage.door(), stage.door()
        await stage.settle()
        stage.company.gone.add(door.actor.user_id)
        stage.write()
        await stage.settle()
        assert (door.heard, door.why) == ([], Ending.SIGNED_OUT)
        assert (other.heard, other.why) == ([1], None)

    async def test_a_session_that_ends_is_looked_after_at_once(self, stage: Stage) -> None:
        door = stage.door()
        await stage.settle()
        stage.company.gone.add(door.actor.user_id)
        assert door.actor.account_id is not None
        stage.bus.ended(door.actor.account_id)
        await stage.settle()
        assert door.why is Ending.SIGNED_OUT

    async def test_what_ended_in_silence_is_found_by_looking(self, stage: Stage) -> None:
        door, other = stage.door(), stage.door()
        await stage.settle()
        stage.company.reads = 0
        stage.company.gone.add(door.actor.user_id)
        stage.company.ended |= {door.actor.key_id, an_id()}
        for _ in range(3):
            await stage.hub._look()
            await stage.settle()
        assert (door.why, other.why) == (Ending.SIGNED_OUT, None)
        assert stage.company.reads == 1

    async def test_all_are_looked_after_now_and_then(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        door = stage.door()
        await stage.settle()
        stage.company.gone.add(door.actor.user_id)
        await stage.hub._look()
        await stage.settle()
        assert door.why is None
        monkeypatch.setattr(hubs, "CHECKED_EVERY", -1.0)
        await stage.hub._look()
        await stage.settle()
        assert door.why is Ending.SIGNED_OUT


class TestDoors:
    async def test_a_closed_door_hears_nothing(self, stage: Stage) -> None:
        door, other = stage.door(), stage.door()
        stage.hub.close(door)
        stage.hub.close(door)
        stage.write()
        await stage.settle()
        assert (door.heard, other.heard) == ([], [1])
        assert stage.hub.users_of(stage.company.id) == {other.actor.user_id}

    async def test_one_user_has_so_many(self, stage: Stage) -> None:
        doors = [Listener(an_actor(), 0)]
        doors += [Listener(doors[0].actor, 0) for _ in range(hubs.MOST_DOORS_OF_USER)]
        for door in doors[:-1]:
            stage.hub.admit(door)
        with pytest.raises(TooManyDoors):
            stage.hub.admit(doors[-1])
        stage.hub.close(doors[0])
        stage.hub.admit(doors[-1])

    async def test_at_the_end_all_are_closed_and_none_is_opened(self, stage: Stage) -> None:
        door, coming = stage.door(), Listener(an_actor(), 0)
        stage.hub.admit(coming)
        stage.hub.drain()
        assert (door.why, coming.why) == (Ending.RESTART, Ending.RESTART)
        stage.hub.open(coming)
        assert stage.hub.present() == {}
        with pytest.raises(Busy):
            stage.hub.admit(Listener(an_actor(), 0))


class TestWhatWaits:
    """What waits for slow readers is bounded in all, and not only at each."""

    @pytest.fixture
    def crowded(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
        monkeypatch.setattr(hubs, "MOST_KEPT", 800)
        stage.hub = Hub(feeds=stage.company, bus=stage.bus)
        return stage

    def waits(self, stage: Stage, door: Listener, size: int) -> None:
        door.waiting = size
        stage.hub.keep(door, size)

    async def test_who_has_most_waiting_goes_until_a_quarter_is_free(self, crowded: Stage) -> None:
        doors = [crowded.door() for _ in range(5)]
        for door, size in zip(doors, (100, 300, 200, 150), strict=False):
            self.waits(crowded, door, size)
        assert not any(door.why for door in doors)
        self.waits(crowded, doors[4], 60)
        assert [door.why for door in doors] == [None, Ending.CROWDED_OUT, None, None, None]
        # What went is counted no more.
        self.waits(crowded, doors[4], 300)
        assert [door.why for door in doors].count(Ending.CROWDED_OUT) == 1

    async def test_what_was_read_meanwhile_does_not_count(self, crowded: Stage) -> None:
        doors = [crowded.door() for _ in range(4)]
        for door in doors[:3]:
            self.waits(crowded, door, 260)
            door.waiting = 0
        self.waits(crowded, doors[3], 260)
        assert not any(door.why for door in doors)

    async def test_whoever_closes_makes_room(self, crowded: Stage) -> None:
        first, second = crowded.door(), crowded.door()
        self.waits(crowded, first, 700)
        crowded.hub.close(first)
        self.waits(crowded, first, 700)
        self.waits(crowded, second, 700)
        assert (first.why, second.why) == (None, None)

    async def test_many_small_ones_are_too_much_as_well(self, crowded: Stage) -> None:
        doors = [crowded.door() for _ in range(81)]
        for door in doors:
            self.waits(crowded, door, 10)
        left = [door for door in doors if door.why is None]
        assert len(left) == 60


ROLES = st.sampled_from([Role.ADMIN, Role.MEMBER])


class DoorsOfACompany(RuleBasedStateMachine):
    """Writes, members who come and go, doors that open anywhere in the log and close, reads that take their time: each
    door hears the events that it might hear when they were read, each once, in order, and none is left out.
    """

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.stage = self.run(self._make())
        self.doors: list[tuple[Listener, int]] = []

    async def _make(self) -> Stage:
        return Stage()

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    async def _do(self, work: Any) -> Any:
        return work()

    @rule(
        count=st.integers(1, 7),
        admins=st.booleans(),
        in_project=st.booleans(),
        everyone=st.booleans(),
        announced=st.booleans(),
    )
    def write(self, *, count: int, admins: bool, in_project: bool, everyone: bool, announced: bool) -> None:
        audience = Audience(
            project_id=self.stage.company.project_id if in_project else None, admins=admins, everyone=everyone
        )
        self.run(self._do(lambda: self.stage.write(*(audience for _ in range(count)), announced=announced)))

    @rule(role=ROLES, is_member=st.booleans(), part=st.floats(0, 1))
    def open(self, *, role: Role, is_member: bool, part: float) -> None:
        position = int(part * len(self.stage.company.log))
        door = self.run(self._do(lambda: self.stage.door(role, is_member=is_member, position=position)))
        self.doors.append((door, position))

    @precondition(lambda self: self.doors)
    @rule(place=st.integers(0, 100))
    def close(self, *, place: int) -> None:
        door, _ = self.doors.pop(place % len(self.doors))
        self.stage.hub.close(door)

    @rule()
    def hold(self) -> None:
        self.stage.company.held.clear()

    @rule(steps=st.integers(1, 5))
    def go_on(self, *, steps: int) -> None:
        self.stage.company.held.set()

        async def some() -> None:
            for _ in range(steps):
                await asyncio.sleep(0)

        self.run(some())

    @invariant()
    def nothing_comes_twice_or_in_another_order(self) -> None:
        for door, begin in self.doors:
            assert door.heard == sorted(set(door.heard))
            assert all(seq > begin for seq in door.heard)
            assert door.position >= begin

    def teardown(self) -> None:
        if not hasattr(self, "stage"):
            return
        self.stage.company.held.set()

        async def rest() -> None:
            await self.stage.settle()
            await self.stage.hub._look()
            await self.stage.settle()

        self.run(rest())
        company = self.stage.company
        for door, begin in self.doors:
            user = door.actor.user_id
            wanted = [
                event.seq
                for event, audience in company.log[begin:]
                if audience.everyone
                or (
                    audience.admins if user in company.admins else bool(audience.project_id) and user in company.members
                )
            ]
            assert door.heard == wanted
            assert door.position == len(company.log)
        self.loop.close()


TestDoorsOfACompany = DoorsOfACompany.TestCase
TestDoorsOfACompany.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
