"""Round trips to the database, as one task makes them."""

import asyncio
from typing import Any

import pytest

from adapters.sql import connection as connections
from adapters.sql.pipeline import Asked


class Trips(list[list[Asked]]):
    """What went out in each round trip of the task that cleared it last: what an app does beside is no part of it."""

    _of: "asyncio.Task[Any] | None" = None

    def clear(self) -> None:
        super().clear()
        self._of = asyncio.current_task()

    @property
    def sizes(self) -> list[int]:
        return [len(asked) for asked in self]

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> "Trips":
        send = connections.send

        async def counted(connection: Any, asked: list[Asked]) -> Any:
            if asyncio.current_task() is self._of:
                self.append(list(asked))
            return await send(connection, asked)

        monkeypatch.setattr(connections, "send", counted)
        return self
