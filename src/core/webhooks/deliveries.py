"""Messages to webhooks: what becomes of each, and which is sent next.

Within a webhook there is a stream for each project, and one for what happens in the company as a whole. A stream's
messages are sent in order, one after the other.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Any, Final, NamedTuple
from uuid import UUID

from core.kernel.events import Channel
from core.realtime.read_models import EventView, event_body
from core.webhooks.errors import DeliveryUnderWay
from core.webhooks.model import OPENS_AFTER, Webhook
from core.webhooks.values import UNTOLD

LEASE: Final = timedelta(seconds=60)
TRIED_FOR: Final = timedelta(days=3)
WAITS_AT_MOST: Final = timedelta(hours=1)
"""So long waits a message for those before it that do not arrive."""
AT_ONCE: Final = 4
"""So many are under way to one webhook at a time."""
BATCH: Final = "batch"
TEST: Final = "webhook.test"
A_HANDFUL: Final = 5
LARGEST_BATCH: Final = 100
_FIRST_PAUSE: Final = timedelta(seconds=5)
_LONGEST_PAUSE: Final = timedelta(hours=6)
_MOST_DOUBLINGS: Final = 13
# Besides all of 500 and above.
_PASSING: Final = frozenset({408, 409, 425, 429})
_GONE: Final = 410


class DeliveryState(StrEnum):
    """`dead`: it was given up, and can be sent again by hand."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


class Outcome(NamedTuple):
    """What came of an attempt: the receiver's status and the beginning of its answer, or why there is none."""

    status: int | None
    duration_ms: int
    response: str = ""
    error: str | None = None
    retry_after: timedelta | None = None

    @property
    def arrived(self) -> bool:
        return self.error is None and self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        return self.status == _GONE

    @property
    def may_pass(self) -> bool:
        """Whether trying again may help."""
        return self.error is not None or self.status is None or self.status >= 500 or self.status in _PASSING


@dataclass(slots=True, kw_only=True)
class Delivery:
    """A message to a webhook; its id is the `webhook-id` of every attempt. It names the events that it tells of, and
    their bodies stay in the log.

    `number` tells which was queued before which. `delayed`: it does not come in order any more. One that is not
    `in_order` was asked for by hand, waits for no other, and none waits for it. `tried_from` is when the present tries
    began.
    """

    id: UUID
    webhook_id: UUID
    project_id: UUID | None
    event: str
    seqs: tuple[int, ...]
    created_at: datetime
    due_at: datetime
    number: int = 0
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    in_order: bool = True
    delayed: bool = False
    run_id: UUID | None = None
    lease_until: datetime | None = None
    tried_from: datetime | None = None
    finished_at: datetime | None = None

    @staticmethod
    def test(*, id: UUID, webhook_id: UUID, at: datetime) -> "Delivery":
        """A message that only tells that it arrives."""
        return Delivery(
            id=id, webhook_id=webhook_id, project_id=None, event=TEST, seqs=(), in_order=False, created_at=at, due_at=at
        )

    def is_under_way(self, *, at: datetime) -> bool:
        """Whether somebody is sending it."""
        return self.lease_until is not None and at < self.lease_until

    def is_due(self, *, at: datetime) -> bool:
        return self.state is DeliveryState.PENDING and self.due_at <= at and not self.is_under_way(at=at)

    def claim(self, *, run: UUID, at: datetime) -> None:
        """Begins an attempt; whoever dies in it loses it after a minute."""
        self.run_id, self.lease_until = run, at + LEASE
        self.attempts += 1
        self.tried_from = self.tried_from or at

    def settle(self, outcome: Outcome, *, at: datetime, jitter: float) -> None:
        """Ends an attempt. What may pass is tried for three days, with pauses that double from five seconds to six
        hours, of which `jitter` (0 to 1) takes up to a half away; no earlier than the receiver asked for.
        """
        self.run_id = self.lease_until = None
        if outcome.arrived:
            self._finish(DeliveryState.DELIVERED, at=at)
            return
        assert self.tried_from is not None, "it was claimed"
        if not outcome.may_pass or at - self.tried_from >= TRIED_FOR or self.event == TEST:
            self._finish(DeliveryState.DEAD, at=at)
            return
        pause = min(_FIRST_PAUSE * 2 ** min(self.attempts - 1, _MOST_DOUBLINGS), _LONGEST_PAUSE)
        asked = min(outcome.retry_after or timedelta(), _LONGEST_PAUSE)
        self.due_at = at + max(pause * (1 - jitter / 2), asked)

    def give_up(self, *, at: datetime) -> None:
        """What it tells of is no longer in the log."""
        self.run_id = self.lease_until = None
        self._finish(DeliveryState.DEAD, at=at)

    def resend(self, *, at: datetime) -> None:
        """Has it sent once more, out of order. Raises DeliveryUnderWay."""
        if self.state is DeliveryState.PENDING:
            raise DeliveryUnderWay
        self.state, self.finished_at, self.tried_from = DeliveryState.PENDING, None, None
        self.in_order, self.delayed = False, self.event != TEST
        self.due_at = at

    def _finish(self, state: DeliveryState, *, at: datetime) -> None:
        self.state, self.finished_at = state, at

    def payload(self, events: Iterable[EventView]) -> dict[str, Any]:
        """The message, of the events that it names."""
        told = list(events)
        delayed = {"delayed": True} if self.delayed else {}
        if self.event == TEST:
            at = self.created_at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"
            return {"type": TEST, "timestamp": at, "data": {"webhook_id": self.webhook_id}}
        bodies = [event_body(each) for each in told]
        if self.event == BATCH:
            data: dict[str, Any] = {"count": len(bodies), "events": bodies}
        else:
            data = bodies[0]
        return {"type": self.event, "timestamp": bodies[0]["occurred_at"], **delayed, "data": data}


