"""A project's members over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from core.kernel.actor import Role
from core.kernel.once import Once
from core.kernel.paging import Answer
from core.projects.read_models import ColleagueView, MemberView
from core.projects.use_cases.members import ADDED, MemberUseCases
from entrypoints.rest import answers, paging
from entrypoints.rest.caller import AlsoNamed, SignedInRoute, caller, container_of
from entrypoints.rest.idempotency import answered_once
from entrypoints.rest.operations import operation
from entrypoints.rest.refs import project_member_id, project_ref
from entrypoints.rest.v1.fields import Shown, Text
from entrypoints.rest.v1.projects import ProjectId

router = APIRouter(
    prefix="/api/v1/projects/{project_id}/members", route_class=SignedInRoute, tags=["Members of projects"]
)

MemberId = Annotated[str, Path(description="The user's id.")]
SORTS = Literal["name", "-name", "added_at", "-added_at"]


class MemberShown(Shown):
    """`email` is there for owners and admins, and only for them."""

    user_id: UUID
    name: str
    username: str
    role: Role
    is_active: bool
    added_at: datetime
    email: str | None = None


MEMBER_EXAMPLE = {
    "user_id": "01920000-0000-7000-8000-000000000002",
    "name": "Ann Miller",
    "username": "ann",
    "role": "member",
    "is_active": True,
    "added_at": "2026-11-20T09:30:00.123456Z",
    "email": "ann@example.com",
}


def members_of(request: Request) -> MemberUseCases[Any]:
    found: MemberUseCases[Any] = container_of(request).member_use_cases()
    return found


@router.get(
    "",
    **operation(
        MemberUseCases.list,
        id="listProjectMembers",
        summary="List a project's members",
        shows=list[MemberShown],
        example=[MEMBER_EXAMPLE],
        is_list=True,
    ),
)
async def list_members(
    request: Request,
    project_id: ProjectId,
    search: Annotated[
        Text | None,
        AlsoNamed(("query", "q")),
        Query(max_length=200, description="Is in the name, username or (for owners and admins) e-mail, in any case."),
    ] = None,
    sort: SORTS = "name",
    limit: paging.Limit = paging.USUAL_LIMIT,
    cursor: paging.Cursor = None,
    skip: paging.Skip = 0,
    include_total: paging.IncludeTotal = False,
) -> Response:
    page = paging.page_request(request, limit=limit, cursor=cursor, skip=skip, include_total=include_total)
    answer = await members_of(request).list(
        caller(request), project_ref(project_id), search=search or None, sort=paging.sort_of(sort), page=page
    )
    return paging.listed(request, answer)


@router.get(
    "/{user_id}",
    **operation(
        MemberUseCases.get,
        id="getProjectMember",
        summary="Get a project's member",
        shows=MemberShown,
        example=MEMBER_EXAMPLE,
    ),
)
async def get_member(request: Request, project_id: ProjectId, user_id: MemberId) -> Response:
    ref, member = project_ref(project_id), project_member_id(user_id)
    return _shown(await members_of(request).get(caller(request), ref, member))


_add = operation(
    MemberUseCases.add,
    id="addProjectMember",
    summary="Add a member to a project",
    status=201,
    shows=MemberShown,
    example=MEMBER_EXAMPLE,
    idempotent=True,
)
_made = _add["responses"][201]
_add["responses"][200] = {
    **_made,
    "description": "The user is a member already",
    "headers": {name: header for name, header in _made["headers"].items() if name != "Location"},
}


@router.post("/{user_id}", **_add)
async def add_member(request: Request, project_id: ProjectId, user_id: MemberId) -> Response:
    actor, members = caller(request), members_of(request)
    ref, newcomer = project_ref(project_id), project_member_id(user_id)
    location = f"/api/v1/projects/{project_id}/members/{newcomer}"
    is_new = False

    async def add(once: Once | None) -> Answer[MemberView | ColleagueView]:
        nonlocal is_new
        (member, seq), is_new = await members.add(actor, ref, newcomer, once=once)
        return Answer(member, seq)

    return await answered_once(
        request,
        do=add,
        again=lambda added: members.get(actor, ref, added),
        respond=lambda answer: _shown(answer, location=location if is_new else None),
        respond_again=lambda answer, made: _shown(answer, location=location if made.kind == ADDED else None),
    )


@router.delete(
    "/{user_id}",
    **operation(MemberUseCases.remove, id="removeProjectMember", summary="Remove a member from a project", status=204),
)
async def remove_member(request: Request, project_id: ProjectId, user_id: MemberId) -> Response:
    ref, member = project_ref(project_id), project_member_id(user_id)
    return answers.no_content(await members_of(request).remove(caller(request), ref, member))


def _shown(answer: Answer[MemberView | ColleagueView], *, location: str | None = None) -> Response:
    """A member; with a location, one who was added just now."""
    headers = answers.read_headers(answer.seq)
    if location is not None:
        headers.append((b"location", location.encode()))
    body = answers.encoded(answers.as_written(answer.value))
    return answers.JsonResponse(body, status=200 if location is None else 201, headers=headers)
