"""Webhooks from setting one up to what its receiver hears."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from core.kernel.actor import System
from core.realtime.errors import EventsExpired
from core.kernel.errors import ReferenceNotFound
from core.webhooks.deliveries import DeliveryState, Outcome
from core.webhooks.model import WebhookChanges
from core.webhooks.use_cases.sending import WebhookQueueUseCases
from tests.builders.office import Office

URL = "https://hooks.example.com/"


@pytest.fixture
async def office() -> Office:
    return await Office.open()


async def made(office: Office, **given: Any) -> Any:
    view, _ = await office.webhooks.create(office.adam, {"url": URL, **given})
    return view


async def sent(office: Office) -> list[str]:
    """Queues and sends all that is to be sent now; answers the types of what was."""
    before = len(office.sending.sent)
    await office.webhook_queue.catch_up(System())
    while claimed := await office.dispatching.claim(System(), most=16):
        for each in claimed:
            await office.dispatching.send(System(), each)
    return [each.payload["type"] for each in office.sending.sent[before:]]


async def test_what_happens_is_sent_to_who_asked_for_it(office: Office) -> None:
    webhook, secret = await made(office, types=["task_created", "webhook_updated"])
    assert secret == "whsec_1"
    await office.task("Draw")
    await office.label()
    assert await sent(office) == ["task_created"]
    (message,) = office.sending.sent
    assert (message.url, message.secrets) == (URL, (b"sealed whsec_1",))
    assert message.payload["data"]["task_title"] == "Draw"
    rotated, _ = await office.webhooks.rotate_secret(office.adam, webhook.id)
    assert rotated.secret == "whsec_2"
    await sent(office)
    assert office.sending.sent[-1].secrets == (b"sealed whsec_2", b"sealed whsec_1")
    assert office.sending.sent[-1].payload["data"]["changes"] == {"secret": {"old": None, "new": None}}
    assert office.observed.outcomes == ["delivered", "delivered"]
    assert len(office.observed.accepted) == 2


async def test_what_is_gone_from_the_log_is_given_up(office: Office) -> None:
    webhook, _ = await made(office, types=["task_created"])
    await office.task()
    await office.webhook_queue.catch_up(System())
    (claimed,) = await office.dispatching.claim(System(), most=16)
    await office.dispatching.send(System(), claimed._replace(events=()))
    (delivery,) = office.stored.deliveries.values()
    assert (delivery.state, office.sending.sent, office.observed.outcomes) == (DeliveryState.DEAD, [], ["dead"])


async def test_what_cannot_be_made_is_tried_again_later_and_is_no_secret(office: Office) -> None:
    await made(office, types=["task_created"])
    await office.task()
    await office.webhook_queue.catch_up(System())
    (claimed,) = await office.dispatching.claim(System(), most=16)

    def poisoned(_: object) -> Outcome:
        raise ZeroDivisionError

    office.sending.reply = poisoned
    with pytest.raises(ZeroDivisionError):
        await office.dispatching.send(System(), claimed)
    (delivery,) = office.stored.deliveries.values()
    assert (delivery.state, delivery.run_id, delivery.due_at > office.clock.now()) == (
        DeliveryState.PENDING,
        None,
        True,
    )
    ((attempt,),) = office.stored.webhook_attempts.values()
    assert attempt["error"] == "the message could not be made"


async def test_a_long_way_is_gone_in_several_goes_and_each_part_is_told(office: Office) -> None:
    await made(office, types=["task_created"])
    for _ in range(3):
        await office.task()
    told: list[int] = []
    queue = WebhookQueueUseCases(
        queues=Slow(office.world.event_queues), clock=office.clock, ids=office.world.ids
    )  # fmt: skip
    await queue.catch_up(System(), queued_some=lambda: told.append(len(office.stored.deliveries)))
    assert len(told) == 8


class Slow:
    """Queues that are never through."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def behind(self) -> list[UUID]:
        found: list[UUID] = await self._inner.behind()
        return found

    async def advance(self, company_id: UUID, **more: Any) -> bool:
        await self._inner.advance(company_id, **more)
        return True


