"""What every route says of itself in OpenAPI, from the use case that it calls."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from fastapi import APIRouter
from starlette.responses import Response

from core.kernel.errors import ChangedMeanwhile, Refusal
from entrypoints.rest.errors import RATE_LIMIT_HEADERS, HeaderMalformed, ResultGone, problem_responses
from entrypoints.rest.limits import LIMITED_BY
from entrypoints.rest.scopes import refusals_by_token, security_of

Route = TypeVar("Route", bound=Callable[..., Any])

_SEQ = {"X-Event-Seq": {"description": "The company's event sequence.", "schema": {"type": "string"}}}
_ETAG = {"ETag": {"description": "The tag of this state.", "schema": {"type": "string"}}}
_LINK = {
    "Link": {"description": "The next page.", "schema": {"type": "string"}},
    "X-Total-Count": {"description": "With `include_total=true`.", "schema": {"type": "integer"}},
}
_LOCATION = {"Location": {"description": "Where the new thing is.", "schema": {"type": "string"}}}


def operation(
    verb: Callable[..., object],
    *,
    id: str,
    summary: str,
    status: int = 200,
    shows: Any = None,
    example: Any = None,
    body: bool = False,
    signed_in: bool = True,
    is_list: bool = False,
    tagged: bool = False,
    idempotent: bool = False,
    changes: bool = False,
    positioned: bool = True,
    limited_by: str | None = None,
    also_answers: str | None = None,
    draws: str | None = None,
    streams: Mapping[str, str] | None = None,
    also: Iterable[type[Refusal]] = (),
) -> dict[str, Any]:
    """The arguments of a route's decorator. `shows` is the model of a successful answer; the use case's docstring
    becomes the description, and what it raises the other answers. `changes`: If-Match counts; `positioned`: the answer
    carries the event sequence; `limited_by`: a rate limit of its own, besides those of all routes; `also_answers`: the
    media type in which the same is answered to whoever asks for it; `draws`: that of an answer that is never JSON;
    `streams`: those in which alone it is streamed, each with an example.
    """
    headers: dict[str, Any] = dict(RATE_LIMIT_HEADERS)
    headers |= _SEQ if signed_in and positioned else {}
    headers |= _LINK if is_list else {}
    headers |= _ETAG if tagged else {}
    headers |= _LOCATION if status == 201 or (status == 202 and shows is not None) else {}
    success: dict[str, Any] = {"description": summary, "headers": headers}
    if shows is not None:
        success["model"] = shows
        if example is not None:
            success["content"] = {"application/json": {"example": example}}
        if also_answers is not None:
            success.setdefault("content", {})[also_answers] = {"schema": {"type": "string"}}
    if draws is not None:
        success["content"] = {draws: {"schema": {"type": "string"}, "example": example}}
    if streams is not None:
        success["content"] = {kind: {"schema": {"type": "string"}, "example": each} for kind, each in streams.items()}
    if streams is not None and "text/event-stream" not in streams:
        headers["Content-Disposition"] = {"description": "The name of a file.", "schema": {"type": "string"}}
    kinds = [*also, *(refusals_by_token(id) if signed_in else ())]
    parameters: list[dict[str, Any]] = []
    if signed_in and (body or status == 204):
        kinds.append(ChangedMeanwhile)
    if changes:
        kinds.append(HeaderMalformed)
        parameters.append(_header("If-Match", "The tag that you believe to be current; 412 if it is not."))
    if idempotent:
        kinds.extend([HeaderMalformed, ResultGone])
        wording = "A key of your own; a second request with it, within 24 hours, changes nothing."
        parameters.append(_header("Idempotency-Key", wording))
    responses = {status: success, **problem_responses(verb, signed_in=signed_in, also=kinds, body=body)}
    if tagged and status == 200 and not body and not changes:
        responses[304] = {"description": "The copy that `If-None-Match` names is current.", "headers": dict(_ETAG)}
        parameters.append(_header("If-None-Match", "The tag of the copy that you have."))
    return {
        "operation_id": id,
        "summary": summary,
        "description": inspect.getdoc(verb),
        "status_code": status,
        "response_model": None,
        **({"response_class": Response} if draws is not None else {}),
        "responses": responses,
        "openapi_extra": {
            LIMITED_BY: [
                *(("session", "company") if signed_in else ("address",)),
                *([limited_by] if limited_by else []),
            ],
            **({"parameters": parameters} if parameters else {}),
            **({"security": security_of(id)} if signed_in else {}),
        },
    }


def changed_at(router: APIRouter, path: str, **declared: Any) -> Callable[[Route], Route]:
    """A decorator of a route that PATCH reaches, and PUT, which does the same and is left out of OpenAPI.

    `declared` is what `operation` answers; its id begins with "change".
    """
    put = {**declared, "operation_id": declared["operation_id"].replace("change", "replace", 1)}

    def add(route: Route) -> Route:
        router.add_api_route(path, route, methods=["PATCH"], **declared)
        router.add_api_route(path, route, methods=["PUT"], include_in_schema=False, **put)
        return route

    return add


def _header(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    }
