"""The daily mail: when it is written, to whom, and what it says."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from core.kernel.actor import Actor, System
from core.mail.model import Delivery, Message
from core.mail.read_models import DigestLine, DigestPost
from core.mail.wording import Wording
from core.notifications.model import ByMail, Kind, PreferenceChanges
from tests.builders.office import Office


async def an_office(*wanting: str) -> Office:
    """It is noon; those who want mail of what they are given have confirmed their addresses."""
    office = await Office.open()
    office.clock.at = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    for name in wanting:
        actor: Actor = getattr(office, name)
        await office.world.confirm_address(actor)
        changes = PreferenceChanges(of={Kind.ASSIGNED: {"mail": ByMail.DAILY}})
        await office.inbox.change_preferences(actor, changes)
    await office.digests.deliver(System())
    return office


async def give(office: Office, *names: str) -> None:
    for name in names:
        office.clock.advance(timedelta(microseconds=1))
        await office.task(by=office.olga, assigned_to=getattr(office, name).user_id)
    await office.telling.catch_up(System())


async def at(office: Office, instant: str) -> list[Message]:
    """What was mailed then."""
    office.clock.at = datetime.fromisoformat(instant).replace(tzinfo=UTC)
    before = len(office.mailbox.messages)
    await office.digests.deliver(System())
    return office.mailbox.messages[before:]


class TestDelivering:
    async def test_it_comes_once_a_day_at_nine(self) -> None:
        office = await an_office("mia", "max")
        await give(office, "mia", "mia")
        assert await at(office, "2026-03-03T08:59:00") == []
        (message,) = await at(office, "2026-03-03T09:00:00")
        assert message.to == await address(office, office.mia)
        assert message.subject.startswith("2 new in ")
        assert await at(office, "2026-03-03T09:01:00") == []
        await give(office, "mia")
        assert await at(office, "2026-03-03T23:00:00") == []
        (message,) = await at(office, "2026-03-04T11:00:00")
        assert message.subject.startswith("1 new in ")
        assert await at(office, "2026-03-05T11:00:00") == []

    async def test_who_does_not_want_it_gets_none(self) -> None:
        office = await an_office("max")
        await give(office, "mia")
        assert await at(office, "2026-03-03T09:00:00") == []

    async def test_if_no_server_takes_it_it_comes_later(self) -> None:
        office = await an_office("mia", "max")
        await give(office, "mia", "max")
        office.mailbox.is_away = True
        assert await at(office, "2026-03-03T09:00:00") == []
        assert office.mailbox.asked == 1
        office.mailbox.is_away = False
        messages = await at(office, "2026-03-03T10:00:00")
        assert len({message.to for message in messages}) == len(messages) == 2

    async def test_who_is_refused_for_now_is_tried_again_and_who_is_refused_is_not(self) -> None:
        office = await an_office("mia", "max")
        await give(office, "mia", "max")
        office.mailbox.answers = {
            await address(office, office.mia): Delivery.LATER,
            await address(office, office.max): Delivery.REFUSED,
        }
        assert await at(office, "2026-03-03T09:00:00") == []
        office.mailbox.answers.clear()
        assert await at(office, "2026-03-03T09:05:00") == []
        assert [message.to for message in await at(office, "2026-03-03T09:20:00")] == [
            await address(office, office.mia)
        ]


async def address(office: Office, actor: Actor) -> str:
    assert actor.account_id is not None
    return office.world.tables.accounts[actor.account_id].email


LINES = [
    (DigestLine(Kind.ASSIGNED, "Ann", "Web", "WEB-1", "Draw", 1, None), "* Ann gave you WEB-1: Draw"),
    (DigestLine(Kind.ASSIGNED, "Ann", "Web", None, None, 7, None), "* Ann gave you 7 tasks in Web."),
    (DigestLine(Kind.ASSIGNED, "Ann", None, None, None, 7, None), "* Ann gave you 7 tasks in several projects."),
    (DigestLine(Kind.MENTIONED, "Ann", "Web", "WEB-1", "Draw", 1, None), "* Ann mentioned you on WEB-1: Draw"),
    (DigestLine(Kind.COMMENTED, None, "Web", "WEB-1", "Draw", 1, None), "* FlowTrack commented on WEB-1: Draw"),
    (
        DigestLine(Kind.DEADLINE_NEAR, None, "Web", "WEB-1", "Draw", 1, date(2026, 3, 5)),
        "* Due on 05 March 2026 is WEB-1: Draw",
    ),
    (
        DigestLine(Kind.ADDED_TO_PROJECT, "www.evil.example", "http://evil.example", None, None, 1, None),
        "* www evil example added you to the project http evil example.",
    ),
]


class TestWording:
    def _written(self, *lines: DigestLine, more: int = 0) -> Message:
        at = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
        post = DigestPost(
            company_id=UUID(int=1),
            company_name="Acme",
            user_id=UUID(int=2),
            to="ann@example.com",
            day=at.date(),
            lines=lines,
            more=more,
            up_to=9,
            until=at,
        )
        return Wording(public_url="https://flowtrack.example.com").digest(post, to="ann@example.com")

    @pytest.mark.parametrize(("line", "expected"), LINES)
    def test_of_each_kind_there_is_a_sentence(self, line: DigestLine, expected: str) -> None:
        assert expected in self._written(line).text.splitlines()

    def test_it_says_how_to_get_it_no_more_and_is_the_same_message_all_day(self) -> None:
        message = self._written(LINES[0][0], more=3)
        assert message.id == f"<{UUID(int=1)}.{UUID(int=2)}.2026-03-03.digest@flowtrack.example.com>"
        assert message.subject == "4 new in Acme (FlowTrack)"
        assert "And 3 more." in message.text
        assert "https://flowtrack.example.com/api/v1/notifications/preferences" in message.text
        assert "set “mail” to “off”" in " ".join(message.text.split())
