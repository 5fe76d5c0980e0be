"""Who is online, over HTTP."""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from core.realtime.use_cases import PresenceUseCases
from entrypoints.rest import answers
from entrypoints.rest.caller import SignedInRoute, caller, container_of
from entrypoints.rest.operations import operation
from entrypoints.rest.v1.fields import Shown

router = APIRouter(prefix="/api/v1", route_class=SignedInRoute, tags=["Events"])


class PresenceShown(Shown):
    user_id: UUID
    state: Literal["online"]


@router.get(
    "/presence",
    **operation(
        PresenceUseCases.present,
        id="listPresence",
        summary="See who is online",
        shows=list[PresenceShown],
        example=[{"user_id": "01920000-0000-7000-8000-000000000002", "state": "online"}],
    ),
)
async def list_presence(request: Request) -> Response:
    found, seq = await container_of(request).presence_use_cases().present(caller(request))
    body = answers.encoded([{"user_id": user_id, "state": "online"} for user_id in found])
    return answers.JsonResponse(body, headers=answers.read_headers(seq))
