"""The domains whose addresses a company vouches for, over HTTP."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request
from pydantic import Field
from starlette.responses import Response

from core.kernel.paging import Answer
from core.oidc.read_models import EmailDomainView
from core.oidc.use_cases.domains import EmailDomainUseCases
from entrypoints.rest import answers, refs
from entrypoints.rest.caller import SignedInRoute, caller, container_of, expected_version
from entrypoints.rest.idempotency import answered_once
from entrypoints.rest.operations import operation
from entrypoints.rest.v1.fields import Given, Shown, Text

router = APIRouter(prefix="/api/v1/companies/{company_id}/email-domains", route_class=SignedInRoute, tags=["Companies"])

CompanyId = Annotated[str, Path(description="The company's id.")]
DomainId = Annotated[str, Path(description="The domain's id.")]


class EmailDomainShown(Shown):
    id: UUID
    domain: str
    is_verified: bool
    record_name: str
    record_value: str
    verified_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class EmailDomainGiven(Given):
    domain: Annotated[Text, Field(min_length=1, max_length=253)]


EMAIL_DOMAIN_EXAMPLE = {
    "id": "01920000-0000-7000-8000-000000000031",
    "domain": "miller.example",
    "is_verified": False,
    "record_name": "_flowtrack.miller.example",
    "record_value": "flowtrack-domain=Zm9yIGV4YW1wbGUgb25seSwgbm90IGEgdG9rZW4",
    "verified_at": None,
    "version": 1,
    "created_at": "2026-11-20T09:30:00.123456Z",
    "updated_at": "2026-11-20T09:30:00.123456Z",
}


def domains_of(request: Request) -> EmailDomainUseCases:
    found: EmailDomainUseCases = container_of(request).email_domain_use_cases()
    return found


@router.get(
    "",
    **operation(
        EmailDomainUseCases.list,
        id="listEmailDomains",
        summary="List a company's domains",
        shows=list[EmailDomainShown],
        example=[EMAIL_DOMAIN_EXAMPLE],
    ),
)
async def list_domains(request: Request, company_id: CompanyId) -> Response:
    found, seq = await domains_of(request).list(caller(request), refs.company_id(company_id))
    return answers.JsonResponse(answers.encoded_list(found), headers=answers.read_headers(seq))


@router.post(
    "",
    **operation(
        EmailDomainUseCases.claim,
        id="claimEmailDomain",
        summary="Name a domain that is the company's own",
        status=201,
        shows=EmailDomainShown,
        example=EMAIL_DOMAIN_EXAMPLE,
        body=True,
        tagged=True,
        idempotent=True,
    ),
)
async def claim_domain(request: Request, company_id: CompanyId, given: EmailDomainGiven) -> Response:
    actor, domains, ref = caller(request), domains_of(request), refs.company_id(company_id)

    def respond(answer: Answer[EmailDomainView]) -> Response:
        location = f"/api/v1/companies/{ref}/email-domains/{answer.value.id}"
        return answers.one(answer, status=201, location=location)

    return await answered_once(
        request,
        do=lambda once: domains.claim(actor, ref, domain=given.domain, once=once),
        again=lambda made: domains.get(actor, ref, made),
        respond=respond,
    )


@router.get(
    "/{domain_id}",
    **operation(
        EmailDomainUseCases.get,
        id="getEmailDomain",
        summary="Get one of a company's domains",
        shows=EmailDomainShown,
        example=EMAIL_DOMAIN_EXAMPLE,
        tagged=True,
    ),
)
async def get_domain(request: Request, company_id: CompanyId, domain_id: DomainId) -> Response:
    here, ref = refs.company_id(company_id), refs.email_domain_id(domain_id)
    answer = await domains_of(request).get(caller(request), here, ref)
    etag = answers.etag_of(answer.value)
    if answers.is_current(request, etag):
        return answers.not_modified(etag, answer.seq)
    return answers.one(answer)


@router.post(
    "/{domain_id}/verify",
    **operation(
        EmailDomainUseCases.verify,
        id="verifyEmailDomain",
        summary="Prove a domain by its DNS record",
        shows=EmailDomainShown,
        example={
            **EMAIL_DOMAIN_EXAMPLE,
            "is_verified": True,
            "verified_at": "2026-11-20T09:40:00.123456Z",
            "version": 2,
        },
        tagged=True,
        idempotent=True,
        changes=True,
    ),
)
async def verify_domain(request: Request, company_id: CompanyId, domain_id: DomainId) -> Response:
    actor, domains = caller(request), domains_of(request)
    here, ref, expected = refs.company_id(company_id), refs.email_domain_id(domain_id), expected_version(request)
    return await answered_once(
        request,
        do=lambda once: domains.verify(actor, here, ref, expected=expected, once=once),
        again=lambda made: domains.get(actor, here, made),
        respond=answers.one,
    )


@router.delete(
    "/{domain_id}",
    **operation(
        EmailDomainUseCases.release,
        id="releaseEmailDomain",
        changes=True,
        summary="Take a domain back",
        status=204,
    ),
)
async def release_domain(request: Request, company_id: CompanyId, domain_id: DomainId) -> Response:
    expected, here = expected_version(request), refs.company_id(company_id)
    ref = refs.email_domain_id(domain_id)
    return answers.no_content(await domains_of(request).release(caller(request), here, ref, expected=expected))
