"""The way to the route of a request: by what its path looks like, before any of a hundred patterns is tried."""

from collections import defaultdict

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

_Shape = tuple[str, int, str]
# "/api/v1/tasks": what follows the version tells most routes apart.
_RESOURCE = 3


class Router:
    """FastAPI's own router, which tries its routes one after the other, asked only for what is not found straight away.

    Routes are kept by method, number of segments and resource, in their order. Of as many segments as a route has whose
    first ones are no plain words, all are left to FastAPI's.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._router = app.router
        self._routes: dict[_Shape, tuple[APIRoute, ...]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope.get("root_path"):
            if self._routes is None:
                self._routes = _by_shape(self._router.routes)
            segments = scope["path"].split("/")
            if len(segments) > _RESOURCE:
                for route in self._routes.get((scope["method"], len(segments), segments[_RESOURCE]), ()):
                    match, found = route.matches(scope)
                    if match is Match.FULL:
                        scope.update(found)
                        scope["router"] = self._router
                        await route.handle(scope, receive, send)
                        return
        await self._router(scope, receive, send)


def _by_shape(routes: list[BaseRoute]) -> dict[_Shape, tuple[APIRoute, ...]]:
    shapes: defaultdict[_Shape, list[APIRoute]] = defaultdict(list)
    unclear: set[tuple[str, int]] = set()
    known = {method for route in routes if isinstance(route, APIRoute) for method in route.methods or ()}
    for route in routes:
        if not isinstance(route, APIRoute):
            continue
        assert ":path}" not in route.path, f"{route.path}: how many segments this has, its path does not say"
        segments = route.path.split("/")
        # What is alone at its path is there for every method, to refuse it.
        methods = known if getattr(route, "is_sole", False) else route.methods or set()
        if any("{" in each for each in segments[: _RESOURCE + 1]):
            unclear.update((method, len(segments)) for method in methods)
        elif len(segments) > _RESOURCE:
            for method in methods:
                shapes[method, len(segments), segments[_RESOURCE]].append(route)
    return {shape: tuple(found) for shape, found in shapes.items() if shape[:2] not in unclear}
