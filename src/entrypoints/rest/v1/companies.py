"""Companies over HTTP."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request
from pydantic import Field
from starlette.responses import Response

from core.companies.read_models import CompanyView
from core.companies.use_cases import CompanyUseCases
from core.kernel.actor import Role
from core.kernel.paging import Answer
from entrypoints.rest import answers
from entrypoints.rest.caller import SignedInRoute, caller, container_of
from entrypoints.rest.idempotency import answered_once
from entrypoints.rest.operations import operation
from entrypoints.rest.refs import company_id as parsed_company_id
from entrypoints.rest.v1.fields import Given, Name, Shown, Text

router = APIRouter(prefix="/api/v1/companies", route_class=SignedInRoute, tags=["Companies"])


class CompanySettingsShown(Shown):
    members_edit_all_project_tasks: bool
    time_zone: str


class CompanyShown(Shown):
    id: UUID
    name: str
    code: str
    contact_email: str | None
    is_active: bool
    settings: CompanySettingsShown
    role: Role
    version: int
    created_at: datetime
    updated_at: datetime


class CompanyGiven(Given):
    name: Name
    contact_email: Annotated[Text, Field(max_length=254)] | None = None


COMPANY_EXAMPLE = {
    "id": "01920000-0000-7000-8000-000000000009",
    "name": "Miller & Co",
    "code": "miller-co",
    "contact_email": "ann@example.com",
    "is_active": True,
    "settings": {"members_edit_all_project_tasks": False, "time_zone": "UTC"},
    "role": "owner",
    "version": 1,
    "created_at": "2026-11-20T09:30:00.123456Z",
    "updated_at": "2026-11-20T09:30:00.123456Z",
}


def company_body(company: CompanyView) -> dict[str, Any]:
    """A company as it is shown to one of its users."""
    return {
        "id": company.id,
        "name": company.name,
        "code": company.code,
        "contact_email": company.contact_email,
        "is_active": company.is_active,
        "settings": {
            "members_edit_all_project_tasks": company.settings.members_edit_all_project_tasks,
            "time_zone": company.settings.time_zone,
        },
        "role": company.role,
        "version": company.version,
        "created_at": answers.written_instant(company.created_at),
        "updated_at": answers.written_instant(company.updated_at),
    }


def companies_of(request: Request) -> CompanyUseCases:
    return container_of(request).company_use_cases()


@router.get(
    "",
    **operation(
        CompanyUseCases.list,
        id="listCompanies",
        summary="List my companies",
        shows=list[CompanyShown],
        example=[COMPANY_EXAMPLE],
    ),
)
async def list_companies(request: Request) -> Response:
    companies, seq = await companies_of(request).list(caller(request))
    body = answers.encoded([company_body(company) for company in companies])
    return answers.JsonResponse(body, headers=answers.read_headers(seq))


def _one(answer: Answer[CompanyView], *, status: int, location: str | None = None) -> Response:
    return answers.one(answer, status=status, location=location, body=answers.encoded(company_body(answer.value)))


@router.post(
    "",
    **operation(
        CompanyUseCases.open,
        id="openCompany",
        summary="Open a company",
        status=201,
        shows=CompanyShown,
        example=COMPANY_EXAMPLE,
        body=True,
        tagged=True,
        idempotent=True,
    ),
)
async def open_company(request: Request, given: CompanyGiven) -> Response:
    actor, companies = caller(request), companies_of(request)

    def respond(answer: Answer[CompanyView]) -> Response:
        return _one(answer, status=201, location=f"/api/v1/companies/{answer.value.id}")

    return await answered_once(
        request,
        do=lambda once: companies.open(actor, name=given.name, contact_email=given.contact_email, once=once),
        again=lambda company_id: companies.get(actor, company_id),
        respond=respond,
    )


@router.get(
    "/{company_id}",
    **operation(
        CompanyUseCases.get,
        id="getCompany",
        summary="Get one of my companies",
        shows=CompanyShown,
        example=COMPANY_EXAMPLE,
        tagged=True,
    ),
)
async def get_company(request: Request, company_id: Annotated[str, Path()]) -> Response:
    answer = await companies_of(request).get(caller(request), parsed_company_id(company_id))
    etag = answers.etag_of(answer.value)
    if answers.is_current(request, etag):
        return answers.not_modified(etag, answer.seq)
    return _one(answer, status=200)
