"""The form of a request: HEAD where GET is, no matter the slash at the end, and no body beyond its limit."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 1024 * 1024
LARGEST_BODY_HERE = "flowtrack.largest_body"


class Form:
    """Evens out what HTTP leaves open."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if len(path) > 1 and path[-1] == "/":
            # Changed in place: the frame around us reads the route from this same scope.
            scope["path"] = path.rstrip("/") or "/"
        method = scope["method"]
        receive = _bounded(receive, scope)
        if method == "HEAD":
            # A copy, since the server looks at its own to know that no body may follow.
            asked = {**scope, "method": "GET", "flowtrack.head": True}
            await self._app(asked, receive, _without_body(send))
            scope.update(
                {name: asked[name] for name in ("route", "flowtrack.actor", "flowtrack.code") if name in asked}
            )
        else:
            await self._app(scope, receive, send)


def _without_body(send: Send) -> Send:
    async def headers_only(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return headers_only


def _bounded(receive: Receive, scope: Scope) -> Receive:
    """Routes that take more than others say so in the scope before they read."""
    read = 0

    async def counted() -> Message:
        nonlocal read
        message = await receive()
        if message["type"] == "http.request":
            read += len(message.get("body", b""))
            if read > scope.get(LARGEST_BODY_HERE, LARGEST_BODY):
                raise HTTPException(413)
        return message

    return counted
