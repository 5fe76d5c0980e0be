"""Spans of what is done with an event after the request that made it."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from adapters.opentelemetry import tracing
from adapters.opentelemetry.tracing import OtlpTracing
from core.realtime.read_models import Portion
from core.webhooks.deliveries import Delivery
from core.webhooks.ports import Claimed

AT = datetime(2026, 11, 29, tzinfo=UTC)
COMPANY = UUID(int=1)
ONE, TWO = "0" * 31 + "1", "0" * 31 + "2"


def parent(trace_id: str, span: int) -> str:
    return f"00-{trace_id}-{span:016x}-01"


class Traced:
    """Tracing, and what it made."""

    def __init__(self) -> None:
        self.tracing = OtlpTracing(
            endpoint="http://127.0.0.1:9", service="test", version="1", sampler="parentbased_always_on", ratio=1.0
        )
        self._made = InMemorySpanExporter()
        self.tracing._provider.add_span_processor(SimpleSpanProcessor(self._made))

    def spans(self) -> list[ReadableSpan]:
        return list(self._made.get_finished_spans())


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Traced:
    # What would be sent is not: a thread that tries again and again draws from the random numbers of all tests.
    monkeypatch.setattr(tracing, "OTLPSpanExporter", lambda **_: InMemorySpanExporter())
    return Traced()


def claimed(*traces: str) -> Claimed:
    delivery = Delivery.test(id=uuid4(), webhook_id=uuid4(), at=AT)
    webhook: Any = None
    return Claimed(COMPANY, delivery, webhook, (), traces)


def links(span: ReadableSpan) -> list[int]:
    return [each.context.span_id for each in span.links]


def test_an_attempt_is_in_the_trace_of_the_request_and_tells_of_itself(traced: Traced) -> None:
    message = claimed(parent(ONE, 7))
    with traced.tracing.attempt(message) as attempt:
        sent = traced.tracing.traceparent()
        attempt.came("retried", status=503)
    (span,) = traced.spans()
    assert (span.name, span.kind, attempt.trace_id) == ("webhook deliver", SpanKind.CLIENT, ONE)
    assert span.parent is not None
    assert (span.parent.span_id, links(span)) == (7, [7])
    assert sent == f"00-{ONE}-{span.context.span_id:016x}-01"
    assert dict(span.attributes or {}) == {
        "flowtrack.company_id": str(COMPANY),
        "flowtrack.webhook_id": str(message.delivery.webhook_id),
        "flowtrack.delivery_id": str(message.delivery.id),
        "flowtrack.event": "webhook.test",
        "flowtrack.events": 0,
        "flowtrack.attempt": 0,
        "flowtrack.outcome": "retried",
        "http.response.status_code": 503,
    }
    assert not span.status.is_ok


def test_a_hundred_events_of_one_request_are_in_its_trace(traced: Traced) -> None:
    with traced.tracing.attempt(claimed(parent(ONE, 7), parent(ONE, 8))) as attempt:
        attempt.came("delivered", status=204)
    (span,) = traced.spans()
    assert (attempt.trace_id, links(span), span.status.is_ok) == (ONE, [7, 8], True)


def test_events_of_several_requests_begin_a_trace_that_is_linked_to_theirs(traced: Traced) -> None:
    with traced.tracing.attempt(claimed(parent(ONE, 7), parent(TWO, 8))) as attempt:
        attempt.came("delivered", status=204)
    (span,) = traced.spans()
    assert (span.parent, links(span)) == (None, [7, 8])
    assert attempt.trace_id not in {ONE, TWO, None}


def test_what_no_traced_request_made_is_not_traced(traced: Traced) -> None:
    with traced.tracing.attempt(claimed()) as attempt:
        assert traced.tracing.traceparent() is None
        attempt.came("delivered", status=204)
    assert (attempt.trace_id, traced.spans()) == (None, [])


def test_one_that_fails_by_a_defect_ends_too(traced: Traced) -> None:
    with pytest.raises(LookupError), traced.tracing.attempt(claimed(parent(ONE, 7))):
        raise LookupError("a secret")
    (span,) = traced.spans()
    assert (span.end_time is not None, span.events) == (True, ())


def test_passing_on_is_in_the_trace_of_the_request(traced: Traced) -> None:
    portion = Portion(events=[], examined=12, standing={}, members=frozenset(), traces=(parent(ONE, 7),))
    traced.tracing.passed_on(portion, company_id=COMPANY, times=3, seconds=0.5)
    (span,) = traced.spans()
    assert span.parent is not None
    assert (span.name, span.parent.span_id, span.kind) == ("events pass on", 7, SpanKind.CONSUMER)
    assert span.attributes is not None
    assert (span.attributes["flowtrack.seq"], span.attributes["flowtrack.times"]) == (12, 3)
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time - span.start_time == 500_000_000


def test_a_malformed_trace_is_none(traced: Traced) -> None:
    with traced.tracing.attempt(claimed("nonsense")) as attempt:
        attempt.came("delivered", status=204)
    assert traced.spans() == []
