"""Who sees which reports, and what they show."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from core.cycles.errors import CycleNotFound
from core.cycles.model import CycleChanges
from core.kernel.actor import Role, System
from core.kernel.errors import Forbidden
from core.projects.errors import ProjectNotFound
from core.reports.read_models import LONGEST
from core.tasks.changes import TaskChanges
from core.tasks.fields import Status
from tests.builders.office import Office


@pytest.fixture
async def office() -> Office:
    office = await Office.open()
    for session in office.world.tables.sessions.values():
        session.expires_at += timedelta(days=9_999)
    return office


async def days_later(office: Office, count: int) -> None:
    office.clock.advance(timedelta(days=count))


class TestWhoSees:
    async def test_members_see_what_is_of_their_projects_and_outsiders_nothing(self, office: Office) -> None:
        cycle = await office.cycle()
        for actor in (office.olga, office.adam, office.mia):
            assert (await office.reports.project(actor, "web")).value.project_name == "Website"
            assert (await office.reports.burndown(actor, cycle.id)).value.name == "Autumn"
            assert (await office.reports.flow(actor, "web", days=9)).value.days == []
            assert "Autumn" in (await office.reports.burndown_chart(actor, cycle.id)).value
            assert "Website" in (await office.reports.flow_chart(actor, "web", days=9)).value
        for asked, missing in (
            (office.reports.project(office.nora, "web"), ProjectNotFound),
            (office.reports.flow(office.nora, "web", days=9), ProjectNotFound),
            (office.reports.burndown(office.nora, cycle.id), CycleNotFound),
        ):
            with pytest.raises(missing):
                await asked

    async def test_how_people_do_is_for_admins_also_for_those_who_have_just_become_one(self, office: Office) -> None:
        for verb in (office.reports.performance, office.reports.workload):
            assert len((await verb(office.adam)).value) == 5
            with pytest.raises(Forbidden):
                await verb(office.mia)
        await office.world.change_role(office.mia, Role.ADMIN)
        assert len((await office.reports.workload(office.mia)).value) == 5
        await office.world.change_role(office.adam, Role.MEMBER)
        with pytest.raises(Forbidden):
            await office.reports.performance(office.adam)


class TestBurndown:
    async def test_days_without_change_are_what_was_before(self, office: Office) -> None:
        cycle = await office.cycle(ends_on=date(2026, 3, 12))
        tasks = [await office.task(cycle_id=cycle.id) for _ in range(4)]
        await days_later(office, 1)
        await office.cycles.start(office.adam, cycle.id)
        await days_later(office, 3)
        await office.tasks.complete(office.adam, tasks[0].id, completed=True)
        await office.task(cycle_id=cycle.id)
        await days_later(office, 2)
        found, _ = await office.reports.burndown(office.adam, cycle.id)
        assert [(day.day.day, day.scope, day.remaining, day.added) for day in found.days[:6]] == [
            (3, 4, 4, 0),
            (4, 4, 4, 0),
            (5, 4, 4, 0),
            (6, 5, 4, 1),
            (7, 5, 4, 0),
            (8, 5, 4, 0),
        ]
        assert [(day.day.day, day.scope, day.ideal) for day in found.days[6:]] == [
            (9, None, 1.3),
            (10, None, 0.9),
            (11, None, 0.4),
            (12, None, 0.0),
        ]
        assert (found.days[0].ideal, found.days[1].ideal, found.scope_at_start) == (4.0, 3.6, 4)

    async def test_a_cycle_that_is_over_stays_as_it_was(self, office: Office) -> None:
        cycle = await office.cycle()
        done, left = await office.task(cycle_id=cycle.id), await office.task(cycle_id=cycle.id)
        await office.cycles.start(office.adam, cycle.id)
        await days_later(office, 1)
        await office.tasks.complete(office.adam, done.id, completed=True)
        await office.cycles.complete(office.adam, cycle.id)
        before = (await office.reports.burndown(office.adam, cycle.id)).value
        assert (before.carried_over, [day.remaining for day in before.days]) == (1, [2, 1])
        await days_later(office, 9)
        await office.tasks.delete(office.adam, done.id)
        await office.tasks.delete(office.adam, left.id)
        assert (await office.reports.burndown(office.adam, cycle.id)).value == before
        # Nor does its last day, once another one is planned for it, draw the ideal line beyond the end.
        changes = CycleChanges(given=frozenset({"ends_on"}), ends_on=date(2026, 3, 2))
        await office.cycles.change(office.adam, cycle.id, changes)
        assert [day.ideal for day in (await office.reports.burndown(office.adam, cycle.id)).value.days] == [0.0, 0.0]

    async def test_a_long_one_shows_its_last_days(self, office: Office) -> None:
        cycle = await office.cycle(ends_on=date(9999, 12, 31))
        await office.cycles.start(office.adam, cycle.id)
        found = (await office.reports.burndown(office.adam, cycle.id)).value
        assert len(found.days) == LONGEST and found.days[0].day == date(2026, 3, 2)
        await days_later(office, 2_000)
        later = (await office.reports.burndown(office.adam, cycle.id)).value
        assert len(later.days) == LONGEST and later.days[-1].day == date(2026, 3, 2) + timedelta(days=2_000)

    async def test_the_past_stays_in_the_zone_that_it_was_counted_in(self, office: Office) -> None:
        await office.task()
        await office.counting.catch_up(System())
        company = office.stored.company
        company.settings = replace(company.settings, time_zone="Pacific/Kiritimati")
        office.clock.advance(timedelta(hours=2))
        await office.task()
        found, _ = await office.reports.flow(office.adam, "web", days=9)
        assert [(day.day.day, day.todo) for day in found.days] == [(2, 1), (3, 2)]


class TestFlow:
    async def test_so_many_days_are_shown_and_the_first_is_carried_forward(self, office: Office) -> None:
        await office.task()
        await days_later(office, 10)
        task = await office.task(status=Status.DONE)
        await office.counting.catch_up(System())
        await days_later(office, 5)
        found = (await office.reports.flow(office.adam, "web", days=8)).value
        assert [(day.day.day, day.todo, day.done) for day in found.days] == [
            *((day, 1, 0) for day in (10, 11)),
            *((day, 1, 1) for day in range(12, 18)),
        ]
        other, _ = await office.projects.open(office.adam, name="Other", key="OTH")
        changes = TaskChanges(given=frozenset({"project_id"}), project_id=other.id)
        await office.tasks.change(office.adam, task.id, changes)
        assert (await office.reports.flow(office.adam, "web", days=1)).value.days[0].done == 0
        assert (await office.reports.flow(office.adam, "oth", days=1)).value.days[0].done == 1

    async def test_a_clock_that_goes_slow_changes_no_day_that_is_over(self, office: Office) -> None:
        await office.task()
        await days_later(office, 1)
        await office.task()
        office.clock.advance(timedelta(hours=-20))
        await office.task()
        found = (await office.reports.flow(office.adam, "web", days=9)).value
        assert [(day.day.day, day.todo) for day in found.days] == [(2, 1), (3, 3)]


class TestCounting:
    async def test_companies_are_counted_in_turns_and_once(self, office: Office) -> None:
        other = await office.world.company("Other")
        await office.task()
        assert await office.counting.catch_up(System()) == 2
        assert await office.counting.catch_up(System()) == 0
        assert other.company_id not in await office.world.day_counts.behind()
