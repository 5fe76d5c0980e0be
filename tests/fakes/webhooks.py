from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

from core.kernel.actor import NOWHERE, Actor
from core.kernel.events import Fact
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.realtime.read_models import EventView
from core.webhooks.deliveries import Choice, Delivery, DeliveryState, Outcome, Queue
from core.webhooks.model import Webhook
from core.webhooks.ports import Claimed, DeliveryFilter, Message
from core.webhooks.read_models import DeliveryView, WebhookView
from tests.fakes.events import goes_on, view_of
from tests.fakes.paging import Key, page_of
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables
from tests.fakes.unit_of_work import InMemoryUnitOfWork

SORTS = {"created_at": Key(lambda each: each.created_at, datetime.isoformat, datetime.fromisoformat)}
_MOST_WAITING = 1_000


class InMemoryWebhooks:
    """The webhooks of one unit of work's company."""

    def __init__(self, unit: InMemoryUnitOfWork) -> None:
        self._unit = unit

    async def count(self) -> int:
        return len(self._unit.now.webhooks)

    async def load(self, webhook_id: UUID) -> Webhook | None:
        found = self._unit.now.webhooks.get(webhook_id)
        return replace(found) if found is not None else None

    async def head(self) -> int:
        return self._unit.now.last_seq

    async def goes_on(self, *, after: int) -> bool:
        return goes_on(self._unit.now, after)

    async def are_kept(self, seqs: Collection[int]) -> bool:
        return set(seqs) <= {event.seq for event in self._unit.now.events}

    async def unknown_projects(self, project_ids: Collection[UUID]) -> set[UUID]:
        return {each for each in project_ids if self._unit.now.project(each) is None}

    def add(self, webhook: Webhook) -> None:
        self._put(webhook, from_now=True)

    def save(self, webhook: Webhook, *, from_now: bool = False) -> None:
        self._put(webhook, from_now=from_now)

    def remove(self, webhook: Webhook) -> None:
        def take_away(tables: CompanyTables) -> None:
            del tables.webhooks[webhook.id]
            for each in [each for each in tables.deliveries.values() if each.webhook_id == webhook.id]:
                del tables.deliveries[each.id]

        self._unit.transaction.defer(self._unit.within(take_away))

    def _put(self, webhook: Webhook, *, from_now: bool) -> None:
        kept = replace(webhook)

        def put(tables: CompanyTables) -> None:
            after = tables.last_seq if from_now else kept.after_seq
            tables.webhooks[kept.id] = replace(kept, after_seq=after)
            for each in list(tables.deliveries.values()):
                if from_now and each.webhook_id == kept.id and each.state is DeliveryState.PENDING:
                    tables.deliveries[each.id] = replace(each, tried_from=None)

        self._unit.transaction.defer(self._unit.within(put))


class InMemoryDeliveries:
    """The messages of one unit of work's company."""

    def __init__(self, unit: InMemoryUnitOfWork) -> None:
        self._unit = unit

    async def load(self, webhook_id: UUID, delivery_id: UUID) -> Delivery | None:
        found = self._unit.now.deliveries.get(delivery_id)
        return replace(found) if found is not None and found.webhook_id == webhook_id else None

    def add(self, delivery: Delivery) -> None:
        kept = replace(delivery)
        self._unit.transaction.defer(self._unit.within(lambda tables: _numbered(tables, kept)))

    def save(self, delivery: Delivery) -> None:
        kept = replace(delivery)

        def put(tables: CompanyTables) -> None:
            tables.deliveries[kept.id] = kept

        self._unit.transaction.defer(self._unit.within(put))


def _numbered(tables: CompanyTables, delivery: Delivery) -> None:
    number = max((each.number for each in tables.deliveries.values()), default=0) + 1
    tables.deliveries[delivery.id] = replace(delivery, number=number)


class InMemoryWebhookUnitOfWork(InMemoryUnitOfWork):
    """A unit of work with webhooks and the messages to them."""

    def __init__(self, store: Store, actor: Actor, *, once: Once | None = None) -> None:
        super().__init__(store, actor, once=once)
        self.webhooks = InMemoryWebhooks(self)
        self.deliveries = InMemoryDeliveries(self)


