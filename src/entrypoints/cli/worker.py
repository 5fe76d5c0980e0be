"""`flowtrack worker`."""

import asyncio

from entrypoints.cli.probing import probed
from entrypoints.cli.starting import database
from entrypoints.container import check_database, make_container
from entrypoints.settings import load_settings
from entrypoints.telemetry import configure_logging
from entrypoints.worker.main import work


def worker() -> None:
    """Carries jobs out, such as imports, beside the servers. Any number may run, on any machine.

    A server does the same unless FLOWTRACK_JOBS_IN_SERVER is off. With FLOWTRACK_WORKER_PORT it answers /health and
    /metrics there.
    """
    configure_logging()
    settings = load_settings()
    settings.refuse_unsafe()
    with database(settings) as urls:
        check_database(urls.application)
        container = make_container(settings, database_url=urls.application, traced=True)
        asyncio.run(work(container, beside=probed(container)))
