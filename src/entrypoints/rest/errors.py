"""The one table that says what a refusal is in HTTP, and the problem documents (RFC 9457) made from it."""

import logging
import re
from collections.abc import Callable, Iterable
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from core.auth.errors import SsoRequired
from core.kernel.actor import NotByToken
from core.kernel.errors import (
    Busy,
    Conflict,
    Contended,
    DatabaseAway,
    Fault,
    Forbidden,
    Gone,
    Invalid,
    Malformed,
    NotFound,
    Refusal,
    Stale,
    StorageFull,
    TooMany,
    TooSlow,
    Unauthenticated,
    Unavailable,
    refusals_of,
)
from core.oidc.errors import LoginCodeInvalid, RedirectRefused
from core.realtime.errors import TicketRefused
from core.tasks.errors import BulkFailed
from core.tokens.errors import ScopeMissing
from core.webhooks.errors import UrlRefused

log = logging.getLogger("flowtrack.rest")

STATUS_OF: dict[type[Refusal], int] = {
    Malformed: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Gone: 410,
    Stale: 412,
    Invalid: 422,
    TooMany: 429,
    Unavailable: 503,
}
MEDIA_TYPE = "application/problem+json"
_BOUND = re.compile(r"(?:Value|String) should have at (least|most) (\d+) (?:item|character)s?\b")


RATE_LIMIT_HEADERS = {
    "RateLimit-Policy": {
        "description": "The limits that count here: `q` requests within any `w` seconds.",
        "schema": {"type": "string", "examples": ['"session";q=600;w=60, "company";q=6000;w=60']},
    },
    "RateLimit": {
        "description": "What is left of them: `r` requests for the next `t` seconds.",
        "schema": {"type": "string", "examples": ['"session";r=599;t=60, "company";r=5999;t=60']},
    },
}
# What auditors hear of: of the other kinds, codes that were used, and addresses to be sent on to or told, too.
_DENIALS = (Forbidden, LoginCodeInvalid, RedirectRefused, TicketRefused, UrlRefused)
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}


class BodyMalformed(Malformed):
    code = "body.malformed"
    title = "The body is not well-formed JSON"


class BodyUnexpected(Invalid):
    code = "body.unexpected"
    title = "This address takes no body but an empty object"


class BodyIncomplete(Malformed):
    code = "body.incomplete"
    title = "The body ended before its end, or came too slowly"


class ParameterUnknown(Malformed):
    code = "parameter.unknown"
    title = "A query parameter is unknown here, or given twice"


class HeaderMalformed(Malformed):
    code = "header.malformed"
    title = "A header cannot be read"


class ResultGone(Conflict):
    code = "idempotency.result_gone"
    title = "The request was carried out before, but what it made is gone, or no longer visible to you"


