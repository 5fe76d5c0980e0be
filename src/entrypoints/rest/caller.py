"""Who calls, and in what form: read and checked in the order that docs/api.md promises.

401 comes first, then 429, 413 and 415, then unknown query names, then bad values. That the login session is still open
is asked of the database by the use case, in the statement that opens its transaction.

FastAPI describes these routes; what it would do for each request, they do themselves: its solving of dependencies and
its exit stacks cost more than a quarter of a list's time (docs/decisions/0003), and none of it is used here.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.auth.errors import TokenInvalid
from core.kernel.actor import Actor, Origin, Visitor
from core.kernel.errors import Fault, Invalid, Unauthenticated
from entrypoints.container import Container
from entrypoints.rest.errors import BodyMalformed, HeaderMalformed, ParameterUnknown, RequestRefused
from entrypoints.rest.limits import LIMITED_BY, RequestLimits
from entrypoints.rest.middleware.form import LARGEST_BODY

_SURROGATE = re.compile("[\ud800-\udfff]")
_READS = frozenset({"GET", "HEAD"})
_BODY_TYPES = ("application/json", "application/merge-patch+json")


def container_of(request: Request) -> Container:
    """The container of the application that answers this request."""
    found: Container = request.app.state.container
    return found


def caller(request: Request) -> Actor:
    """The signed-in caller of a `SignedInRoute`."""
    actor: Actor = request.scope["flowtrack.actor"]
    return actor


async def password_caller(request: Request) -> Actor:
    """The signed-in caller of a request that holds a password. Raises TooMany beyond the limit of these."""
    actor, limits = caller(request), request.app.state.limits
    if limits is not None:
        await limits.password(request.scope, actor)
    return actor


def visitor(request: Request) -> Visitor:
    """Whoever calls a public route."""
    came = origin(request)
    return Visitor(address=came.address, agent=came.agent, request_id=came.request_id)


def origin(request: Request) -> Origin:
    """Where a request comes from, as the audit tells it."""
    return Origin(
        address=request.client.host if request.client else None,
        agent=request.headers.get("user-agent"),
        request_id=request.scope.get("flowtrack.request_id"),
    )


class AlsoNamed(NamedTuple):
    """Other names of a query parameter, which mean the same and are left out of the documentation.

    They stand in the endpoint's annotation: `query: Annotated[str | None, AlsoNamed(("search", "q"))] = None`. Giving
    a parameter by two of its names is giving it twice.
    """

    names: tuple[str, ...]


class PublicRoute(APIRoute):
    """A route that anybody may call. Its endpoint takes the request, path segments as text, query parameters, and at
    most one model as body; nothing is injected.
    """

    needs_caller = False
    answers_json = True
    knows_all_parameters = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        described = self.dependant
        unknown = described.dependencies or described.header_params or described.cookie_params
        if unknown or len(described.body_params) > 1:
            raise TypeError(f"{self.path}: an endpoint takes the request, path, query and one body, no more")
        self._path_names = {field.alias: field.name for field in described.path_params}
        self._query = {field.alias: _Parameter(field) for field in described.query_params}
        self._needed = [field for field in described.query_params if field.field_info.is_required()]
        self._also_named = _also_named(self.endpoint)
        self._body = _Body(described.body_params[0]) if described.body_params else None
        self._request_name = described.request_param_name
        self._limited_by: tuple[str, ...] = tuple((self.openapi_extra or {}).get(LIMITED_BY, ()))

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request whose path is this route's."""
        assert self.methods is not None
        if scope["method"] not in self.methods:
            raise HTTPException(405)
        request = Request(scope, receive, send)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        scope = request.scope
        limits: RequestLimits | None = scope["app"].state.limits
        if self.needs_caller:
            try:
                actor = await signed_in_caller(request)
            except Unauthenticated:
                if limits is not None:
                    await limits.visitor(scope, ("address",))
                raise
            # What reads is not noted, and would pay for it.
            if scope["method"] not in _READS:
                actor = replace(actor, origin=origin(request))
            scope["flowtrack.actor"] = actor
            if limits is not None:
                await limits.signed_in(scope, actor)
        elif limits is not None and self._limited_by:
            await limits.visitor(scope, self._limited_by)
        length, media_type, accepts = 0, "", []
        for name, value in scope["headers"]:
            if name == b"accept":
                accepts.append(value.lower())
            elif name == b"content-length":
                length = _length(value)
            elif name == b"content-type":
                media_type = value.decode("latin-1").partition(";")[0].strip().lower()
            elif name == b"transfer-encoding":
                length = length or 1
        if self._body is not None and length:
            if length > LARGEST_BODY:
                raise RequestRefused(413)
            if media_type not in _BODY_TYPES:
                raise RequestRefused(415)
        if accepts and self.answers_json and not _accept_json(accepts):
            raise RequestRefused(406)
        values: dict[str, Any] = {}
        if self._request_name is not None:
            values[self._request_name] = request
        for alias, name in self._path_names.items():
            values[name] = scope["path_params"][alias]
        faults: list[Any] = []
        if scope["query_string"]:
            self._read_query(request, values, faults)
        for field in self._needed:
            if field.name not in values and not any(each["loc"] == ("query", field.alias) for each in faults):
                faults.append({"type": "missing", "loc": ("query", field.alias), "msg": "Field required"})
        if self._body is not None:
            await self._body.read(request, values, faults)
        if faults:
            raise RequestValidationError(faults)
        response: Response = await self.endpoint(**values)
        return response

    def _read_query(self, request: Request, values: dict[str, Any], faults: list[Any]) -> None:
        given: dict[str, list[str]] = {}
        used: dict[str, str] = {}
        for each, value in request.query_params.multi_items():
            name = self._also_named.get(each, each)
            parameter = self._query.get(name)
            if parameter is None and not self.knows_all_parameters:
                continue
            if parameter is None:
                raise ParameterUnknown(faults=(Fault("unknown here", parameter=each[:100]),))
            if name in used and not (parameter.repeats and used[name] == each):
                raise ParameterUnknown(faults=(Fault("given twice", parameter=each),))
            used[name] = each
            given.setdefault(name, []).append(value)
        for name, texts in given.items():
            parameter = self._query[name]
            value, errors = parameter.field.validate(
                texts if parameter.repeats else texts[0], values, loc=("query", used[name])
            )
            if errors:
                faults.extend(errors)
            else:
                values[parameter.field.name] = value


