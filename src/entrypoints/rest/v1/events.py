"""The event log over HTTP."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from core.realtime.read_models import event_body
from core.realtime.use_cases import EventUseCases
from entrypoints.rest import answers, paging
from entrypoints.rest.caller import SignedInRoute, caller, container_of
from entrypoints.rest.operations import operation
from entrypoints.rest.v1.event_types import LOGGED
from entrypoints.rest.v1.fields import Several

router = APIRouter(prefix="/api/v1", route_class=SignedInRoute, tags=["Events"])


class EventShown(BaseModel):
    """An event; besides these fields it has the flat fields of its kind, as `webhooks` describes each."""

    model_config = ConfigDict(extra="allow")

    seq: str = Field(description="Its position in the company's log. Opaque; larger than those before it.")
    event: str
    channel: str
    occurred_at: datetime
    actor_id: UUID | None
    via: str
    project_id: UUID | None
    version: int | None = Field(description="The version of what it is about, after it; null if that has none.")


EVENT_EXAMPLE = {
    "seq": "7",
    "event": "task_moved",
    "channel": "kanban_updates",
    "occurred_at": "2026-11-20T09:30:00.123456Z",
    "actor_id": "01920000-0000-7000-8000-000000000002",
    "via": "session",
    "project_id": "01920000-0000-7000-8000-000000000001",
    "task_id": "01920000-0000-7000-8000-000000000012",
    "old_status": "todo",
    "new_status": "in_progress",
    "old_column_id": "01920000-0000-7000-8000-000000000003",
    "new_column_id": "01920000-0000-7000-8000-000000000004",
    "after_id": None,
    "moved_by": "01920000-0000-7000-8000-000000000002",
    "version": 2,
}


_after = operation(
    EventUseCases.after,
    id="listEvents",
    summary="Read the event log",
    shows=list[EventShown],
    example=[EVENT_EXAMPLE],
)
_after["responses"][200]["headers"]["X-Last-Seq"] = {
    "description": "The position up to which nothing that you may see was left out.",
    "schema": {"type": "string"},
}


@router.get("/events", **_after)
async def list_events(
    request: Request,
    after: Annotated[
        str, Query(pattern=r"^[0-9]{1,18}$", description="The position to go on from: an `X-Event-Seq` or `seq`.")
    ] = "0",
    types: Annotated[list[LOGGED], Several, Query(max_length=50)] = [],  # noqa: B006
    limit: paging.Limit = paging.USUAL_LIMIT,
) -> Response:
    events = container_of(request).event_use_cases()
    stretch, seq = await events.after(caller(request), position=int(after), types=tuple(types), limit=limit)
    headers = [*answers.read_headers(seq), (b"x-last-seq", str(stretch.examined).encode())]
    return answers.JsonResponse(answers.encoded([event_body(event) for event in stretch.events]), headers=headers)
