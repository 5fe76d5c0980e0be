"""What is counted from the log is what the days would have been, had somebody looked at each of them."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
from hypothesis import given, settings

from core.cycles.model import CycleStatus
from core.kernel.errors import Refusal
from core.projects.read_models import ProjectView
from core.reports.model import Batch
from core.tasks.changes import NewTask, TaskChanges
from core.tasks.columns import ColumnChanges
from core.tasks.fields import Status
from core.tasks.use_cases.placing import Destination
from tests.builders.office import Office
from tests.contracts.visibility import BOUNDED

ZONE = "Pacific/Auckland"
Step = tuple[str, int, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["make", "make", "make", "into", "into", "move", "move", "delete", "restore", "elsewhere", "recategorise"]
            + ["plan", "start", "start", "end", "end", "count"]
        ),
        st.integers(0, 7),
        st.integers(0, 7),
        st.sampled_from([0, 0, 1, 5, 13, 26, 60]),
    ),
    min_size=15,
    max_size=60,
)


class Looking:
    """An office, and somebody who looks at it after each step and writes down what there is."""

    def __init__(self, office: Office, other: ProjectView) -> None:
        self.office, self.projects = office, [office.web, other]
        self.flows: dict[UUID, dict[date, tuple[int, int, int]]] = {project.id: {} for project in self.projects}
        self.scopes: dict[UUID, dict[date, list[int]]] = {}
        self.members: dict[UUID, set[UUID]] = {}

    @property
    def today(self) -> date:
        return self.office.clock.now().astimezone(ZoneInfo(ZONE)).date()

    async def take(self, step: Step) -> None:
        verb, first, second, hours = step
        self.office.clock.advance(timedelta(hours=hours))
        statuses = {cycle.id: cycle.status for cycle in self.office.stored.cycles.values()}
        try:
            await self._verbs[verb](self, first, second)
        except Refusal:
            return
        self._look(statuses)

    def _look(self, before: dict[UUID, CycleStatus]) -> None:
        stored = self.office.stored
        living = [task for task in stored.tasks.values() if task.deleted_at is None]
        for project_id, days in self.flows.items():
            here = [task.status for task in living if task.project_id == project_id]
            if here or days:
                days[self.today] = tuple(here.count(status) for status in Status)
        for cycle in stored.cycles.values():
            members = {task.id for task in living if task.cycle_id == cycle.id}
            was, self.members[cycle.id] = self.members.get(cycle.id, set()), members
            days = self.scopes.setdefault(cycle.id, {})
            if cycle.status is CycleStatus.PLANNED:
                continue
            done = sum(task.status is Status.DONE for task in living if task.cycle_id == cycle.id)
            if before.get(cycle.id) is not CycleStatus.COMPLETED:
                _, _, added, removed = days.get(self.today, [0, 0, 0, 0])
                if cycle.status is CycleStatus.COMPLETED:
                    # As it was when it ended; what was not done went elsewhere after that.
                    days[self.today] = [len(was), done, added, removed]
                elif before.get(cycle.id) is CycleStatus.ACTIVE:
                    days[self.today] = [len(members), done, added + len(members - was), removed + len(was - members)]
                else:
                    days[self.today] = [len(members), done, added, removed]

    def _task(self, number: int, *, deleted: bool = False) -> UUID:
        found = [task.id for task in self.office.stored.tasks.values() if (task.deleted_at is not None) is deleted]
        return found[number % len(found)] if found else UUID(int=1)

    def _cycle(self, number: int) -> UUID | None:
        """None, any, or more often than not the one that is active."""
        cycles = self.office.stored.cycles
        active = [cycle.id for cycle in cycles.values() if cycle.status is CycleStatus.ACTIVE]
        found: list[UUID | None] = [None, *cycles]
        return active[0] if active and number > 3 else found[number % len(found)]

    def _cycle_that_is(self, status: CycleStatus, number: int) -> UUID:
        found = [cycle.id for cycle in self.office.stored.cycles.values() if cycle.status is status]
        return found[number % len(found)] if found else UUID(int=1)

    async def _make(self, first: int, second: int) -> None:
        given = NewTask(
            project_id=self.projects[first == 0].id,
            title="x",
            cycle_id=self._cycle(second),
            status=list(Status)[first % 3],
        )
        await self.office.tasks.create(self.office.adam, given)

    async def _into(self, first: int, second: int) -> None:
        changes = TaskChanges(given=frozenset({"cycle_id"}), cycle_id=self._cycle(second))
        await self.office.tasks.change(self.office.adam, self._task(first), changes)

    async def _move(self, first: int, second: int) -> None:
        to = Destination(new_status=list(Status)[second % 3])
        await self.office.tasks.move(self.office.adam, self._task(first), to)

    async def _delete(self, first: int, _: int) -> None:
        await self.office.tasks.delete(self.office.adam, self._task(first))

    async def _restore(self, first: int, _: int) -> None:
        await self.office.deleted_tasks.restore(self.office.adam, self._task(first, deleted=True))

    async def _elsewhere(self, first: int, second: int) -> None:
        changes = TaskChanges(given=frozenset({"project_id"}), project_id=self.projects[second % 2].id)
        await self.office.tasks.change(self.office.adam, self._task(first), changes)

    async def _recategorise(self, first: int, second: int) -> None:
        columns = list(self.office.stored.columns)
        changes = ColumnChanges(given=frozenset({"category"}), category=list(Status)[second % 3])
        await self.office.board_columns.change(self.office.adam, columns[first % len(columns)], changes)

    async def _plan(self, first: int, _: int) -> None:
        await self.office.cycle(f"Cycle {first}")

    async def _start(self, first: int, _: int) -> None:
        await self.office.cycles.start(self.office.adam, self._cycle_that_is(CycleStatus.PLANNED, first))

    async def _end(self, first: int, second: int) -> None:
        ending = self._cycle_that_is(CycleStatus.ACTIVE, first)
        await self.office.cycles.complete(self.office.adam, ending, carry_over_to=self._cycle(second))

    async def _count(self, first: int, _: int) -> None:
        await self.office.world.day_counts.advance(self.office.olga.company_id, most=first + 1, counted=Batch.counted)

    _verbs: dict[str, Callable[..., Awaitable[Any]]] = {
        "make": _make,
        "into": _into,
        "move": _move,
        "delete": _delete,
        "restore": _restore,
        "elsewhere": _elsewhere,
        "recategorise": _recategorise,
        "plan": _plan,
        "start": _start,
        "end": _end,
        "count": _count,
    }


def carried(days: dict[date, Any], *, until: date) -> list[tuple[date, Any]]:
    """All days from the first on: what was not looked at was as before."""
    found: list[tuple[date, Any]] = []
    day = min(days)
    while day <= until:
        found.append((day, days.get(day, found[-1][1] if found else None)))
        day += timedelta(days=1)
    return found


@given(steps=STEPS)
@settings(**{**BOUNDED, "max_examples": 150})
async def test_what_is_counted_is_what_somebody_would_have_seen(steps: list[Step]) -> None:
    office = await Office.open()
    company = office.stored.company
    company.settings = replace(company.settings, time_zone=ZONE)
    for session in office.world.tables.sessions.values():
        session.expires_at += timedelta(days=999)
    other, _ = await office.projects.open(office.adam, name="Other", key="OTH")
    for _ in range(2):
        await office.cycle()
    looking = Looking(office, other)
    for step in steps:
        await looking.take(step)
    for project in looking.projects:
        flow, _ = await office.reports.flow(office.adam, project.id, days=366)
        seen = looking.flows[project.id]
        expected = carried(seen, until=looking.today) if seen else []
        assert [(day.day, tuple(day[1:])) for day in flow.days] == expected
    for cycle in office.stored.cycles.values():
        found, _ = await office.reports.burndown(office.adam, cycle.id)
        days = looking.scopes.get(cycle.id, {})
        is_over = cycle.status is CycleStatus.COMPLETED
        expected = carried(days, until=max(days) if is_over else looking.today) if days else []
        shown = [(day.day, day.scope, day.done, day.added, day.removed) for day in found.days]
        assert shown == [
            (day, scope, done, *((added, removed) if day in days else (0, 0)))
            for day, (scope, done, added, removed) in expected
        ]
        assert found.status is cycle.status
        assert (found.carried_over is not None) is is_over
