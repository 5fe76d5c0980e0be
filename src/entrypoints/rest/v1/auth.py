"""Registering, signing in and out, over HTTP."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Body, Request
from pydantic import Field
from starlette.responses import Response

from core.auth.errors import OriginRefused, TokenInvalid
from core.auth.read_models import SignedIn
from core.auth.use_cases.signing_in import AuthUseCases, Credentials, Registration
from core.kernel.actor import Role
from core.users.model import UserKind
from core.users.read_models import UserView
from entrypoints.rest import answers
from entrypoints.rest.caller import PublicRoute, SignedInRoute, caller, container_of, signed_in_caller, visitor
from entrypoints.rest.operations import operation
from entrypoints.rest.v1.companies import COMPANY_EXAMPLE, CompanyShown, company_body
from entrypoints.rest.v1.fields import Given, Name, Shown, Text

public = APIRouter(prefix="/api/v1/auth", route_class=PublicRoute, tags=["Authentication"])
signed_in = APIRouter(prefix="/api/v1", route_class=SignedInRoute, tags=["Authentication"])

_NO_STORE = [(b"cache-control", b"no-store")]
Email = Annotated[Text, Field(min_length=3, max_length=254)]
# Longer than any that is accepted, so that the rule of the product refuses it, and short enough to be no burden.
Password = Annotated[str, Field(min_length=1, max_length=1000)]


class UserShown(Shown):
    id: UUID
    kind: UserKind
    name: str
    email: str
    username: str
    role: Role
    is_active: bool
    last_login_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class MembershipShown(Shown):
    id: UUID
    name: str
    code: str
    role: Role


class ProfileShown(UserShown):
    company: CompanyShown
    companies: list[MembershipShown]


class SignedInShown(Shown):
    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str | None = None
    user: UserShown
    company: CompanyShown


class RegisterGiven(Given):
    email: Email
    password: Password
    name: Name | None = None
    username: Annotated[Text, Field(max_length=50)] | None = None
    company_name: Name | None = None


class LoginGiven(Given):
    password: Password
    email: Email | None = None
    username: Annotated[Text, Field(max_length=50)] | None = None
    company: Annotated[Text, Field(max_length=100)] | None = None
    company_id: UUID | None = None
    return_refresh_token: bool = False


class RefreshGiven(Given):
    refresh_token: Annotated[Text, Field(max_length=500)] | None = None
    company_id: UUID | None = None


class LogoutGiven(Given):
    all: bool = False


class SwitchGiven(Given):
    company_id: UUID


USER_EXAMPLE = {
    "id": "01920000-0000-7000-8000-000000000002",
    "kind": "person",
    "name": "Ann Miller",
    "email": "ann@example.com",
    "username": "ann",
    "role": "owner",
    "is_active": True,
    "last_login_at": "2026-11-20T09:30:00.123456Z",
    "version": 1,
    "created_at": "2026-11-20T09:30:00.123456Z",
    "updated_at": "2026-11-20T09:30:00.123456Z",
}
PROFILE_EXAMPLE = {
    **USER_EXAMPLE,
    "company": COMPANY_EXAMPLE,
    "companies": [{name: COMPANY_EXAMPLE[name] for name in ("id", "name", "code", "role")}],
}
SIGNED_IN_EXAMPLE = {
    "access_token": "eyJhbGciOiJFZERTQSJ9...",
    "token_type": "bearer",
    "expires_in": 1800,
    "user": USER_EXAMPLE,
    "company": COMPANY_EXAMPLE,
}


def user_body(user: UserView) -> dict[str, Any]:
    """A user as the company's people see them."""
    return {
        "id": user.id,
        "kind": user.kind,
        "name": user.name,
        "email": user.email,
        "username": user.username,
        "role": user.role,
        "is_active": user.is_active,
        "last_login_at": answers.written_instant(user.last_login_at) if user.last_login_at else None,
        "version": user.version,
        "created_at": answers.written_instant(user.created_at),
        "updated_at": answers.written_instant(user.updated_at),
    }


def auth_of(request: Request) -> AuthUseCases:
    return container_of(request).auth_use_cases()


@public.post(
    "/register",
    **operation(
        AuthUseCases.register,
        id="register",
        summary="Register",
        status=201,
        shows=SignedInShown,
        example=SIGNED_IN_EXAMPLE,
        body=True,
        signed_in=False,
    ),
)
async def register(request: Request, given: RegisterGiven) -> Response:
    registration = Registration(
        email=given.email,
        password=given.password,
        name=given.name,
        username=given.username,
        company_name=given.company_name,
    )
    done = await auth_of(request).register(visitor(request), registration)
    return _signed_in(request, done, status=201, show_refresh_token=False)


