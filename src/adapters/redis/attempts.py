"""Attempts that several processes share: the moving window of the library `limits`, one round trip for each."""

import time
from math import ceil

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter

from adapters.crypto.sealing import mac
from adapters.memory.attempts import LocalAttempts
from adapters.redis.store import AWAY, Presence, RedisStore
from core.kernel.limits import Limit


class SharedAttempts:
    """The attempts of all processes that use one Redis. With Redis away, each process remembers its own.

    Redis holds no name and no address, but codes of them.
    """

    def __init__(self, store: RedisStore, *, key: bytes) -> None:
        storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix="flowtrack:attempts",
            connection_pool=store.client.connection_pool,  # type: ignore[arg-type]  # as its documentation has it
        )
        self._shared = MovingWindowRateLimiter(storage)
        self._local = LocalAttempts()
        self._key = key
        self._presence = Presence("each process counts failures to sign in alone")

    async def begin(self, key: str, limit: Limit) -> int:
        item, code = _item(limit), self._code(key)
        wait_here = await self._local.begin(key, limit)
        try:
            wait = 0
            if not await self._shared.hit(item, code):
                free_at = (await self._shared.get_window_stats(item, code)).reset_time
                wait = max(1, ceil(free_at - time.time()))
        except AWAY as error:
            self._presence.gone(error)
            return wait_here
        self._presence.here()
        return wait

    async def forget(self, key: str, limit: Limit) -> None:
        await self._local.forget(key, limit)
        try:
            await self._shared.clear(_item(limit), self._code(key))
        except AWAY as error:
            self._presence.gone(error)

    def _code(self, key: str) -> str:
        return mac(self._key, key.encode("utf-8", "surrogatepass")).hex()


def _item(limit: Limit) -> RateLimitItem:
    return RateLimitItemPerSecond(limit.most, limit.seconds, namespace=limit.name)
