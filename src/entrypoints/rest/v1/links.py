"""Links that are mailed, over HTTP: a lost password, and the address of one's own account."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from core.auth.errors import TokenInvalid
from core.auth.use_cases.recovering import RecoveryUseCases
from core.auth.use_cases.verifying import EmailUseCases
from core.kernel.actor import NotByToken
from entrypoints.rest.authentication import signed_in_caller
from entrypoints.rest.caller import PublicRoute, SignedInRoute, caller, container_of, visitor
from entrypoints.rest.operations import operation
from entrypoints.rest.v1.auth import Email, Password
from entrypoints.rest.v1.fields import Given, Text

public = APIRouter(prefix="/api/v1/auth", route_class=PublicRoute, tags=["Authentication"])
signed_in = APIRouter(prefix="/api/v1/auth", route_class=SignedInRoute, tags=["Authentication"])

LinkToken = Annotated[Text, Field(min_length=1, max_length=200, description="Out of a link that was mailed.")]


class ForgotGiven(Given):
    email: Email


class ResetGiven(Given):
    token: LinkToken
    new_password: Password


class EmailChangeGiven(Given):
    email: Email


class VerifyGiven(Given):
    token: LinkToken


def recovery_of(request: Request) -> RecoveryUseCases:
    found: RecoveryUseCases = container_of(request).recovery_use_cases()
    return found


def email_of(request: Request) -> EmailUseCases:
    found: EmailUseCases = container_of(request).email_use_cases()
    return found


@public.post(
    "/password/forgot",
    response_class=Response,
    **operation(
        RecoveryUseCases.forgot,
        id="forgotPassword",
        summary="Mail me a link for a new password",
        status=202,
        body=True,
        signed_in=False,
        limited_by="login",
    ),
)
async def forgot_password(request: Request, given: ForgotGiven) -> Response:
    await recovery_of(request).forgot(visitor(request), email=given.email)
    return _nothing(202)


@public.post(
    "/password/reset",
    **operation(
        RecoveryUseCases.reset,
        id="resetPassword",
        summary="Choose a new password by a mailed link",
        status=204,
        body=True,
        signed_in=False,
        limited_by="login",
    ),
)
async def reset_password(request: Request, given: ResetGiven) -> Response:
    await recovery_of(request).reset(visitor(request), token=given.token, new_password=given.new_password)
    return _nothing(204)


@public.post(
    "/email/verify",
    **operation(
        EmailUseCases.verify,
        id="verifyEmail",
        summary="Prove an address by a mailed link",
        status=204,
        body=True,
        signed_in=False,
        limited_by="login",
        also=(TokenInvalid, NotByToken),
    ),
)
async def verify_email(request: Request, given: VerifyGiven) -> Response:
    actor = await signed_in_caller(request) if "authorization" in request.headers else None
    await email_of(request).verify(visitor(request), token=given.token, actor=actor)
    return _nothing(204)


@signed_in.post(
    "/email/change",
    response_class=Response,
    **operation(
        EmailUseCases.change,
        id="changeEmail",
        summary="Change my address",
        status=202,
        body=True,
        positioned=False,
    ),
)
async def change_email(request: Request, given: EmailChangeGiven) -> Response:
    await email_of(request).change(caller(request), email=given.email)
    return _nothing(202)


@signed_in.post(
    "/email/resend",
    response_class=Response,
    **operation(
        EmailUseCases.resend,
        id="resendEmailLink",
        summary="Mail me the link once more that proves my address",
        status=202,
        positioned=False,
    ),
)
async def resend_email_link(request: Request) -> Response:
    await email_of(request).resend(caller(request))
    return _nothing(202)


def _nothing(status: int) -> Response:
    """Done, or under way, and nothing to show."""
    return Response(status_code=status, headers={"Cache-Control": "no-store"})