class PageRoute(PublicRoute):
    """A page for people, whatever their browser says that it accepts."""

    answers_json = False


class SignedInRoute(PublicRoute):
    """A route for signed-in callers: the access token is verified before anything else is read."""

    needs_caller = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["openapi_extra"] = {"security": [{"bearer": []}], **(kwargs.get("openapi_extra") or {})}
        super().__init__(*args, **kwargs)


def _also_named(endpoint: Any) -> dict[str, str]:
    """Each other name of the endpoint's query parameters, and the parameter's own."""
    return {
        other: name
        for name, annotation in get_type_hints(endpoint, include_extras=True).items()
        for each in getattr(annotation, "__metadata__", ())
        if isinstance(each, AlsoNamed)
        for other in each.names
    }


class _Parameter:
    """A query parameter; `repeats` if it may be given several times."""

    def __init__(self, field: Any) -> None:
        self.field = field
        self.repeats = get_origin(field.field_info.annotation) is list


class _Body:
    """The one body of an endpoint: a model, or a model or nothing."""

    def __init__(self, field: Any) -> None:
        self._name: str = field.name
        annotation = field.field_info.annotation
        models = [kind for kind in get_args(annotation) or (annotation,) if kind is not type(None)]
        self._is_optional = not field.field_info.is_required()
        self._adapter: TypeAdapter[Any] = TypeAdapter(models[0])

    async def read(self, request: Request, values: dict[str, Any], faults: list[Any]) -> None:
        raw = await request.body()
        if not raw:
            if not self._is_optional:
                faults.append({"type": "missing", "loc": ("body",), "msg": "Field required"})
            return
        try:
            values[self._name] = self._adapter.validate_json(raw)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            if found[0]["type"] == "json_invalid":
                raise _unreadable(raw) from error
            faults.extend({**each, "loc": ("body", *each["loc"])} for each in found)


def _unreadable(raw: bytes) -> Invalid | BodyMalformed:
    """Well-formed JSON may still hold text that no encoding can carry: that is a bad value."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return BodyMalformed()
    faults = tuple(Fault("holds a lone surrogate", pointer=pointer) for pointer in _surrogates(body))
    return Invalid(faults=faults) if faults else BodyMalformed()


def _surrogates(value: Any, pointer: str = "") -> Iterator[str]:
    """Where text stands that holds a lone surrogate."""
    if isinstance(value, str):
        if _SURROGATE.search(value):
            yield pointer
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _surrogates(each, f"{pointer}/{_SURROGATE.sub('?', name)[:200]}")
            if _SURROGATE.search(name):
                yield pointer
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _surrogates(each, f"{pointer}/{place}")


async def signed_in_caller(request: Request) -> Actor:
    """The caller that the bearer token names, also where another process signed it with a key that is new to this one.
    Raises TokenInvalid.
    """
    try:
        return authenticated(request)
    except TokenInvalid:
        if not await container_of(request).key_ring().learns_of(_bearer(request)):
            raise
        return authenticated(request)


def authenticated(request: Request) -> Actor:
    """The caller that the bearer token names. Raises TokenInvalid."""
    return container_of(request).auth_use_cases().actor_of(_bearer(request))


def _bearer(request: Request) -> str:
    for name, value in request.scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            if scheme.lower() != "bearer":
                raise TokenInvalid
            return str(token.strip())
    raise TokenInvalid


def expected_version(request: Request, *, in_body: int | None = None) -> int | None:
    """The version that the caller believes to be current, by If-Match or by the body's `version`.

    Raises HeaderMalformed for an If-Match that is not one of our tags, or says otherwise than the body. `*` matches
    whatever there is.
    """
    header = request.headers.get("if-match")
    if header is None or header.strip() == "*":
        return in_body
    given = header.strip()
    version = given.removeprefix("W/").strip('"').partition(".")[0]
    if not (
        given.startswith(('"', 'W/"'))
        and given.endswith('"')
        and given.count('"') == 2
        and version.isascii()
        and version.isdigit()
        and len(version) < 19
    ):
        raise HeaderMalformed(faults=(Fault('must be one ETag such as "3"', parameter="If-Match"),))
    if in_body is not None and in_body != int(version):
        raise HeaderMalformed(faults=(Fault("names another version than the body", parameter="If-Match"),))
    return int(version)


def _accept_json(accepts: list[bytes]) -> bool:
    return any(b"*/*" in each or b"json" in each or b"application/*" in each for each in accepts)


def _length(value: bytes) -> int:
    if not value.isdigit():
        raise HTTPException(400)
    return int(value[:18])
