"""A company's connections to providers over HTTP."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request
from pydantic import Field
from starlette.responses import Response

from core.kernel.actor import Role
from core.kernel.paging import Answer
from core.oidc.model import FIELDS, MOST_DOMAINS, MOST_ROLES, ConnectionChanges
from core.oidc.read_models import ConnectionView
from core.oidc.use_cases.connections import OidcConnectionUseCases
from entrypoints.rest import answers, refs
from entrypoints.rest.caller import SignedInRoute, caller, container_of, expected_version
from entrypoints.rest.idempotency import answered_once
from entrypoints.rest.operations import changed_at, operation
from entrypoints.rest.v1.fields import Given, Instant, Name, Shown, Text, Version

router = APIRouter(
    prefix="/api/v1/companies/{company_id}/oidc-connections", route_class=SignedInRoute, tags=["Companies"]
)

CompanyId = Annotated[str, Path(description="The company's id.")]
ConnectionId = Annotated[str, Path(description="The connection's id.")]
Issuer = Annotated[Text, Field(min_length=1, max_length=500, description="As the provider writes it, to the letter.")]
ClientId = Annotated[Text, Field(min_length=1, max_length=255)]
ClientSecret = Annotated[Text, Field(min_length=1, max_length=1000, description="Kept sealed, and never shown.")]
Domains = Annotated[
    list[Annotated[Text, Field(min_length=1, max_length=253)]],
    Field(max_length=MOST_DOMAINS, description="Each counts once the company has proved it."),
]
RoleClaim = Annotated[
    Text, Field(min_length=1, max_length=200, description="A claim, or the path to one: `realm_access.roles`.")
]
RoleWord = Annotated[Text, Field(min_length=1, max_length=200)]


class OidcConnectionShown(Shown):
    id: UUID
    name: str
    issuer: str
    client_id: str
    has_client_secret: bool
    email_domains: list[str]
    default_role: Role
    role_claim: str | None
    role_map: dict[str, Role]
    jit_provisioning: bool
    enforce_sso: bool
    break_glass_user_id: UUID | None
    admits_owners: bool
    version: int
    created_at: datetime
    updated_at: datetime


class OidcConnectionGiven(Given):
    name: Name
    issuer: Issuer
    client_id: ClientId
    client_secret: ClientSecret | None = None
    email_domains: Domains = []
    default_role: Role = Role.MEMBER
    role_claim: RoleClaim | None = None
    role_map: Annotated[dict[RoleWord, Role], Field(max_length=MOST_ROLES)] = {}
    jit_provisioning: bool = False
    enforce_sso: bool = False
    break_glass_user_id: UUID | None = None


class OidcConnectionPatch(Given):
    """A merge patch: null in `role_map` removes a word. Read-only fields may be sent back as they were read."""

    name: Name = ""
    issuer: Issuer = ""
    client_id: ClientId = ""
    client_secret: ClientSecret | None = None
    email_domains: Domains = []
    default_role: Role = Role.MEMBER
    role_claim: RoleClaim | None = None
    role_map: Annotated[dict[RoleWord, Role | None], Field(max_length=MOST_ROLES)] = {}
    jit_provisioning: bool = False
    enforce_sso: bool = False
    break_glass_user_id: UUID | None = None
    version: Version = 1

    id: UUID | None = None
    has_client_secret: bool | None = None
    admits_owners: bool | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None


OIDC_CONNECTION_EXAMPLE = {
    "id": "01920000-0000-7000-8000-000000000030",
    "name": "Miller's own",
    "issuer": "https://login.miller.example",
    "client_id": "flowtrack",
    "has_client_secret": True,
    "email_domains": ["miller.example"],
    "default_role": "member",
    "role_claim": "groups",
    "role_map": {"it": "admin"},
    "jit_provisioning": True,
    "enforce_sso": False,
    "break_glass_user_id": None,
    "admits_owners": True,
    "version": 1,
    "created_at": "2026-11-20T09:30:00.123456Z",
    "updated_at": "2026-11-20T09:30:00.123456Z",
}


def connections_of(request: Request) -> OidcConnectionUseCases:
    found: OidcConnectionUseCases = container_of(request).oidc_connection_use_cases()
    return found


def _one(answer: Answer[ConnectionView], *, company_id: UUID | None = None) -> Response:
    location = f"/api/v1/companies/{company_id}/oidc-connections/{answer.value.id}" if company_id is not None else None
    return answers.one(answer, status=201 if company_id is not None else 200, location=location)


@router.get(
    "",
    **operation(
        OidcConnectionUseCases.list,
        id="listOidcConnections",
        summary="List a company's connections to providers",
        shows=list[OidcConnectionShown],
        example=[OIDC_CONNECTION_EXAMPLE],
    ),
)
async def list_connections(request: Request, company_id: CompanyId) -> Response:
    found, seq = await connections_of(request).list(caller(request), refs.company_id(company_id))
    return answers.JsonResponse(answers.encoded_list(found), headers=answers.read_headers(seq))


@router.post(
    "",
    **operation(
        OidcConnectionUseCases.connect,
        id="connectOidc",
        summary="Connect a company to a provider",
        status=201,
        shows=OidcConnectionShown,
        example=OIDC_CONNECTION_EXAMPLE,
        body=True,
        tagged=True,
        idempotent=True,
    ),
)
async def connect(request: Request, company_id: CompanyId, given: OidcConnectionGiven) -> Response:
    actor, connections, ref = caller(request), connections_of(request), refs.company_id(company_id)
    fields: dict[str, Any] = {name: getattr(given, name) for name in given.model_fields_set}
    return await answered_once(
        request,
        do=lambda once: connections.connect(actor, ref, fields, once=once),
        again=lambda made: connections.get(actor, ref, made),
        respond=lambda answer: _one(answer, company_id=ref),
    )


@router.get(
    "/{connection_id}",
    **operation(
        OidcConnectionUseCases.get,
        id="getOidcConnection",
        summary="Get a connection to a provider",
        shows=OidcConnectionShown,
        example=OIDC_CONNECTION_EXAMPLE,
        tagged=True,
    ),
)
async def get_connection(request: Request, company_id: CompanyId, connection_id: ConnectionId) -> Response:
    ref = refs.company_id(company_id)
    answer = await connections_of(request).get(caller(request), ref, refs.oidc_connection_id(connection_id))
    etag = answers.etag_of(answer.value)
    if answers.is_current(request, etag):
        return answers.not_modified(etag, answer.seq)
    return _one(answer)


@changed_at(
    router,
    "/{connection_id}",
    **operation(
        OidcConnectionUseCases.change,
        id="changeOidcConnection",
        changes=True,
        summary="Change a connection to a provider",
        shows=OidcConnectionShown,
        example=OIDC_CONNECTION_EXAMPLE,
        body=True,
        tagged=True,
    ),
)
async def change_connection(
    request: Request, company_id: CompanyId, connection_id: ConnectionId, given: OidcConnectionPatch
) -> Response:
    sent = given.model_fields_set
    changes = ConnectionChanges(
        given={name: getattr(given, name) for name in sent & FIELDS},
        unchanged={name: getattr(given, name) for name in sent - FIELDS - {"version"}},
    )
    expected = expected_version(request, in_body=given.version if "version" in sent else None)
    here, ref = refs.company_id(company_id), refs.oidc_connection_id(connection_id)
    return _one(await connections_of(request).change(caller(request), here, ref, changes, expected=expected))


@router.delete(
    "/{connection_id}",
    **operation(
        OidcConnectionUseCases.disconnect,
        id="disconnectOidc",
        changes=True,
        summary="Remove a connection to a provider",
        status=204,
    ),
)
async def disconnect(request: Request, company_id: CompanyId, connection_id: ConnectionId) -> Response:
    expected, here = expected_version(request), refs.company_id(company_id)
    ref = refs.oidc_connection_id(connection_id)
    return answers.no_content(await connections_of(request).disconnect(caller(request), here, ref, expected=expected))
