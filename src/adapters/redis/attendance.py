"""Who is online, of all processes with one Redis: each says again and again whom it has, and is believed a while."""

import time
from collections.abc import Callable, Collection
from typing import Any
from uuid import UUID, uuid4

from adapters.memory.attendance import LocalAttendance
from adapters.redis.store import AWAY, Presence, RedisStore

_PREFIX = "flowtrack:online:"
BELIEVED_SECONDS = 45


class SharedAttendance(LocalAttendance):
    """A sorted set a company: a user at a process, and until when that counts. With Redis away each process knows of
    its own.
    """

    def __init__(self, store: RedisStore, *, now: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._redis = store.client
        self._now = now
        self._name = uuid4().hex
        self._said: dict[UUID, set[UUID]] = {}
        self._presence = Presence("each process knows alone who is online")

    async def say(self, company_id: UUID, user_ids: Collection[UUID]) -> None:
        await super().say(company_id, user_ids)
        key, now = f"{_PREFIX}{company_id}", self._now()
        gone = self._said.pop(company_id, set()) - set(user_ids)
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                if gone:
                    pipeline.zrem(key, *(f"{user_id}:{self._name}" for user_id in gone))
                if user_ids:
                    until = now + BELIEVED_SECONDS
                    pipeline.zadd(key, {f"{user_id}:{self._name}": until for user_id in user_ids})
                    pipeline.expire(key, 2 * BELIEVED_SECONDS)
                pipeline.zremrangebyscore(key, "-inf", now)
                await pipeline.execute()
        except AWAY as error:
            self._presence.gone(error)
            return
        if user_ids:
            self._said[company_id] = set(user_ids)
        self._presence.here()

    async def online(self, company_id: UUID) -> set[UUID]:
        here = await super().online(company_id)
        try:
            found: list[Any] = await self._redis.zrangebyscore(f"{_PREFIX}{company_id}", self._now(), "+inf")
        except AWAY as error:
            self._presence.gone(error)
            return here
        return here | {UUID(each.partition(b":")[0].decode()) for each in found}
