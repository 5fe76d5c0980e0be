"""Who calls, and in what form: read and checked in the order that docs/api.md promises.

401 comes first, then 429, 413 and 415, then unknown query names, then bad values. That the login session is still open
is asked of the database by the use case, in the statement that opens its transaction.

FastAPI describes these routes; what it would do for each request, they do themselves: its solving of dependencies and
its exit stacks cost more than a quarter of a list's time (docs/decisions/0003), and none of it is used here.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.kernel.actor import Actor, Origin, Visitor
from core.kernel.errors import Fault, Refusal, Unauthenticated, Unavailable
from core.tokens.model import Scope as TokenScope
from entrypoints.container import Container
from entrypoints.rest.accepting import accepted
from entrypoints.rest.authentication import caller_by_any_key, forgetting_what_ended
from entrypoints.rest.bodies import whole_body
from entrypoints.rest.errors import (
    BodyMalformed,
    BodyUnexpected,
    HeaderMalformed,
    ParameterUnknown,
    RequestRefused,
    refusal_of,
)
from entrypoints.rest.limits import LIMITED_BY, RequestLimits
from entrypoints.rest.middleware.form import LARGEST_BODY, LARGEST_BODY_HERE
from entrypoints.rest.scopes import Access, ensure_granted, needed_for

_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")
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


def with_origin(request: Request) -> Actor:
    """The signed-in caller, and where the request comes from: of what is noted."""
    return replace(caller(request), origin=origin(request))


def origin(request: Request) -> Origin:
    """Where a request comes from, as the audit tells it."""
    scope = request.scope
    peer, agent = scope.get("client"), None
    for name, value in scope["headers"]:
        if name == b"user-agent":
            agent = value.decode("latin-1")
            break
    return Origin(address=peer[0] if peer else None, agent=agent, request_id=scope.get("flowtrack.request_id"))


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
    needs_of_token: TokenScope | Access = Access.ANY_TOKEN
    answers_json = True
    knows_all_parameters = True
    largest_body = LARGEST_BODY
    body_types: tuple[str, ...] = _BODY_TYPES
    # Whether the endpoint reads the body by itself, as it comes.
    streams_body = False

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
        self._body = _Body(next(iter(described.body_params), None))
        self._request_name = described.request_param_name
        success = self.responses.get(self.status_code or 200) or {}
        answered = tuple(kind for kind in success.get("content", {}) if kind != "application/json")
        self._answers = answered if answered and "model" not in success else ("application/json", *answered)
        self._limited_by: tuple[str, ...] = tuple((self.openapi_extra or {}).get(LIMITED_BY, ()))
        declared = {each["name"].lower() for each in (self.openapi_extra or {}).get("parameters", ())}
        self._heeds = {name.encode() for name in _READ_FIRST if name in declared}

    async def caller(self, request: Request) -> Actor:
        """Who calls, on routes that are not for everybody. Raises Unauthenticated."""
        return await caller_by_any_key(request)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request whose path is this route's."""
        assert self.methods is not None
        if scope["method"] not in self.methods:
            raise HTTPException(405)
        request = Request(scope, receive, send)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        scope, actor = request.scope, None
        limits: RequestLimits | None = scope["app"].state.limits
        if self.needs_caller:
            try:
                actor = await self.caller(request)
            except Unauthenticated:
                if limits is not None:
                    await limits.visitor(scope, ("address",))
                raise
            scope["flowtrack.actor"] = actor
            # What reads is noted by exception alone, and would pay for it.
            if scope["method"] not in _READS:
                scope["flowtrack.actor"] = actor = with_origin(request)
            if limits is not None:
                await limits.signed_in(scope, actor)
            ensure_granted(actor, self.needs_of_token)
        elif limits is not None and self._limited_by:
            await limits.visitor(scope, self._limited_by)
        length, media_type, is_coded, accepts = 0, "", False, []
        for name, value in scope["headers"]:
            if name == b"accept":
                accepts.append(value)
            elif name == b"content-length":
                length = _length(value)
            elif name == b"content-type":
                media_type = value.decode("latin-1").partition(";")[0].strip().lower()
            elif name == b"content-encoding":
                is_coded = value.strip().lower() != b"identity"
            elif name == b"transfer-encoding":
                length = length or 1
            elif name in self._heeds:
                _READ_FIRST[name.decode()](value.decode("latin-1"))
        if length:
            if length > self.largest_body:
                raise RequestRefused(413)
            if media_type not in self.body_types or is_coded:
                taken = {"Accept": ", ".join(self.body_types), "Accept-Encoding": "identity"}
                raise RequestRefused(415, headers=taken)
        if accepts and self.answers_json and not accepted(b",".join(accepts), self._answers):
            raise RequestRefused(406)
        values: dict[str, Any] = {}
        if self._request_name is not None:
            values[self._request_name] = request
        for alias, name in self._path_names.items():
            values[name] = scope["path_params"][alias]
        faults: list[Any] = []
        scope[LARGEST_BODY_HERE] = self.largest_body
        if not self.streams_body and (length or self._body.is_taken):
            await self._body.read(request, values, faults)
        if scope["query_string"]:
            self._read_query(request, values, faults)
        for field in self._needed:
            if field.name not in values and not any(each["loc"] == ("query", field.alias) for each in faults):
                faults.append({"type": "missing", "loc": ("query", field.alias), "msg": "Field required"})
        if faults:
            raise self._body.refusal(faults)
        if actor is not None and actor.token_id is not None:
            return await self._answer_by_token(request, actor, values)
        response: Response = await self.endpoint(**values)
        return response

    async def _answer_by_token(self, request: Request, actor: Actor, values: dict[str, Any]) -> Response:
        """The answer; that the token was used is noted once the database let it in."""
        presented = container_of(request).presented_token_use_cases()
        try:
            with forgetting_what_ended(request):
                response: Response = await self.endpoint(**values)
        except (Unauthenticated, Unavailable):
            raise
        except Refusal:
            presented.used(actor)
            raise
        presented.used(actor)
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
    """A route for signed-in callers, and for API tokens with the scope that the table in `scopes` names: the token is
    verified before anything else is read.
    """

    needs_caller = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.needs_of_token = needed_for(self.operation_id or self.name)


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


