"""The way to a route: the one that FastAPI's router finds, found sooner."""

from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from entrypoints.rest.routing import Router


class PlainRoute(APIRoute):
    """Answers by itself, as the product's do."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.methods is not None
        if scope["method"] not in self.methods:
            raise HTTPException(405)
        await (await self.endpoint(Request(scope)))(scope, receive, send)


class AloneRoute(PlainRoute):
    """Alone at its path, whatever the method."""

    is_sole = True

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        return (Match.FULL if match is Match.PARTIAL else match), found


def an_app(*, first: str = "/health") -> FastAPI:
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.router.route_class = PlainRoute

    def route(path: str, method: str = "GET", kind: type[APIRoute] = PlainRoute) -> None:
        async def endpoint(request: Request) -> Response:
            return PlainTextResponse(f"{method} {path} {dict(sorted(request.path_params.items()))}")

        app.router.add_api_route(path, endpoint, methods=[method], route_class_override=kind)

    route("/api/v1/things/import", "POST", AloneRoute)
    for path in (
        first,
        "/api/v1/things/first",
        "/api/v1/things/{thing_id}",
        "/api/v1/things/last",
        "/api/v1/things",
        "/api/v1/things/{thing_id}/parts",
        "/api/v1/things/{thing_id}/parts/{part_id}",
        "/api/v1/{kind}/of/all",
    ):
        route(path)
    route("/api/v1/things", "POST")
    route("/api/v1/things/{thing_id}", "PATCH")
    return app


async def answer(app: Any, path: str, method: str) -> tuple[int, bytes]:
    """The status, 404 and 405 being raised or sent, and the body."""
    scope: Scope = {
        "type": "http", "method": method, "path": path, "query_string": b"", "headers": [], "root_path": "",
    }  # fmt: skip
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    try:
        await app(scope, receive, send)
    except HTTPException as refused:
        return refused.status_code, b""
    return sent[0]["status"], sent[1].get("body", b"")


@pytest.mark.parametrize("first", ["/health", "/api/v1/{kind}/{id}", "/{anything}"])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/health",
        "/nowhere",
        "/api/v1/things/import",
        "/api/v1",
        "/api/v1/",
        "/api/v1/things",
        "/api/v1/things/",
        "/api/v1/things/first",
        "/api/v1/things/last",
        "/api/v1/things/WEB-1",
        "/api/v1/things/WEB-1/parts",
        "/api/v1/things/WEB-1/parts/2",
        "/api/v1/things/WEB-1/parts/2/3",
        "/api/v1/things//parts",
        "/api/v1/others/of/all",
        "/api/v1/things/of/all",
        "//api/v1/things",
    ],
)
async def test_it_finds_what_fastapis_router_finds(path: str, method: str, first: str) -> None:
    app = an_app(first=first)
    assert await answer(Router(app), path, method) == await answer(app.router, path, method)


async def test_the_other_routes_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, matches = [], APIRoute.matches

    def noted(route: APIRoute, scope: Scope) -> Any:
        asked.append(route.path)
        return matches(route, scope)

    monkeypatch.setattr(APIRoute, "matches", noted)
    assert (await answer(Router(an_app()), "/api/v1/things/WEB-1/parts/2", "GET"))[0] == 200
    assert asked == ["/api/v1/things/{thing_id}/parts/{part_id}"]
