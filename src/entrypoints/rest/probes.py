"""What a process shows of itself that answers nothing else: its health, and its metrics to those who may read them."""

from fastapi import Request
from starlette.types import ASGIApp

from core.kernel.errors import Refusal
from entrypoints.container import Container
from entrypoints.rest import health, metrics
from entrypoints.rest.app import Application
from entrypoints.rest.errors import add_handlers
from entrypoints.rest.middleware.form import Form
from entrypoints.rest.middleware.frame import Frame


def make_probes(container: Container) -> ASGIApp:
    """`/health` and all below it, and `/metrics`. Everything else is not found."""
    app = Application(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    for router in (health.router, metrics.router):
        app.router.routes.extend(router.routes)
    app.state.container, app.state.limits = container, None
    add_handlers(app, before_refusing=_of_nobody, on_denied=_to_nobody)
    settings = container.settings()
    return Frame(Form(app), https=settings.is_https, metrics=container.metrics(), tracing=container.tracing())


async def _of_nobody(_: Request) -> None:
    """Nobody signs in here."""


async def _to_nobody(_: Request, __: Refusal) -> None:
    """Nobody is denied anything here but what there is not."""
