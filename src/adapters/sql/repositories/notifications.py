"""Marking notifications as read, and writing down what somebody wants to be told of."""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, DateTime, Integer, Text, Uuid, bindparam, case, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.connection import Database
from adapters.sql.readers.notifications import PREFERENCES, preferences_of
from adapters.sql.statement import Statement
from adapters.sql.tables.notifications import notification_preferences, notifications
from adapters.sql.tables.people import users
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.kernel.actor import Actor
from core.kernel.once import Once
from core.kernel.ports import Clock
from core.notifications.model import Preferences

_instant = DateTime(timezone=True)
_one = bindparam("notification", type_=Uuid)
_user = bindparam("user", type_=Uuid)

_HOLDS = Statement(select(notifications.c.id).where(notifications.c.id == _one, notifications.c.user_id == _user))
_READ = Statement(
    update(notifications)
    .where(notifications.c.id == _one, notifications.c.read_at.is_(None))
    .values(read_at=bindparam("at", type_=_instant))
)


# Of whoever never said anything there is no other row: two of their devices wait for each other.
_LOCK_USER = Statement(select(users.c.id).where(users.c.id == _user).with_for_update(of=users, key_share=True))


@cache
def _read_all(up_to: bool) -> Statement:
    query = (
        update(notifications)
        .where(notifications.c.user_id == _user, notifications.c.read_at.is_(None))
        .values(read_at=bindparam("at", type_=_instant))
    )
    if up_to:
        # Asked for by itself: a plan that holds for any position is made once.
        query = query.where(notifications.c.seq <= select(bindparam("up_to", type_=BigInteger)).scalar_subquery())
    return Statement(query)


_CHANGED: dict[str, Any] = {
    "unwanted": ARRAY(Text),
    "mailed": ARRAY(Text),
    "is_mailed": Boolean,
    "version": Integer,
    "updated_at": _instant,
}
_ADD = Statement(
    insert(notification_preferences).values(
        user_id=_user,
        created_at=bindparam("created_at", type_=_instant),
        **{name: bindparam(f"new_{name}", type_=kind) for name, kind in _CHANGED.items()},
    )
)
_SAVE = Statement(
    update(notification_preferences)
    .where(
        notification_preferences.c.user_id == _user,
        notification_preferences.c.version == bindparam("was", type_=Integer),
    )
    .values(
        {
            **{name: bindparam(f"new_{name}", type_=kind) for name, kind in _CHANGED.items()},
            # Who wants mail again gets none of what came meanwhile.
            "mailed_on": case((bindparam("new_is_mailed", type_=Boolean), notification_preferences.c.mailed_on)),
        }
    )
)


class SqlInbox:
    """The notifications of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def holds(self, notification_id: UUID, *, of: UUID) -> bool:
        (rows,) = await self._unit.fetch((_HOLDS, {"notification": notification_id, "user": of}))
        return bool(rows)

    def mark_read(self, notification_id: UUID, *, at: datetime) -> None:
        self._unit.write(_READ, {"notification": notification_id, "at": at})

    def mark_all_read(self, *, of: UUID, up_to: int | None, at: datetime) -> None:
        values = {"user": of, "at": at} | ({} if up_to is None else {"up_to": up_to})
        self._unit.write(_read_all(up_to is not None), values)

    async def preferences(self, *, of: UUID) -> Preferences:
        _, rows = await self._unit.fetch((_LOCK_USER, {"user": of}), (PREFERENCES, {"user": of}))
        return preferences_of(of, rows[0])

    def save_preferences(self, preferences: Preferences, *, was: int) -> None:
        values = {
            "user": preferences.user_id,
            "new_unwanted": preferences.unwanted,
            "new_mailed": preferences.mailed,
            "new_is_mailed": bool(preferences.mailed),
            "new_version": preferences.version,
            "new_updated_at": preferences.updated_at,
        }
        # The first version is nobody's: it is what everybody wants who said nothing.
        if was == 1:
            self._unit.write(_ADD, {**values, "created_at": preferences.created_at}, rows=1)
        else:
            self._unit.write(_SAVE, {**values, "was": was}, rows=1)


class SqlInboxUnitOfWork(SqlUnitOfWork):
    """A unit of work with notifications."""

    def __init__(
        self, database: Database, clock: Clock, actor: Actor, *, once: Once | None = None, lazy: bool = False
    ) -> None:
        super().__init__(database, clock, actor, once=once, lazy=lazy)
        self.inbox = SqlInbox(self)
