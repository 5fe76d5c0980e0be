"""`flowtrack serve`."""

import signal
import sys

import uvicorn

from entrypoints.cli.demo import make_demo_once
from entrypoints.cli.starting import database
from entrypoints.container import Container, check_database, make_container, migrate_database
from entrypoints.rest.app import make_app
from entrypoints.settings import Settings, load_settings
from entrypoints.telemetry import configure_logging


def serve() -> None:
    """Runs the server: with an embedded PostgreSQL, unless FLOWTRACK_DATABASE_URL names another."""
    configure_logging()
    settings = load_settings()
    settings.refuse_unsafe()
    with database(settings, serving=True) as urls:
        if urls.owner:
            migrate_database(urls)
        check_database(urls.application)
        container = make_container(settings, database_url=urls.application)
        _run(container, settings)


def _run(container: Container, settings: Settings) -> None:
    async def started(container: Container) -> None:
        if settings.is_embedded and settings.environment == "development":
            await make_demo_once(container, settings)

    config = uvicorn.Config(
        make_app(container, on_start=started),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        # Docker kills 10 seconds after its SIGTERM, and the embedded database has to be stopped after this.
        timeout_graceful_shutdown=8,
        lifespan="on",
    )
    server = uvicorn.Server(config)
    # uvicorn stops at these signals and then raises them again, which would end the process before the embedded
    # database is stopped.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server.run()
    if not server.started:
        sys.exit(3)
