"""Invitations over HTTP. Accepting one is signing in, and stands beside it."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from core.kernel.actor import Role
from core.kernel.paging import Answer
from core.users.model import InvitationStatus
from core.users.read_models import InvitationView, NewInvitationView
from core.users.use_cases.invitations import InvitationUseCases
from entrypoints.rest import answers, paging
from entrypoints.rest.caller import SignedInRoute, caller, container_of
from entrypoints.rest.idempotency import answered_once
from entrypoints.rest.operations import operation
from entrypoints.rest.refs import invitation_id as parsed_invitation_id
from entrypoints.rest.v1.fields import Given, Several, Shown
from entrypoints.rest.v1.users import LINK_EXAMPLE, Email, link_fields

router = APIRouter(prefix="/api/v1/invitations", route_class=SignedInRoute, tags=["Invitations"])

SORTS = Literal["created_at", "-created_at", "expires_at", "-expires_at", "email", "-email"]


class InvitationShown(Shown):
    id: UUID
    email: str
    role: Role
    status: InvitationStatus
    user_id: UUID | None
    invited_by: UUID | None
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None


class NewInvitationShown(InvitationShown):
    """`token` and `link` are shown once; null when the request is answered again."""

    token: str | None
    link: str | None


class InvitationGiven(Given):
    email: Email
    role: Role = Role.MEMBER


INVITATION_EXAMPLE = {
    "id": "01920000-0000-7000-8000-000000000020",
    "email": "bea@example.com",
    "role": "member",
    "status": "pending",
    "user_id": None,
    "invited_by": "01920000-0000-7000-8000-000000000002",
    "created_at": "2026-11-20T09:30:00.123456Z",
    "expires_at": "2026-11-27T09:30:00.123456Z",
    "accepted_at": None,
    "revoked_at": None,
}
NEW_INVITATION_EXAMPLE = {**INVITATION_EXAMPLE, "token": LINK_EXAMPLE["token"], "link": LINK_EXAMPLE["link"]}


def invitations_of(request: Request) -> InvitationUseCases:
    found: InvitationUseCases = container_of(request).invitation_use_cases()
    return found


@router.get(
    "",
    **operation(
        InvitationUseCases.list,
        id="listInvitations",
        summary="List invitations",
        shows=list[InvitationShown],
        example=[INVITATION_EXAMPLE],
        is_list=True,
    ),
)
async def list_invitations(
    request: Request,
    status: Annotated[list[InvitationStatus], Several, Query()] = [],  # noqa: B006  (the framework copies it)
    sort: SORTS = "-created_at",
    limit: paging.Limit = paging.USUAL_LIMIT,
    cursor: paging.Cursor = None,
    skip: paging.Skip = 0,
    include_total: paging.IncludeTotal = False,
) -> Response:
    page = paging.page_request(request, limit=limit, cursor=cursor, skip=skip, include_total=include_total)
    answer = await invitations_of(request).list(
        caller(request), status=tuple(status), sort=paging.sort_of(sort), page=page
    )
    return paging.listed(request, answer)


@router.post(
    "",
    **operation(
        InvitationUseCases.send,
        id="sendInvitation",
        summary="Invite somebody",
        status=201,
        shows=NewInvitationShown,
        example=NEW_INVITATION_EXAMPLE,
        body=True,
        idempotent=True,
    ),
)
async def send_invitation(request: Request, given: InvitationGiven) -> Response:
    actor, invitations = caller(request), invitations_of(request)

    def respond(answer: Answer[NewInvitationView]) -> Response:
        invitation, token = answer.value
        link = link_fields(request, token, invitation.expires_at)["link"] if token else None
        body = answers.encoded({**_fields(invitation), "token": token, "link": link})
        headers = [*answers.read_headers(answer.seq), (b"location", f"{_ADDRESS}/{invitation.id}".encode())]
        return answers.JsonResponse(body, status=201, headers=headers)

    return await answered_once(
        request,
        do=lambda once: invitations.send(actor, email=given.email, role=given.role, once=once),
        again=lambda invitation_id: invitations.get(actor, invitation_id),
        respond=respond,
    )


_ADDRESS = "/api/v1/invitations"


def _fields(invitation: InvitationView) -> dict[str, object]:
    return {
        name: answers.written_instant(value) if isinstance(value, datetime) else value
        for name, value in invitation._asdict().items()
    }


@router.get(
    "/{invitation_id}",
    **operation(
        InvitationUseCases.get,
        id="getInvitation",
        summary="Get an invitation",
        shows=InvitationShown,
        example=INVITATION_EXAMPLE,
    ),
)
async def get_invitation(request: Request, invitation_id: Annotated[str, Path()]) -> Response:
    ref = parsed_invitation_id(invitation_id)
    answer = await invitations_of(request).get(caller(request), ref)
    body = answers.encoded(_fields(answer.value.invitation))
    return answers.JsonResponse(body, headers=answers.read_headers(answer.seq))


@router.delete(
    "/{invitation_id}",
    **operation(InvitationUseCases.revoke, id="revokeInvitation", summary="Take an invitation back", status=204),
)
async def revoke_invitation(request: Request, invitation_id: Annotated[str, Path()]) -> Response:
    ref = parsed_invitation_id(invitation_id)
    return answers.no_content(await invitations_of(request).revoke(caller(request), ref))
