from dataclasses import dataclass
from datetime import datetime, timedelta

RESTORABLE = timedelta(days=30)
READ_KEPT = timedelta(days=90)
UNREAD_KEPT = timedelta(days=365)
KEYS_KEPT = timedelta(hours=24)
SIGNING_KEYS_KEPT = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoffs:
    """What is older than these instants is of no use to anybody.

    `deleted`: what was deleted can no longer be restored, and what ended need no longer be shown. `read`: a
    notification was read long ago. `unread`: it will not be read any more. `keys`: an Idempotency-Key is forgotten.
    `signing_keys`: every token that a retired key signed has expired. `events`: what happened is not kept in the log;
    None where it is kept for ever.
    """

    deleted: datetime
    read: datetime
    unread: datetime
    keys: datetime
    signing_keys: datetime
    events: datetime | None = None

    @staticmethod
    def at(now: datetime, *, events_kept: timedelta | None = None) -> "Cutoffs":
        return Cutoffs(
            deleted=now - RESTORABLE,
            read=now - READ_KEPT,
            unread=now - UNREAD_KEPT,
            keys=now - KEYS_KEPT,
            signing_keys=now - SIGNING_KEYS_KEPT,
            events=now - events_kept if events_kept is not None else None,
        )