class _Nothing(BaseModel):
    """What is let pass where no body is taken: many clients send an empty object then, which says nothing either."""

    model_config = ConfigDict(extra="forbid")


class _Body:
    """The one body of an endpoint: a model, a model or nothing, or none."""

    def __init__(self, field: Any | None) -> None:
        self.is_taken = field is not None
        self._name: str = field.name if field is not None else ""
        annotation = field.field_info.annotation if field is not None else _Nothing
        models = [kind for kind in get_args(annotation) or (annotation,) if kind is not type(None)]
        self._is_optional = field is None or not field.field_info.is_required()
        self._adapter: TypeAdapter[Any] = TypeAdapter(models[0])

    async def read(self, request: Request, values: dict[str, Any], faults: list[Any]) -> None:
        """Adds the model to the values, or what is wrong to the faults. Raises BodyMalformed and BodyIncomplete."""
        raw = await whole_body(request)
        if not raw:
            if not self._is_optional:
                faults.append({"type": "missing", "loc": ("body",), "msg": "Field required"})
            return
        try:
            model = self._adapter.validate_json(raw)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            wrong = _surrogate_faults(raw) if found[0]["type"] == "json_invalid" else found
            faults.extend({**each, "loc": ("body", *each["loc"])} for each in wrong)
        else:
            if self.is_taken:
                values[self._name] = model

    def refusal(self, faults: list[Any]) -> Exception:
        """What a request with these faults is refused by."""
        error = RequestValidationError(faults)
        if self.is_taken or all(each["loc"][0] != "body" for each in faults):
            return error
        return BodyUnexpected(faults=refusal_of(error).faults)


def _surrogate_faults(raw: bytes) -> list[Any]:
    """Well-formed JSON may still hold text that no encoding can carry: that is a bad value. Raises BodyMalformed."""
    try:
        found = list(_surrogates(json.loads(raw)))
    except (ValueError, RecursionError) as error:
        raise BodyMalformed from error
    if not found:
        raise BodyMalformed
    return [{"type": "surrogate", "loc": place, "msg": "holds a lone surrogate"} for place in found]


def _surrogates(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where text stands that holds a lone surrogate."""
    if isinstance(value, str):
        if _SURROGATE.search(value):
            yield place
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _surrogates(each, (*place, name))
            if _SURROGATE.search(name):
                yield place
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _surrogates(each, (*place, number))


def _version_in(header: str) -> int | None:
    """The version in an If-Match; None for `*`, which matches whatever there is. Raises HeaderMalformed."""
    given = header.strip()
    if given == "*":
        return None
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
    return int(version)


def _key_in(header: str) -> None:
    if not _KEY.match(header):
        raise HeaderMalformed(faults=(Fault("1 to 255 visible ASCII characters", parameter="Idempotency-Key"),))


# What makes a request malformed whatever else is wrong with it: looked at before any value of a field.
_READ_FIRST: dict[str, Callable[[str], object]] = {"if-match": _version_in, "idempotency-key": _key_in}


def expected_version(request: Request, *, in_body: int | None = None) -> int | None:
    """The version that the caller believes to be current, by If-Match or by the body's `version`.

    Raises HeaderMalformed for an If-Match that is not one of our tags, or says otherwise than the body.
    """
    header = request.headers.get("if-match")
    version = _version_in(header) if header is not None else None
    if version is None:
        return in_body
    if in_body is not None and in_body != version:
        raise HeaderMalformed(faults=(Fault("names another version than the body", parameter="If-Match"),))
    return version


def _length(value: bytes) -> int:
    if not value.isdigit():
        raise HTTPException(400)
    return int(value[:18])
