"""The pool of connections, which gives away the warmest."""

from collections import deque
from typing import Any

from psycopg_pool import AsyncConnectionPool

from adapters.sql.pipeline import PipelineConnection


class _Stack(deque[PipelineConnection]):
    """What is put in last comes out first."""

    def popleft(self) -> PipelineConnection:
        return self.pop()


class Pool(AsyncConnectionPool[PipelineConnection]):
    """psycopg's pool, but that who asks gets the connection that was used last, whose server process is warm. Of those
    that nobody has used for long, the pool closes one after the other, as it always does.
    """

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, connection_class=PipelineConnection, open=False, **options)
        self._pool = _Stack()
