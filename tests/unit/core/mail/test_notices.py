"""What owners and admins are mailed of what the installation did by itself."""

from datetime import timedelta
from typing import Any

import pytest

from core.kernel.actor import System
from core.mail.model import Delivery, Message
from core.webhooks.deliveries import Outcome
from core.webhooks.model import WebhookChanges
from tests.builders.office import Office

URL = "https://hooks.acme.example/T0/hush?key=hush"


@pytest.fixture
async def office() -> Office:
    office = await Office.open()
    for actor in (office.olga, office.adam, office.mia):
        await office.world.confirm_address(actor)
    await office.mailed()
    return office


async def switched_off(office: Office, outcome: Outcome, *, description: str = "Chat") -> Any:
    """A webhook that a task was sent to, in vain."""
    given = {"url": URL, "types": ["task_created"], "description": description}
    (webhook, _), _ = await office.webhooks.create(office.olga, given)
    await failed(office, outcome)
    return webhook


async def failed(office: Office, outcome: Outcome, *, times: int = 1) -> None:
    office.sending.reply = lambda _: outcome
    for _ in range(times):
        await office.task(by=office.olga)
        await office.webhook_queue.catch_up(System())
        while claimed := await office.dispatching.claim(System(), most=16):
            for each in claimed:
                await office.dispatching.send(System(), each)


async def told(office: Office) -> list[Message]:
    before = len(office.mailbox.messages)
    await office.mail.deliver(System())
    return office.mailbox.messages[before:]


def addresses(office: Office, *names: str) -> set[str]:
    tables = office.world.tables
    return {tables.accounts[getattr(office, name).account_id].email for name in names}


async def test_owners_and_admins_are_told_once_what_was_switched_off_and_how_to_switch_it_on(office: Office) -> None:
    webhook = await switched_off(office, Outcome(410, 12, response="hush, gone"))
    messages = await told(office)
    assert {each.to for each in messages} == addresses(office, "olga", "adam")
    text = messages[0].text
    assert "“Chat”, https://hooks[.]acme[.]example" in text
    assert "410" in text and "answered with 410" in text
    assert f"Nothing arrived since: {office.clock.now():%d %B %Y, %H:%M} UTC" in text
    assert f"\nhttps://flowtrack.example.com/api/v1/webhooks/{webhook.id}\n" in text
    assert "hush" not in str(messages) and "whsec" not in str(messages)
    assert await told(office) == []


async def test_it_says_since_when_nothing_arrived_and_what_was_wrong(office: Office) -> None:
    since = office.clock.now()
    await switched_off(office, Outcome(None, 5, error="no connection"))
    await failed(office, Outcome(None, 5, error="no connection"), times=9)
    assert await told(office) == []
    office.clock.advance(timedelta(days=4))
    await failed(office, Outcome(None, 5, error="no answer in time"))
    text = (await told(office))[0].text
    assert f"Nothing arrived since: {since:%d %B %Y, %H:%M} UTC" in text
    assert "The last attempt: no answer in time" in text


async def test_it_is_told_again_when_it_is_switched_off_again(office: Office) -> None:
    webhook = await switched_off(office, Outcome(410, 12))
    first = await told(office)
    await office.webhooks.change(office.adam, webhook.id, WebhookChanges(given={"is_active": True}))
    office.clock.advance(timedelta(seconds=1))
    await failed(office, Outcome(410, 12))
    second = await told(office)
    assert len(first) == len(second) == 2
    assert not {each.id for each in first} & {each.id for each in second}


async def test_one_that_is_on_again_or_gone_meanwhile_is_told_to_nobody(office: Office) -> None:
    webhook = await switched_off(office, Outcome(410, 12))
    await office.webhooks.change(office.adam, webhook.id, WebhookChanges(given={"is_active": True}))
    assert await told(office) == []


async def test_who_is_no_admin_any_more_or_proved_no_address_is_told_nothing(office: Office) -> None:
    await office.users.deactivate(office.olga, office.adam.user_id)
    await switched_off(office, Outcome(410, 12))
    assert {each.to for each in await told(office)} == addresses(office, "olga")


async def test_an_address_that_takes_nothing_keeps_nobody_waiting_and_has_nobody_told_twice(office: Office) -> None:
    await switched_off(office, Outcome(410, 12))
    (adams,) = addresses(office, "adam")
    office.mailbox.answers[adams] = Delivery.LATER
    assert {each.to for each in await told(office)} == addresses(office, "olga")
    office.mailbox.answers.clear()
    office.clock.advance(timedelta(minutes=1))
    assert [each.to for each in await told(office)] == [adams]


async def test_while_the_server_is_away_it_waits_but_not_for_ever(office: Office) -> None:
    await switched_off(office, Outcome(410, 12))
    office.mailbox.is_away = True
    await office.mail.deliver(System())
    office.mailbox.is_away = False
    assert len(await told(office)) == 2
    await switched_off(office, Outcome(410, 12))
    office.mailbox.is_away = True
    await office.mail.deliver(System())
    office.mailbox.is_away = False
    office.clock.advance(timedelta(days=3))
    assert await told(office) == []


async def test_an_address_gets_five_an_hour_and_the_others_later(office: Office) -> None:
    for _ in range(6):
        await switched_off(office, Outcome(410, 12))
    assert len(await told(office)) == 10
    office.clock.advance(timedelta(hours=1))
    assert len(await told(office)) == 2


async def test_names_are_no_links_and_no_headers(office: Office) -> None:
    office.stored.company.name = "Acme https://evil.example/x"
    await switched_off(office, Outcome(410, 12), description="see evil.example/y")
    message = (await told(office))[0]
    assert "evil.example" not in message.text + message.subject
