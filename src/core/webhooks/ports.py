from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.events import Fact
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.kernel.ports import UnitOfWork
from core.realtime.read_models import EventView
from core.webhooks.deliveries import Choice, Delivery, DeliveryState, Outcome, Queue
from core.webhooks.model import Webhook
from core.webhooks.read_models import DeliveryView, WebhookView


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """What a list of deliveries is narrowed to; any of each."""

    state: tuple[DeliveryState, ...] = ()
    type: tuple[str, ...] = ()


class Webhooks(Protocol):
    """The webhooks of the company that the unit of work was opened for."""

    async def count(self) -> int:
        """How many there are; until the transaction ends nobody else counts them to add one."""
        ...

    async def load(self, webhook_id: UUID) -> Webhook | None:
        """A webhook to change, locked until the transaction ends."""
        ...

    async def head(self) -> int:
        """The position of the company's last event."""
        ...

    async def goes_on(self, *, after: int) -> bool:
        """Whether all is still there that happened after a position before the head."""
        ...

    async def are_kept(self, seqs: Collection[int]) -> bool:
        """Whether the events at these positions are still in the log."""
        ...

    async def unknown_projects(self, project_ids: Collection[UUID]) -> set[UUID]:
        """Which of them are no projects of the company."""
        ...

    def add(self, webhook: Webhook) -> None:
        """Adds a webhook, which hears what happens from now on."""
        ...

    def save(self, webhook: Webhook, *, from_now: bool = False) -> None:
        """Writes a changed webhook; `from_now`: it hears nothing of what happened before, and what still waits is tried
        as long as if it had never been.
        """
        ...

    def remove(self, webhook: Webhook) -> None:
        """Takes a webhook away, and with it all that was to be sent to it."""
        ...


class Deliveries(Protocol):
    """The messages to the webhooks of the company that the unit of work was opened for."""

    async def load(self, webhook_id: UUID, delivery_id: UUID) -> Delivery | None:
        """A message to change, locked until the transaction ends."""
        ...

    def add(self, delivery: Delivery) -> None: ...

    def save(self, delivery: Delivery) -> None: ...


class WebhookUnitOfWork(UnitOfWork, Protocol):
    @property
    def webhooks(self) -> Webhooks: ...

    @property
    def deliveries(self) -> Deliveries: ...


class OpenWebhookUnitOfWork(Protocol):
    def __call__(self, actor: Actor, *, once: Once | None = None) -> WebhookUnitOfWork: ...


class WebhookReader(Protocol):
    """What screens show of webhooks. Each call is one round trip, and one snapshot."""

    async def all(self, actor: Actor) -> Answer[list[WebhookView]]:
        """The company's webhooks, the oldest first."""
        ...

    async def deliveries(
        self, actor: Actor, webhook_id: UUID, *, where: DeliveryFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[DeliveryView] | None]:
        """The messages to a webhook; None if there is no such webhook."""
        ...

    async def delivery(self, actor: Actor, webhook_id: UUID, delivery_id: UUID) -> Answer[DeliveryView | None]: ...


class Claimed(NamedTuple):
    """A message that somebody is to send now, to where, and the events that it tells of, as the log has them; `traces`
    are those of the requests that made them, where they were traced.
    """

    company_id: UUID
    delivery: Delivery
    webhook: Webhook
    events: tuple[EventView, ...] = ()
    traces: tuple[str, ...] = ()


class Sent(NamedTuple):
    """What came of an attempt: `delivered`, `retried`, `dead` or `lost`; and which trace tells of it."""

    outcome: str
    status: int | None
    duration_ms: int
    trace_id: str | None


class EventQueues(Protocol):
    """The logs of all companies that have webhooks, and what was read of them."""

    async def behind(self) -> list[UUID]:
        """Companies whose webhooks have not heard of all that happened."""
        ...

    async def advance(
        self, company_id: UUID, *, most: int, queued: Callable[[list[Webhook], list[EventView]], list[Delivery]]
    ) -> bool:
        """Reads at most so many events further, keeps the messages that they make, and answers whether there may be
        more. Of two at once one does it.
        """
        ...


class Dispatches(Protocol):
    """The messages of all companies: each is claimed in one transaction, and settled in another."""

    async def waiting(self, *, at: datetime) -> list[UUID]:
        """Companies with something to send, who has waited longest first."""
        ...

    async def depth(self, *, at: datetime) -> tuple[int, float]:
        """How many messages wait in all companies, and for how many seconds the oldest of them has been due."""
        ...

    async def claim(
        self, company_id: UUID, *, run: UUID, at: datetime, choose: Callable[[Queue], list[Choice]]
    ) -> list[Claimed]:
        """Takes what is chosen; of two at once one does. A company where that is not possible at the moment, or never,
        gives nothing, and keeps nobody else from it.
        """
        ...

    async def give_back(self, company_id: UUID, claimed: Collection[Claimed]) -> None:
        """Ends claims of a company that were not settled: the messages are due at once."""
        ...

    async def settle(
        self,
        claimed: Claimed,
        outcome: Outcome | None,
        *,
        at: datetime,
        settled: Callable[[Webhook, Delivery], tuple[Fact, ...]],
    ) -> bool:
        """Keeps what came of an attempt, and what `settled` made of webhook and message as they are now. No if the
        claim was lost meanwhile. None: there was no attempt.
        """
        ...


class Message(NamedTuple):
    """What is sent: `secrets` are sealed."""

    id: UUID
    url: str
    secrets: tuple[bytes, ...]
    payload: dict[str, Any]


class Sending(Protocol):
    """Sends messages to the receivers of others, as Standard Webhooks has it. Whatever happens is an outcome."""

    async def send(self, message: Message, *, at: datetime) -> Outcome: ...


class WebhookSecrets(Protocol):
    """Secrets to sign with."""

    def new(self) -> str:
        """A new one, as receivers are told it."""
        ...


class Sealing(Protocol):
    """Seals what is stored."""

    def seal(self, secret: bytes) -> bytes: ...


class DeliveryObserver(Protocol):
    """Counts what came of messages."""

    def queued_webhooks(self, waiting: int, lag: float) -> None:
        """How many messages wait to be sent, and for how many seconds the oldest has been due."""
        ...

    def sent_webhook(self, outcome: str, seconds: float) -> None:
        """An attempt is over: `delivered`, `retried`, `dead` or `lost`."""
        ...

    def accepted_webhook(self, seconds: float) -> None:
        """A receiver took a message, so long after the first of its events happened."""
        ...


class AttemptSpan(Protocol):
    """An attempt that is followed, or not."""

    @property
    def trace_id(self) -> str | None:
        """Which trace it belongs to; None if nobody follows it."""
        ...

    def came(self, outcome: str, *, status: int | None) -> None:
        """What came of it, and the receiver's status if there was one."""
        ...


class AttemptTracing(Protocol):
    """Follows attempts on from the requests whose events they tell of."""

    def attempt(self, claimed: Claimed) -> AbstractContextManager[AttemptSpan]:
        """What is done within is a part of the attempt."""
        ...
