from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from core.kernel.actor import Actor

TICKET_LIFE: Final = timedelta(seconds=60)
# So much of the log is looked through at once, however little of it the caller may hear of.
MOST_EXAMINED: Final = 20_000
ANY_SIZE: Final = 2**62
HELD_AT_ONCE: Final = 256 * 1024
"""So many bytes of the log are held at a time for one door, or for all that wait for the same, unless a single event
has more. Two hundred changed descriptions may be 160 MB, and a door that is read slowly holds them for minutes.
"""


class Purpose(StrEnum):
    """Which door a ticket opens."""

    SOCKET = "socket"
    STREAM = "stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audible:
    """Which events a caller hears of: all that admins do if `everything`, else those of the projects that the user
    belongs to, and in either case those that are for everyone or name the user.
    """

    user_id: UUID
    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What opens one door, once, instead of a login session's token, which is not to stand in an address."""

    id: UUID
    purpose: Purpose
    actor: Actor
    expires_at: datetime
