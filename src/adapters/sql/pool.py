"""The pool of connections, which gives away the warmest, and closes the coldest."""

from collections import deque
from typing import Any

from psycopg_pool import AsyncConnectionPool

from adapters.sql.pipeline import PipelineConnection


class _Stack(deque[PipelineConnection]):
    """What is put in last comes out first."""

    def popleft(self) -> PipelineConnection:
        return self.pop()

    def coldest(self) -> PipelineConnection:
        return super().popleft()


class Pool(AsyncConnectionPool[PipelineConnection]):
    """psycopg's pool, but that who asks gets the connection that was used last, whose server process is warm. Of those
    that were too many for long, the one that nobody has used for longest is closed.
    """

    _pool: _Stack

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, connection_class=PipelineConnection, open=False, **options)
        self._pool = _Stack()

    async def _shrink_pool(self) -> None:
        """As psycopg's own, which would take the connection that is asked for next."""
        closing: PipelineConnection | None = None
        async with self._lock:
            # The fewest that had nothing to do since the last time.
            unused, self._nconns_min = self._nconns_min, len(self._pool)
            if self._nconns > self._min_size and unused > 0 and self._pool:
                closing = self._pool.coldest()
                self._nconns -= 1
                self._nconns_min -= 1
        if closing is not None:
            await self._close_connection(closing)
