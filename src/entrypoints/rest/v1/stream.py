"""The event log as a stream of server-sent events, and the tickets that open it and sockets without a header."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from core.auth.errors import TokenInvalid
from core.kernel.actor import Actor
from core.kernel.errors import Busy, Fault
from core.kernel.events import Channel
from core.kernel.paging import Answer
from core.realtime.errors import (
    TicketExpired,
    TicketInvalid,
    TicketMisplaced,
    TicketUsed,
    TooManyDoors,
)
from core.realtime.model import HELD_AT_ONCE, TICKET_LIFE, Purpose
from core.realtime.read_models import Stretch
from core.realtime.use_cases import DoorUseCases
from entrypoints.rest import answers
from entrypoints.rest.caller import SignedInRoute, caller, container_of
from entrypoints.rest.errors import HeaderMalformed
from entrypoints.rest.operations import operation
from entrypoints.rest.streaming import PAGE, EventStream
from entrypoints.rest.v1.event_types import STREAMED
from entrypoints.rest.v1.fields import Given, Several, Shown, Text

_MEDIA_TYPE = "text/event-stream"
_POSITION = r"^[0-9]{1,18}$"
_EXAMPLE = 'id: 7\nevent: task_moved\ndata: {"seq":"7","event":"task_moved",...}\n\n'


class StreamRoute(SignedInRoute):
    """A route that a ticket in the query opens as well: what streams in a browser sends no header."""

    async def caller(self, request: Request) -> Actor:
        """The holder of the ticket, which is used up by this, or of the bearer token. Raises TokenInvalid."""
        tickets = request.query_params.getlist("ticket")
        if not tickets or "authorization" in request.headers:
            return await super().caller(request)
        if len(tickets) > 1:
            raise TicketInvalid
        found: Actor = await container_of(request).door_use_cases().redeem(tickets[0], purpose=Purpose.STREAM)
        return found


router = APIRouter(prefix="/api/v1", route_class=StreamRoute, tags=["Events"])
tickets = APIRouter(prefix="/api/v1", route_class=SignedInRoute, tags=["Authentication"])


class TicketGiven(Given):
    purpose: Annotated[Purpose, Field(strict=False, description="Which door it is for.")]


class TicketShown(Shown):
    ticket: str
    expires_in: int


@tickets.post(
    "/auth/ws-ticket",
    **operation(
        DoorUseCases.issue,
        id="issueTicket",
        summary="Get a ticket for a socket or a stream",
        shows=TicketShown,
        example={"ticket": "fts_gAAAAABp...", "expires_in": 60},
        body=True,
        positioned=False,
    ),
)
async def issue_ticket(request: Request, given: TicketGiven) -> Response:
    ticket = await container_of(request).door_use_cases().issue(caller(request), purpose=given.purpose)
    body = {"ticket": ticket, "expires_in": int(TICKET_LIFE.total_seconds())}
    return answers.JsonResponse(answers.encoded(body), headers=[(b"cache-control", b"no-store")])


_stream = operation(
    DoorUseCases.stream,
    id="streamEvents",
    summary="Hear the event log as it goes on",
    streams={_MEDIA_TYPE: _EXAMPLE},
    also=(
        HeaderMalformed, TicketInvalid, TicketExpired, TicketUsed, TicketMisplaced, TokenInvalid,
        TooManyDoors, Busy,
    ),
)  # fmt: skip
_stream["openapi_extra"]["parameters"] = [
    {
        "name": "Last-Event-ID",
        "in": "header",
        "required": False,
        "description": "The `id` of the last event that you have; it wins over `after`.",
        "schema": {"type": "string", "pattern": _POSITION},
    }
]


@router.get("/events/stream", response_class=EventStream, **_stream)
async def stream_events(
    request: Request,
    after: Annotated[
        str | None, Query(pattern=_POSITION, description="The position to go on from; without one, from now.")
    ] = None,
    channels: Annotated[list[Channel], Several, Query(max_length=4)] = [],  # noqa: B006
    types: Annotated[list[STREAMED], Several, Query(max_length=50)] = [],  # noqa: B006
    ticket: Annotated[  # noqa: ARG001  (the route has used it)
        Text | None, Query(max_length=2000, description="Of `POST /auth/ws-ticket`, instead of a bearer token.")
    ] = None,
) -> Response:
    actor, container = caller(request), container_of(request)
    position = _position(request, after)
    head = await container.door_use_cases().stream(actor, position=position)
    headers = {name.decode(): value.decode() for name, value in answers.read_headers(head)}
    headers |= {"Vary": "Authorization, Accept-Encoding", "X-Accel-Buffering": "no"}
    if "flowtrack.head" in request.scope:
        return _without_length(Response(headers=headers, media_type=_MEDIA_TYPE))

    async def page(position: int) -> Answer[Stretch]:
        found: Answer[Stretch] = await container.event_use_cases().after(
            actor, position=position, types=tuple(types), limit=PAGE, most_bytes=HELD_AT_ONCE
        )
        return found

    return EventStream(
        actor,
        head if position is None else position,
        hub=container.hub(),
        page=page,
        channels=frozenset(map(str, channels or Channel)),
        types=frozenset(types),
        headers=headers,
    )


def _without_length(response: Response) -> Response:
    """A stream has none."""
    del response.headers["content-length"]
    return response


def _position(request: Request, after: str | None) -> int | None:
    last = request.headers.get("last-event-id")
    if last is None or not last.strip():
        return int(after) if after is not None else None
    if not (last.isascii() and last.isdigit() and len(last) <= 18):
        raise HeaderMalformed(faults=(Fault("must be the `id` of an event", parameter="Last-Event-ID"),))
    return int(last)
