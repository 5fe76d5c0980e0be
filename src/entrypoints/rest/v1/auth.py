"""Registering, signing in and out, over HTTP."""

from dataclasses import replace
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Request
from pydantic import Field
from starlette.responses import Response

from core.auth.errors import OriginRefused, TokenInvalid
from core.auth.read_models import SecondFactorAsked, SignedIn
from core.auth.use_cases.accepting import Acceptance, AcceptanceUseCases
from core.auth.use_cases.credentials import Credentials
from core.auth.use_cases.second_step import SecondStepUseCases
from core.auth.use_cases.signing_in import AuthUseCases, Registration
from core.kernel.actor import NotByToken, Role, Visitor
from core.kernel.errors import Fault, Invalid, refusals_of
from core.kernel.etags import tag
from entrypoints.rest import answers, device_cookie, refresh_cookie
from entrypoints.rest.authentication import signed_in_caller
from entrypoints.rest.caller import PublicRoute, SignedInRoute, caller, container_of, origin, visitor
from entrypoints.rest.operations import operation
from entrypoints.rest.v1.companies import COMPANY_EXAMPLE, CompanyShown, company_body
from entrypoints.rest.v1.fields import Given, Name, Shown, Text
from entrypoints.rest.v1.users import USER_EXAMPLE, UserShown, user_fields

public = APIRouter(prefix="/api/v1/auth", route_class=PublicRoute, tags=["Authentication"])
signed_in = APIRouter(prefix="/api/v1", route_class=SignedInRoute, tags=["Authentication"])
invitations = APIRouter(prefix="/api/v1", route_class=PublicRoute, tags=["Invitations"])

_NO_STORE = [(b"cache-control", b"no-store")]
Email = Annotated[Text, Field(min_length=3, max_length=254)]
# Longer than any that is accepted, so that the rule of the product refuses it, and short enough to be no burden.
Password = Annotated[str, Field(min_length=1, max_length=1000)]
# Of an authenticator, or to write down; longer than either, so that the product refuses it by its rule.
Code = Annotated[Text, Field(min_length=1, max_length=50, description="Of the authenticator, or a recovery code.")]
InvitationToken = Annotated[Text, Field(min_length=1, max_length=200, description="Out of an invitation's link.")]


class MembershipShown(Shown):
    id: UUID
    name: str
    code: str
    role: Role


class ProfileShown(UserShown):
    company: CompanyShown
    companies: list[MembershipShown]
    second_factor: bool | None = Field(description="Whether signing in takes a second factor. Null to an API token.")


class SignedInShown(Shown):
    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str | None = None
    user: UserShown
    company: CompanyShown


class SecondFactorAskedShown(Shown):
    """The password was right, and the account has a second factor."""

    second_factor_required: Literal[True]
    ticket: str
    expires_in: int


class RegisterGiven(Given):
    email: Email
    password: Password
    name: Name | None = None
    username: Annotated[Text, Field(max_length=50)] | None = None
    company_name: Name | None = None
    invitation_token: InvitationToken | None = None
    code: Code | None = None


class LoginGiven(Given):
    password: Password
    email: Email | None = None
    username: Annotated[Text, Field(max_length=50)] | None = None
    company: Annotated[Text, Field(max_length=100)] | None = None
    company_id: UUID | None = None
    new_password: Password | None = None
    return_refresh_token: bool = False


class SecondFactorGiven(Given):
    ticket: Annotated[Text, Field(min_length=1, max_length=2000)]
    code: Code
    return_refresh_token: bool = False


class RefreshGiven(Given):
    refresh_token: Annotated[Text, Field(max_length=500)] | None = None
    company_id: UUID | None = None


class LogoutGiven(Given):
    all: bool = False


class SwitchGiven(Given):
    company_id: UUID


class AcceptGiven(Given):
    token: InvitationToken
    password: Password | None = None
    new_password: Password | None = None
    code: Code | None = None
    name: Name | None = None
    username: Annotated[Text, Field(min_length=1, max_length=50)] | None = None


PROFILE_EXAMPLE = {
    **USER_EXAMPLE,
    "company": COMPANY_EXAMPLE,
    "companies": [{name: COMPANY_EXAMPLE[name] for name in ("id", "name", "code", "role")}],
    "second_factor": False,
}
SIGNED_IN_EXAMPLE = {
    "access_token": "eyJhbGciOiJFZERTQSJ9...",
    "token_type": "bearer",
    "expires_in": 1800,
    "user": USER_EXAMPLE,
    "company": COMPANY_EXAMPLE,
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
        also=refusals_of(AcceptanceUseCases.register),
        limited_by="register",
    ),
)
async def register(request: Request, given: RegisterGiven) -> Response:
    if given.invitation_token is not None:
        if given.company_name is not None:
            raise Invalid(faults=(Fault("an invitation names the company", pointer="/company_name"),))
        acceptance = Acceptance(
            token=given.invitation_token, password=given.password, name=given.name, username=given.username
        )
        accepting = container_of(request).acceptance_use_cases()
        done = await accepting.register(visitor(request), acceptance, email=given.email)
        return answer_signed_in(request, done, status=201, show_refresh_token=False)
    registration = Registration(
        email=given.email,
        password=given.password,
        name=given.name,
        username=given.username,
        company_name=given.company_name,
        code=given.code,
    )
    done = await auth_of(request).register(_browser(request), registration)
    return answer_signed_in(request, done, status=201, show_refresh_token=False)


