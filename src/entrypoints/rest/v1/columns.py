"""The columns of a board over HTTP."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field, model_validator
from starlette.responses import Response

from core.kernel.paging import Answer
from core.tasks.columns import HIGHEST_LIMIT, MOST_COLUMNS, ColumnChanges
from core.tasks.fields import Status
from core.tasks.read_models import ColumnDetails
from core.tasks.use_cases.columns import ColumnUseCases, NewColumn
from entrypoints.rest import answers, refs
from entrypoints.rest.caller import SignedInRoute, caller, container_of, expected_version
from entrypoints.rest.idempotency import answered_once
from entrypoints.rest.operations import changed_at, operation
from entrypoints.rest.v1.fields import Given, Instant, Name, Shown, Version

router = APIRouter(prefix="/api/v1", route_class=SignedInRoute, tags=["Tasks and boards"])

ProjectId = Annotated[str, Path(description="The project's id, or a key that it has or had, in any case.")]
ColumnId = Annotated[str, Path(description="The column's id.")]
Position = Annotated[int, Field(ge=0, lt=MOST_COLUMNS, description="Counted from 0, from left to right.")]
WipLimit = Annotated[int, Field(ge=1, le=HIGHEST_LIMIT, description="More cards than this are shown as too many.")]


class ColumnDetailsShown(Shown):
    id: UUID
    project_id: UUID
    name: str
    category: Status
    position: int
    wip_limit: int | None
    over_limit: bool
    task_count: int
    version: int
    created_at: datetime
    updated_at: datetime


class ColumnGiven(Given):
    name: Name
    category: Status
    wip_limit: WipLimit | None = None
    position: Position | None = None
    after: UUID | None = None


class ColumnPatch(Given):
    """A merge patch. Read-only fields may be sent back as they were read."""

    name: Name = ""
    category: Status = Status.TODO
    wip_limit: WipLimit | None = None
    position: Position = 0
    version: Version = 1

    id: UUID | None = None
    project_id: UUID | None = None
    over_limit: bool | None = None
    task_count: int | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None


class ColumnOrderGiven(Given):
    """All columns of the board, from left to right."""

    column_ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_COLUMNS)]

    @model_validator(mode="before")
    @classmethod
    def _bare_list(cls, value: Any) -> Any:
        """The list by itself means the same."""
        return {"column_ids": value} if isinstance(value, list) else value


COLUMN_EXAMPLE = {
    "id": "01920000-0000-7000-8000-000000000003",
    "project_id": "01920000-0000-7000-8000-000000000001",
    "name": "In progress",
    "category": "in_progress",
    "position": 1,
    "wip_limit": 5,
    "over_limit": False,
    "task_count": 3,
    "version": 2,
    "created_at": "2026-11-20T09:30:00.123456Z",
    "updated_at": "2026-11-20T10:00:00.654321Z",
}
_WRITABLE = frozenset({"name", "category", "wip_limit", "position"})


def columns_of(request: Request) -> ColumnUseCases:
    found: ColumnUseCases = container_of(request).column_use_cases()
    return found


@router.post(
    "/projects/{project_id}/columns",
    **operation(
        ColumnUseCases.add,
        id="addColumn",
        summary="Add a column to a board",
        status=201,
        shows=ColumnDetailsShown,
        example=COLUMN_EXAMPLE,
        body=True,
        tagged=True,
        idempotent=True,
    ),
)
async def add_column(request: Request, project_id: ProjectId, given: ColumnGiven) -> Response:
    actor, columns, ref = caller(request), columns_of(request), refs.project_ref(project_id)
    new = NewColumn(**{name: getattr(given, name) for name in ColumnGiven.model_fields})

    def respond(answer: Answer[ColumnDetails]) -> Response:
        return answers.one(answer, status=201, location=f"/api/v1/columns/{answer.value.id}")

    return await answered_once(
        request,
        do=lambda once: columns.add(actor, ref, new, once=once),
        again=lambda made: columns.get(actor, made),
        respond=respond,
    )


@router.put(
    "/projects/{project_id}/columns/order",
    **operation(
        ColumnUseCases.order,
        id="orderColumns",
        summary="Put a board's columns in order",
        shows=list[ColumnDetailsShown],
        example=[COLUMN_EXAMPLE],
        body=True,
    ),
)
async def order_columns(request: Request, project_id: ProjectId, given: ColumnOrderGiven) -> Response:
    ref = refs.project_ref(project_id)
    columns, seq = await columns_of(request).order(caller(request), ref, given.column_ids)
    return answers.JsonResponse(answers.encoded_list(columns), headers=answers.read_headers(seq))


@router.get(
    "/columns/{column_id}",
    **operation(
        ColumnUseCases.get,
        id="getColumn",
        summary="Get a column",
        shows=ColumnDetailsShown,
        example=COLUMN_EXAMPLE,
        tagged=True,
    ),
)
async def get_column(request: Request, column_id: ColumnId) -> Response:
    answer = await columns_of(request).get(caller(request), refs.column_id(column_id))
    etag = answers.etag_of(answer.value)
    if answers.is_current(request, etag):
        return answers.not_modified(etag, answer.seq)
    return answers.one(answer)


@changed_at(
    router,
    "/columns/{column_id}",
    **operation(
        ColumnUseCases.change,
        id="changeColumn",
        changes=True,
        summary="Change a column",
        shows=ColumnDetailsShown,
        example=COLUMN_EXAMPLE,
        body=True,
        tagged=True,
    ),
)
async def change_column(request: Request, column_id: ColumnId, given: ColumnPatch) -> Response:
    sent = given.model_fields_set
    changes = ColumnChanges(
        given=frozenset(sent & _WRITABLE),
        unchanged={name: getattr(given, name) for name in sent - _WRITABLE - {"version"}},
        **{name: getattr(given, name) for name in sent & _WRITABLE},
    )
    expected = expected_version(request, in_body=given.version if "version" in sent else None)
    ref = refs.column_id(column_id)
    return answers.one(await columns_of(request).change(caller(request), ref, changes, expected=expected))


@router.delete(
    "/columns/{column_id}",
    **operation(ColumnUseCases.delete, id="deleteColumn", changes=True, summary="Delete a column", status=204),
)
async def delete_column(
    request: Request,
    column_id: ColumnId,
    move_to: Annotated[UUID | None, Query(description="The column of the same board that its cards go to.")] = None,
) -> Response:
    expected, ref = expected_version(request), refs.column_id(column_id)
    columns = columns_of(request)
    return answers.no_content(await columns.delete(caller(request), ref, move_to=move_to, expected=expected))
