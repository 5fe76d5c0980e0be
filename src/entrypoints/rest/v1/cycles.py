"""Cycles over HTTP."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from core.cycles.model import PREFIX_LENGTH, CycleChanges, CycleStatus
from core.cycles.ports import CycleFilter
from core.cycles.read_models import CycleView
from core.cycles.use_cases import CycleUseCases, NewCycle
from core.kernel.metadata import DEEPEST, MOST_BYTES
from core.kernel.paging import Answer
from entrypoints.rest import answers, paging
from entrypoints.rest.caller import SignedInRoute, caller, container_of, expected_version
from entrypoints.rest.idempotency import answered_once
from entrypoints.rest.operations import changed_at, operation
from entrypoints.rest.refs import cycle_id as cycle_ref
from entrypoints.rest.v1.fields import Day, Description, Given, Instant, Name, Several, Shown, Text, Version

router = APIRouter(prefix="/api/v1/cycles", route_class=SignedInRoute, tags=["Cycles"])

CycleId = Annotated[str, Path(description="The cycle's id.")]
Prefix = Annotated[
    Text,
    Field(
        min_length=1,
        max_length=PREFIX_LENGTH,
        description="Parts of letters, digits and `!_.*'()-`, with one slash between them; none is `.` or `..`.",
    ),
]
Metadata = Annotated[
    dict[str, Any],
    Field(description=f"Any object of at most {MOST_BYTES:,} bytes of JSON, {DEEPEST} levels deep."),
]
SORTS = Literal[
    "number",
    "-number",
    "name",
    "-name",
    "starts_on",
    "-starts_on",
    "ends_on",
    "-ends_on",
    "created_at",
    "-created_at",
    "updated_at",
    "-updated_at",
]


class CycleShown(Shown):
    id: UUID
    project_id: UUID
    name: str
    number: int
    s3_prefix: str
    status: CycleStatus
    description: str | None
    metadata: dict[str, Any]
    starts_on: date | None
    ends_on: date | None
    started_at: datetime | None
    completed_at: datetime | None
    created_by: UUID | None
    version: int
    created_at: datetime
    updated_at: datetime


class CycleGiven(Given):
    project_id: UUID
    name: Name
    s3_prefix: Prefix | None = None
    description: Description | None = None
    metadata: Metadata = {}
    starts_on: Day | None = None
    ends_on: Day | None = None


class CyclePatch(Given):
    """A merge patch. Read-only fields may be sent back as they were read."""

    name: Name = ""
    s3_prefix: Prefix = ""
    description: Description | None = None
    metadata: Metadata | None = None
    starts_on: Day | None = None
    ends_on: Day | None = None
    version: Version = 1

    id: UUID | None = None
    project_id: UUID | None = None
    number: int | None = None
    status: CycleStatus | None = None
    started_at: Instant | None = None
    completed_at: Instant | None = None
    created_by: UUID | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None


class StartGiven(Given):
    version: Version | None = None


class CompleteGiven(Given):
    carry_over_to: UUID | None = None
    version: Version | None = None


CYCLE_EXAMPLE = {
    "id": "01920000-0000-7000-8000-000000000021",
    "project_id": "01920000-0000-7000-8000-000000000001",
    "name": "Autumn",
    "number": 3,
    "s3_prefix": "web/3",
    "status": "active",
    "description": "The landing page, and what it needs",
    "metadata": {"goal": "launch"},
    "starts_on": "2026-11-16",
    "ends_on": "2026-11-29",
    "started_at": "2026-11-16T08:00:00.000000Z",
    "completed_at": None,
    "created_by": "01920000-0000-7000-8000-000000000002",
    "version": 2,
    "created_at": "2026-11-10T09:30:00.123456Z",
    "updated_at": "2026-11-16T08:00:00.000000Z",
}
_WRITABLE = frozenset({"name", "s3_prefix", "description", "metadata", "starts_on", "ends_on"})


def cycles_of(request: Request) -> CycleUseCases[Any]:
    found: CycleUseCases[Any] = container_of(request).cycle_use_cases()
    return found


@router.get(
    "",
    **operation(
        CycleUseCases.list,
        id="listCycles",
        summary="List cycles",
        shows=list[CycleShown],
        example=[CYCLE_EXAMPLE],
        is_list=True,
    ),
)
async def list_cycles(
    request: Request,
    project_id: Annotated[list[UUID], Several, Query()] = [],  # noqa: B006  (the framework copies it)
    status: Annotated[list[CycleStatus], Several, Query()] = [],  # noqa: B006
    sort: SORTS = "-number",
    limit: paging.Limit = paging.USUAL_LIMIT,
    cursor: paging.Cursor = None,
    skip: paging.Skip = 0,
    include_total: paging.IncludeTotal = False,
) -> Response:
    where = CycleFilter(project_id=tuple(project_id), status=tuple(status))
    page = paging.page_request(request, limit=limit, cursor=cursor, skip=skip, include_total=include_total)
    answer = await cycles_of(request).list(caller(request), where=where, sort=paging.sort_of(sort), page=page)
    return paging.listed(request, answer)


@router.post(
    "",
    **operation(
        CycleUseCases.create,
        id="createCycle",
        summary="Create a cycle",
        status=201,
        shows=CycleShown,
        example=CYCLE_EXAMPLE,
        body=True,
        tagged=True,
        idempotent=True,
    ),
)
async def create_cycle(request: Request, given: CycleGiven) -> Response:
    actor, cycles = caller(request), cycles_of(request)
    new = NewCycle(**{name: getattr(given, name) for name in CycleGiven.model_fields})

    def respond(answer: Answer[CycleView]) -> Response:
        return answers.one(answer, status=201, location=f"/api/v1/cycles/{answer.value.id}")

    return await answered_once(
        request,
        do=lambda once: cycles.create(actor, new, once=once),
        again=lambda made: cycles.get(actor, made),
        respond=respond,
    )


@router.get(
    "/{cycle_id}",
    **operation(
        CycleUseCases.get, id="getCycle", summary="Get a cycle", shows=CycleShown, example=CYCLE_EXAMPLE, tagged=True
    ),
)
async def get_cycle(request: Request, cycle_id: CycleId) -> Response:
    answer = await cycles_of(request).get(caller(request), cycle_ref(cycle_id))
    etag = answers.etag_of(answer.value)
    if answers.is_current(request, etag):
        return answers.not_modified(etag, answer.seq)
    return answers.one(answer)


@changed_at(
    router,
    "/{cycle_id}",
    **operation(
        CycleUseCases.change,
        id="changeCycle",
        changes=True,
        summary="Change a cycle",
        shows=CycleShown,
        example=CYCLE_EXAMPLE,
        body=True,
        tagged=True,
    ),
)
async def change_cycle(request: Request, cycle_id: CycleId, given: CyclePatch) -> Response:
    sent = given.model_fields_set
    changes = CycleChanges(
        given=frozenset(sent & _WRITABLE),
        unchanged={name: getattr(given, name) for name in sent - _WRITABLE - {"version"}},
        **{name: getattr(given, name) for name in sent & _WRITABLE},
    )
    expected = expected_version(request, in_body=given.version if "version" in sent else None)
    ref = cycle_ref(cycle_id)
    return answers.one(await cycles_of(request).change(caller(request), ref, changes, expected=expected))


@router.delete(
    "/{cycle_id}",
    **operation(CycleUseCases.delete, id="deleteCycle", changes=True, summary="Delete a cycle", status=204),
)
async def delete_cycle(request: Request, cycle_id: CycleId) -> Response:
    expected, ref = expected_version(request), cycle_ref(cycle_id)
    return answers.no_content(await cycles_of(request).delete(caller(request), ref, expected=expected))


@router.post(
    "/{cycle_id}/start",
    **operation(
        CycleUseCases.start,
        id="startCycle",
        changes=True,
        summary="Start a cycle",
        shows=CycleShown,
        example=CYCLE_EXAMPLE,
        body=True,
        tagged=True,
        idempotent=True,
    ),
)
async def start_cycle(
    request: Request, cycle_id: CycleId, given: Annotated[StartGiven | None, Body()] = None
) -> Response:
    actor, cycles, ref = caller(request), cycles_of(request), cycle_ref(cycle_id)
    given = given or StartGiven()
    expected = expected_version(request, in_body=given.version)
    return await answered_once(
        request,
        do=lambda once: cycles.start(actor, ref, expected=expected, once=once),
        again=lambda made: cycles.get(actor, made),
        respond=answers.one,
    )


@router.post(
    "/{cycle_id}/complete",
    **operation(
        CycleUseCases.complete,
        id="completeCycle",
        changes=True,
        summary="Complete a cycle",
        shows=CycleShown,
        example={**CYCLE_EXAMPLE, "status": "completed", "completed_at": "2026-11-29T16:00:00.000000Z", "version": 3},
        body=True,
        tagged=True,
        idempotent=True,
    ),
)
async def complete_cycle(
    request: Request, cycle_id: CycleId, given: Annotated[CompleteGiven | None, Body()] = None
) -> Response:
    actor, cycles, ref = caller(request), cycles_of(request), cycle_ref(cycle_id)
    given = given or CompleteGiven()
    expected = expected_version(request, in_body=given.version)
    return await answered_once(
        request,
        do=lambda once: cycles.complete(actor, ref, carry_over_to=given.carry_over_to, expected=expected, once=once),
        again=lambda made: cycles.get(actor, made),
        respond=answers.one,
    )