@public.post(
    "/login",
    **operation(
        AuthUseCases.login,
        id="login",
        summary="Sign in",
        shows=SignedInShown | SecondFactorAskedShown,
        example=SIGNED_IN_EXAMPLE,
        body=True,
        signed_in=False,
        limited_by="login",
    ),
)
async def login(request: Request, given: LoginGiven) -> Response:
    credentials = Credentials(
        password=given.password,
        email=given.email,
        username=given.username,
        company=given.company,
        company_id=given.company_id,
        new_password=given.new_password,
    )
    earlier = refresh_cookie.earlier_token(request)
    done = await auth_of(request).login(_browser(request), credentials, earlier_token=earlier)
    if isinstance(done, SecondFactorAsked):
        body = {"second_factor_required": True, "ticket": done.ticket, "expires_in": done.expires_in}
        return answers.JsonResponse(answers.encoded(body), headers=_NO_STORE)
    return answer_signed_in(request, done, status=200, show_refresh_token=given.return_refresh_token)


@public.post(
    "/login/second-factor",
    **operation(
        SecondStepUseCases.login,
        id="loginWithSecondFactor",
        summary="Sign in, second step",
        shows=SignedInShown,
        example=SIGNED_IN_EXAMPLE,
        body=True,
        signed_in=False,
        limited_by="login",
    ),
)
async def login_with_second_factor(request: Request, given: SecondFactorGiven) -> Response:
    second_step = container_of(request).second_step_use_cases()
    earlier = refresh_cookie.earlier_token(request)
    done = await second_step.login(_browser(request), ticket=given.ticket, code=given.code, earlier_token=earlier)
    return answer_signed_in(request, done, status=200, show_refresh_token=given.return_refresh_token)


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
    token = refresh_cookie.kept_token(request) if from_cookie else given.refresh_token
    done = await auth_of(request).refresh(
        token, company_id=given.company_id, from_cookie=from_cookie, origin=origin(request)
    )
    return answer_signed_in(request, done, status=200, show_refresh_token=not from_cookie)


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
    except (TokenInvalid, NotByToken):
        actor = None
    token = refresh_cookie.kept_token(request) if actor is None else None
    everywhere = given.all if given else False
    await auth_of(request).logout(actor, refresh_token=token, everywhere=everywhere, origin=origin(request))
    response = Response(status_code=204, headers={"Cache-Control": "no-store"})
    # A form on another site's page could sign people out of their browser otherwise: it sends no cookie, but could
    # still have it cleared.
    if actor is not None or refresh_cookie.comes_from_allowed_page(request):
        refresh_cookie.clear(request, response)
    return response


@invitations.post(
    "/invitations/accept",
    **operation(
        AcceptanceUseCases.accept,
        id="acceptInvitation",
        summary="Accept an invitation",
        shows=SignedInShown,
        example=SIGNED_IN_EXAMPLE,
        body=True,
        signed_in=False,
        also=(TokenInvalid, NotByToken),
    ),
)
async def accept_invitation(request: Request, given: AcceptGiven) -> Response:
    actor = None
    if "authorization" in request.headers:
        actor = replace(await signed_in_caller(request), origin=origin(request))
    acceptance = Acceptance(
        token=given.token,
        password=given.password,
        new_password=given.new_password,
        code=given.code,
        name=given.name,
        username=given.username,
    )
    accepting = container_of(request).acceptance_use_cases()
    done = await accepting.accept(_browser(request), acceptance, actor=actor)
    return answer_signed_in(request, done, status=200, show_refresh_token=False)


async def me(request: Request) -> Response:
    (profile, seq) = await auth_of(request).me(caller(request))
    body = user_fields(profile.user) | {
        "company": company_body(profile.company),
        "companies": [
            {"id": each.company_id, "name": each.company_name, "code": each.company_code, "role": each.role}
            for each in profile.companies
        ],
        "second_factor": profile.second_factor,
    }
    written = answers.encoded(body)
    # Of the whole answer, since the companies in it change without the user's version.
    etag = f'"{tag(profile.user.version, (written.decode(),))}"'
    kept = not request.url.path.startswith(public.prefix)
    if answers.is_current(request, etag):
        return answers.not_modified(etag, seq, kept=kept)
    return answers.JsonResponse(written, headers=[*answers.read_headers(seq, kept=kept), (b"etag", etag.encode())])


_me = operation(
    AuthUseCases.me, id="getMe", summary="Who I am", shows=ProfileShown, example=PROFILE_EXAMPLE, tagged=True
)
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
    return answer_signed_in(request, done, status=200, show_refresh_token=False)


def answer_signed_in(request: Request, done: SignedIn, *, status: int, show_refresh_token: bool) -> Response:
    """The tokens of whoever has just signed in, and the cookies that keep them signed in."""
    body: dict[str, Any] = {
        "access_token": done.access_token,
        "token_type": "bearer",
        "expires_in": done.expires_in,
        "user": user_fields(done.user),
        "company": company_body(done.company),
    }
    if show_refresh_token:
        body["refresh_token"] = done.refresh_token
    headers = list(_NO_STORE)
    if status == 201:
        headers.append((b"location", b"/api/v1/auth/me"))
    response = answers.JsonResponse(answers.encoded(body), status=status, headers=headers)
    if done.refresh_token is not None:
        refresh_cookie.keep(request, response, done.refresh_token)
    if done.device_token is not None:
        device_cookie.keep(request, response, done.device_token)
    return response


def _browser(request: Request) -> Visitor:
    """The visitor with what their browser is known by, if somebody signed in with it before."""
    return replace(visitor(request), device=device_cookie.kept_token(request))
