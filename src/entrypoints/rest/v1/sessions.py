"""A person's own login sessions and password, over HTTP."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from core.auth.use_cases.sessions import SessionUseCases
from entrypoints.rest import answers, paging, refresh_cookie
from entrypoints.rest.caller import SignedInRoute, caller, container_of, password_caller
from entrypoints.rest.operations import operation
from entrypoints.rest.refs import login_session_id
from entrypoints.rest.v1.auth import Code, Password
from entrypoints.rest.v1.fields import Given, Shown

router = APIRouter(prefix="/api/v1/auth", route_class=SignedInRoute, tags=["Authentication"])

SORTS = Literal["last_used_at", "-last_used_at", "created_at", "-created_at", "expires_at", "-expires_at"]
_NO_STORE = [(b"cache-control", b"no-store")]


class SessionShown(Shown):
    id: UUID
    agent: str | None
    address: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    authenticated_at: datetime
    current: bool
    current_company_id: UUID | None
    current_company_name: str | None


class SteppedUpShown(Shown):
    authenticated_at: datetime
    valid_until: datetime


class StepUpGiven(Given):
    password: Password | None = None
    code: Code | None = None


class PasswordChangeGiven(Given):
    current_password: Password | None = None
    new_password: Password


SESSION_EXAMPLE = {
    "id": "01920000-0000-7000-8000-000000000007",
    "agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "address": "203.0.113.7",
    "created_at": "2026-11-20T09:30:00.123456Z",
    "last_used_at": "2026-11-21T08:00:00.123456Z",
    "expires_at": "2026-11-28T08:00:00.123456Z",
    "authenticated_at": "2026-11-20T09:30:00.123456Z",
    "current": True,
    "current_company_id": "01920000-0000-7000-8000-000000000009",
    "current_company_name": "Miller & Co",
}
STEPPED_UP_EXAMPLE = {
    "authenticated_at": "2026-11-21T08:05:00.123456Z",
    "valid_until": "2026-11-21T08:15:00.123456Z",
}


def sessions_of(request: Request) -> SessionUseCases:
    found: SessionUseCases = container_of(request).session_use_cases()
    return found


@router.get(
    "/sessions",
    **operation(
        SessionUseCases.list,
        id="listLoginSessions",
        summary="List my login sessions",
        shows=list[SessionShown],
        example=[SESSION_EXAMPLE],
        is_list=True,
    ),
)
async def list_sessions(
    request: Request,
    sort: SORTS = "-last_used_at",
    limit: paging.Limit = paging.USUAL_LIMIT,
    cursor: paging.Cursor = None,
    skip: paging.Skip = 0,
    include_total: paging.IncludeTotal = False,
) -> Response:
    page = paging.page_request(request, limit=limit, cursor=cursor, skip=skip, include_total=include_total)
    answer = await sessions_of(request).list(caller(request), sort=paging.sort_of(sort), page=page)
    return paging.listed(request, answer, kept=False)


@router.delete(
    "/sessions/{session_id}",
    **operation(
        SessionUseCases.revoke,
        id="revokeLoginSession",
        summary="Sign a device out",
        status=204,
        positioned=False,
    ),
)
async def revoke_session(request: Request, session_id: Annotated[str, Path()]) -> Response:
    actor, ended = caller(request), login_session_id(session_id)
    await sessions_of(request).revoke(actor, ended)
    response = _nothing()
    if ended == actor.session_id:
        refresh_cookie.clear(request, response)
    return response


@router.post(
    "/step-up",
    **operation(
        SessionUseCases.step_up,
        id="stepUp",
        summary="Prove who I am once more",
        shows=SteppedUpShown,
        example=STEPPED_UP_EXAMPLE,
        body=True,
        positioned=False,
        limited_by="password",
    ),
)
async def step_up(request: Request, given: StepUpGiven) -> Response:
    done = await sessions_of(request).step_up(await password_caller(request), password=given.password, code=given.code)
    return answers.JsonResponse(answers.encoded(answers.as_written(done)), headers=_NO_STORE)


@router.post(
    "/password/change",
    **operation(
        SessionUseCases.change_password,
        id="changePassword",
        summary="Change my password",
        status=204,
        body=True,
        positioned=False,
        limited_by="password",
    ),
)
async def change_password(request: Request, given: PasswordChangeGiven) -> Response:
    await sessions_of(request).change_password(
        await password_caller(request), current_password=given.current_password, new_password=given.new_password
    )
    return _nothing()


def _nothing() -> Response:
    """Done, and nothing to show."""
    return Response(status_code=204, headers={"Cache-Control": "no-store"})
