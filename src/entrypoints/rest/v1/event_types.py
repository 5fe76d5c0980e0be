"""Names of events, where somebody chooses among them: one that is misspelt would be waited for without end."""

from typing import Annotated

from pydantic import AfterValidator, Field

from core.webhooks.values import TYPE_LENGTH
from entrypoints.events.frames import MOMENTS
from entrypoints.events.registry import EVENTS
from entrypoints.rest.v1.fields import Text

_MOMENTS = frozenset(kind.model_fields["type"].default for kind in MOMENTS)


def _is_told(name: str) -> str:
    if name not in EVENTS:
        raise ValueError("is no event; docs/events.md names them")
    return name


def _is_logged(name: str) -> str:
    if name not in EVENTS:
        # One of several in a query, of which the pointer says nothing.
        raise ValueError(f"`{name}` is no event; docs/events.md names them")
    return name


def _is_streamed(name: str) -> str:
    return name if name in _MOMENTS else _is_logged(name)


TOLD = Annotated[Text, Field(min_length=1, max_length=TYPE_LENGTH), AfterValidator(_is_told)]
"""What is told of to webhooks, in a body."""

LOGGED = Annotated[Text, Field(max_length=100), AfterValidator(_is_logged)]
"""What may be in the log, in a query."""

STREAMED = Annotated[Text, Field(max_length=100), AfterValidator(_is_streamed)]
"""What may come by a stream, in a query: what describes a moment, too."""
