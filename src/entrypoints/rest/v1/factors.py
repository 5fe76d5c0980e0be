"""A person's own second factor, over HTTP."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from core.auth.use_cases.factors import FactorUseCases
from entrypoints.rest import answers
from entrypoints.rest.caller import SignedInRoute, caller, container_of
from entrypoints.rest.operations import operation
from entrypoints.rest.v1.auth import Code
from entrypoints.rest.v1.fields import Given, Shown

router = APIRouter(prefix="/api/v1/auth", route_class=SignedInRoute, tags=["Authentication"])

_NO_STORE = [(b"cache-control", b"no-store")]


class EnrolmentShown(Shown):
    """Shown once: the secret as text, and as the address that an authenticator reads off a picture."""

    secret: str
    provisioning_uri: str


class RecoveryCodesShown(Shown):
    """Shown once."""

    recovery_codes: list[str]


class CodeGiven(Given):
    code: Code


ENROLMENT_EXAMPLE = {
    "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
    "provisioning_uri": (
        "otpauth://totp/FlowTrack%20flowtrack.example.com:ann%40example.com"
        "?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=FlowTrack%20flowtrack.example.com"
    ),
}
RECOVERY_CODES_EXAMPLE = {"recovery_codes": ["k7mv-2q9d-xw4t-hr6p-3nzc-8e0j", "0c8n-z5be-1j3a-yq7s-pd4f-x2gh"]}


def factors_of(request: Request) -> FactorUseCases:
    found: FactorUseCases = container_of(request).factor_use_cases()
    return found


@router.post(
    "/totp/enable",
    **operation(
        FactorUseCases.enable,
        id="enableTotp",
        summary="Begin with a second factor",
        shows=EnrolmentShown,
        example=ENROLMENT_EXAMPLE,
        positioned=False,
    ),
)
async def enable(request: Request) -> Response:
    done = await factors_of(request).enable(caller(request))
    return answers.JsonResponse(answers.encoded(done._asdict()), headers=_NO_STORE)


@router.post(
    "/totp/confirm",
    **operation(
        FactorUseCases.confirm,
        id="confirmTotp",
        summary="Have a second factor count",
        shows=RecoveryCodesShown,
        example=RECOVERY_CODES_EXAMPLE,
        body=True,
        positioned=False,
    ),
)
async def confirm(request: Request, given: CodeGiven) -> Response:
    return _shown(await factors_of(request).confirm(caller(request), code=given.code))


@router.post(
    "/totp/disable",
    **operation(
        FactorUseCases.disable,
        id="disableTotp",
        summary="Do without a second factor",
        status=204,
        body=True,
        positioned=False,
    ),
)
async def disable(request: Request, given: CodeGiven) -> Response:
    await factors_of(request).disable(caller(request), code=given.code)
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


@router.post(
    "/recovery-codes",
    **operation(
        FactorUseCases.renew_recovery_codes,
        id="renewRecoveryCodes",
        summary="Make other recovery codes",
        shows=RecoveryCodesShown,
        example=RECOVERY_CODES_EXAMPLE,
        positioned=False,
    ),
)
async def renew_recovery_codes(request: Request) -> Response:
    return _shown(await factors_of(request).renew_recovery_codes(caller(request)))


def _shown(codes: tuple[str, ...]) -> Response:
    return answers.JsonResponse(answers.encoded({"recovery_codes": [*codes]}), headers=_NO_STORE)
