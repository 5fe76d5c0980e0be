from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from core.kernel.events import Audience
from core.realtime.model import Audible


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
    """A part of the log as one caller may see it. `examined` is the position up to which nothing was left out, unless
    `is_expired`: then what came right after the position that was asked for is kept no longer.
    """

    events: list[EventView]
    examined: int
    is_expired: bool = False


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


class Logged(NamedTuple):
    """An event of the log, and whom it is for."""

    event: EventView
    audience: Audience


class Portion(NamedTuple):
    """A part of the log, and who of those that listen may hear of what, in one snapshot.

    `standing` says of each login session and API token that still opens the company whose it is, and what that user
    may hear; `members` are pairs of a project and a user who belongs to it. `examined` is the position that it reaches.
    `traces` are those of the requests that made the events, where they were traced. It `is_cut` where it would have
    become too large; more follows then.
    """

    events: list[Logged]
    examined: int
    standing: dict[UUID, Audible]
    members: frozenset[tuple[UUID, UUID]]
    traces: tuple[str, ...] = ()
    is_cut: bool = False


class Glance(NamedTuple):
    """Where the logs of some companies stand; and which login sessions and API tokens, of anybody, were ended a moment
    ago. A company that is gone has no log.
    """

    heads: dict[UUID, int]
    ended: frozenset[UUID]


class Acquaintances(NamedTuple):
    """Who of some listeners may see all users, and the pairs of another listener and a user whom that one may see."""

    of_all: frozenset[UUID]
    pairs: frozenset[tuple[UUID, UUID]]


class Moment(NamedTuple):
    """Something that is so at this moment, for some users of a company, and stands in no log."""

    company_id: UUID
    user_ids: tuple[UUID, ...]
    channel: str
    frame: dict[str, Any]


class Backlog(NamedTuple):
    """A stored reader of a company's log has read up to `position`, and the log goes up to `head`. The first event that
    it has not read is so many seconds old; None where that was not looked at.
    """

    reader: str
    company_id: UUID
    position: int
    head: int
    age: float | None