class InMemoryWebhookReader:
    """What screens show of webhooks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self, actor: Actor) -> Answer[list[WebhookView]]:
        tables = self._store.read(actor)
        found = sorted(tables.webhooks.values(), key=lambda each: (each.created_at, each.id))
        return Answer([WebhookView.of(each) for each in found], tables.last_seq)

    async def deliveries(
        self, actor: Actor, webhook_id: UUID, *, where: DeliveryFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[DeliveryView] | None]:
        tables = self._store.read(actor)
        if webhook_id not in tables.webhooks:
            return Answer(None, tables.last_seq)
        fitting = [
            each
            for each in tables.deliveries.values()
            if each.webhook_id == webhook_id
            and (not where.state or each.state in where.state)
            and (not where.type or each.event in where.type)
        ]
        found = page_of(fitting, page, key=SORTS[sort.field], sort=sort, id_of=lambda each: each.id)
        views = [_shown(tables, each) for each in found.items]
        return Answer(Page(views, found.next_position, found.total), tables.last_seq)

    async def delivery(self, actor: Actor, webhook_id: UUID, delivery_id: UUID) -> Answer[DeliveryView | None]:
        tables = self._store.read(actor)
        found = tables.deliveries.get(delivery_id)
        is_there = found is not None and found.webhook_id == webhook_id
        return Answer(_shown(tables, found) if found is not None and is_there else None, tables.last_seq)


def _shown(tables: CompanyTables, delivery: Delivery) -> DeliveryView:
    return DeliveryView(
        id=delivery.id,
        webhook_id=delivery.webhook_id,
        type=delivery.event,
        project_id=delivery.project_id,
        seqs=tuple(map(str, delivery.seqs)),
        state=delivery.state,
        delayed=delivery.delayed,
        created_at=delivery.created_at,
        next_attempt_at=delivery.due_at if delivery.state is DeliveryState.PENDING else None,
        finished_at=delivery.finished_at,
        attempts=tables.webhook_attempts.get(delivery.id, ()),
    )


class InMemoryEventQueues:
    """The logs of all companies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def behind(self) -> list[UUID]:
        return sorted(
            company_id
            for company_id, tables in self._store.tables.companies.items()
            if any(
                each.chosen.is_active
                and (tables.last_seq > max(tables.told_up_to, each.after_seq) or each.behind_seq is not None)
                for each in tables.webhooks.values()
            )
        )

    async def advance(
        self, company_id: UUID, *, most: int, queued: Callable[[list[Webhook], list[EventView]], list[Delivery]]
    ) -> bool:
        tables = self._store.tables.companies[company_id]
        webhooks = [each for _, each in sorted(tables.webhooks.items()) if each.chosen.is_active]
        riding = [each for each in webhooks if each.behind_seq is None]
        head = tables.last_seq
        after = max(tables.told_up_to, min((each.after_seq for each in riding), default=head))
        events = _events(tables, after, head, most)
        upto = events[-1].seq if len(events) == most else head
        is_more = len(events) == most
        for webhook in riding:
            for made in queued([webhook], [each for each in events if each.seq > webhook.after_seq]):
                _numbered(tables, made)
        tables.told_up_to = upto
        for webhook in webhooks:
            if webhook.behind_seq is None:
                continue
            past = _events(tables, webhook.behind_seq, upto, most)
            for made in queued([webhook], past):
                _numbered(tables, made)
            is_through = len(past) < most
            tables.webhooks[webhook.id] = replace(webhook, behind_seq=None if is_through else past[-1].seq)
            is_more = is_more or not is_through
        return is_more


def _events(tables: CompanyTables, after: int, head: int, most: int) -> list[EventView]:
    return [
        view_of(each)
        for each in tables.events
        if after < each.seq <= head
        and (each.audience.admins or each.audience.everyone)
        and each.event != "notification_created"
    ][:most]


