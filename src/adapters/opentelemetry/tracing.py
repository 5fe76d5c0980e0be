"""One tree of spans for each request: the request, the use cases that it called, their round trips to PostgreSQL.

The spans are made by hand where the three happen: a ready-made ASGI middleware alone takes a fifth of a list's rate.
They name routes, verbs, tables, ids and codes of refusals; no value that a person gave is in them.
"""

import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast
from uuid import UUID

import psycopg
from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    ParentBasedTraceIdRatio,
    Sampler,
    TraceIdRatioBased,
)
from opentelemetry.trace import INVALID_SPAN, Link, NonRecordingSpan, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from adapters.opentelemetry.summaries import summary
from adapters.sql.pipeline import Asked
from core.kernel.actor import Actor
from core.kernel.errors import Refusal
from core.kernel.once import AlreadyAnswered
from core.realtime.read_models import Portion
from core.webhooks.ports import Claimed

Kind = TypeVar("Kind", bound=type)
_PARENT = frozenset({b"traceparent", b"tracestate"})
# What is not sent when the process has to end is lost, so that a collector that is away does not hold it up.
_PATIENCE = 2.0


def sampler_of(name: str, ratio: float) -> Sampler:
    """The sampler that OTEL_TRACES_SAMPLER names."""
    samplers: dict[str, Sampler] = {
        "always_on": ALWAYS_ON,
        "always_off": ALWAYS_OFF,
        "traceidratio": TraceIdRatioBased(ratio),
        "parentbased_always_on": DEFAULT_ON,
        "parentbased_always_off": DEFAULT_OFF,
        "parentbased_traceidratio": ParentBasedTraceIdRatio(ratio),
    }
    return samplers[name]