async def test_a_project_that_is_gone_keeps_nobody_from_changing_the_rest(office: Office) -> None:
    webhook, _ = await made(office, project_ids=[office.web.id])
    await office.projects.delete(office.adam, office.web.id)
    given = {"url": URL, "project_ids": [office.web.id], "description": "Board"}
    view, _ = await office.webhooks.change(office.adam, webhook.id, WebhookChanges(given=given))
    assert (view.description, view.project_ids) == ("Board", (office.web.id,))
    given["project_ids"] = [office.web.id, webhook.id]
    with pytest.raises(ReferenceNotFound):
        await office.webhooks.change(office.adam, webhook.id, WebhookChanges(given=given))


async def test_who_lost_a_claim_keeps_nothing(office: Office) -> None:
    await made(office, types=["task_created"])
    await office.task()
    await office.webhook_queue.catch_up(System())
    (slow,) = await office.dispatching.claim(System(), most=16)
    office.clock.advance(timedelta(seconds=61))
    (quick,) = await office.dispatching.claim(System(), most=16)
    await office.dispatching.send(System(), quick)
    await office.dispatching.send(System(), slow)
    assert office.observed.outcomes == ["delivered", "lost"]
    assert [each.id for each in office.sending.sent] == [quick.delivery.id] * 2


async def test_a_test_counts_as_no_failure(office: Office) -> None:
    webhook, _ = await made(office)
    office.sending.reply = lambda _: Outcome(410, 5)
    for _ in range(12):
        view, _ = await office.deliveries.test(office.adam, webhook.id)
        assert view.state == "dead"
    assert (await office.webhooks.get(office.adam, webhook.id)).value.state == "active"


async def test_how_much_waits_is_told(office: Office) -> None:
    await made(office, types=["task_created"])
    await office.task()
    await office.webhook_queue.catch_up(System())
    office.clock.advance(timedelta(seconds=30))
    await office.dispatching.measure(System())
    assert office.observed.waiting == (1, 30.0)


async def test_no_more_is_claimed_than_was_asked_for(office: Office) -> None:
    for _ in range(3):
        await made(office, types=["task_created"])
    await office.task()
    await office.webhook_queue.catch_up(System())
    assert await office.dispatching.claim(System(), most=0) == []
    assert len(await office.dispatching.claim(System(), most=2)) == 2


async def test_a_webhook_that_is_switched_off_hears_nothing_and_begins_anew(office: Office) -> None:
    webhook, _ = await made(office, types=["task_created"])
    await office.webhooks.change(office.adam, webhook.id, WebhookChanges(given={"is_active": False}))
    await office.task()
    assert await sent(office) == []
    await office.webhooks.change(office.adam, webhook.id, WebhookChanges(given={"is_active": True}))
    assert await sent(office) == []
    await office.webhooks.replay(office.adam, webhook.id, after=0)
    assert await sent(office) == ["task_created"]


async def test_what_the_log_no_longer_has_is_not_told_again(office: Office) -> None:
    webhook, _ = await made(office, types=["task_created"])
    await office.task()
    assert await sent(office) == ["task_created"]
    (delivery,) = office.stored.deliveries.values()
    head = office.head
    await office.world.forget_events(office.adam.company_id, upto=head - 1)
    with pytest.raises(EventsExpired):
        await office.webhooks.replay(office.adam, webhook.id, after=0)
    await office.webhooks.replay(office.adam, webhook.id, after=head - 1)
    await office.webhooks.replay(office.adam, webhook.id, after=office.head)
    await office.world.forget_events(office.adam.company_id, upto=office.head)
    with pytest.raises(EventsExpired):
        await office.deliveries.resend(office.adam, webhook.id, delivery.id)
