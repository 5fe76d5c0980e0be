"""Signing in at a provider over HTTP: a browser goes there, comes back, and is signed in by a code."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from core.oidc.use_cases.logins import ComingBack, OidcLoginUseCases
from entrypoints.rest import answers, oidc_cookie, refresh_cookie, refs
from entrypoints.rest.caller import PageRoute, PublicRoute, container_of, visitor
from entrypoints.rest.operations import operation
from entrypoints.rest.v1.auth import SIGNED_IN_EXAMPLE, SignedInShown, answer_signed_in
from entrypoints.rest.v1.fields import Given, Shown, Text


class ReturnRoute(PageRoute):
    """Where other sites send browsers to: what they add to the address of their own is none of our business."""

    knows_all_parameters = False


_TAGS = ["Authentication"]
public = APIRouter(prefix="/api/v1/auth/oidc", route_class=PublicRoute, tags=_TAGS)  # type: ignore[arg-type]
pages = APIRouter(prefix="/api/v1/auth/oidc", route_class=PageRoute, tags=_TAGS)  # type: ignore[arg-type]
returning = APIRouter(prefix="/api/v1/auth/oidc", route_class=ReturnRoute, tags=_TAGS)  # type: ignore[arg-type]

_NO_STORE = {"Cache-Control": "no-store"}


class WayInShown(Shown):
    """`company` is the name of the one that it opens; null: all of the account's."""

    connection_id: UUID
    name: str
    company: str | None
    login_url: str


class CodeGiven(Given):
    code: Annotated[Text, Field(min_length=1, max_length=200)]


WAY_IN_EXAMPLE = {
    "connection_id": "01920000-0000-7000-8000-000000000030",
    "name": "Miller's own",
    "company": "Miller & Co",
    "login_url": "https://flowtrack.example.com/api/v1/auth/oidc/01920000-0000-7000-8000-000000000030/login",
}


def logins_of(request: Request) -> OidcLoginUseCases:
    found: OidcLoginUseCases = container_of(request).oidc_login_use_cases()
    return found


def login_address(request: Request, connection_id: UUID) -> str:
    """Where a browser begins to sign in through a connection."""
    return f"{container_of(request).settings().public_url}{public.prefix}/{connection_id}/login"


@public.get(
    "/discover",
    **operation(
        OidcLoginUseCases.discover,
        id="discoverOidc",
        summary="Find the providers for an address",
        shows=list[WayInShown],
        example=[WAY_IN_EXAMPLE],
        signed_in=False,
    ),
)
async def discover(request: Request, email: Annotated[Text, Query(max_length=254)]) -> Response:
    found = await logins_of(request).discover(visitor(request), email=email)
    body = [{**each._asdict(), "login_url": login_address(request, each.connection_id)} for each in found]
    return answers.JsonResponse(answers.encoded(body), headers=[(b"cache-control", b"no-store")])


@pages.get(
    "/{connection_id}/login",
    response_class=Response,
    **operation(
        OidcLoginUseCases.begin,
        id="beginOidcLogin",
        summary="Sign in at a provider",
        status=302,
        signed_in=False,
    ),
)
async def begin(
    request: Request,
    connection_id: Annotated[str, Path(description="Of a company's connection, or of the installation's provider.")],
    redirect_to: Annotated[
        str | None, Query(max_length=2000, description="Where to go with the code; else to the product's own page.")
    ] = None,
    anew: Annotated[bool, Query(description="Have the provider ask for a proof even if it knows the browser.")] = False,
) -> Response:
    ref = refs.oidc_connection_id(connection_id)
    begun = await logins_of(request).begin(visitor(request), ref, redirect_to=redirect_to, anew=anew)
    response = RedirectResponse(begun.address, 302, headers=_NO_STORE)
    oidc_cookie.keep(request, response, begun.sealed_state)
    return response


State = Annotated[str | None, Query(max_length=500)]
Code = Annotated[str | None, Query(max_length=4000)]
Issuer = Annotated[str | None, Query(max_length=500)]


@returning.get(
    "/callback",
    response_class=Response,
    **operation(
        OidcLoginUseCases.come_back,
        id="returnFromOidc",
        summary="Come back from a provider of the installation",
        status=302,
        signed_in=False,
    ),
)
async def come_back(request: Request, state: State = None, code: Code = None, iss: Issuer = None) -> Response:
    kept = oidc_cookie.kept_state(request)
    return await _sent_on(request, ComingBack(sealed_state=kept, state=state, code=code, issuer=iss))


@returning.get(
    "/{connection_id}/callback",
    response_class=Response,
    **operation(
        OidcLoginUseCases.come_back,
        id="returnFromOidcConnection",
        summary="Come back from a company's provider",
        status=302,
        signed_in=False,
    ),
)
async def come_back_to_connection(
    request: Request,
    connection_id: Annotated[str, Path(description="Of a company's connection.")],
    state: State = None,
    code: Code = None,
    iss: Issuer = None,
) -> Response:
    kept, ref = oidc_cookie.kept_state(request), refs.oidc_connection_id(connection_id)
    given = ComingBack(sealed_state=kept, state=state, code=code, issuer=iss, connection_id=ref)
    return await _sent_on(request, given)


async def _sent_on(request: Request, given: ComingBack) -> Response:
    returned = await logins_of(request).come_back(visitor(request), given)
    # The cookie stays: the code is good in this browser alone.
    return RedirectResponse(returned.redirect_to, 302, headers=_NO_STORE)


@public.post(
    "/token",
    **operation(
        OidcLoginUseCases.redeem,
        id="redeemOidcCode",
        summary="Be signed in by a code",
        shows=SignedInShown,
        example=SIGNED_IN_EXAMPLE,
        body=True,
        signed_in=False,
    ),
)
async def redeem(request: Request, given: CodeGiven) -> Response:
    kept = oidc_cookie.kept_state(request)
    earlier = refresh_cookie.earlier_token(request)
    done = await logins_of(request).redeem(visitor(request), code=given.code, sealed_state=kept, earlier_token=earlier)
    response = answer_signed_in(request, done, status=200, show_refresh_token=False)
    oidc_cookie.clear(request, response)
    return response
