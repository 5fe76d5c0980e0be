"""The REST application: routes, handlers and middleware put together."""

import asyncio
import gc
import logging
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from core.auth.errors import OriginRefused, PasswordChangeRequired, SecondFactorRequired
from core.kernel.errors import Concern, Refusal
from core.kernel.step_up import StepUpRequired
from core.webhooks.errors import UrlRefused
from entrypoints.background import finish, working
from entrypoints.background import jobs as recurring
from entrypoints.container import Container, load_signing_keys, shared_counts
from entrypoints.ending import end
from entrypoints.rest import documentation, health, metrics, refresh_cookie
from entrypoints.rest.authentication import forgetting_what_ended
from entrypoints.rest.caller import visitor, with_origin
from entrypoints.rest.errors import add_handlers
from entrypoints.rest.limits import RequestLimits
from entrypoints.rest.middleware.form import Form
from entrypoints.rest.middleware.frame import Frame
from entrypoints.rest.middleware.proxies import Proxies
from entrypoints.rest.routing import Router
from entrypoints.rest.v1 import (
    activity,
    audit,
    auth,
    boards,
    bulk,
    columns,
    comments,
    companies,
    cycles,
    email_domains,
    events,
    exports,
    factors,
    imports,
    invitations,
    jobs,
    labels,
    links,
    members,
    notifications,
    oidc,
    oidc_connections,
    presence,
    projects,
    reports,
    search,
    sessions,
    stream,
    tasks,
    tokens,
    users,
    webhook_deliveries,
    webhooks,
)
from entrypoints.worker.running import carrying_out
from entrypoints.ws.endpoint import Doorkeeper

log = logging.getLogger("flowtrack.rest")

EXPOSED = (
    "ETag", "Link", "Location", "X-Event-Seq", "X-Last-Seq", "X-Partial", "X-Total-Count", "X-Request-ID",
    "Idempotency-Replayed", "RateLimit", "RateLimit-Policy", "Retry-After", "Deprecation", "Sunset",
    "Content-Disposition",
)  # fmt: skip
COMPRESSED_FROM = 1024
# What is streamed leaves as it comes: compressed, it would wait until there is enough of it.
_STREAMED = ("application/x-ndjson", "text/csv")
# A step on the way in, and no way that is closed.
_ASKS_FOR_MORE = (StepUpRequired, SecondFactorRequired, PasswordChangeRequired)
# Whoever accepts an invitation is signed in by the answer, and a new API token is shown in it.
_SECRET_PATHS = re.compile(r"/auth/|/invitations/accept|/tokens")
_REFUSES_GZIP = re.compile(rb"gzip\s*;\s*q=0(\.0*)?\s*(,|$)")


