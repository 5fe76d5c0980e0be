"""Connections that hold themselves open by halves."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# From the first byte on, or from the connection on, until all headers are there. Of bodies the application takes care.
HEADERS_WITHIN = 15.0
# And of an answer so much has to be taken in so long, or what is left of it would be kept for ever.
TAKEN_WITHIN = 60.0
_LEAST_TAKEN = 64 * 1024


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol, whose patience with a request that does not come ends. uvicorn's own would wait for ever."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._waiting: asyncio.TimerHandle | None = None
        self._is_upgraded = False
        self._taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # What came has ended no headers: uvicorn waits between requests, but not for the rest of one.
        if not self._is_upgraded and (self.cycle is None or self.cycle.response_complete):
            self._wait()

    def on_headers_complete(self) -> None:
        # For what is never read to its end, and would wait for ever to be.
        self.scope["extensions"] = {"flowtrack.hang_up": self._abort}  # type: ignore[dict-item]
        super().on_headers_complete()
        self._wait_no_more()

    def handle_websocket_upgrade(self) -> None:
        self._is_upgraded = True
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look_again()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._look_no_more()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        self._look_no_more()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._waiting is None and not self.transport.is_closing():
            self._waiting = self.loop.call_later(HEADERS_WITHIN, self._hang_up)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _look_again(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._taking = self.loop.call_later(TAKEN_WITHIN, self._ensure_taken, left)

    def _look_no_more(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _ensure_taken(self, before: int) -> None:
        # Nothing is written meanwhile: it can only become less.
        if before - self.transport.get_write_buffer_size() < _LEAST_TAKEN:
            self._abort()
        else:
            self._look_again()

    def _abort(self) -> None:
        self.transport.abort()

    def _hang_up(self) -> None:
        self.transport.close()
