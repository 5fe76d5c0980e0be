"""Messages to webhooks: what becomes of each, and which is sent next."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.realtime.read_models import EventView
from core.webhooks.deliveries import (
    LEASE,
    TRIED_FOR,
    WAITS_AT_MOST,
    Delivery,
    DeliveryState,
    Outcome,
    Queue,
    chosen,
    next_of,
    queued,
)
from core.webhooks.model import Webhook, WebhookFields
from tests.builders import an_id

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
FINE, BUSY, WRONG = Outcome(204, 5), Outcome(503, 5), Outcome(400, 5)
PROJECT = UUID(int=7)


def a_webhook(**fields: object) -> Webhook:
    chosen = WebhookFields(url="https://hooks.example.com/", **fields)
    return Webhook.create(id=an_id(), chosen=chosen, secret=b"first", count=0, by=an_id(), at=NOW)[0]


def a_delivery(number: int = 1, *, webhook_id: UUID | None = None, at: datetime = NOW) -> Delivery:
    return Delivery(
        id=UUID(int=number), number=number, webhook_id=webhook_id or UUID(int=1), project_id=PROJECT,
        event="task_created", seqs=(number,), created_at=at, due_at=at,
    )  # fmt: skip


def an_event(
    seq: int, *, event: str = "task_created", project_id: UUID | None = PROJECT, at: datetime = NOW
) -> EventView:
    return EventView(seq, event, "task_updates", at, None, "session", project_id, {"task_id": str(seq)})


def tried(delivery: Delivery, outcome: Outcome, *, at: datetime = NOW, jitter: float = 0.0) -> Delivery:
    delivery.claim(run=an_id(), at=at)
    delivery.settle(outcome, at=at, jitter=jitter)
    return delivery


class TestOutcomes:
    @pytest.mark.parametrize("status", [200, 201, 204, 299])
    def test_two_hundreds_arrive(self, status: int) -> None:
        delivery = tried(a_delivery(), Outcome(status, 5))
        assert (delivery.state, delivery.finished_at) == (DeliveryState.DELIVERED, NOW)

    @pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 599])
    def test_what_may_pass_is_tried_again(self, status: int) -> None:
        assert tried(a_delivery(), Outcome(status, 5)).state is DeliveryState.PENDING

    @pytest.mark.parametrize("status", [100, 301, 302, 400, 401, 403, 404, 410, 422])
    def test_all_else_is_a_dead_letter_at_once(self, status: int) -> None:
        assert tried(a_delivery(), Outcome(status, 5)).state is DeliveryState.DEAD

    def test_no_answer_is_tried_again(self) -> None:
        assert tried(a_delivery(), Outcome(None, 5, error="no connection")).state is DeliveryState.PENDING

    def test_pauses_double_up_to_six_hours_and_chance_takes_up_to_a_half(self) -> None:
        delivery, at, pauses = a_delivery(), NOW, []
        while delivery.state is DeliveryState.PENDING:
            tried(delivery, BUSY, at=at)
            pauses.append((delivery.due_at - at).total_seconds())
            at = delivery.due_at
        assert pauses[:4] == [5, 10, 20, 40] and max(pauses) == 6 * 3600
        assert TRIED_FOR <= at - NOW <= TRIED_FOR + timedelta(hours=6)
        assert tried(a_delivery(), BUSY, jitter=1.0).due_at == NOW + timedelta(seconds=2.5)

    def test_the_receiver_may_ask_for_more_time_within_bounds(self) -> None:
        for asked, due in ((60, 60), (1, 5), (10**8, 6 * 3600)):
            delivery = tried(a_delivery(), Outcome(429, 5, retry_after=timedelta(seconds=asked)))
            assert delivery.due_at == NOW + timedelta(seconds=due)

    def test_a_test_is_not_tried_again(self) -> None:
        test = Delivery.test(id=an_id(), webhook_id=an_id(), at=NOW)
        assert tried(test, BUSY).state is DeliveryState.DEAD
        assert test.payload([])["type"] == "webhook.test"

    def test_a_claim_ends_with_its_lease(self) -> None:
        delivery = a_delivery()
        delivery.claim(run=an_id(), at=NOW)
        assert not delivery.is_due(at=NOW) and delivery.is_due(at=NOW + LEASE)


class TestQueueing:
    def test_filters_let_through_what_was_asked_for(self) -> None:
        other = UUID(int=8)
        events = [
            an_event(1),
            an_event(2, event="task_moved"),
            an_event(3, project_id=other),
            an_event(4, project_id=None),
        ]
        events += [an_event(5, event="notification_created")]
        for fields, seqs in (
            ({}, [1, 2, 3, 4]), ({"types": ("task_moved",)}, [2]), ({"project_ids": (other,)}, [3]),
            ({"channels": ("notifications",)}, []),
        ):  # fmt: skip
            made = queued([a_webhook(**fields)], events, new_id=an_id, at=NOW)
            assert [seq for each in made for seq in each.seqs] == seqs

    def test_a_handful_comes_one_by_one_and_more_by_the_hundred_and_the_project(self) -> None:
        few = [an_event(n) for n in range(1, 6)]
        assert [each.event for each in queued([a_webhook()], few, new_id=an_id, at=NOW)] == ["task_created"] * 5
        many = [an_event(n, project_id=UUID(int=n % 2)) for n in range(1, 303)]
        many.append(an_event(303, at=NOW + timedelta(microseconds=1)))
        made = queued([a_webhook()], many, new_id=an_id, at=NOW)
        assert [len(each.seqs) for each in made] == [100, 100, 51, 51, 1]
        assert all(len({seq % 2 for seq in each.seqs}) == 1 for each in made)
        payload = made[0].payload([each for each in many if each.seq in made[0].seqs])
        assert (payload["type"], payload["data"]["count"], "delayed" in payload) == ("batch", 100, False)


class TestOrder:
    def test_the_first_goes_first_and_alone(self) -> None:
        first, second = a_delivery(1), a_delivery(2)
        choice = next_of([first, second], at=NOW)
        assert choice is not None and choice.delivery is first
        first.claim(run=an_id(), at=NOW)
        assert next_of([first, second], at=NOW) is None

    def test_one_that_is_stuck_is_waited_for_an_hour(self) -> None:
        stuck, second, third = (
            tried(a_delivery(1), Outcome(503, 5, retry_after=timedelta(hours=5))),
            a_delivery(2),
            a_delivery(3),
        )
        assert next_of([stuck, second, third], at=NOW + timedelta(minutes=59)) is None
        later = NOW + WAITS_AT_MOST
        choice = next_of([stuck, second, third], at=later)
        assert choice is not None and choice.delivery is second and choice.overtaken == (stuck,)
        tried(second, FINE, at=later)
        choice = next_of([stuck, second, third], at=later)
        assert choice is not None and choice.delivery is third
        choice = next_of([stuck, third], at=NOW + timedelta(hours=6))
        assert choice is not None and choice.delivery is stuck and choice.overtaken == ()

    def test_nobody_overtakes_what_was_never_tried(self) -> None:
        first, second = replace(a_delivery(1), due_at=NOW + timedelta(days=1)), a_delivery(2)
        assert next_of([first, second], at=NOW + timedelta(hours=2)) is None

    def test_four_at_once_to_one_webhook_and_one_where_it_fails_again_and_again(self) -> None:
        webhook, other = a_webhook(), a_webhook()
        streams = tuple((a_delivery(n, webhook_id=webhook.id),) for n in range(1, 9))
        streams += tuple((a_delivery(n, webhook_id=other.id),) for n in range(9, 12))

        def taken(most: int = 99, **under_way: int) -> list[UUID]:
            busy = {webhook.id: under_way.get("busy", 0)}
            queue = Queue({webhook.id: webhook, other.id: other}, streams, (), busy)
            return [each.delivery.webhook_id for each in chosen(queue, most=most, at=NOW)]

        assert taken().count(webhook.id) == 4 and taken().count(other.id) == 3
        assert taken(most=2) == [webhook.id, other.id]
        assert taken(busy=3).count(webhook.id) == 1
        for _ in range(10):
            webhook.fail(at=NOW - timedelta(hours=1))
        assert taken().count(webhook.id) == 1
        webhook.fail(at=NOW)
        assert taken().count(webhook.id) == 0

    @settings(max_examples=60, deadline=None)
    @given(seed=st.integers(0, 2**32), messages=st.integers(1, 12), failing=st.floats(0, 0.9))
    def test_whatever_fails_what_is_not_marked_comes_in_order_and_all_comes(
        self, seed: int, messages: int, failing: float
    ) -> None:
        chance, at, arrived = random.Random(seed), NOW, []
        times = sorted(NOW + timedelta(minutes=chance.randrange(0, 90)) for _ in range(messages))
        stream = [a_delivery(n, at=each) for n, each in enumerate(times, start=1)]
        stream = [replace(each, due_at=each.created_at) for each in stream]
        dead, waited = [], {}
        for step in count():
            waiting = [each for each in stream if each.state is DeliveryState.PENDING]
            if not waiting or step > 5000:
                break
            choice = next_of([each for each in waiting if each.created_at <= at], at=at)
            if choice is None:
                at += timedelta(minutes=chance.randrange(1, 30))
                continue
            delivery = choice.delivery
            # Whoever overtakes has waited for an hour, and marks everybody concerned.
            for each in choice.overtaken:
                each.delayed = delivery.delayed = True
                assert at - delivery.created_at >= WAITS_AT_MOST and each.attempts
            outcome = chance.choice([BUSY, WRONG]) if chance.random() < failing else FINE
            waited.setdefault(delivery.number, at)
            tried(delivery, outcome, at=at, jitter=chance.random())
            if delivery.state is DeliveryState.DELIVERED:
                arrived.append((delivery.number, delivery.delayed))
            elif delivery.state is DeliveryState.DEAD:
                dead.append(delivery.number)
        assert sorted([number for number, _ in arrived] + dead) == list(range(1, messages + 1))
        in_order = [number for number, delayed in arrived if not delayed]
        assert in_order == sorted(in_order)