@public.post(
    "/login",
    **operation(
        AuthUseCases.login,
        id="login",
        summary="Sign in",
        shows=SignedInShown,
        example=SIGNED_IN_EXAMPLE,
        body=True,
        signed_in=False,
    ),
)
async def login(request: Request, given: LoginGiven) -> Response:
    credentials = Credentials(
        password=given.password,
        email=given.email,
        username=given.username,
        company=given.company,
        company_id=given.company_id,
    )
    done = await auth_of(request).login(visitor(request), credentials)
    return _signed_in(request, done, status=200, show_refresh_token=given.return_refresh_token)


@public.post(
    "/refresh",
    **operation(
        AuthUseCases.refresh,
        id="refresh",
        summary="Renew the access token",
        shows=SignedInShown,
        example=SIGNED_IN_EXAMPLE,
        body=True,
        signed_in=False,
        also=(OriginRefused,),
    ),
)
async def refresh(request: Request, given: Annotated[RefreshGiven | None, Body()] = None) -> Response:
    given = given or RefreshGiven()
    from_cookie = given.refresh_token is None
    token = _cookie(request) if from_cookie else given.refresh_token
    done = await auth_of(request).refresh(token, company_id=given.company_id, from_cookie=from_cookie)
    return _signed_in(request, done, status=200, show_refresh_token=not from_cookie)


@public.post(
    "/logout",
    **operation(
        AuthUseCases.logout,
        id="logout",
        summary="Sign out",
        status=204,
        body=True,
        signed_in=False,
        also=(OriginRefused,),
    ),
)
async def logout(request: Request, given: Annotated[LogoutGiven | None, Body()] = None) -> Response:
    try:
        actor = await signed_in_caller(request)
    except TokenInvalid:
        actor = None
    token = _cookie(request) if actor is None else None
    await auth_of(request).logout(actor, refresh_token=token, everywhere=given.all if given else False)
    response = Response(status_code=204, headers={"Cache-Control": "no-store"})
    response.delete_cookie(_cookie_name(request), path="/", secure=_https(request), httponly=True, samesite="lax")
    return response


async def me(request: Request) -> Response:
    (profile, seq) = await auth_of(request).me(caller(request))
    body = user_body(profile.user) | {
        "company": company_body(profile.company),
        "companies": [
            {"id": each.company_id, "name": each.company_name, "code": each.company_code, "role": each.role}
            for each in profile.companies
        ],
    }
    return answers.JsonResponse(answers.encoded(body), headers=[*_NO_STORE, (b"x-event-seq", str(seq).encode())])


_me = operation(AuthUseCases.me, id="getMe", summary="Who I am", shows=ProfileShown, example=PROFILE_EXAMPLE)
signed_in.add_api_route("/auth/me", me, methods=["GET"], **_me)
for _alias in ("/users/me", "/users/profile"):
    signed_in.add_api_route(
        _alias, me, methods=["GET"], include_in_schema=False, **{**_me, "operation_id": f"getMe {_alias}"}
    )


@signed_in.post(
    "/auth/switch-company",
    **operation(
        AuthUseCases.switch_company,
        id="switchCompany",
        positioned=False,
        summary="Act in another of my companies",
        shows=SignedInShown,
        example=SIGNED_IN_EXAMPLE,
        body=True,
    ),
)
async def switch_company(request: Request, given: SwitchGiven) -> Response:
    done = await auth_of(request).switch_company(caller(request), given.company_id)
    return _signed_in(request, done, status=200, show_refresh_token=False)


def _signed_in(request: Request, done: SignedIn, *, status: int, show_refresh_token: bool) -> Response:
    body: dict[str, Any] = {
        "access_token": done.access_token,
        "token_type": "bearer",
        "expires_in": done.expires_in,
        "user": user_body(done.user),
        "company": company_body(done.company),
    }
    if show_refresh_token:
        body["refresh_token"] = done.refresh_token
    headers = list(_NO_STORE)
    if status == 201:
        headers.append((b"location", b"/api/v1/auth/me"))
    response = answers.JsonResponse(answers.encoded(body), status=status, headers=headers)
    if done.refresh_token is not None:
        response.set_cookie(
            _cookie_name(request),
            done.refresh_token,
            max_age=7 * 24 * 3600,
            path="/",
            secure=_https(request),
            httponly=True,
            samesite="lax",
        )
    return response


def _https(request: Request) -> bool:
    return container_of(request).settings().is_https


def _cookie_name(request: Request) -> str:
    return "__Host-flowtrack_refresh" if _https(request) else "flowtrack_refresh"


def _cookie(request: Request) -> str | None:
    """The refresh token of the cookie. Raises OriginRefused unless a page of ours, or an allowed one, sent it."""
    token = request.cookies.get(_cookie_name(request))
    if token is None:
        return None
    settings = container_of(request).settings()
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if origin is not None:
        own = urlsplit(settings.public_url)
        if origin not in (f"{own.scheme}://{own.netloc}", *settings.cors_origins):
            raise OriginRefused
    elif site not in ("same-origin", "none"):
        raise OriginRefused
    return token