class InMemoryDispatches:
    """The messages of all companies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def waiting(self, *, at: datetime) -> list[UUID]:
        found = []
        for company_id, tables in self._store.tables.companies.items():
            awake = _awake(tables, at)
            due = [
                each.due_at for each in tables.deliveries.values() if each.webhook_id in awake and each.is_due(at=at)
            ]
            if due:
                found.append((min(due), company_id))
        return [company_id for _, company_id in sorted(found)]

    async def depth(self, *, at: datetime) -> tuple[int, float]:
        due = [
            each.due_at
            for tables in self._store.tables.companies.values()
            for each in tables.deliveries.values()
            if each.state is DeliveryState.PENDING and tables.webhooks[each.webhook_id].chosen.is_active
        ]
        return len(due), max((at - min(due)).total_seconds(), 0.0) if due else 0.0

    async def claim(
        self, company_id: UUID, *, run: UUID, at: datetime, choose: Callable[[Queue], list[Choice]]
    ) -> list[Claimed]:
        tables = self._store.tables.companies[company_id]
        awake = _awake(tables, at)
        pending = sorted(
            (
                replace(each)
                for each in tables.deliveries.values()
                if each.state is DeliveryState.PENDING and each.webhook_id in awake
            ),
            key=lambda each: each.number,
        )
        streams: dict[Any, list[Delivery]] = {}
        under_way: dict[UUID, int] = {}
        for each in pending:
            if each.in_order:
                streams.setdefault((each.webhook_id, each.project_id), []).append(each)
            if each.is_under_way(at=at):
                under_way[each.webhook_id] = under_way.get(each.webhook_id, 0) + 1
        by_hand = tuple(each for each in pending if not each.in_order and each.is_due(at=at))
        try:
            choices = choose(Queue(awake, tuple(map(tuple, streams.values())), by_hand, under_way))
        except ZeroDivisionError:
            return []
        told = {each.seq: view_of(each) for each in tables.events}
        claimed = []
        for choice in choices:
            delivery = choice.delivery
            delivery.claim(run=run, at=at)
            for each in choice.overtaken:
                tables.deliveries[each.id] = replace(tables.deliveries[each.id], delayed=True)
            delivery.delayed = delivery.delayed or bool(choice.overtaken)
            tables.deliveries[delivery.id] = replace(delivery)
            events = tuple(told[seq] for seq in delivery.seqs if seq in told)
            claimed.append(Claimed(company_id, delivery, awake[delivery.webhook_id], events))
        return claimed

    async def give_back(self, company_id: UUID, claimed: Collection[Claimed]) -> None:
        tables = self._store.tables.companies[company_id]
        for each in claimed:
            found = tables.deliveries.get(each.delivery.id)
            if found is not None and found.run_id == each.delivery.run_id and found.state is DeliveryState.PENDING:
                tables.deliveries[found.id] = replace(found, run_id=None, lease_until=None)

    async def settle(
        self,
        claimed: Claimed,
        outcome: Outcome | None,
        *,
        at: datetime,
        settled: Callable[[Webhook, Delivery], tuple[Fact, ...]],
    ) -> bool:
        tables = self._store.tables.companies[claimed.company_id]
        found, sent = tables.webhooks.get(claimed.webhook.id), tables.deliveries.get(claimed.delivery.id)
        if found is None or sent is None or sent.run_id != claimed.delivery.run_id:
            return False
        webhook, delivery = replace(found), replace(sent)
        facts = list(settled(webhook, delivery))
        tables.webhooks[webhook.id], tables.deliveries[delivery.id] = webhook, delivery
        if outcome is not None:
            told = {
                "number": delivery.attempts,
                "at": at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z",
                "status": outcome.status,
                "duration_ms": outcome.duration_ms,
                "response": outcome.response,
                "error": outcome.error,
            }
            before = tables.webhook_attempts.get(delivery.id, ())
            tables.webhook_attempts[delivery.id] = (*before, told)
        if facts:
            tables.append(facts, actor_id=None, via="system", at=at)
            self._store.tables.note(
                [note for fact in facts for note in fact.notes()],
                company_id=claimed.company_id, actor_id=None, via="system", origin=NOWHERE, session_id=None,
                token_id=None, at=at,
            )  # fmt: skip
        return True


def _awake(tables: CompanyTables, at: datetime) -> dict[UUID, Webhook]:
    return {
        each.id: replace(each)
        for each in tables.webhooks.values()
        if each.chosen.is_active and (each.open_until is None or each.open_until <= at)
    }


class RememberedSending:
    """Sends nothing: answers what `reply` says, and remembers what would have been sent."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.reply: Callable[[Message], Outcome] = lambda _: Outcome(204, 12)

    async def send(self, message: Message, *, at: datetime) -> Outcome:
        self.sent.append(message)
        return self.reply(message)


class CountedWebhookSecrets:
    """Secrets that tests can tell."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def new(self) -> str:
        return f"whsec_{next(self._numbers)}"


class RememberedDeliveries:
    """Counts what came of messages."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self.waiting: tuple[int, float] = (0, 0.0)
        self.accepted: list[float] = []

    def queued_webhooks(self, waiting: int, lag: float) -> None:
        self.waiting = (waiting, lag)

    def sent_webhook(self, outcome: str, seconds: float) -> None:
        self.outcomes.append(outcome)

    def accepted_webhook(self, seconds: float) -> None:
        self.accepted.append(seconds)
