"""Who calls, and in what form: checked before anything is parsed, in the order that docs/api.md promises.

401 comes first, then 413 and 415, then unknown query names; bodies and values are looked at only after that. That the
login session is still open is asked of the database by the use case, in the statement that opens its transaction.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

from core.auth.errors import TokenInvalid
from core.kernel.actor import Actor, Visitor
from core.kernel.errors import Fault
from entrypoints.container import Container
from entrypoints.rest.errors import HeaderMalformed, ParameterUnknown, RequestRefused
from entrypoints.rest.middleware.form import LARGEST_BODY

Handler = Callable[[Request], Awaitable[Response]]
_BODY_TYPES = ("application/json", "application/merge-patch+json")


def container_of(request: Request) -> Container:
    """The container of the application that answers this request."""
    found: Container = request.app.state.container
    return found


def caller(request: Request) -> Actor:
    """The signed-in caller of a `SignedInRoute`."""
    actor: Actor = request.scope["flowtrack.actor"]
    return actor


def visitor(request: Request) -> Visitor:
    """Whoever calls a public route."""
    address = request.client.host if request.client else None
    return Visitor(address=address, agent=request.headers.get("user-agent"))


class PublicRoute(APIRoute):
    """A route that anybody may call; it still knows its query names and its bodies' form."""

    needs_caller = False

    def get_route_handler(self) -> Any:
        handle: Handler = super().get_route_handler()
        repeatable = {field.alias: _is_list(field) for field in self.dependant.query_params}
        takes_body = self.body_field is not None
        signed_in = self.needs_caller

        async def checked(request: Request) -> Response:
            if signed_in:
                request.scope["flowtrack.actor"] = authenticated(request)
            headers = request.scope["headers"]
            accept = None
            length, media_type = 0, None
            for name, value in headers:
                if name == b"accept":
                    accept = value
                elif name == b"content-length":
                    length = _length(value)
                elif name == b"content-type":
                    media_type = value
                elif name == b"transfer-encoding":
                    length = length or 1
            if takes_body and length:
                if length > LARGEST_BODY:
                    raise RequestRefused(413)
                if (
                    media_type is None
                    or media_type.decode("latin-1").partition(";")[0].strip().lower() not in _BODY_TYPES
                ):
                    raise RequestRefused(415)
            if accept is not None and not _accepts_json(accept):
                raise RequestRefused(406)
            if request.scope["query_string"]:
                _check_names(request, repeatable)
            return await handle(request)

        return checked


class SignedInRoute(PublicRoute):
    """A route for signed-in callers: the access token is verified before anything else is read."""

    needs_caller = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["openapi_extra"] = {"security": [{"bearer": []}], **(kwargs.get("openapi_extra") or {})}
        super().__init__(*args, **kwargs)


def authenticated(request: Request) -> Actor:
    """The caller that the bearer token names. Raises TokenInvalid."""
    for name, value in request.scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            if scheme.lower() != "bearer":
                raise TokenInvalid
            return container_of(request).auth_use_cases().actor_of(token.strip())
    raise TokenInvalid


def expected_version(request: Request, *, in_body: int | None = None) -> int | None:
    """The version that the caller believes to be current, by If-Match or by the body's `version`.

    Raises HeaderMalformed for an If-Match that is no list of one of our tags. `*` matches whatever there is.
    """
    header = request.headers.get("if-match")
    if header is None:
        return in_body
    given = header.strip()
    if given == "*":
        return in_body
    version = given.removeprefix("W/").strip('"').partition(".")[0]
    if not (given.startswith(('"', 'W/"')) and given.endswith('"') and version.isascii() and version.isdigit()):
        raise HeaderMalformed(faults=(Fault('must be an ETag such as "3"', parameter="If-Match"),))
    return int(version[:18])


def _is_list(field: Any) -> bool:
    return "list[" in str(field.field_info.annotation) or "tuple[" in str(field.field_info.annotation)


def _check_names(request: Request, repeatable: dict[str, bool]) -> None:
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in repeatable:
            raise ParameterUnknown(faults=(Fault("unknown here", parameter=name[:100]),))
        if name in seen and not repeatable[name]:
            raise ParameterUnknown(faults=(Fault("given twice", parameter=name),))
        seen.add(name)


def _length(value: bytes) -> int:
    if not value.isdigit():
        raise HTTPException(400)
    return int(value[:18])


def _accepts_json(accept: bytes) -> bool:
    lower = accept.lower()
    return b"*/*" in lower or b"json" in lower or b"application/*" in lower
