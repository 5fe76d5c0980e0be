"""The contract of WebhookUnitOfWork, WebhookReader, EventQueues and Dispatches.

The subclass provides the fixture `world`; see `tests.contracts.world`.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.events import Audience
from core.kernel.paging import PageRequest, Sort
from core.webhooks.deliveries import (
    LEASE,
    Choice,
    Delivery,
    DeliveryState,
    Outcome,
    Queue,
    chosen,
    queued,
)
from core.webhooks.model import Webhook, WebhookFields
from core.webhooks.ports import Claimed, DeliveryFilter
from core.webhooks.read_models import DeliveryView, WebhookView
from tests.contracts.steps import Noted
from tests.contracts.world import ContractWorld

OLDEST = Sort(field="created_at")
URL = "https://hooks.example.com/"


async def add_webhook(world: ContractWorld, actor: Actor, **fields: Any) -> Webhook:
    async with world.webhook_unit_of_work(actor) as uow:
        webhook, _ = Webhook.create(
            id=world.ids.new(),
            chosen=WebhookFields(url=URL, **fields),
            secret=b"sealed",
            count=await uow.webhooks.count(),
            by=actor.user_id,
            at=world.clock.now(),
        )
        uow.webhooks.add(webhook)
        await uow.commit()
    return webhook


async def happened(
    world: ContractWorld, actor: Actor, *texts: str, to: Audience = Audience(), many: bool = False
) -> int:
    seq = 0
    for several in [texts] if many else [(each,) for each in texts]:
        async with world.webhook_unit_of_work(actor) as uow:
            uow.record(*(Noted(text=each, to=to) for each in several))
            seq = await uow.commit()
    return seq


async def catch_up(world: ContractWorld, company_id: UUID, *, most: int = 500) -> None:
    def messages(webhooks: Any, events: Any) -> list[Delivery]:
        return queued(webhooks, events, new_id=world.ids.new, at=world.clock.now())

    while await world.event_queues.advance(company_id, most=most, queued=messages):
        pass


async def claim(world: ContractWorld, actor: Actor, *, at: datetime, most: int = 10) -> list[Claimed]:
    def choose(queue: Queue) -> list[Choice]:
        return chosen(queue, most=most, at=at)

    return await world.dispatches.claim(actor.company_id, run=world.ids.new(), at=at, choose=choose)


async def settle(world: ContractWorld, claimed: Claimed, outcome: Outcome, *, at: datetime) -> bool:
    def settled(webhook: Webhook, delivery: Delivery) -> tuple[Any, ...]:
        delivery.settle(outcome, at=at, jitter=0)
        if outcome.arrived:
            webhook.succeed()
            return ()
        disabled = webhook.fail(at=at, is_gone=outcome.is_gone)
        return (disabled,) if disabled else ()

    return await world.dispatches.settle(claimed, outcome, at=at, settled=settled)


async def listed(world: ContractWorld, actor: Actor, webhook: Webhook, **where: Any) -> list[DeliveryView]:
    found, _ = await world.webhook_reader.deliveries(
        actor, webhook.id, where=DeliveryFilter(**where), sort=OLDEST, page=PageRequest()
    )
    assert found is not None
    return found.items


def texts(claimed: list[Claimed]) -> list[str]:
    return [event.body["text"] for each in claimed for event in each.events]


class WebhookContract:
    async def test_it_is_known_which_events_are_still_there(self, world: ContractWorld) -> None:
        owner = await world.company()
        head = await happened(world, owner, "a", "b", "c")
        await world.forget_events(owner.company_id, upto=head - 2)
        async with world.webhook_unit_of_work(owner) as uow:
            assert await uow.webhooks.head() == head
            assert await uow.webhooks.are_kept([])
            assert await uow.webhooks.are_kept([head, head - 1, head])
            assert not await uow.webhooks.are_kept([head - 2, head])
            assert not await uow.webhooks.are_kept([head + 1])

    async def test_a_webhook_is_loaded_as_it_was_saved_and_is_its_companys_alone(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        webhook = await add_webhook(world, here, types=("noted",), description="Board")
        async with world.webhook_unit_of_work(here) as uow:
            loaded = await uow.webhooks.load(webhook.id)
            assert loaded is not None and loaded.chosen == webhook.chosen and await uow.webhooks.count() == 1
            loaded.rotate(b"new", at=world.clock.now())
            loaded.fail(at=world.clock.now())
            uow.webhooks.save(loaded)
            await uow.commit()
        (view,) = (await world.webhook_reader.all(here)).value
        assert view == WebhookView.of(loaded)
        assert (await world.webhook_reader.all(there)).value == []
        async with world.webhook_unit_of_work(there) as uow:
            assert await uow.webhooks.load(webhook.id) is None
        page = await world.webhook_reader.deliveries(
            there, webhook.id, where=DeliveryFilter(), sort=OLDEST, page=PageRequest()
        )
        assert page.value is None

    async def test_one_that_was_removed_is_gone(self, world: ContractWorld) -> None:
        owner = await world.company()
        webhook = await add_webhook(world, owner)
        await happened(world, owner, "a")
        await catch_up(world, owner.company_id)
        async with world.webhook_unit_of_work(owner) as uow:
            loaded = await uow.webhooks.load(webhook.id)
            assert loaded is not None
            uow.webhooks.remove(loaded)
            await uow.commit()
        assert (await world.webhook_reader.all(owner)).value == []
        assert owner.company_id not in await world.dispatches.waiting(at=world.clock.now())
        assert await claim(world, owner, at=world.clock.now()) == []

    async def test_it_hears_what_admins_hear_from_when_it_was_made(self, world: ContractWorld) -> None:
        owner = await world.company()
        await happened(world, owner, "before")
        webhook = await add_webhook(world, owner)
        await happened(world, owner, "a")
        await happened(world, owner, "for one", to=Audience(named=(owner.user_id,), admins=False))
        await happened(world, owner, "for all", to=Audience(everyone=True, admins=False))
        assert owner.company_id in await world.event_queues.behind()
        await catch_up(world, owner.company_id)
        assert owner.company_id not in await world.event_queues.behind()
        assert len(await listed(world, owner, webhook)) == 2
        await catch_up(world, owner.company_id)
        assert len(await listed(world, owner, webhook)) == 2

    async def test_slices_lose_and_double_nothing(self, world: ContractWorld) -> None:
        owner = await world.company()
        webhook = await add_webhook(world, owner)
        await happened(world, owner, *"abcdefg")
        await catch_up(world, owner.company_id, most=3)
        seqs = [int(seq) for each in await listed(world, owner, webhook) for seq in each.seqs]
        assert len(seqs) == 7 and sorted(set(seqs)) == sorted(seqs)

    async def test_many_of_one_change_are_one(self, world: ContractWorld) -> None:
        owner = await world.company()
        webhook = await add_webhook(world, owner)
        await happened(world, owner, *"abcdefgh", many=True)
        await catch_up(world, owner.company_id)
        (batch,) = await listed(world, owner, webhook, type=("batch",))
        assert len(batch.seqs) == 8
        (claimed,) = await claim(world, owner, at=world.clock.now())
        assert texts([claimed]) == list("abcdefgh")

    async def test_a_replay_goes_on_where_it_was_told_to(self, world: ContractWorld) -> None:
        owner = await world.company()
        after = await happened(world, owner, "a", "b")
        await happened(world, owner, "c", "d")
        webhook = await add_webhook(world, owner)
        await catch_up(world, owner.company_id)
        async with world.webhook_unit_of_work(owner) as uow:
            loaded = await uow.webhooks.load(webhook.id)
            assert loaded is not None and await uow.webhooks.head() >= after
            loaded.replay(after=after)
            uow.webhooks.save(loaded)
            await uow.commit()
        await happened(world, owner, "e")
        await catch_up(world, owner.company_id, most=1)
        seqs = [int(seq) for each in await listed(world, owner, webhook) for seq in each.seqs]
        assert len(seqs) == 3 and min(seqs) == after + 1
        assert (await world.webhook_reader.all(owner)).value[0].replaying_after is None

    async def test_a_claim_is_one_persons_until_it_is_settled_or_lost(self, world: ContractWorld) -> None:
        owner = await world.company()
        webhook = await add_webhook(world, owner)
        await happened(world, owner, "a", "b")
        await catch_up(world, owner.company_id)
        at = world.clock.now()
        (first,) = await claim(world, owner, at=at)
        assert texts([first]) == ["a"] and first.webhook.id == webhook.id
        assert await claim(world, owner, at=at) == []
        later = at + LEASE + timedelta(seconds=1)
        (again,) = await claim(world, owner, at=later)
        assert again.delivery.id == first.delivery.id and again.delivery.attempts == 2
        assert not await settle(world, first, Outcome(200, 5), at=later)
        assert await settle(world, again, Outcome(200, 5, response="fine"), at=later)
        (second,) = await claim(world, owner, at=later)
        assert texts([second]) == ["b"]
        delivered, waiting = await listed(world, owner, webhook)
        assert (delivered.state, waiting.state) == (DeliveryState.DELIVERED, DeliveryState.PENDING)
        (attempt,) = delivered.attempts
        assert (attempt["number"], attempt["status"], attempt["response"], attempt["error"]) == (2, 200, "fine", None)
        assert attempt["at"] == later.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"
        one = await world.webhook_reader.delivery(owner, webhook.id, delivered.id)
        assert one.value == delivered
        assert [each.id for each in await listed(world, owner, webhook, state=(DeliveryState.DELIVERED,))] == [
            delivered.id
        ]

    async def test_what_was_not_sent_to_its_end_is_given_back(self, world: ContractWorld) -> None:
        owner = await world.company()
        await add_webhook(world, owner)
        await happened(world, owner, "a", "b")
        await catch_up(world, owner.company_id)
        at = world.clock.now()
        (lost,) = await claim(world, owner, at=at)
        await world.dispatches.give_back(owner.company_id, [lost])
        (first,) = await claim(world, owner, at=at)
        assert first.delivery.id == lost.delivery.id and first.delivery.attempts == 2
        await world.dispatches.give_back(owner.company_id, [lost])
        assert await claim(world, owner, at=at) == []
        assert await settle(world, first, Outcome(200, 5), at=at)
        await world.dispatches.give_back(owner.company_id, [first])
        assert texts(await claim(world, owner, at=at)) == ["b"]

    async def test_a_defect_in_one_company_claims_nothing(self, world: ContractWorld) -> None:
        owner = await world.company()
        await add_webhook(world, owner)
        await happened(world, owner, "a")
        await catch_up(world, owner.company_id)
        at = world.clock.now()

        def choose(queue: Queue) -> list[Choice]:
            raise ZeroDivisionError

        assert await world.dispatches.claim(owner.company_id, run=world.ids.new(), at=at, choose=choose) == []
        assert texts(await claim(world, owner, at=at)) == ["a"]

    async def test_one_that_is_switched_on_again_has_three_days_anew(self, world: ContractWorld) -> None:
        owner = await world.company()
        webhook = await add_webhook(world, owner)
        await happened(world, owner, "a")
        await catch_up(world, owner.company_id)
        at = world.clock.now()
        (first,) = await claim(world, owner, at=at)
        await settle(world, first, Outcome(503, 5), at=at)
        async with world.webhook_unit_of_work(owner) as uow:
            loaded = await uow.webhooks.load(webhook.id)
            assert loaded is not None
            uow.webhooks.save(loaded, from_now=True)
            await uow.commit()
        at += timedelta(days=4)
        (again,) = await claim(world, owner, at=at)
        assert (again.delivery.id, again.delivery.tried_from) == (first.delivery.id, at)

    async def test_resends_of_one_that_rests_keep_no_other_waiting(self, world: ContractWorld) -> None:
        owner = await world.company()
        resting, awake = await add_webhook(world, owner), await add_webhook(world, owner)
        at = world.clock.now()
        async with world.webhook_unit_of_work(owner) as uow:
            loaded = await uow.webhooks.load(resting.id)
            assert loaded is not None
            for _ in range(20):
                loaded.fail(at=at)
            uow.webhooks.save(loaded)
            for n in range(60):
                uow.deliveries.add(Delivery.test(id=world.ids.new(), webhook_id=resting.id, at=at - timedelta(hours=n)))
            for _ in range(6):
                uow.deliveries.add(Delivery.test(id=world.ids.new(), webhook_id=awake.id, at=at))
            await uow.commit()
        assert [each.webhook.id for each in await claim(world, owner, at=at)] == [awake.id] * 4

    async def test_what_fails_is_due_later_and_is_overtaken_after_an_hour(self, world: ContractWorld) -> None:
        owner = await world.company()
        webhook = await add_webhook(world, owner)
        await happened(world, owner, "a", "b")
        await catch_up(world, owner.company_id)
        at = world.clock.now()
        (first,) = await claim(world, owner, at=at)
        await settle(world, first, Outcome(503, 5, retry_after=timedelta(hours=3)), at=at)
        assert await claim(world, owner, at=at + timedelta(minutes=30)) == []
        at += timedelta(minutes=61)
        assert owner.company_id in await world.dispatches.waiting(at=at)
        (second,) = await claim(world, owner, at=at)
        assert texts([second]) == ["b"] and second.delivery.delayed
        await settle(world, second, Outcome(200, 5), at=at)
        assert [each.delayed for each in await listed(world, owner, webhook)] == [True, True]
        waiting, lag = await world.dispatches.depth(at=at)
        assert waiting >= 1 and lag >= 0

    async def test_one_that_is_switched_off_tells_the_log(self, world: ContractWorld) -> None:
        owner = await world.company()
        webhook = await add_webhook(world, owner)
        await happened(world, owner, "a")
        await catch_up(world, owner.company_id)
        (first,) = await claim(world, owner, at=world.clock.now())
        await settle(world, first, Outcome(410, 5), at=world.clock.now())
        (view,) = (await world.webhook_reader.all(owner)).value
        assert (view.state, view.disabled_reason, view.version) == ("disabled", "gone", 2)
        async with world.webhook_unit_of_work(owner) as uow:
            assert await uow.webhooks.head() == int((await listed(world, owner, webhook))[0].seqs[0]) + 1

    async def test_what_is_asked_for_by_hand_waits_for_nobody(self, world: ContractWorld) -> None:
        owner = await world.company()
        webhook = await add_webhook(world, owner)
        await happened(world, owner, "a", "b")
        await catch_up(world, owner.company_id)
        at = world.clock.now()
        (first,) = await claim(world, owner, at=at)
        await settle(world, first, Outcome(400, 5), at=at)
        async with world.webhook_unit_of_work(owner) as uow:
            delivery = await uow.deliveries.load(webhook.id, first.delivery.id)
            assert delivery is not None and await uow.deliveries.load(world.ids.new(), delivery.id) is None
            delivery.resend(at=at)
            uow.deliveries.save(delivery)
            test = Delivery.test(id=world.ids.new(), webhook_id=webhook.id, at=at)
            test.claim(run=world.ids.new(), at=at)
            uow.deliveries.add(test)
            await uow.commit()
        assert sorted(texts(await claim(world, owner, at=at))) == ["a", "b"]
        assert await settle(world, Claimed(owner.company_id, test, webhook), Outcome(None, 5, error="no"), at=at)
        (shown,) = await listed(world, owner, webhook, type=("webhook.test",))
        assert (shown.state, shown.seqs) == (DeliveryState.DEAD, ())