class RequestSpan:
    """The root of a request's tree in this process."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._token = context.attach(trace.set_span_in_context(span))
        self.trace_id = trace.format_trace_id(span.get_span_context().trace_id)

    def end(
        self, *, method: str, route: str | None, status: int, code: str | None, request_id: str, actor: Actor | None
    ) -> None:
        """The request was answered."""
        context.detach(self._token)
        span = self._span
        if span.is_recording():
            span.update_name(f"{method} {route}" if route else method)
            known: dict[str, str | int | None] = {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
                "flowtrack.request_id": request_id,
                "flowtrack.refusal": code,
                "flowtrack.company_id": str(actor.company_id) if actor else None,
                "flowtrack.user_id": str(actor.user_id) if actor else None,
            }
            span.set_attributes({name: value for name, value in known.items() if value is not None})
            if status >= 500:
                span.set_status(Status(StatusCode.ERROR))
        span.end()


class AttemptSpan:
    """An attempt to send a message to a webhook."""

    def __init__(self, span: Span) -> None:
        self._span = span
        found = span.get_span_context()
        self.trace_id = trace.format_trace_id(found.trace_id) if span.is_recording() else None

    def came(self, outcome: str, *, status: int | None) -> None:
        """What came of it."""
        self._span.set_attribute("flowtrack.outcome", outcome)
        if status is not None:
            self._span.set_attribute("http.response.status_code", status)
        if outcome != "delivered":
            self._span.set_status(Status(StatusCode.ERROR))


class OtlpTracing:
    """Makes the spans, and sends them in batches from a thread of its own."""

    def __init__(self, *, endpoint: str, service: str, version: str, sampler: str, ratio: float) -> None:
        self._provider = TracerProvider(
            sampler=sampler_of(sampler, ratio),
            resource=Resource.create({SERVICE_NAME: service, SERVICE_VERSION: version}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        self._tracer = self._provider.get_tracer("flowtrack", version)
        self._propagator = TraceContextTextMapPropagator()

    def request(self, method: str, headers: Iterable[tuple[bytes, bytes]]) -> RequestSpan:
        """Begins the tree of a request, below the caller's span if its `traceparent` names one."""
        carrier = {name.decode(): value.decode("latin-1") for name, value in headers if name in _PARENT}
        parent = self._propagator.extract(carrier) if carrier else context.Context()
        return RequestSpan(self._tracer.start_span(method, context=parent, kind=SpanKind.SERVER))

    def traced(self, kind: Kind) -> Kind:
        """A class of use cases, each verb of which is a span."""
        verbs = {
            name: self._spanned(f"{kind.__name__}.{name}", verb)
            for name, verb in inspect.getmembers(kind, inspect.iscoroutinefunction)
            if not name.startswith("_")
        }
        return cast("Kind", type(kind.__name__, (kind,), {**verbs, "__doc__": kind.__doc__}))

    def _spanned(self, name: str, verb: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @wraps(verb)
        async def spanned(*args: Any, **kwargs: Any) -> Any:
            if not trace.get_current_span().is_recording():
                return await verb(*args, **kwargs)
            # Messages of exceptions quote values: what was raised is told by its class, a refusal by its code.
            with self._tracer.start_as_current_span(
                name, record_exception=False, set_status_on_exception=False
            ) as span:
                try:
                    return await verb(*args, **kwargs)
                except Refusal as refusal:
                    span.set_attribute("flowtrack.refusal", refusal.code)
                    raise
                except AlreadyAnswered:
                    span.set_attribute("flowtrack.replayed", True)
                    raise
                except Exception as error:
                    span.set_attribute("error.type", type(error).__qualname__)
                    span.set_status(Status(StatusCode.ERROR))
                    raise

        return spanned

    def traceparent(self) -> str | None:
        """The present span, as its trace is told to others; None where nothing of it is sent."""
        span = trace.get_current_span()
        if not span.is_recording():
            return None
        found = span.get_span_context()
        ids = trace.format_trace_id(found.trace_id), trace.format_span_id(found.span_id)
        return f"00-{ids[0]}-{ids[1]}-{found.trace_flags:02x}"

    @contextmanager
    def attempt(self, claimed: Claimed) -> Iterator[AttemptSpan]:
        """A span of an attempt to send a message, in the trace of the request whose events it tells of."""
        delivery = claimed.delivery
        span = self._following("webhook deliver", claimed.traces, kind=SpanKind.CLIENT)
        span.set_attributes(
            {
                "flowtrack.company_id": str(claimed.company_id),
                "flowtrack.webhook_id": str(delivery.webhook_id),
                "flowtrack.delivery_id": str(delivery.id),
                "flowtrack.event": delivery.event,
                "flowtrack.events": len(delivery.seqs),
                "flowtrack.attempt": delivery.attempts,
            }
        )
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            yield AttemptSpan(span)

    def passed_on(self, portion: Portion, *, company_id: UUID, times: int, seconds: float) -> None:
        """A span of having given events to the doors of this process, in the trace of the request that made them."""
        ended = time.time_ns()
        began = ended - int(seconds * 1e9)
        span = self._following("events pass on", portion.traces, kind=SpanKind.CONSUMER, start_time=began)
        span.set_attributes(
            {
                "flowtrack.company_id": str(company_id),
                "flowtrack.events": len(portion.events),
                "flowtrack.seq": portion.examined,
                "flowtrack.times": times,
            }
        )
        span.end(end_time=ended)

    def _following(self, name: str, traces: Iterable[str], *, kind: SpanKind, start_time: int | None = None) -> Span:
        """A span below the present one, else below that of the request that made the events; where several did, it
        begins a trace that is linked to theirs. What no traced request made is not traced.
        """
        found = (self._propagator.extract({"traceparent": each}, context.Context()) for each in traces)
        named = (trace.get_current_span(each).get_span_context() for each in found)
        before = [each for each in named if each.is_valid]
        parent = context.Context()
        if trace.get_current_span().is_recording():
            parent = context.get_current()
        elif not before:
            return INVALID_SPAN
        elif len({each.trace_id for each in before}) == 1:
            parent = trace.set_span_in_context(NonRecordingSpan(before[0]), parent)
        links = [Link(each) for each in before]
        return self._tracer.start_span(name, context=parent, kind=kind, links=links, start_time=start_time)

    def waited(self, seconds: float) -> None:
        """Somebody waited for a connection; that is counted elsewhere."""

    def sent(self, asked: Sequence[Asked], *, seconds: float, failure: BaseException | None) -> None:
        """A round trip is over: one span, named by its statements."""
        if not trace.get_current_span().is_recording():
            return
        ended = time.time_ns()
        said = "; ".join(summary(each.statement.text) for each in asked)
        span = self._tracer.start_span(said, kind=SpanKind.CLIENT, start_time=ended - int(seconds * 1e9))
        span.set_attributes(
            {"db.system.name": "postgresql", "db.query.summary": said, "db.operation.batch.size": len(asked)}
        )
        if failure is not None:
            span.set_attribute("error.type", type(failure).__qualname__)
            if isinstance(failure, psycopg.Error) and failure.sqlstate is not None:
                span.set_attribute("db.response.status_code", failure.sqlstate)
            span.set_status(Status(StatusCode.ERROR))
        span.end(end_time=ended)

    def close(self) -> None:
        """Sends what is left, for two seconds at most."""
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        sending.join(_PATIENCE)