class Compression:
    """Compresses what is worth it, but no answer with a token, where a secret and a guess could stand side by side."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressed = GZipMiddleware(
            app,
            minimum_size=COMPRESSED_FROM,
            compresslevel=5,
            exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, *_STREAMED),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        plain = scope["type"] != "http" or _SECRET_PATHS.search(scope["path"]) or not _takes_gzip(scope)
        await (self._app if plain else self._compressed)(scope, receive, send)


def _takes_gzip(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"accept-encoding" and b"gzip" in value:
            return not _REFUSES_GZIP.search(value)
    return False


class Application(FastAPI):
    """FastAPI without its own layers around the router, each of which would be passed by every request.

    Nothing here uses its exit stacks. What is left is what turns refusals, and defects, into problem documents.
    """

    def build_middleware_stack(self) -> ASGIApp:
        return ExceptionMiddleware(Router(self), handlers=dict(self.exception_handlers))


def _routed(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None) -> FastAPI:
    app = Application(
        title="FlowTrack API",
        version=version("flowtrack"),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        # Traces are made around all of this; to find out that there are none of FastAPI's own would cost each request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    # One flat list: an included router would be matched by a second walk in every request.
    for router in (
        bulk.router,
        exports.router,
        # Before those with an id in the same place.
        imports.router,
        tasks.router,
        boards.router,
        columns.router,
        projects.router,
        members.router,
        cycles.router,
        labels.router,
        comments.router,
        search.router,
        notifications.router,
        jobs.router,
        webhooks.router,
        webhook_deliveries.router,
        events.router,
        stream.router,
        presence.router,
        stream.tickets,
        activity.router,
        reports.router,
        companies.router,
        auth.public,
        auth.signed_in,
        auth.invitations,
        users.router,
        invitations.router,
        oidc.public,
        oidc.pages,
        oidc.returning,
        oidc_connections.router,
        email_domains.router,
        sessions.router,
        links.public,
        links.signed_in,
        tokens.own,
        tokens.of_user,
        audit.router,
        factors.router,
        health.router,
        metrics.router,
    ):
        app.router.routes.extend(router.routes)
    documentation.add_documentation(app)
    return app


def _doors(container: Container) -> tuple[Coroutine[Any, Any, None], ...]:
    """What keeps the doors that stay open supplied."""
    hub, presence = container.hub(), container.presence()
    presence.tell = hub.told
    return container.bus().carry(), hub.run(), presence.run()


def _jobs(container: Container) -> AbstractAsyncContextManager[None]:
    return carrying_out(container) if container.settings().jobs_in_server else nullcontext()


def make_document() -> dict[str, Any]:
    """The OpenAPI document, without anything that a running server needs."""
    return documentation.openapi_document(_routed())


def make_app(container: Container) -> ASGIApp:
    """The application of one container. It connects when it starts, not before."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        database = container.database()
        await database.open()
        try:
            await load_signing_keys(container)
            watching = asyncio.create_task(container.metrics().watch(database.occupancy))
            doors = [asyncio.create_task(each) for each in _doors(container)]
            # What was made up to now stays: the collector need not look at it again.
            gc.collect()
            gc.freeze()
            gc.set_threshold(20_000, 10, 10)
            async with shared_counts(container), working(recurring(container)), _jobs(container):
                yield
            await finish(container)
            await end([watching, *doors])
        finally:
            await container.job_queue().close()
            await database.close()
            container.tracing().close()

    app = _routed(lifespan)
    settings = container.settings()
    app.router.routes.extend(Doorkeeper(container).routes())
    app.state.container = container
    app.state.limits = RequestLimits(container.rate_limits(), settings) if settings.rate_limits_enabled else None

    async def session_still_open(request: Request) -> None:
        actor = request.scope.get("flowtrack.actor")
        if actor is not None:
            with forgetting_what_ended(request):
                await container.auth_use_cases().me(actor)

    async def noted(request: Request, refusal: Refusal) -> None:
        if refusal.is_noted or isinstance(refusal, _ASKS_FOR_MORE):
            return
        route = request.scope.get("route")
        verb = f"{request.method} {route.path if isinstance(route, APIRoute) else ''}"
        audit, told = container.audit_use_cases(), {"rule": refusal.code, "verb": verb}
        try:
            if "flowtrack.actor" in request.scope:
                host = refusal.host if isinstance(refusal, UrlRefused) else ""
                await audit.refused(with_origin(request), **told, host=host)
                return
            who, concern = visitor(request), refusal.concern
            if isinstance(refusal, OriginRefused):
                holder = await container.auth_use_cases().holder_of(who, refresh_cookie.sent_token(request))
                concern = Concern(account_id=holder)
            await audit.turned_away(who, concern, **told)
        except Refusal as away:
            log.warning("a refusal could not be noted: %s", away.code, extra={"code": refusal.code})

    add_handlers(app, before_refusing=session_still_open, on_denied=noted)

    framed: ASGIApp = Compression(Form(app))
    if settings.cors_origins:
        framed = CORSMiddleware(
            framed,
            allow_origins=settings.cors_origins,
            allow_credentials=True,
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "If-Match",
                "If-None-Match",
                "Idempotency-Key",
                "X-Request-ID",
                "Last-Event-ID",
                "traceparent",
                "tracestate",
            ],
            expose_headers=EXPOSED,
            max_age=600,
        )
    framed = Frame(framed, https=settings.is_https, metrics=container.metrics(), tracing=container.tracing())
    return Proxies(framed, trusted=settings.trusted_proxies) if settings.trusted_proxies else framed
