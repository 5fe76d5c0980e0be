"""`flowtrack serve`."""

import asyncio
import os
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from entrypoints.cli.connections import PatientProtocol
from entrypoints.cli.demo import make_demo
from entrypoints.cli.starting import database
from entrypoints.cli.workers import Workers
from entrypoints.container import check_database, make_container, migrate_database, shared_folder
from entrypoints.rest.app import make_app
from entrypoints.settings import Settings, load_settings
from entrypoints.telemetry import configure_logging
from entrypoints.ws.frames import LARGEST_FRAME
from entrypoints.ws.protocol import SocketProtocol

# Docker kills 10 seconds after its SIGTERM, and the embedded database has to be stopped after these.
_FOR_REQUESTS = 8
_FOR_WORKERS = 9.0


def serve() -> None:
    """Runs the server: with an embedded PostgreSQL, unless FLOWTRACK_DATABASE_URL names another."""
    configure_logging()
    settings = load_settings()
    settings.refuse_unsafe()
    with database(settings, serving=True) as urls:
        if urls.owner:
            migrate_database(urls)
        check_database(urls.application)
        if settings.is_embedded and settings.environment == "development":
            asyncio.run(make_demo(settings, database_url=urls.application))
        if settings.workers == 1:
            Worker(settings, urls.application)()
        else:
            _run_workers(settings, urls.application)


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it begins to end: what stays open would hold it up."""

    def __init__(self, config: uvicorn.Config, *, on_shutdown: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_shutdown = on_shutdown

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_shutdown()
        await super().shutdown(sockets)


@dataclass(frozen=True, slots=True)
class Worker:
    """One server process, or a part of this one."""

    settings: Settings
    database_url: str
    shared_metrics: Path | None = None

    def __call__(self, sockets: list[socket.socket] | None = None) -> None:
        """Serves until SIGTERM, on the sockets that the parent listens on, if there are any."""
        if sockets is not None:
            configure_logging()
            threading.Thread(target=self._end_with_parent, daemon=True).start()
        container = make_container(
            self.settings, database_url=self.database_url, shared_metrics=self.shared_metrics, traced=True
        )
        server = _Server(_config(self.settings, make_app(container)), on_shutdown=container.hub().drain)

        def stop(*_: object) -> None:
            server.should_exit = True

        # uvicorn stops at these signals and then raises them again, which would end the process before the embedded
        # database is stopped.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        server.run(sockets)
        if not server.started:
            sys.exit(3)

    def _end_with_parent(self) -> None:
        """Ends this process with the one that started it, so that a kill leaves nobody on the port."""
        parent = parent_process()
        assert parent is not None
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
        if self.shared_metrics is not None:
            # Nobody else is left to do it; what is open stays open.
            shutil.rmtree(self.shared_metrics, ignore_errors=True)


def _run_workers(settings: Settings, database_url: str) -> None:
    # Made before there are several who would make it.
    settings = make_container(settings, database_url=database_url).settings()
    sockets = [_config(settings, None).bind_socket()]
    with shared_folder() as folder:
        work = Worker(settings, database_url, folder)
        status = Workers(settings.workers, work, sockets, patience=_FOR_WORKERS).run()
    if status:
        sys.exit(status)


def _config(settings: Settings, app: ASGIApp | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # the one who only listens has none
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=PatientProtocol,
        ws=SocketProtocol,
        ws_max_size=LARGEST_FRAME,
        # What is the same for a thousand sockets is sent as the same bytes.
        ws_per_message_deflate=False,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_FOR_REQUESTS,
        lifespan="on",
    )
