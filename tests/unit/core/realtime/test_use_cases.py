import pytest

from core.kernel.actor import Actor, Role
from core.realtime.errors import PositionInvalid
from tests.builders.office import Office


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

    async def test_a_role_taken_away_is_heard_of_no_more(self, office: Office) -> None:
        await office.world.change_role(office.adam, Role.MEMBER)
        assert await heard(office, office.adam) == ["project_created"]
