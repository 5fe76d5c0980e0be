"""What the entry points need of traces, and the tracing that is none."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar
from uuid import UUID

from core.kernel.actor import Actor
from core.realtime.read_models import Portion
from core.webhooks.ports import AttemptSpan, Claimed

Kind = TypeVar("Kind", bound=type)


class RequestSpan(Protocol):
    """The span of a request that is under way; the spans of what it calls are below it."""

    trace_id: str

    def end(
        self, *, method: str, route: str | None, status: int, code: str | None, request_id: str, actor: Actor | None
    ) -> None:
        """The request was answered."""
        ...


class Tracing(Protocol):
    """Makes one tree of spans for each request, on to whom its events reach."""

    def request(self, method: str, headers: Iterable[tuple[bytes, bytes]]) -> RequestSpan | None:
        """Begins the tree of a request, where requests are traced."""
        ...

    def traced(self, kind: Kind) -> Kind:
        """A class of use cases, each verb of which is a span."""
        ...

    def traceparent(self) -> str | None:
        """The present span as others are told of it; None where there is none, or none that is sent."""
        ...

    def attempt(self, claimed: Claimed) -> AbstractContextManager[AttemptSpan]:
        """A span of an attempt to send a message to a webhook."""
        ...

    def passed_on(self, portion: Portion, *, company_id: UUID, times: int, seconds: float) -> None:
        """A span of having given events to the doors of a process."""
        ...

    def close(self) -> None:
        """Sends what was not yet sent."""
        ...


class Untraced:
    """An attempt that nobody follows."""

    trace_id: str | None = None

    def came(self, outcome: str, *, status: int | None) -> None:
        """Notes nothing."""


class NoTracing:
    """What stands in where no collector is named: nothing is wrapped, and nothing is loaded."""

    def request(self, method: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Begins nothing."""

    def traced(self, kind: Kind) -> Kind:
        """The class as it is."""
        return kind

    def traceparent(self) -> str | None:
        """There is none."""
        return None

    def attempt(self, claimed: Claimed) -> AbstractContextManager[AttemptSpan]:  # noqa: ARG002
        """Begins nothing."""
        return nullcontext(Untraced())

    def passed_on(self, portion: Portion, *, company_id: UUID, times: int, seconds: float) -> None:
        """Notes nothing."""

    def close(self) -> None:
        """Has nothing to send."""
