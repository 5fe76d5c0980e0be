from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
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
# After so many times that, those who were not behind at the beginning have their turn.
_ROUNDS = 8


def _unheard() -> None:
    """Nobody waits for it."""


def _unbegun(_: Claimed) -> None:
    """Whoever asked begins it."""


class WebhookQueueUseCases:
    """Making messages of what happened. The installation itself does."""

    def __init__(self, *, queues: EventQueues, clock: Clock, ids: Ids) -> None:
        self._queues = queues
        self._clock = clock
        self._ids = ids

    @answers()
    async def catch_up(self, _: System, *, queued_some: Callable[[], None] = _unheard) -> int:
        """Queues what happened since the last time for the webhooks that asked for it, and answers in how many
        companies. One with a long way to go keeps nobody waiting: not the others, nor what was queued already, of which
        `queued_some` tells, nor who falls behind meanwhile, since the rest of a very long way is left to the next time.
        """

        def messages(webhooks: list[Webhook], events: list[EventView]) -> list[Delivery]:
            return queued(webhooks, events, new_id=self._ids.new, at=self._clock.now())

        waiting = behind = await self._queues.behind()
        for _round in range(_ROUNDS):
            if not waiting:
                break
            waiting = [
                company for company in waiting if await self._queues.advance(company, most=_AT_ONCE, queued=messages)
            ]
            queued_some()
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
        outcome: Outcome | None = None
        defect: Exception | None = None
        if is_whole:
            try:
                secrets = webhook.secrets(at=begun)
                message = Message(delivery.id, webhook.chosen.url, secrets, delivery.payload(claimed.events))
                outcome = await self._sending.send(message, at=begun)
            except Exception as failed:
                # It would be tried for ever, every minute, if nothing was kept of it.
                outcome, defect = Outcome(None, 0, error="the message could not be made"), failed
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
            disabled = webhook.fail(at=at, is_gone=outcome.is_gone, status=outcome.status, error=outcome.error)
            return (disabled,) if disabled is not None else ()

        is_kept = await self._dispatches.settle(claimed, outcome, at=at, settled=settled)
        if defect is not None:
            raise defect
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
    async def claim(
        self,
        _: System,
        *,
        most: int,
        under_way: Mapping[UUID, int] = MappingProxyType({}),
        begin: Callable[[Claimed], None] = _unbegun,
    ) -> list[Claimed]:
        """Takes up to so many messages that are to be sent now, from each company in turn, besides those that are
        `under_way` of each. What was taken of a company is begun before the next one is asked.
        """
        claimed: list[Claimed] = []
        companies = await self._dispatches.waiting(at=self._clock.now()) if most else []
        # A quarter each, so that who has much to send, or slow receivers, keeps nobody waiting; and a quarter is left
        # to who has something to send a moment later.
        whole = most + sum(under_way.values())
        share = max(1, whole // 4) if len(companies) > 1 else whole - whole // 4
        for company_id in companies:
            if len(claimed) >= most:
                break
            room = min(share - under_way.get(company_id, 0), most - len(claimed))
            if room <= 0:
                continue
            taken = await self._claim(company_id, most=room)
            claimed.extend(taken)
            for each in taken:
                begin(each)
        return claimed

    @answers()
    async def give_back(self, _: System, claimed: Collection[Claimed]) -> None:
        """Leaves to others what was claimed and not sent to its end, without waiting until the claims are over."""
        by_company: dict[UUID, list[Claimed]] = defaultdict(list)
        for each in claimed:
            by_company[each.company_id].append(each)
        for company_id, several in by_company.items():
            await self._dispatches.give_back(company_id, several)

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
