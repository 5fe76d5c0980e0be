import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# Longer than a send may take, so that nobody else begins before the one who has it is done or dead.
LEASE = timedelta(minutes=3)
AT_ONCE = 5
_SHORTEST_WAIT, _LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
# What has no link to expire is old news after that.
_NEWS_FOR = timedelta(days=3)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One mail in plain text. `id` is the same however often it is sent, so that a repeat can be recognised."""

    id: str
    to: str
    subject: str
    text: str

    def __post_init__(self) -> None:
        # What people type comes this far in one line; that it does is not left to whoever writes the headers.
        if any(_CONTROL.search(line) for line in (self.id, self.to, self.subject)):
            raise ValueError("a header of a message holds a control character")


class Delivery(StrEnum):
    """What became of a message. LATER: the server does not take it for this address at the moment. REFUSED: it never
    will. AWAY: the server takes nothing from us, whatever it is.
    """

    SENT = "sent"
    LATER = "later"
    REFUSED = "refused"
    AWAY = "away"


def try_again_at(since: datetime, *, now: datetime) -> datetime:
    """When what waits since then is tried again: after as long as it has waited, half a minute to an hour."""
    return now + min(max(now - since, _SHORTEST_WAIT), _LONGEST_WAIT)


def is_old_news(at: datetime, *, now: datetime) -> bool:
    """Whether nobody needs to be told any more what happened then."""
    return now - at >= _NEWS_FOR
