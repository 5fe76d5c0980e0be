from datetime import timedelta

import pytest

from core.auth.errors import SessionEnded
from core.kernel.errors import Forbidden
from core.realtime.errors import (
    EventsExpired,
    PositionInvalid,
    TicketExpired,
    TicketInvalid,
    TicketMisplaced,
    TicketUsed,
)
from core.realtime.model import TICKET_LIFE, Purpose
from core.realtime.use_cases import DoorUseCases, PresenceUseCases
from adapters.memory.attendance import LocalAttendance
from tests.builders.office import Office
from tests.fakes.feeds import InMemoryUsedTickets, RememberedDoorTickets


@pytest.fixture
def doors(office: Office) -> DoorUseCases:
    world = office.world
    return DoorUseCases(
        reader=world.event_reader,
        tickets=RememberedDoorTickets(),
        used=InMemoryUsedTickets(world.store),
        clock=world.clock,
        ids=world.ids,
    )


class TestOpening:
    async def test_ones_own_door_opens_where_the_log_stands(self, office: Office, doors: DoorUseCases) -> None:
        assert await doors.open(office.mia, user_id=office.mia.user_id) == office.head
        assert await doors.stream(office.mia) == office.head

    async def test_a_stream_goes_on_from_a_position_that_is_one_and_that_is_kept(
        self, office: Office, doors: DoorUseCases
    ) -> None:
        assert await doors.stream(office.mia, position=0) == office.head
        assert await doors.stream(office.mia, position=office.head) == office.head
        with pytest.raises(PositionInvalid):
            await doors.stream(office.mia, position=office.head + 1)
        await office.world.forget_events(office.mia.company_id, upto=1)
        with pytest.raises(EventsExpired):
            await doors.stream(office.mia, position=0)
        assert await doors.stream(office.mia, position=1) == office.head

    async def test_anothers_does_not(self, office: Office, doors: DoorUseCases) -> None:
        with pytest.raises(Forbidden):
            await doors.open(office.olga, user_id=office.mia.user_id)

    async def test_a_session_that_ended_opens_none(self, office: Office, doors: DoorUseCases) -> None:
        await office.world.sign_out(office.mia)
        with pytest.raises(SessionEnded):
            await doors.open(office.mia, user_id=office.mia.user_id)
        with pytest.raises(SessionEnded):
            await doors.issue(office.mia, purpose=Purpose.SOCKET)


class TestTickets:
    async def test_one_stands_for_its_holder_once(self, office: Office, doors: DoorUseCases) -> None:
        text = await doors.issue(office.mia, purpose=Purpose.SOCKET)
        assert await doors.redeem(text, purpose=Purpose.SOCKET) == office.mia
        with pytest.raises(TicketUsed) as refused:
            await doors.redeem(text, purpose=Purpose.SOCKET)
        assert refused.value.concern.company_id == office.mia.company_id

    async def test_what_is_none(self, doors: DoorUseCases) -> None:
        with pytest.raises(TicketInvalid):
            await doors.redeem("none", purpose=Purpose.SOCKET)

    async def test_one_for_another_door_is_not_used_up(self, office: Office, doors: DoorUseCases) -> None:
        text = await doors.issue(office.mia, purpose=Purpose.STREAM)
        with pytest.raises(TicketMisplaced):
            await doors.redeem(text, purpose=Purpose.SOCKET)
        assert await doors.redeem(text, purpose=Purpose.STREAM) == office.mia

    async def test_one_lives_a_minute(self, office: Office, doors: DoorUseCases) -> None:
        first, second = [await doors.issue(office.mia, purpose=Purpose.SOCKET) for _ in range(2)]
        office.world.clock.advance(TICKET_LIFE - timedelta(seconds=1))
        await doors.redeem(first, purpose=Purpose.SOCKET)
        office.world.clock.advance(timedelta(seconds=1))
        with pytest.raises(TicketExpired):
            await doors.redeem(second, purpose=Purpose.SOCKET)

    async def test_one_of_a_session_that_ended_opens_nothing(self, office: Office, doors: DoorUseCases) -> None:
        text = await doors.issue(office.mia, purpose=Purpose.SOCKET)
        await office.world.sign_out(office.mia)
        with pytest.raises(SessionEnded):
            await doors.redeem(text, purpose=Purpose.SOCKET)


class TestPresence:
    async def test_one_sees_those_whom_one_may(self, office: Office) -> None:
        attendance = LocalAttendance()
        present = PresenceUseCases(reader=office.world.event_reader, attendance=attendance)
        ids = {each.user_id for each in (office.olga, office.mia, office.nora)}
        await attendance.say(office.mia.company_id, ids)
        assert set((await present.present(office.olga)).value) == ids
        assert (await present.present(office.nora)).value == [office.nora.user_id]
        await attendance.say(office.mia.company_id, set())
        assert (await present.present(office.olga)).value == []