class RequestRefused(Refusal):
    """Refused by the protocol, before any use case; `status` is the HTTP status itself."""

    def __init__(self, status: int, *, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.headers = headers or {}
        self.code = _PROTOCOL[status][0]  # type: ignore[misc]
        self.title = _PROTOCOL[status][1]  # type: ignore[misc]
        super().__init__()


_PROTOCOL = {
    404: ("route.not_found", "There is nothing at this address"),
    405: ("method.not_allowed", "This method is not known here"),
    406: ("accept.not_acceptable", "The request accepts none of the forms that the answer has"),
    413: ("body.too_large", "The body is larger than this address takes"),
    415: ("body.media_type_unsupported", "The body is not of a kind that this address takes; most take JSON"),
    500: ("server.failed", "The server failed; the fault is its own, and was logged"),
}


def status_of(refusal: type[Refusal]) -> int:
    """The HTTP status of a kind of refusal, by its nearest entry in the table."""
    return next(STATUS_OF[kind] for kind in refusal.__mro__ if kind in STATUS_OF)


def all_codes() -> dict[str, tuple[int, str]]:
    """Every code that a problem document can have, with its status and title."""
    codes = {code: (status, title) for status, (code, title) in _PROTOCOL.items()}
    waiting = list(STATUS_OF)
    while waiting:
        kind = waiting.pop()
        codes[kind.code] = (status_of(kind), kind.title)
        waiting.extend(kind.__subclasses__())
    return dict(sorted(codes.items()))


def problem(request: Request, refusal: Refusal) -> Response:
    """A refusal as a problem document. The frame counts it by its code."""
    request.scope["flowtrack.code"] = refusal.code
    status = refusal.status if isinstance(refusal, RequestRefused) else status_of(type(refusal))
    body: dict[str, Any] = {
        "type": f"/problems/{refusal.code}",
        "title": refusal.title,
        "status": status,
        "detail": refusal.detail,
        "instance": request.url.path,
        "code": refusal.code,
        "request_id": request.scope.get("flowtrack.request_id", ""),
    }
    if isinstance(refusal, SsoRequired) and refusal.connection_id is not None:
        public_url = request.app.state.container.settings().public_url
        body["login_url"] = f"{public_url}/api/v1/auth/oidc/{refusal.connection_id}/login"
    if refusal.faults:
        body["errors"] = [
            {name: value for name, value in fault._asdict().items() if value is not None} for fault in refusal.faults
        ]
    headers = {"Cache-Control": "no-store"}
    if isinstance(refusal, Stale):
        headers["ETag"] = f'"{refusal.current}"'
    elif isinstance(refusal, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="flowtrack"'
    elif isinstance(refusal, ScopeMissing):
        headers["WWW-Authenticate"] = f'Bearer realm="flowtrack", error="insufficient_scope", scope="{refusal.needed}"'
    elif isinstance(refusal, Unavailable | TooMany):
        headers["Retry-After"] = str(refusal.retry_after)
    elif isinstance(refusal, RequestRefused):
        headers.update(refusal.headers)
    return Response(msgspec.json.encode(body), status, headers, MEDIA_TYPE)


def add_handlers(
    app: FastAPI, *, before_refusing: Callable[[Request], Any], on_denied: Callable[[Request, Refusal], Any]
) -> None:
    """Answers refusals, and what the framework itself refuses, by problem documents.

    `before_refusing` is awaited before a signed-in caller's request is refused for its form, or for the scopes of their
    token: a login session that has ended, or a token that works no more, comes first. `on_denied` is awaited before
    anybody is told that they may not, or that what they tried is of a kind that nobody tries by mistake.
    """

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        if isinstance(error, Malformed | Invalid | NotFound | RequestRefused | ScopeMissing | NotByToken):
            try:
                await before_refusing(request)
            except Refusal as first:
                return problem(request, first)
        await note_denials(request, error.refused.values() if isinstance(error, BulkFailed) else [error])
        return problem(request, error)

    async def not_valid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return await refused(request, refusal_of(error))

    async def protocol(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 400:
            return await refused(request, BodyMalformed())
        if error.status_code not in _PROTOCOL:
            return problem(request, RequestRefused(500))
        headers = {"Allow": ", ".join(_methods_at(request))} if error.status_code == 405 else None
        return await refused(request, RequestRefused(error.status_code, headers=headers))

    async def defect(request: Request, error: Exception) -> Response:
        log.error("a request failed", exc_info=error)
        return problem(request, RequestRefused(500))

    app.state.on_denied = on_denied
    app.add_exception_handler(Exception, defect)
    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(RequestValidationError, not_valid)
    app.add_exception_handler(HTTPException, protocol)


async def note_denials(request: Request, refusals: Iterable[Refusal]) -> None:
    """Tells auditors of the refusals that they are to hear of, of each kind once."""
    denials = {refusal.code: refusal for refusal in refusals if isinstance(refusal, _DENIALS)}
    for denial in denials.values():
        await request.app.state.on_denied(request, denial)


def _methods_at(request: Request) -> list[str]:
    """The methods that are known at the request's path, on whatever routes."""
    found: set[str] = set()
    for route in request.app.router.routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE and getattr(route, "is_sole", False):
            found = set(getattr(route, "methods", None) or ())
            break
        if match is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    # The viewers' files are mounted, and have no routes.
    found = found or {"GET"}
    return sorted(found | {"HEAD"} if "GET" in found else found)


def _is_malformed(error: RequestValidationError) -> bool:
    return any(each["type"] == "json_invalid" for each in error.errors())


def refusal_of(error: RequestValidationError) -> Refusal:
    """What pydantic found wrong, as a refusal with a pointer or parameter for each fault."""
    if _is_malformed(error):
        return BodyMalformed()
    faults = []
    for each in error.errors():
        place, *rest = each["loc"]
        words = _words(str(each["msg"]))
        if place == "body":
            faults.append(Fault(words, pointer="".join(f"/{_escaped(part)}" for part in rest)))
        else:
            faults.append(Fault(words, parameter=str(rest[0]) if rest else None))
    return Invalid(faults=tuple(dict.fromkeys(faults)))


def _words(words: str) -> str:
    """What is wrong, as the core says it: to the library a text that was looked at is a list of items."""
    if found := _BOUND.match(words):
        count = int(found[2])
        if found[1] == "most":
            return f"has more than {count:,} characters"
        return "must not be empty" if count == 1 else f"has fewer than {count:,} characters"
    return words.removeprefix("Value error, ")


def _escaped(part: object) -> str:
    text = str(part).encode("utf-8", "replace").decode()
    return text.replace("~", "~0").replace("/", "~1")[:200]


def problem_responses(
    *verbs: Callable[..., object], signed_in: bool = True, also: Iterable[type[Refusal]] = (), body: bool = False
) -> dict[int | str, dict[str, Any]]:
    """What a route may answer besides success, from what its use cases raise: for OpenAPI and the tests."""
    kinds: list[type[Refusal]] = [*also, ParameterUnknown, DatabaseAway, StorageFull, Contended, TooSlow, Busy]
    for verb in verbs:
        kinds.extend(refusals_of(verb))
    codes: dict[int, list[str]] = {}
    for kind in kinds:
        codes.setdefault(status_of(kind), []).append(kind.code)
    codes.setdefault(400, []).extend((BodyMalformed.code, BodyIncomplete.code))
    for status in (406, 413, 415):
        codes.setdefault(status, []).append(_PROTOCOL[status][0])
    codes.setdefault(422, []).extend([Invalid.code] if body else [Invalid.code, BodyUnexpected.code])
    codes.setdefault(429, []).append(TooMany.code)
    if signed_in:
        codes.setdefault(401, []).extend(["auth.token_invalid", "auth.session_ended"])
    return {status: _problem_response(status, tuple(sorted(set(found)))) for status, found in sorted(codes.items())}


@cache
def _problem_response(status: int, codes: tuple[str, ...]) -> dict[str, Any]:
    """Most routes share most of these: made for each, they took 2 MB."""
    return {
        "description": f"{HTTPStatus(status).phrase}: " + ", ".join(f"`{code}`" for code in codes),
        **({"headers": {**RATE_LIMIT_HEADERS, **_RETRY_AFTER}} if status == 429 else {}),
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "allOf": [
                        {"$ref": "#/components/schemas/Problem"},
                        {"properties": {"code": {"enum": list(codes)}}},
                    ]
                }
            }
        },
    }
