from collections.abc import Callable
from uuid import UUID

from core.kernel.actor import System
from core.kernel.errors import answers
from core.kernel.events import Fact
from core.kernel.ports import Clock, Ids
from core.realtime.read_models import EventView
from core.webhooks.deliveries import TEST, Choice, Delivery, DeliveryState, Outcome, Queue, chosen, queued
from core.webhooks.model import Webhook
from core.webhooks.ports import (
    AttemptTracing,
    Claimed,
    DeliveryObserver,
    Dispatches,
    EventQueues,
    Message,
    Sending,
    Sent,
)

_AT_ONCE = 500


class WebhookQueueUseCases:
    """Making messages of what happened. The installation itself does."""

    def __init__(self, *, queues: EventQueues, clock: Clock, ids: Ids) -> None:
        self._queues = queues
        self._clock = clock
        self._ids = ids

    @answers()
    async def catch_up(self, _: System) -> int:
        """Queues what happened since the last time for the webhooks that asked for it, and answers in how many
        companies. One with a long way to go does not keep the others waiting.
        """

        def messages(webhooks: list[Webhook], events: list[EventView]) -> list[Delivery]:
            return queued(webhooks, events, new_id=self._ids.new, at=self._clock.now())

        waiting = behind = await self._queues.behind()
        while waiting:
            waiting = [
                company for company in waiting if await self._queues.advance(company, most=_AT_ONCE, queued=messages)
            ]
        return len(behind)


class Attempts:
    """One attempt to send a message: the same for what was queued and for what somebody tests by hand."""

    def __init__(
        self,
        *,
        dispatches: Dispatches,
        sending: Sending,
        observer: DeliveryObserver,
        tracing: AttemptTracing,
        clock: Clock,
        jitter: Callable[[], float],
    ) -> None:
        self._dispatches = dispatches
        self._sending = sending
        self._observer = observer
        self._tracing = tracing
        self._clock = clock
        self._jitter = jitter

    async def send(self, claimed: Claimed) -> Sent:
        """Sends a message that was claimed, in no transaction, and keeps what came of it in another."""
        with self._tracing.attempt(claimed) as span:
            told, outcome = await self._send(claimed)
            status, duration_ms = (outcome.status, outcome.duration_ms) if outcome is not None else (None, 0)
            span.came(told, status=status)
        self._observer.sent_webhook(told, duration_ms / 1000)
        if told == "delivered" and claimed.events:
            since = self._clock.now() - claimed.events[0].occurred_at
            self._observer.accepted_webhook(max(0.0, since.total_seconds()))
        return Sent(told, status, duration_ms, span.trace_id)

    async def _send(self, claimed: Claimed) -> tuple[str, Outcome | None]:
        delivery, webhook, begun = claimed.delivery, claimed.webhook, self._clock.now()
        is_whole = delivery.event == TEST or len(claimed.events) == len(delivery.seqs)
        outcome = None
        if is_whole:
            secrets = webhook.secrets(at=begun)
            message = Message(delivery.id, webhook.chosen.url, secrets, delivery.payload(claimed.events))
            outcome = await self._sending.send(message, at=begun)
        at, jitter, told = self._clock.now(), self._jitter(), ""

        def settled(webhook: Webhook, delivery: Delivery) -> tuple[Fact, ...]:
            nonlocal told
            if outcome is None:
                delivery.give_up(at=at)
                told = "dead"
                return ()
            delivery.settle(outcome, at=at, jitter=jitter)
            told = {DeliveryState.PENDING: "retried", DeliveryState.DEAD: "dead"}.get(delivery.state, "delivered")
            if outcome.arrived:
                webhook.succeed()
                return ()
            if delivery.event == TEST:
                # Whoever tries out an address that is not ready yet is not to lose it.
                return ()
            disabled = webhook.fail(at=at, is_gone=outcome.is_gone)
            return (disabled,) if disabled is not None else ()

        is_kept = await self._dispatches.settle(claimed, outcome, at=at, settled=settled)
        return told if is_kept else "lost", outcome


class DispatchUseCases:
    """Sending what is queued. The installation itself does."""

    def __init__(
        self, *, dispatches: Dispatches, attempts: Attempts, observer: DeliveryObserver, clock: Clock, ids: Ids
    ) -> None:
        self._dispatches = dispatches
        self._observer = observer
        self._attempts = attempts
        self._clock = clock
        self._ids = ids

    @answers()
    async def claim(self, _: System, *, most: int) -> list[Claimed]:
        """Takes up to so many messages that are to be sent now, from each company in turn."""
        claimed: list[Claimed] = []
        companies = await self._dispatches.waiting(at=self._clock.now()) if most else []
        # A few from each, so that whoever has much to send does not keep the others waiting.
        share = max(1, most // max(1, len(companies)))
        for company_id in companies:
            room = min(share, most - len(claimed))
            if room <= 0:
                break
            claimed.extend(await self._claim(company_id, most=room))
        return claimed

    async def _claim(self, company_id: UUID, *, most: int) -> list[Claimed]:
        at = self._clock.now()

        def choose(queue: Queue) -> list[Choice]:
            return chosen(queue, most=most, at=at)

        return await self._dispatches.claim(company_id, run=self._ids.new(), at=at, choose=choose)

    @answers()
    async def measure(self, _: System) -> None:
        """Tells who watches how much waits."""
        waiting, lag = await self._dispatches.depth(at=self._clock.now())
        self._observer.queued_webhooks(waiting, lag)

    @answers()
    async def send(self, _: System, claimed: Claimed) -> Sent:
        """Sends a message that was claimed. What dies in the middle is sent again after a minute, with the same id."""
        return await self._attempts.send(claimed)
