"""API tokens over HTTP: one's own, and those of a user."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from core.kernel.paging import Answer
from core.tokens.model import USUAL, ApiTokenStatus, Scope
from core.tokens.read_models import ApiTokenView, NewApiTokenView
from core.tokens.use_cases.tokens import ApiTokenUseCases, NewApiToken
from entrypoints.rest import answers, paging
from entrypoints.rest.caller import SignedInRoute, caller, container_of
from entrypoints.rest.idempotency import answered_once
from entrypoints.rest.operations import operation
from entrypoints.rest.refs import api_token_id
from entrypoints.rest.refs import user_id as parsed_user_id
from entrypoints.rest.v1.fields import Given, Instant, Name, Several, Shown
from entrypoints.rest.v1.users import UserId

own = APIRouter(prefix="/api/v1/auth/tokens", route_class=SignedInRoute, tags=["API tokens"])
of_user = APIRouter(prefix="/api/v1/users/{user_id}/tokens", route_class=SignedInRoute, tags=["API tokens"])

TokenId = Annotated[str, Path()]
SORTS = Literal[
    "name", "-name", "created_at", "-created_at", "expires_at", "-expires_at", "last_used_at", "-last_used_at"
]
Statuses = Annotated[list[ApiTokenStatus], Several, Query()]


class ApiTokenShown(Shown):
    id: UUID
    user_id: UUID
    name: str
    hint: Annotated[str, Field(description="How the token begins.")]
    scopes: list[Scope]
    status: ApiTokenStatus
    created_by: UUID | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewApiTokenShown(ApiTokenShown):
    token: Annotated[str | None, Field(description="The secret: shown once, and null when this is answered again.")]


class ApiTokenGiven(Given):
    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))]
    expires_at: Annotated[
        Instant | None,
        Field(description="90 days from now, if it is left out; null, for service users alone, means never."),
    ] = None


TOKEN_EXAMPLE = {
    "id": "01920000-0000-7000-8000-00000000000a",
    "user_id": "01920000-0000-7000-8000-000000000002",
    "name": "Nightly report",
    "hint": "ftk_9xQ2",
    "scopes": ["projects:read", "tasks:read"],
    "status": "active",
    "created_by": "01920000-0000-7000-8000-000000000002",
    "created_at": "2026-11-20T09:30:00.123456Z",
    "expires_at": "2027-02-18T09:30:00.123456Z",
    "last_used_at": None,
    "revoked_at": None,
}
NEW_TOKEN_EXAMPLE = {**TOKEN_EXAMPLE, "token": "ftk_9xQ2..."}


def tokens_of(request: Request) -> ApiTokenUseCases:
    found: ApiTokenUseCases = container_of(request).api_token_use_cases()
    return found


def _new(given: ApiTokenGiven) -> NewApiToken:
    expires_at = given.expires_at if "expires_at" in given.model_fields_set else USUAL
    return NewApiToken(name=given.name, scopes=tuple(given.scopes), expires_at=expires_at)


def _fields(token: ApiTokenView) -> dict[str, Any]:
    return {
        name: answers.written_instant(value) if isinstance(value, datetime) else value
        for name, value in token._asdict().items()
    }


def _created(answer: Answer[NewApiTokenView], address: str, *, kept: bool) -> Response:
    token, secret = answer.value
    headers = [*answers.read_headers(answer.seq, kept=kept), (b"location", f"{address}/{token.id}".encode())]
    return answers.JsonResponse(answers.encoded({**_fields(token), "token": secret}), status=201, headers=headers)


def _one(answer: Answer[ApiTokenView], *, kept: bool) -> Response:
    headers = answers.read_headers(answer.seq, kept=kept)
    return answers.JsonResponse(answers.encoded(_fields(answer.value)), headers=headers)


@own.get(
    "",
    **operation(
        ApiTokenUseCases.list,
        id="listMyTokens",
        summary="List my API tokens",
        shows=list[ApiTokenShown],
        example=[TOKEN_EXAMPLE],
        is_list=True,
    ),
)
async def list_my_tokens(
    request: Request,
    status: Statuses = [],  # noqa: B006  (the framework copies it)
    sort: SORTS = "-created_at",
    limit: paging.Limit = paging.USUAL_LIMIT,
    cursor: paging.Cursor = None,
    skip: paging.Skip = 0,
    include_total: paging.IncludeTotal = False,
) -> Response:
    page = paging.page_request(request, limit=limit, cursor=cursor, skip=skip, include_total=include_total)
    answer = await tokens_of(request).list(caller(request), status=tuple(status), sort=paging.sort_of(sort), page=page)
    return paging.listed(request, answer, kept=False)


@own.post(
    "",
    **operation(
        ApiTokenUseCases.create,
        id="createMyToken",
        summary="Make an API token of my own",
        status=201,
        shows=NewApiTokenShown,
        example=NEW_TOKEN_EXAMPLE,
        body=True,
    ),
)
async def create_my_token(request: Request, given: ApiTokenGiven) -> Response:
    answer = await tokens_of(request).create(caller(request), _new(given))
    return _created(answer, "/api/v1/auth/tokens", kept=False)


@own.get(
    "/{token_id}",
    **operation(
        ApiTokenUseCases.get,
        id="getMyToken",
        summary="Get an API token of my own",
        shows=ApiTokenShown,
        example=TOKEN_EXAMPLE,
    ),
)
async def get_my_token(request: Request, token_id: TokenId) -> Response:
    return _one(await tokens_of(request).get(caller(request), api_token_id(token_id)), kept=False)


@own.delete(
    "/{token_id}",
    **operation(ApiTokenUseCases.revoke, id="revokeMyToken", summary="Revoke an API token of my own", status=204),
)
async def revoke_my_token(request: Request, token_id: TokenId) -> Response:
    return answers.no_content(await tokens_of(request).revoke(caller(request), api_token_id(token_id)))


@of_user.get(
    "",
    **operation(
        ApiTokenUseCases.list_of,
        id="listUserTokens",
        summary="List a user's API tokens",
        shows=list[ApiTokenShown],
        example=[TOKEN_EXAMPLE],
        is_list=True,
    ),
)
async def list_user_tokens(
    request: Request,
    user_id: UserId,
    status: Statuses = [],  # noqa: B006  (the framework copies it)
    sort: SORTS = "-created_at",
    limit: paging.Limit = paging.USUAL_LIMIT,
    cursor: paging.Cursor = None,
    skip: paging.Skip = 0,
    include_total: paging.IncludeTotal = False,
) -> Response:
    actor = caller(request)
    page = paging.page_request(request, limit=limit, cursor=cursor, skip=skip, include_total=include_total)
    answer = await tokens_of(request).list_of(
        actor, parsed_user_id(user_id, actor), status=tuple(status), sort=paging.sort_of(sort), page=page
    )
    return paging.listed(request, answer)


@of_user.post(
    "",
    **operation(
        ApiTokenUseCases.create_for,
        id="createUserToken",
        summary="Make an API token for a service user",
        status=201,
        shows=NewApiTokenShown,
        example=NEW_TOKEN_EXAMPLE,
        body=True,
        idempotent=True,
    ),
)
async def create_user_token(request: Request, user_id: UserId, given: ApiTokenGiven) -> Response:
    actor, tokens, new = caller(request), tokens_of(request), _new(given)
    holder = parsed_user_id(user_id, actor)

    async def again(token_id: UUID) -> Answer[NewApiTokenView]:
        token, seq = await tokens.get_of(actor, holder, token_id)
        return Answer(NewApiTokenView(token), seq)

    return await answered_once(
        request,
        do=lambda once: tokens.create_for(actor, holder, new, once=once),
        again=again,
        respond=lambda answer: _created(answer, f"/api/v1/users/{holder}/tokens", kept=True),
    )


@of_user.get(
    "/{token_id}",
    **operation(
        ApiTokenUseCases.get_of,
        id="getUserToken",
        summary="Get a user's API token",
        shows=ApiTokenShown,
        example=TOKEN_EXAMPLE,
    ),
)
async def get_user_token(request: Request, user_id: UserId, token_id: TokenId) -> Response:
    actor = caller(request)
    answer = await tokens_of(request).get_of(actor, parsed_user_id(user_id, actor), api_token_id(token_id))
    return _one(answer, kept=True)


@of_user.delete(
    "/{token_id}",
    **operation(ApiTokenUseCases.revoke_of, id="revokeUserToken", summary="Revoke a user's API token", status=204),
)
async def revoke_user_token(request: Request, user_id: UserId, token_id: TokenId) -> Response:
    actor = caller(request)
    ref, token = parsed_user_id(user_id, actor), api_token_id(token_id)
    return answers.no_content(await tokens_of(request).revoke_of(actor, ref, token))
