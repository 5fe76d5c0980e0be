"""OpenAPI, its pages without the internet, and a page for each problem."""

import html
from functools import cache
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import fastapi_offline
from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.responses import HTMLResponse, Response

from entrypoints.events.asyncapi import asyncapi_document
from entrypoints.events.webhooks import add_webhooks
from entrypoints.rest import answers
from entrypoints.rest.caller import PageRoute, PublicRoute, container_of
from entrypoints.rest.errors import RequestRefused, all_codes

router = APIRouter(route_class=PageRoute, include_in_schema=False)
public = APIRouter(route_class=PublicRoute, include_in_schema=False)

_ASSETS = "/docs-assets"
_DAY = [(b"cache-control", b"public, max-age=300")]
_PROBLEM_SCHEMA = {
    "title": "Problem",
    "description": "A problem document (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "A page about the code."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string", "description": "Stable; switch on it."},
        "request_id": {"type": "string"},
        "login_url": {"type": "string", "description": "Of `auth.sso_required`: where to sign in instead."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "detail": {"type": "string"},
                    "pointer": {"type": "string", "description": "A JSON pointer into the body."},
                    "parameter": {"type": "string", "description": "The name of a query parameter or header."},
                    "code": {"type": "string", "description": "Of `bulk.failed`: what the operation was refused by."},
                },
            },
        },
    },
}


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version="3.1.0",
            summary="Project work and team collaboration, for many companies in one place.",
            description="Conventions that hold on every route are in docs/api.md.",
            routes=app.routes,
            license_info={"name": "MIT", "identifier": "MIT"},
        )
        components = document.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = _PROBLEM_SCHEMA
        for unused in ("HTTPValidationError", "ValidationError"):
            components["schemas"].pop(unused, None)
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An access token."},
            "api_token": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "ftk_",
                "description": "An API token that was given the scope; `write` grants `read`.",
            },
        }
        _complete(app, document)
        add_webhooks(document)
        app.openapi_schema = document
    return app.openapi_schema


def _complete(app: FastAPI, document: dict[str, Any]) -> None:
    """What FastAPI leaves out: nulls in examples, and that a merge patch has a media type of its own."""
    for route in app.routes:
        if not isinstance(route, APIRoute) or not route.include_in_schema:
            continue
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            for status, response in route.responses.items():
                example = response.get("content", {}).get("application/json", {}).get("example")
                if example is not None:
                    operation["responses"][str(status)]["content"]["application/json"]["example"] = example
            if method == "PATCH" and not route.path.endswith("/move"):
                content = operation["requestBody"]["content"]
                content["application/merge-patch+json"] = content["application/json"]


@public.get("/openapi.json")
async def openapi(request: Request) -> Response:
    return answers.JsonResponse(answers.encoded(openapi_document(request.app)), headers=_DAY)


@cache
def _asyncapi() -> bytes:
    return answers.encoded(asyncapi_document())


@public.get("/asyncapi.json")
async def asyncapi(request: Request) -> Response:  # noqa: ARG001  (all routes of this class take it)
    """The events, and the doors by which they leave."""
    return answers.JsonResponse(_asyncapi(), headers=_DAY)


@public.get("/.well-known/jwks.json")
async def jwks(request: Request) -> Response:
    """The public keys that access tokens are signed with."""
    return answers.JsonResponse(answers.encoded(container_of(request).access_tokens().jwks()), headers=_DAY)


@router.get("/docs")
async def swagger() -> Response:
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="FlowTrack API",
        swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS}/favicon.png",
    )
    return _with_policy(bytes(page.body).decode())


@router.get("/redoc")
async def redoc() -> Response:
    page = get_redoc_html(
        openapi_url="/openapi.json",
        title="FlowTrack API",
        redoc_js_url=f"{_ASSETS}/redoc.standalone.js",
        redoc_favicon_url=f"{_ASSETS}/favicon.png",
        with_google_fonts=False,
    )
    return _with_policy(bytes(page.body).decode())


@router.get("/problems/{code}")
async def problem_page(code: str) -> Response:
    """What a code means, for people who follow a problem's `type`."""
    known = all_codes()
    if code not in known:
        raise RequestRefused(404)
    status, title = known[code]
    return HTMLResponse(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(code)}</title>"
        f"<h1>{html.escape(title)}</h1><p>HTTP status {status}, code <code>{html.escape(code)}</code>.</p></html>"
    )


def _with_policy(page: str) -> Response:
    """The page with a policy that runs its own scripts alone. The viewers write styles of their own as they draw."""
    nonce = token_urlsafe(16)
    policy = (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; worker-src blob:; frame-ancestors 'none'; base-uri 'none'"
    )
    page = page.replace("<script>", f'<script nonce="{nonce}">').replace("<script ", f'<script nonce="{nonce}" ')
    page = page.replace(f'<script nonce="{nonce}" nonce="{nonce}">', f'<script nonce="{nonce}">')
    return HTMLResponse(page, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})


def add_documentation(app: FastAPI) -> None:
    """Adds the routes, and the viewers' files, which are served from the installed package."""
    app.router.routes.extend([*public.routes, *router.routes])
    assets = Path(fastapi_offline.__file__).parent / "static"
    app.mount(_ASSETS, StaticFiles(directory=assets), name="docs-assets")
