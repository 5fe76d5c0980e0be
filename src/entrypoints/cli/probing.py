"""Answering probes beside work that is none of a server."""

from asyncio import create_task
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from entrypoints.container import Container
from entrypoints.rest.probes import make_probes


class _Guest(uvicorn.Server):
    """A server in a process that has signals of its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def probed(container: Container) -> AsyncIterator[None]:
    """Until the end of the block, `/health` and `/metrics` are answered, if there is a port for it.

    The process ends where somebody else listens on it.
    """
    settings = container.settings()
    if settings.worker_port is None:
        yield
        return
    config = uvicorn.Config(
        make_probes(container),
        host=settings.host,
        port=settings.worker_port,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    server = _Guest(config)
    serving = create_task(server.serve(), name="probes")
    try:
        yield
    finally:
        server.should_exit = True
        await serving
