from uuid import UUID

from core.kernel.actor import Actor, reading
from core.kernel.errors import Forbidden, answers
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer, CursorInvalid, Page, PageRequest, Sort
from core.kernel.ports import Clock, Ids
from core.realtime.errors import EventsExpired
from core.webhooks import policy
from core.webhooks.deliveries import Delivery
from core.webhooks.errors import DeliveryNotFound, DeliveryUnderWay, WebhookInactive, WebhookNotFound
from core.webhooks.ports import Claimed, DeliveryFilter, OpenWebhookUnitOfWork, WebhookReader
from core.webhooks.read_models import DeliveryView
from core.webhooks.use_cases.sending import Attempts


class DeliveryUseCases:
    """Looking at what was sent to a webhook, sending it again, and trying the address out."""

    def __init__(
        self, *, unit_of_work: OpenWebhookUnitOfWork, reader: WebhookReader, attempts: Attempts, clock: Clock, ids: Ids
    ) -> None:
        self._unit_of_work = unit_of_work
        self._reader = reader
        self._attempts = attempts
        self._clock = clock
        self._ids = ids

    @reading
    @answers(Forbidden, WebhookNotFound, CursorInvalid)
    async def list(
        self, actor: Actor, webhook_id: UUID, *, where: DeliveryFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[DeliveryView]]:
        """The messages to a webhook of the last 30 days, each with its attempts. Owners and admins may."""
        found, seq = await self._reader.deliveries(actor, webhook_id, where=where, sort=sort, page=page)
        if found is None:
            raise WebhookNotFound
        policy.authorise_administration(actor)
        return Answer(found, seq)

    @reading
    @answers(Forbidden, DeliveryNotFound)
    async def get(self, actor: Actor, webhook_id: UUID, delivery_id: UUID) -> Answer[DeliveryView]:
        """One message to a webhook. Owners and admins may."""
        found, seq = await self._reader.delivery(actor, webhook_id, delivery_id)
        if found is None:
            raise DeliveryNotFound
        policy.authorise_administration(actor)
        return Answer(found, seq)

    @answers(
        Forbidden,
        WebhookNotFound,
        DeliveryNotFound,
        DeliveryUnderWay,
        WebhookInactive,
        EventsExpired,
        KeyReused,
        InFlight,
    )
    async def resend(
        self, actor: Actor, webhook_id: UUID, delivery_id: UUID, *, once: Once | None = None
    ) -> Answer[DeliveryView]:
        """Has a message sent once more, with the same `webhook-id`, whether it arrived or was given up. It is marked
        `delayed`, waits for no other, and none waits for it. Owners and admins may.
        """
        async with self._unit_of_work(actor, once=once) as uow:
            webhook = await uow.webhooks.load(webhook_id)
            if webhook is None:
                raise WebhookNotFound
            policy.authorise_administration(uow.actor)
            delivery = await uow.deliveries.load(webhook_id, delivery_id)
            if delivery is None:
                raise DeliveryNotFound
            if not webhook.chosen.is_active:
                raise WebhookInactive
            if not await uow.webhooks.are_kept(delivery.seqs):
                raise EventsExpired
            delivery.resend(at=self._clock.now())
            uow.deliveries.save(delivery)
            await uow.commit(made=Made(kind="webhook_delivery", id=delivery.id, version=1))
        return await self.get(actor, webhook_id, delivery_id)

    @answers(Forbidden, WebhookNotFound, KeyReused, InFlight)
    async def test(self, actor: Actor, webhook_id: UUID, *, once: Once | None = None) -> Answer[DeliveryView]:
        """Sends a message of the type `webhook.test` at once, also to a webhook that is switched off, and answers what
        came back. It is not tried again. Owners and admins may.
        """
        async with self._unit_of_work(actor, once=once) as uow:
            webhook = await uow.webhooks.load(webhook_id)
            if webhook is None:
                raise WebhookNotFound
            policy.authorise_administration(uow.actor)
            at = self._clock.now()
            delivery = Delivery.test(id=self._ids.new(), webhook_id=webhook.id, at=at)
            delivery.claim(run=self._ids.new(), at=at)
            uow.deliveries.add(delivery)
            await uow.commit(made=Made(kind="webhook_delivery", id=delivery.id, version=1))
        await self._attempts.send(Claimed(actor.company_id, delivery, webhook))
        return await self.get(actor, webhook_id, delivery.id)
