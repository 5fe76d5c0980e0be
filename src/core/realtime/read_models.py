from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID


class EventView(NamedTuple):
    """An event of the log; `body` holds its flat fields."""

    seq: int
    event: str
    channel: str
    occurred_at: datetime
    actor_id: UUID | None
    via: str
    project_id: UUID | None
    body: dict[str, Any]


class Stretch(NamedTuple):
    """A part of the log as one caller may see it. `examined` is the position up to which nothing was left out."""

    events: list[EventView]
    examined: int


def event_body(event: EventView) -> dict[str, Any]:
    """An event as every door shows it."""
    return {
        "seq": str(event.seq),
        "event": event.event,
        "channel": event.channel,
        "occurred_at": event.occurred_at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z",
        "actor_id": event.actor_id,
        "via": event.via,
        "project_id": event.project_id,
        # Of what nobody edits there is none.
        "version": None,
        **event.body,
    }
