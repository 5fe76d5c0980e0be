"""What frames every request: its ids, the security headers, one log line, what is counted and traced, and an answer
even to a defect.
"""

import logging
import re
import time
from datetime import UTC, datetime
from random import getrandbits
from typing import Any

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrypoints.container import Metrics
from entrypoints.telemetry import AccessLog, Request, positions, present
from entrypoints.tracing import RequestSpan, Tracing

log = logging.getLogger("flowtrack.rest")

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}\Z")
# W3C Trace Context: version, trace, the caller's span, flags; neither id may be all zeros.
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?\Z")
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

    def __init__(self, app: ASGIApp, *, https: bool, metrics: Metrics, tracing: Tracing) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing
        self._log = AccessLog()
        self._headers = [*_BASE, _HSTS] if https else _BASE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        self._metrics.began()
        request_id, trace_id = _ids(scope["headers"])
        span = self._tracing.request(scope["method"], scope["headers"])
        if span is not None:
            trace_id = span.trace_id
        scope["flowtrack.request_id"] = request_id
        # What layers further in add to the answer, whoever writes it. Copies of the scope share it.
        added: list[tuple[bytes, bytes]] = []
        scope["flowtrack.headers"] = added
        request = Request(request_id, trace_id, [])
        token = present.set(request)
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
            log.exception("a request failed")
            if not status:
                scope["flowtrack.code"] = "server.failed"
                await _answer_defect(scope, request_id, framed)
            elif not complete:
                # Half an answer is out: only a broken connection can tell the client.
                raise
        finally:
            present.reset(token)
            self._note(scope, request, status, time.perf_counter() - began, span)

    def _note(
        self,
        scope: Scope,
        request: Request,
        status: int,
        seconds: float,
        span: RequestSpan | None,
    ) -> None:
        method, actor, code = scope["method"], scope.get("flowtrack.actor"), scope.get("flowtrack.code")
        route = scope["route"].path if "route" in scope else None
        self._metrics.answered(route, method, status, code, seconds)
        if span is not None:
            span.end(method=method, route=route, status=status, code=code, request_id=request.request_id, actor=actor)
        line: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": "info",
            "message": "request",
            "method": method,
            "route": route,
            "status": status,
            "milliseconds": round(seconds * 1000, 2),
            "request_id": request.request_id,
            "trace_id": request.trace_id,
        }
        if request.written:
            line["event_seq"] = positions(request.written)
        if code is not None:
            line["code"] = code
        if actor is not None:
            line["company_id"] = actor.company_id
            line["user_id"] = actor.user_id
        self._log.line(line)


def _ids(headers: list[tuple[bytes, bytes]]) -> tuple[str, str]:
    """The request's id, and that of the trace it belongs to: the caller's, or the beginning of one."""
    request_id = trace_id = ""
    for name, value in headers:
        if name == b"x-request-id" and _REQUEST_ID.match(value):
            request_id = request_id or value.decode()
        elif name == b"traceparent" and (found := _TRACEPARENT.match(value)):
            trace_id = found[1].decode()
    # Ids, not secrets: the operating system need not be asked for each.
    return request_id or f"{getrandbits(128):032x}", trace_id or f"{getrandbits(128):032x}"


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
