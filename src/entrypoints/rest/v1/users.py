"""Users over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from core.auth.use_cases.unlocking import UnlockingUseCases
from core.kernel.actor import Role
from core.kernel.once import Once
from core.kernel.paging import Answer
from core.users.model import UserChanges, UserKind, UserStatus
from core.users.ports import UserFilter
from core.users.read_models import NewUserView, UserView
from core.users.use_cases.users import NewUser, UserUseCases
from entrypoints.rest import answers, paging
from entrypoints.rest.caller import (
    AlsoNamed,
    SignedInRoute,
    caller,
    container_of,
    expected_version,
    password_caller,
)
from entrypoints.rest.idempotency import answered_once
from entrypoints.rest.operations import changed_at, operation
from entrypoints.rest.refs import user_id as parsed_user_id
from entrypoints.rest.v1.fields import Given, Instant, Name, Several, Shown, Text, Version

router = APIRouter(prefix="/api/v1/users", route_class=SignedInRoute, tags=["Users"])

UserId = Annotated[str, Path(description="The user's id, or `me`.")]
Email = Annotated[Text, Field(min_length=3, max_length=254)]
Username = Annotated[Text, Field(min_length=1, max_length=50)]
Password = Annotated[str, Field(min_length=1, max_length=1000)]
SORTS = Literal[
    "name", "-name", "username", "-username", "created_at", "-created_at", "last_login_at", "-last_login_at"
]


class UserShown(Shown):
    id: UUID
    kind: UserKind
    name: str
    email: str | None
    username: str
    role: Role
    is_active: bool
    status: UserStatus
    last_login_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class InvitationLinkShown(Shown):
    """The way in: shown once."""

    token: str
    link: str
    expires_at: datetime


class NewUserShown(UserShown):
    invitation: InvitationLinkShown | None


class UserGiven(Given):
    name: Name
    kind: UserKind = UserKind.PERSON
    email: Email | None = None
    username: Username | None = None
    role: Role = Role.MEMBER
    password: Password | None = None


class UserPatch(Given):
    """A merge patch. Read-only fields may be sent back as they were read."""

    name: Name = ""
    username: Username = ""
    email: Annotated[Email | None, Field(description="Null of a service user alone, which has none.")] = None
    role: Role = Role.MEMBER
    is_active: bool = True
    password: Password = ""
    version: Version = 1

    id: UUID | None = None
    kind: UserKind | None = None
    status: UserStatus | None = None
    last_login_at: Instant | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None


USER_EXAMPLE = {
    "id": "01920000-0000-7000-8000-000000000002",
    "kind": "person",
    "name": "Ann Miller",
    "email": "ann@example.com",
    "username": "ann",
    "role": "owner",
    "is_active": True,
    "status": "active",
    "last_login_at": "2026-11-20T09:30:00.123456Z",
    "version": 1,
    "created_at": "2026-11-20T09:30:00.123456Z",
    "updated_at": "2026-11-20T09:30:00.123456Z",
}
LINK_EXAMPLE = {
    "token": "fti_xZ4...",
    "link": "https://flowtrack.example.com/invitation#fti_xZ4...",
    "expires_at": "2026-11-27T09:30:00.123456Z",
}
NEW_USER_EXAMPLE = {
    **USER_EXAMPLE,
    "role": "member",
    "status": "invited",
    "last_login_at": None,
    "invitation": LINK_EXAMPLE,
}
_WRITABLE = frozenset({"name", "username", "email", "role", "is_active"})


def users_of(request: Request) -> UserUseCases[Any]:
    found: UserUseCases[Any] = container_of(request).user_use_cases()
    return found


def user_fields(user: UserView) -> dict[str, Any]:
    """A user as a dict of what is written, for bodies that hold more."""
    return {
        name: answers.written_instant(value) if isinstance(value, datetime) else value
        for name, value in user._asdict().items()
    }


def link_fields(request: Request, token: str, expires_at: datetime) -> dict[str, Any]:
    """The link of an invitation. The secret stands behind `#`, so that no server on the way logs it."""
    public_url = container_of(request).settings().public_url
    return {
        "token": token,
        "link": f"{public_url}/invitation#{token}",
        "expires_at": answers.written_instant(expires_at),
    }


@router.get(
    "",
    **operation(
        UserUseCases.list,
        id="listUsers",
        summary="List users",
        shows=list[UserShown],
        example=[USER_EXAMPLE],
        is_list=True,
    ),
)
async def list_users(
    request: Request,
    search: Annotated[
        Text | None,
        Query(max_length=200, description="Part of the name, username or address, in any case."),
        AlsoNamed(("query", "q")),
    ] = None,
    role: Annotated[list[Role], Several, Query()] = [],  # noqa: B006  (the framework copies it)
    is_active: Literal["true", "false", "all"] = "true",
    sort: SORTS = "name",
    limit: paging.Limit = paging.USUAL_LIMIT,
    cursor: paging.Cursor = None,
    skip: paging.Skip = 0,
    include_total: paging.IncludeTotal = False,
) -> Response:
    where = UserFilter(
        search=search or None,
        role=tuple(role),
        is_active={"true": True, "false": False, "all": None}[is_active],
    )
    page = paging.page_request(request, limit=limit, cursor=cursor, skip=skip, include_total=include_total)
    answer = await users_of(request).list(caller(request), where=where, sort=paging.sort_of(sort), page=page)
    return paging.listed(request, answer)


@router.post(
    "",
    **operation(
        UserUseCases.create,
        id="createUser",
        summary="Create a user",
        status=201,
        shows=NewUserShown,
        example=NEW_USER_EXAMPLE,
        body=True,
        tagged=True,
        idempotent=True,
        limited_by="password",
    ),
)
async def create_user(request: Request, given: UserGiven) -> Response:
    actor = caller(request) if given.password is None else await password_caller(request)
    users = users_of(request)
    new = NewUser(**{name: getattr(given, name) for name in UserGiven.model_fields})

    async def again(user_id: UUID) -> Answer[NewUserView]:
        view, seq = await users.get(actor, user_id)
        return Answer(NewUserView(view), seq)

    def respond(answer: Answer[NewUserView]) -> Response:
        user, token, expires_at = answer.value
        link = link_fields(request, token, expires_at) if token and expires_at else None
        body = answers.encoded({**user_fields(user), "invitation": link})
        return answers.one(Answer(user, answer.seq), status=201, location=f"/api/v1/users/{user.id}", body=body)

    return await answered_once(
        request, do=lambda once: users.create(actor, new, once=once), again=again, respond=respond
    )


@router.get(
    "/{user_id}",
    **operation(
        UserUseCases.get, id="getUser", summary="Get a user", shows=UserShown, example=USER_EXAMPLE, tagged=True
    ),
)
async def get_user(request: Request, user_id: UserId) -> Response:
    actor = caller(request)
    answer = await users_of(request).get(actor, parsed_user_id(user_id, actor))
    etag = answers.etag_of(answer.value)
    if answers.is_current(request, etag):
        return answers.not_modified(etag, answer.seq)
    return answers.one(answer)


@changed_at(
    router,
    "/{user_id}",
    **operation(
        UserUseCases.change,
        id="changeUser",
        changes=True,
        summary="Change a user",
        shows=UserShown,
        example=USER_EXAMPLE,
        body=True,
        tagged=True,
        limited_by="password",
    ),
)
async def change_user(request: Request, user_id: UserId, given: UserPatch) -> Response:
    sent = given.model_fields_set
    actor = await password_caller(request) if "password" in sent else caller(request)
    changes = UserChanges(
        given=frozenset(sent & _WRITABLE),
        unchanged={name: getattr(given, name) for name in sent - _WRITABLE - {"version", "password"}},
        **{name: getattr(given, name) for name in sent & _WRITABLE},
    )
    answer = await users_of(request).change(
        actor,
        parsed_user_id(user_id, actor),
        changes,
        password=given.password if "password" in sent else None,
        expected=expected_version(request, in_body=given.version if "version" in sent else None),
    )
    return answers.one(answer)


@router.delete(
    "/{user_id}",
    **operation(UserUseCases.deactivate, id="deactivateUser", changes=True, summary="Deactivate a user", status=204),
)
async def deactivate_user(request: Request, user_id: UserId) -> Response:
    actor = caller(request)
    expected, ref = expected_version(request), parsed_user_id(user_id, actor)
    return answers.no_content(await users_of(request).deactivate(actor, ref, expected=expected))


@router.post(
    "/{user_id}/unlock",
    **operation(
        UnlockingUseCases.unlock,
        id="unlockUser",
        summary="Let a user try to sign in again",
        status=204,
        idempotent=True,
    ),
)
async def unlock_user(request: Request, user_id: UserId) -> Response:
    actor = caller(request)
    ref, unlocking = parsed_user_id(user_id, actor), container_of(request).unlocking_use_cases()

    async def unlock(once: Once | None) -> Answer[None]:
        return Answer(None, await unlocking.unlock(actor, ref, once=once))

    async def again(unlocked: UUID) -> Answer[None]:
        _, seq = await users_of(request).get(actor, unlocked)
        return Answer(None, seq)

    return await answered_once(request, do=unlock, again=again, respond=lambda done: answers.no_content(done.seq))
