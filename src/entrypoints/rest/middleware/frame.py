"""What frames every request: its id, the security headers, one log line, and an answer even to a defect."""

import logging
import re
import time
from datetime import UTC, datetime
from random import getrandbits
from typing import Any

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrypoints.telemetry import AccessLog

log = logging.getLogger("flowtrack.rest")

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}\Z")
_BASE = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-site"),
]
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_CSP = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_CSP_NAME = b"content-security-policy"


class Frame:
    """The outermost layer."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._log = AccessLog()
        self._headers = [*_BASE, _HSTS] if https else _BASE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = _given_id(scope["headers"])
        scope["flowtrack.request_id"] = request_id
        # What layers further in add to the answer, whoever writes it. Copies of the scope share it.
        added: list[tuple[bytes, bytes]] = []
        scope["flowtrack.headers"] = added
        status, complete = 0, False

        async def framed(message: Message) -> None:
            nonlocal status, complete
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"]
                headers.extend(self._headers)
                headers.extend(added)
                headers.append((b"x-request-id", request_id.encode()))
                if not any(name == _CSP_NAME for name, _ in headers):
                    headers.append(_CSP)
            elif message["type"] == "http.response.body":
                complete = not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, receive, framed)
        except Exception:
            log.exception("a request failed", extra={"request_id": request_id})
            if not status:
                await _answer_defect(scope, request_id, framed)
            elif not complete:
                # Half an answer is out: only a broken connection can tell the client.
                raise
        finally:
            self._note(scope, request_id, status, time.perf_counter() - began)

    def _note(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        route, actor = scope.get("route"), scope.get("flowtrack.actor")
        line: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": "info",
            "message": "request",
            "method": scope["method"],
            "route": route.path if route is not None else None,
            "status": status,
            "milliseconds": round(seconds * 1000, 2),
            "request_id": request_id,
        }
        if actor is not None:
            line["company_id"] = actor.company_id
            line["user_id"] = actor.user_id
        self._log.line(line)


def _given_id(headers: list[tuple[bytes, bytes]]) -> str:
    for name, value in headers:
        if name == b"x-request-id" and _REQUEST_ID.match(value):
            return value.decode()
    # An id, not a secret: the operating system need not be asked for each.
    return f"{getrandbits(128):032x}"


async def _answer_defect(scope: Scope, request_id: str, send: Send) -> None:
    body = {
        "type": "/problems/server.failed",
        "title": "The server failed; the fault is its own, and was logged",
        "status": 500,
        "detail": "Please report it with its request_id.",
        "instance": scope["path"],
        "code": "server.failed",
        "request_id": request_id,
    }
    content = msgspec.json.encode(body)
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": content})