def fits(webhook: Webhook, event: EventView) -> bool:
    """Whether a webhook asked for an event that admins hear of."""
    chosen = webhook.chosen
    return (
        event.event != UNTOLD
        and (not chosen.types or event.event in chosen.types)
        and (not chosen.channels or Channel(event.channel) in chosen.channels)
        and (not chosen.project_ids or event.project_id in chosen.project_ids)
    )


def queued(
    webhooks: Iterable[Webhook], events: Iterable[EventView], *, new_id: Callable[[], UUID], at: datetime
) -> list[Delivery]:
    """The messages that some events make, in order: one for each event, but one for each hundred of those that a single
    change made by the dozen in one project.
    """
    told = list(events)
    made: list[Delivery] = []
    for webhook in webhooks:
        heard = [each for each in told if fits(webhook, each)]
        found: list[tuple[int, UUID | None, str, tuple[int, ...]]] = []
        for _, together in groupby(heard, key=lambda each: (each.occurred_at, each.actor_id, each.via)):
            found.extend(_batched(list(together)))
        made.extend(
            Delivery(
                id=new_id(), webhook_id=webhook.id, project_id=project_id, event=event, seqs=seqs, created_at=at,
                due_at=at,
            )
            for _, project_id, event, seqs in sorted(found, key=lambda each: each[0])
        )  # fmt: skip
    return made


def _batched(together: list[EventView]) -> Iterator[tuple[int, UUID | None, str, tuple[int, ...]]]:
    by_project: dict[UUID | None, list[EventView]] = defaultdict(list)
    for each in together:
        by_project[each.project_id].append(each)
    for project_id, events in by_project.items():
        if len(events) <= A_HANDFUL:
            yield from ((each.seq, project_id, each.event, (each.seq,)) for each in events)
            continue
        for start in range(0, len(events), LARGEST_BATCH):
            seqs = tuple(each.seq for each in events[start : start + LARGEST_BATCH])
            yield seqs[0], project_id, BATCH, seqs


class Queue(NamedTuple):
    """What waits in a company: of each stream, in order, those that were tried and the first that was not, and what was
    asked for by hand. `under_way` is how many are, to each webhook. Webhooks that rest are not among `webhooks`.
    """

    webhooks: Mapping[UUID, Webhook]
    streams: tuple[tuple[Delivery, ...], ...]
    by_hand: tuple[Delivery, ...]
    under_way: Mapping[UUID, int]


class Choice(NamedTuple):
    """A message to be sent now. `overtaken` are those before it that did not arrive."""

    delivery: Delivery
    overtaken: tuple[Delivery, ...] = ()


def next_of(stream: Iterable[Delivery], *, at: datetime) -> Choice | None:
    """Which message of a stream is sent now: the first one that waits; or, if that was tried and has to be tried again
    later, one behind it that has waited for an hour. None while one is under way.
    """
    before: list[Delivery] = []
    waiting = [each for each in stream if each.state is DeliveryState.PENDING]
    if any(each.is_under_way(at=at) for each in waiting):
        return None
    for each in waiting:
        may_overtake = not before or at - each.created_at >= WAITS_AT_MOST
        if each.is_due(at=at) and may_overtake:
            return Choice(each, tuple(before))
        if not each.attempts:
            # Nobody overtakes what was never tried.
            return None
        before.append(each)
    return None


def chosen(queue: Queue, *, most: int, at: datetime) -> list[Choice]:
    """Which messages of a company are sent now, at most so many: from each webhook in turn, four of which are under way
    to it at most, and one if it has failed again and again.
    """
    ready: dict[UUID, list[Choice]] = defaultdict(list)
    for each in queue.by_hand:
        if each.is_due(at=at):
            ready[each.webhook_id].append(Choice(each))
    for stream in queue.streams:
        found = next_of(stream, at=at)
        if found is not None:
            ready[found.delivery.webhook_id].append(found)
    turns: list[list[Choice]] = []
    for webhook_id, choices in ready.items():
        webhook = queue.webhooks.get(webhook_id)
        if webhook is None or (webhook.open_until is not None and at < webhook.open_until):
            continue
        room = (1 if webhook.failures >= OPENS_AFTER else AT_ONCE) - queue.under_way.get(webhook_id, 0)
        turns.append(sorted(choices, key=lambda each: each.delivery.due_at)[: max(room, 0)])
    taken = [each[turn] for turn in range(AT_ONCE) for each in turns if turn < len(each)]
    return taken[:most]
