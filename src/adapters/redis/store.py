import logging

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

log = logging.getLogger("flowtrack.redis")

# Redis is never waited for longer: whatever needs it goes on without.
PATIENCE = 1.0
AWAY = (RedisError, OSError, TimeoutError)


class RedisStore:
    """One Redis server and the connections to it, made when they are needed."""

    def __init__(self, *, url: str) -> None:
        self.client = Redis.from_url(
            url,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            # What fails is tried again in its own time, not here.
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )

    async def is_alive(self) -> bool:
        """Whether the server answers."""
        try:
            return bool(await self.client.ping())
        except AWAY:
            return False

    async def close(self) -> None:
        await self.client.aclose()


async def redis_version(url: str) -> str | None:
    """The release of a server, as "7.2.4"; None if it does not answer. Raises ValueError for what is no address."""
    store = RedisStore(url=url)
    try:
        return str((await store.client.info("server"))["redis_version"])
    except AWAY:
        return None
    finally:
        await store.close()


class Presence:
    """Says in the log when Redis goes away and when it is back, once each."""

    def __init__(self, meanwhile: str) -> None:
        self._meanwhile = meanwhile
        self._is_away = False

    def gone(self, error: Exception) -> None:
        if not self._is_away:
            log.warning("Redis is away: %s", self._meanwhile, extra={"reason": type(error).__name__})
        self._is_away = True

    def here(self) -> None:
        if self._is_away:
            log.info("Redis is back")
        self._is_away = False
