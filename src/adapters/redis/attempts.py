"""Attempts that several processes share: the moving window of the library `limits`, two round trips for each."""

import secrets
import time
from math import ceil

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter

from adapters.crypto.sealing import mac
from adapters.memory.attempts import LocalAttempts
from adapters.redis.store import AWAY, Presence, RedisStore
from core.kernel.limits import Limit

_PREFIX = "flowtrack:attempts"
# No limit of attempts reaches farther back.
_LONGEST_SECONDS = 24 * 60 * 60


class SharedAttempts:
    """The attempts of all processes that use one Redis. With Redis away, each process remembers its own.

    Redis holds no name and no address, but codes of them.
    """

    def __init__(self, store: RedisStore, *, key: bytes) -> None:
        storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=_PREFIX,
            connection_pool=store.client.connection_pool,  # type: ignore[arg-type]  # as its documentation has it
        )
        self._listed = storage.bridge.prefixed_key
        self._shared = MovingWindowRateLimiter(storage)
        self._local = LocalAttempts()
        self._redis = store.client
        self._key = key
        self._presence = Presence("each process counts failures to sign in alone")

    async def begin(self, whose: str, place: str, limit: Limit) -> int:
        item = _item(limit)
        wait_here = await self._local.begin(whose, place, limit)
        try:
            code, wait = await self._code(whose, place), 0
            if not await self._shared.hit(item, code):
                free_at = (await self._shared.get_window_stats(item, code)).reset_time
                wait = max(1, ceil(free_at - time.time()))
        except AWAY as error:
            self._presence.gone(error)
            return wait_here
        self._presence.here()
        return wait

    async def take_back(self, whose: str, place: str, limit: Limit) -> None:
        await self._local.take_back(whose, place, limit)
        try:
            # The library has no word for it: it keeps the instants in a list, the newest first.
            await self._redis.lpop(self._listed(_item(limit).key_for(await self._code(whose, place))))
        except AWAY as error:
            self._presence.gone(error)

    async def forget(self, whose: str, place: str, limit: Limit) -> None:
        await self._local.forget(whose, place, limit)
        try:
            await self._shared.clear(_item(limit), await self._code(whose, place))
        except AWAY as error:
            self._presence.gone(error)

    async def forget_everywhere(self, whose: str) -> None:
        """The places are not known, and need not be: from now on they are counted under other codes, and what was
        counted under those before is past before the mark is.
        """
        await self._local.forget_everywhere(whose)
        try:
            await self._redis.set(self._mark(whose), secrets.token_bytes(8), ex=_LONGEST_SECONDS)
        except AWAY as error:
            self._presence.gone(error)

    async def _code(self, whose: str, place: str) -> str:
        mark: bytes | str | None = await self._redis.get(self._mark(whose))
        assert not isinstance(mark, str)
        return mac(self._key, _bytes(whose), _bytes(place), mark or b"").hex()

    def _mark(self, whose: str) -> str:
        return f"{_PREFIX}:since:{mac(self._key, _bytes(whose)).hex()}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _item(limit: Limit) -> RateLimitItem:
    return RateLimitItemPerSecond(limit.most, limit.seconds, namespace=limit.name)
