"""What the entry points need of traces, and the tracing that is none."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from core.kernel.actor import Actor

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
    """Makes one tree of spans for each request."""

    def request(self, method: str, headers: Iterable[tuple[bytes, bytes]]) -> RequestSpan | None:
        """Begins the tree of a request, where requests are traced."""
        ...

    def traced(self, kind: Kind) -> Kind:
        """A class of use cases, each verb of which is a span."""
        ...

    def close(self) -> None:
        """Sends what was not yet sent."""
        ...


class NoTracing:
    """What stands in where no collector is named: nothing is wrapped, and nothing is loaded."""

    def request(self, method: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Begins nothing."""

    def traced(self, kind: Kind) -> Kind:
        """The class as it is."""
        return kind

    def close(self) -> None:
        """Has nothing to send."""
