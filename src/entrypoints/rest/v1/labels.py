"""Labels over HTTP."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from core.kernel.paging import Answer
from core.labels.model import NAME_LENGTH, LabelChanges
from core.labels.read_models import LabelView
from core.labels.use_cases import LabelUseCases
from entrypoints.rest import answers, paging
from entrypoints.rest.caller import AlsoNamed, SignedInRoute, caller, container_of, expected_version
from entrypoints.rest.idempotency import answered_once
from entrypoints.rest.operations import changed_at, operation
from entrypoints.rest.refs import label_id as label_ref
from entrypoints.rest.v1.fields import Given, Instant, Shown, Text, Version

router = APIRouter(prefix="/api/v1/labels", route_class=SignedInRoute, tags=["Labels and comments"])

LabelId = Annotated[str, Path(description="The label's id.")]
Name = Annotated[
    Text, Field(min_length=1, max_length=NAME_LENGTH, description="On one line, without a comma; its own in any case.")
]
Color = Annotated[str, Field(pattern="^#[0-9A-Fa-f]{6}$", description="`#` and six hexadecimal digits.")]
SORTS = Literal["name", "-name", "created_at", "-created_at"]


class LabelShown(Shown):
    id: UUID
    name: str
    color: str | None
    created_by: UUID | None
    version: int
    created_at: datetime
    updated_at: datetime


class LabelGiven(Given):
    name: Name
    color: Color | None = None


class LabelPatch(Given):
    """A merge patch. Read-only fields may be sent back as they were read."""

    name: Name = ""
    color: Color | None = None
    version: Version = 1

    id: UUID | None = None
    created_by: UUID | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None


LABEL_EXAMPLE = {
    "id": "01920000-0000-7000-8000-000000000041",
    "name": "design",
    "color": "#1f77b4",
    "created_by": "01920000-0000-7000-8000-000000000002",
    "version": 1,
    "created_at": "2026-11-20T09:30:00.123456Z",
    "updated_at": "2026-11-20T09:30:00.123456Z",
}
_WRITABLE = frozenset({"name", "color"})


def labels_of(request: Request) -> LabelUseCases:
    found: LabelUseCases = container_of(request).label_use_cases()
    return found


@router.get(
    "",
    **operation(
        LabelUseCases.list,
        id="listLabels",
        summary="List labels",
        shows=list[LabelShown],
        example=[LABEL_EXAMPLE],
        is_list=True,
    ),
)
async def list_labels(
    request: Request,
    search: Annotated[
        Text | None, Query(max_length=200, description="Part of the name, in any case."), AlsoNamed(("query", "q"))
    ] = None,
    sort: SORTS = "name",
    limit: paging.Limit = paging.USUAL_LIMIT,
    cursor: paging.Cursor = None,
    skip: paging.Skip = 0,
    include_total: paging.IncludeTotal = False,
) -> Response:
    page = paging.page_request(request, limit=limit, cursor=cursor, skip=skip, include_total=include_total)
    answer = await labels_of(request).list(caller(request), search=search or None, sort=paging.sort_of(sort), page=page)
    return paging.listed(request, answer)


@router.post(
    "",
    **operation(
        LabelUseCases.create,
        id="createLabel",
        summary="Make a label",
        status=201,
        shows=LabelShown,
        example=LABEL_EXAMPLE,
        body=True,
        tagged=True,
        idempotent=True,
    ),
)
async def create_label(request: Request, given: LabelGiven) -> Response:
    actor, labels = caller(request), labels_of(request)

    def respond(answer: Answer[LabelView]) -> Response:
        return answers.one(answer, status=201, location=f"/api/v1/labels/{answer.value.id}")

    return await answered_once(
        request,
        do=lambda once: labels.create(actor, name=given.name, color=given.color, once=once),
        again=lambda made: labels.get(actor, made),
        respond=respond,
    )


@router.get(
    "/{label_id}",
    **operation(
        LabelUseCases.get, id="getLabel", summary="Get a label", shows=LabelShown, example=LABEL_EXAMPLE, tagged=True
    ),
)
async def get_label(request: Request, label_id: LabelId) -> Response:
    answer = await labels_of(request).get(caller(request), label_ref(label_id))
    etag = answers.etag_of(answer.value)
    if answers.is_current(request, etag):
        return answers.not_modified(etag, answer.seq)
    return answers.one(answer)


@changed_at(
    router,
    "/{label_id}",
    **operation(
        LabelUseCases.change,
        id="changeLabel",
        changes=True,
        summary="Change a label",
        shows=LabelShown,
        example=LABEL_EXAMPLE,
        body=True,
        tagged=True,
    ),
)
async def change_label(request: Request, label_id: LabelId, given: LabelPatch) -> Response:
    sent = given.model_fields_set
    changes = LabelChanges(
        given=frozenset(sent & _WRITABLE),
        unchanged={name: getattr(given, name) for name in sent - _WRITABLE - {"version"}},
        **{name: getattr(given, name) for name in sent & _WRITABLE},
    )
    expected = expected_version(request, in_body=given.version if "version" in sent else None)
    ref = label_ref(label_id)
    return answers.one(await labels_of(request).change(caller(request), ref, changes, expected=expected))


@router.delete(
    "/{label_id}",
    **operation(LabelUseCases.delete, id="deleteLabel", changes=True, summary="Delete a label", status=204),
)
async def delete_label(request: Request, label_id: LabelId) -> Response:
    expected, ref = expected_version(request), label_ref(label_id)
    return answers.no_content(await labels_of(request).delete(caller(request), ref, expected=expected))
