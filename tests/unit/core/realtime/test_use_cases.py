from typing import Any

import pytest

from core.kernel.actor import Actor, Role
from core.realtime.errors import EventsExpired, PositionInvalid
from core.realtime.use_cases import EventUseCases
from tests.builders.office import Office
from tests.fakes.events import InMemoryEventReader


class NearSighted(InMemoryEventReader):
    """Looks through very little at once."""

    async def after(self, actor: Actor, **asked: Any) -> Any:
        return await super().after(actor, **{**asked, "most": 2})


async def heard(office: Office, actor: Actor, **asked: object) -> list[str]:
    question = {"position": 0, "types": (), "limit": 100, **asked}
    return [event.event for event in (await office.events.after(actor, **question)).value.events]


class TestReadingTheLog:
    async def test_admins_hear_of_everything_and_members_of_their_projects(self, office: Office) -> None:
        await office.task()
        await office.projects.open(office.olga, name="Secret")
        everything = ["company_created", "user_created", "project_created", "task_created", "project_created"]
        assert await heard(office, office.olga) == await heard(office, office.adam) == everything
        assert await heard(office, office.mia) == ["project_created", "task_created"]
        assert await heard(office, office.nora) == []

    async def test_it_goes_on_from_what_was_examined(self, office: Office) -> None:
        for _ in range(4):
            await office.task()
        stretch, head = await office.events.after(office.mia, position=0, types=("task_created",), limit=3)
        assert len(stretch.events) == 3
        rest, _ = await office.events.after(office.mia, position=stretch.examined, types=("task_created",), limit=3)
        assert len(rest.events) == 1
        assert rest.examined == head == office.head

    async def test_the_head_is_a_position_and_what_is_beyond_is_none(self, office: Office) -> None:
        assert await heard(office, office.mia, position=office.head) == []
        with pytest.raises(PositionInvalid) as refused:
            await heard(office, office.mia, position=office.head + 1)
        assert [fault.parameter for fault in refused.value.faults] == ["after"]

    async def test_it_goes_on_until_there_are_enough_or_the_head_however_little_is_looked_through_at_once(
        self, office: Office
    ) -> None:
        for _ in range(3):
            await office.projects.open(office.olga, name="Secret")
        await office.task()
        await office.projects.open(office.olga, name="Secret")
        events = EventUseCases(reader=NearSighted(office.world.store))
        whole = await office.events.after(office.mia, position=0, types=(), limit=10)
        assert await events.after(office.mia, position=0, types=(), limit=10) == whole
        stretch, head = await events.after(office.mia, position=0, types=("task_created",), limit=1)
        assert [event.event for event in stretch.events] == ["task_created"]
        assert stretch.examined == stretch.events[-1].seq < head
        assert (await events.after(office.nora, position=0, types=(), limit=1)).value.examined == head

    async def test_what_is_kept_no_longer_is_refused(self, office: Office) -> None:
        await office.task()
        await office.world.forget_events(office.mia.company_id, upto=2)
        for position in (0, 1):
            with pytest.raises(EventsExpired):
                await heard(office, office.nora, position=position)
        assert await heard(office, office.mia, position=2) == ["project_created", "task_created"]

    async def test_a_role_taken_away_is_heard_of_no_more(self, office: Office) -> None:
        await office.world.change_role(office.adam, Role.MEMBER)
        assert await heard(office, office.adam) == ["project_created"]
