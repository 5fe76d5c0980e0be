"""Which connection of the pool is taken, and which is closed. None of them leads anywhere."""

from typing import Any, cast

from psycopg_pool._acompat import ALock

from adapters.sql.pool import Pool


class Spare:
    """A connection that is not used."""

    def __init__(self, name: str, closed: list[str]) -> None:
        self.name = name
        self._closed = closed

    async def close(self) -> None:
        self._closed.append(self.name)


def a_pool(*names: str, unused: int) -> tuple[Pool, list[str]]:
    """The connections as they were put back, one after the other; never were fewer than `unused` without work."""
    closed: list[str] = []
    pool = Pool("", min_size=2, max_size=10)
    # Made on opening.
    pool._lock = ALock()
    pool._pool.extend(cast("Any", Spare(name, closed)) for name in names)
    pool._nconns, pool._nconns_min = len(names), unused
    return pool, closed


async def test_those_that_nobody_used_for_longest_are_closed_and_no_more_than_are_too_many() -> None:
    pool, closed = a_pool("coldest", "cold", "cool", "warm", "warmest", unused=3)
    for _ in range(9):
        await pool._shrink_pool()
    assert closed == ["coldest", "cold", "cool"]
    assert [cast("Any", pool._pool.popleft()).name for _ in range(2)] == ["warmest", "warm"]


async def test_none_is_closed_while_all_are_needed() -> None:
    pool, closed = a_pool("cold", "cool", "warm", unused=0)
    await pool._shrink_pool()
    assert closed == []
    # Since then nobody needed any.
    await pool._shrink_pool()
    assert closed == ["cold"]
