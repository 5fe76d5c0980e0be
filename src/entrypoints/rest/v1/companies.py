"""Companies over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Request
from pydantic import Field
from starlette.responses import Response

from core.companies.errors import CompanyNotFound
from core.companies.model import CompanyChanges
from core.companies.read_models import CompanyView
from core.companies.use_cases import CompanyUseCases
from core.kernel.actor import Role
from core.kernel.once import Once
from core.kernel.paging import Answer
from core.users.use_cases.users import UserUseCases
from entrypoints.rest import answers, paging
from entrypoints.rest.caller import SignedInRoute, caller, container_of, expected_version
from entrypoints.rest.idempotency import answered_once
from entrypoints.rest.operations import changed_at, operation
from entrypoints.rest.refs import company_id as parsed_company_id
from entrypoints.rest.v1.fields import Given, Instant, Name, Shown, Text, Version

router = APIRouter(prefix="/api/v1/companies", route_class=SignedInRoute, tags=["Companies"])

SORTS = Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"]


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


class CompanySettingsPatch(Given):
    members_edit_all_project_tasks: bool = False
    time_zone: Annotated[Text, Field(max_length=100)] = "UTC"


class CompanyPatch(Given):
    """A merge patch. Read-only fields may be sent back as they were read."""

    name: Name = ""
    code: Annotated[Text, Field(min_length=1, max_length=40)] = ""
    contact_email: Annotated[Text, Field(max_length=254)] | None = None
    settings: CompanySettingsPatch = CompanySettingsPatch()
    version: Version = 1

    id: UUID | None = None
    is_active: bool | None = None
    role: Role | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None


class CompanyDeletion(Given):
    confirm: Annotated[Text, Field(max_length=100, description="The company's code.")]


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
    found: CompanyUseCases = container_of(request).company_use_cases()
    return found


@router.get(
    "",
    **operation(
        CompanyUseCases.list,
        id="listCompanies",
        summary="List my companies",
        shows=list[CompanyShown],
        example=[COMPANY_EXAMPLE],
        is_list=True,
    ),
)
async def list_companies(
    request: Request,
    sort: SORTS = "name",
    limit: paging.Limit = paging.USUAL_LIMIT,
    cursor: paging.Cursor = None,
    skip: paging.Skip = 0,
    include_total: paging.IncludeTotal = False,
) -> Response:
    page = paging.page_request(request, limit=limit, cursor=cursor, skip=skip, include_total=include_total)
    answer = await companies_of(request).list(caller(request), sort=paging.sort_of(sort), page=page)
    return paging.listed(request, answer, write=_written)


def _written(companies: list[CompanyView]) -> bytes:
    return answers.encoded([company_body(company) for company in companies])


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


_WRITABLE = frozenset({"name", "code", "contact_email"})


@changed_at(
    router,
    "/{company_id}",
    **operation(
        CompanyUseCases.change,
        id="changeCompany",
        changes=True,
        summary="Change a company",
        shows=CompanyShown,
        example=COMPANY_EXAMPLE,
        body=True,
        tagged=True,
    ),
)
async def change_company(request: Request, company_id: Annotated[str, Path()], given: CompanyPatch) -> Response:
    sent = given.model_fields_set
    settings = given.settings.model_fields_set if "settings" in sent else set()
    changes = CompanyChanges(
        given=frozenset((sent & _WRITABLE) | settings),
        unchanged={name: getattr(given, name) for name in sent - _WRITABLE - {"version", "settings"}},
        **{name: getattr(given, name) for name in sent & _WRITABLE},
        **{name: getattr(given.settings, name) for name in settings},
    )
    expected = expected_version(request, in_body=given.version if "version" in sent else None)
    ref = parsed_company_id(company_id)
    return _one(await companies_of(request).change(caller(request), ref, changes, expected=expected), status=200)


@router.delete(
    "/{company_id}",
    **operation(
        CompanyUseCases.delete, id="deleteCompany", changes=True, summary="Delete a company", status=204, body=True
    ),
)
async def delete_company(request: Request, company_id: Annotated[str, Path()], given: CompanyDeletion) -> Response:
    expected, ref = expected_version(request), parsed_company_id(company_id)
    companies = companies_of(request)
    return answers.no_content(await companies.delete(caller(request), ref, confirmed=given.confirm, expected=expected))


@router.post(
    "/{company_id}/leave",
    **operation(
        UserUseCases.leave,
        id="leaveCompany",
        summary="Leave a company",
        status=204,
        idempotent=True,
        also=(CompanyNotFound,),
    ),
)
async def leave_company(request: Request, company_id: Annotated[str, Path()]) -> Response:
    actor = caller(request)
    if parsed_company_id(company_id) != actor.company_id:
        raise CompanyNotFound
    users = container_of(request).user_use_cases()

    async def again(_: UUID) -> Answer[None]:
        raise CompanyNotFound

    async def leave(once: Once | None) -> Answer[None]:
        return Answer(None, await users.leave(actor, once=once))

    return await answered_once(request, do=leave, again=again, respond=lambda left: answers.no_content(left.seq))
