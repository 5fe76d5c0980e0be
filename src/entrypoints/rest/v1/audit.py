"""The audit over HTTP."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from core.audit.ports import AuditFilter
from core.audit.read_models import AuditEventView
from core.audit.use_cases import AuditUseCases
from core.kernel.errors import Fault, Invalid
from entrypoints.rest import answers, paging
from entrypoints.rest.caller import SignedInRoute, caller, container_of, with_origin
from entrypoints.rest.operations import operation
from entrypoints.rest.v1.fields import Instant, Several, Shown, Text

router = APIRouter(prefix="/api/v1", route_class=SignedInRoute, tags=["Audit"])

NDJSON = "application/x-ndjson"
_PAGING = ("cursor", "skip", "limit", "include_total", "sort")


class AuditEventShown(Shown):
    """`personal` holds texts about people, such as an address; they can be erased, and the event stays."""

    id: UUID
    type: str
    at: datetime
    actor_id: UUID | None
    actor_name: str | None
    via: Literal["session", "token", "system", "visitor"]
    session_id: UUID | None
    token_id: UUID | None
    request_id: str | None
    address: str | None
    agent: str | None
    details: dict[str, Any]
    personal: dict[str, Any] | None
    number: int | None = Field(description="Its place in the company's chain; null for the moment until it has one.")
    erased_at: datetime | None


AUDIT_EVENT_EXAMPLE = {
    "id": "01920000-0000-7000-8000-000000000040",
    "type": "role.changed",
    "at": "2026-11-20T09:30:00.123456Z",
    "actor_id": "01920000-0000-7000-8000-000000000002",
    "actor_name": "Ann",
    "via": "session",
    "session_id": "01920000-0000-7000-8000-000000000030",
    "token_id": None,
    "request_id": "4814068ffb126d324e9e79619d34cfb9",
    "address": "192.0.2.7",
    "agent": "curl/8.5.0",
    "details": {"user_id": "01920000-0000-7000-8000-000000000005", "old": "member", "new": "admin"},
    "personal": None,
    "number": 17,
    "erased_at": None,
}


def audit_of(request: Request) -> AuditUseCases:
    return container_of(request).audit_use_cases()


@router.get(
    "/audit-events",
    **operation(
        AuditUseCases.list,
        id="listAuditEvents",
        summary="Read the audit",
        shows=list[AuditEventShown],
        example=[AUDIT_EVENT_EXAMPLE],
        is_list=True,
        also_answers=NDJSON,
    ),
)
async def list_audit_events(
    request: Request,
    type: Annotated[list[Annotated[Text, Field(max_length=100)]], Several, Query(max_length=50)] = [],  # noqa: B006
    actor: Annotated[UUID | None, Query(description="A user's id.")] = None,
    since: Annotated[Instant | None, Query(alias="from", description="From this instant on.")] = None,
    until: Annotated[Instant | None, Query(alias="to", description="Before this instant.")] = None,
    format: Literal["json", "ndjson"] = "json",
    sort: Literal["at", "-at"] = "-at",
    limit: paging.Limit = paging.USUAL_LIMIT,
    cursor: paging.Cursor = None,
    skip: paging.Skip = 0,
    include_total: paging.IncludeTotal = False,
) -> Response:
    where = AuditFilter(types=tuple(type), actor_id=actor, since=since, until=until)
    if format == "ndjson":
        faults = [Fault("has no use for ndjson", parameter=name) for name in _PAGING if name in request.query_params]
        if faults:
            raise Invalid(faults=tuple(faults))
        pages, seq = await audit_of(request).export(with_origin(request), where=where)
        headers = {name.decode(): value.decode() for name, value in answers.read_headers(seq)}
        return StreamingResponse(_lines(pages), media_type=NDJSON, headers=headers)
    page = paging.page_request(request, limit=limit, cursor=cursor, skip=skip, include_total=include_total)
    answer = await audit_of(request).list(caller(request), where=where, sort=paging.sort_of(sort), page=page)
    return paging.listed(request, answer)


async def _lines(pages: Callable[[], AsyncIterator[tuple[AuditEventView, ...]]]) -> AsyncIterator[bytes]:
    async for page in pages():
        yield b"".join(answers.encoded(answers.as_written(event)) + b"\n" for event in page)
