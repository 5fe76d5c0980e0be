"""The part of the composition root that has two of each: one for a single process, and one for several with a Redis.
Only the container takes it up.
"""

from importlib import import_module
from typing import Any

from pydantic import SecretStr

from adapters.crypto.sealing import Sealer
from adapters.memory.attempts import LocalAttempts
from adapters.memory.attendance import LocalAttendance
from adapters.memory.bus import LocalBus
from adapters.memory.rate_limits import LocalRateLimits
from core.kernel.limits import Limit


def _of_redis(room: str) -> Any:
    # By name, and only where a Redis is configured: its client would stay in the memory of all others, with 7 MB.
    return import_module(f"adapters.redis.{room}")


def redis_store_of(url: SecretStr | None) -> Any:
    return None if url is None else _of_redis("store").RedisStore(url=url.get_secret_value())


def rate_limits_of(redis: Any, limits: tuple[Limit, ...]) -> Any:
    return LocalRateLimits() if redis is None else _of_redis("rate_limits").SharedRateLimits(redis, limits=limits)


def attempts_of(redis: Any, sealer: Sealer) -> Any:
    if redis is None:
        return LocalAttempts()
    return _of_redis("attempts").SharedAttempts(redis, key=sealer.key_for("flowtrack attempts"))


def bus_of(redis: Any) -> Any:
    return LocalBus() if redis is None else _of_redis("bus").SharedBus(redis)


def attendance_of(redis: Any) -> Any:
    return LocalAttendance() if redis is None else _of_redis("attendance").SharedAttendance(redis)


async def redis_version(url: str) -> str | None:
    """The release of a Redis server; None if it does not answer. Raises ValueError for what is no address."""
    found: str | None = await _of_redis("store").redis_version(url)
    return found
