"""Tasks as files, streamed."""

import csv
from collections.abc import AsyncIterator, Callable, Mapping
from io import StringIO
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from core.kernel.errors import Fault, Invalid
from core.kernel.paging import PageRequest
from core.tasks.fields import Priority, Status
from core.tasks.read_models import TaskView
from core.tasks.use_cases.exporting import ExportUseCases, Pages, Taken
from entrypoints.rest import answers, paging
from entrypoints.rest.caller import AlsoNamed, caller, container_of, with_origin
from entrypoints.rest.operations import operation
from entrypoints.rest.sole import SoleRoute
from entrypoints.rest.v1.fields import Day, Instant, Several, Text
from entrypoints.rest.v1.task_fields import LabelName
from entrypoints.rest.v1.tasks import SORTS, CalledElsewhere, task_filter, tasks_of

router = APIRouter(prefix="/api/v1", route_class=SoleRoute, tags=["Tasks and boards"])

CSV, NDJSON = "text/csv", "application/x-ndjson"
# The counts of sub-tasks are two columns, behind the others; then what an import elsewhere knows the places by.
_COUNTS = TaskView._fields.index("sub_tasks")
COLUMNS = (
    *TaskView._fields[:_COUNTS],
    *TaskView._fields[_COUNTS + 1 :],
    "sub_tasks_total",
    "sub_tasks_done",
    "column",
    "cycle",
)
# What a spreadsheet would take for a formula, or for the end of one cell and the beginning of another.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BOM = b"\xef\xbb\xbf"
_EXAMPLES = {
    CSV: 'key,title,...\r\nWEB-12,"Draw the landing page",...\r\n',
    NDJSON: '{"key":"WEB-12","title":"Draw the landing page"}\n',
}


def exports_of(request: Request) -> ExportUseCases:
    found: ExportUseCases = container_of(request).export_use_cases()
    return found


@router.get(
    "/tasks/export",
    response_class=StreamingResponse,
    **operation(
        ExportUseCases.export, id="exportTasks", summary="Export tasks as CSV or JSON lines", streams=_EXAMPLES
    ),
)
async def export_tasks(
    request: Request,
    project_id: Annotated[list[UUID], Several, Query()] = [],  # noqa: B006  (the framework copies it)
    cycle_id: Annotated[list[UUID | Literal["none"]], Several, Query()] = [],  # noqa: B006
    column_id: Annotated[list[UUID], Several, Query()] = [],  # noqa: B006
    status: Annotated[list[Status], Several, Query()] = [],  # noqa: B006
    priority: Annotated[list[Priority], Several, Query()] = [],  # noqa: B006
    assigned_to: Annotated[list[UUID | Literal["me", "none"]], Several, Query()] = [],  # noqa: B006
    created_by: Annotated[list[UUID | Literal["me"]], Several, Query()] = [],  # noqa: B006
    parent_id: Annotated[list[UUID | Literal["none"]], Several, Query()] = [],  # noqa: B006
    label: Annotated[list[LabelName], Several, Query(description="Names of labels, in any case.")] = [],  # noqa: B006
    deadline_before: Day | None = None,
    deadline_after: Day | None = None,
    updated_after: Instant | None = None,
    external_id: CalledElsewhere = None,
    query: Annotated[
        Text | None,
        Query(max_length=200, description="Part of the title or the key, in any case."),
        AlsoNamed(("search", "q")),
    ] = None,
    sort: SORTS = "-created_at",
    format: Literal["csv", "ndjson"] = "csv",
    bom: Annotated[
        bool, Query(description="Whether CSV begins with a byte order mark, by which Excel knows that it is UTF-8.")
    ] = False,
) -> Response:
    if bom and format != "csv":
        raise Invalid(faults=(Fault("is for CSV alone", parameter="bom"),))
    where = task_filter(
        caller(request),
        project_id=project_id,
        cycle_id=cycle_id,
        column_id=column_id,
        status=status,
        priority=priority,
        assigned_to=assigned_to,
        created_by=created_by,
        parent_id=parent_id,
        label=label,
        deadline_before=deadline_before,
        deadline_after=deadline_after,
        updated_after=updated_after,
        external_id=external_id,
        query=query,
    )
    order, kind = paging.sort_of(sort), {"csv": CSV, "ndjson": NDJSON}[format]
    if "flowtrack.head" in request.scope:
        # Nothing is taken away: it is only asked whether it could be.
        found = await tasks_of(request).list(caller(request), where=where, sort=order, page=PageRequest(limit=1))
        return _streamed(_nothing(), kind, format, found.seq)
    pages, seq = await exports_of(request).export(
        with_origin(request), where=where, sort=order, form=format, named=format == "csv"
    )
    write = _Csv(_BOM if bom else b"") if format == "csv" else _lines
    return _streamed(_written(pages, write), kind, format, seq)


def _streamed(body: AsyncIterator[bytes], kind: str, form: str, seq: int) -> Response:
    headers = {name.decode(): value.decode() for name, value in answers.read_headers(seq)}
    headers["Vary"] = "Authorization, Accept-Encoding"
    headers["Content-Disposition"] = f'attachment; filename="tasks.{form}"'
    # What stands between is to hand it on as it comes.
    headers["X-Accel-Buffering"] = "no"
    return StreamingResponse(body, media_type=kind, headers=headers)


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def _written(pages: Pages, write: Callable[[Taken], bytes]) -> AsyncIterator[bytes]:
    async for page in pages():
        yield write(page)


def _lines(taken: Taken) -> bytes:
    return answers.encoded_lines(taken.tasks)


class _Csv:
    """Writes pages as CSV (RFC 4180), the first with the names of the columns above it."""

    def __init__(self, mark: bytes) -> None:
        self._mark = mark
        self._is_first = True

    def __call__(self, taken: Taken) -> bytes:
        text = StringIO(newline="")
        writer = csv.writer(text)
        if self._is_first:
            writer.writerow(COLUMNS)
        names = {place_id: _harmless(name) for place_id, name in taken.names.items()}
        writer.writerows(_cells(task, names) for task in taken.tasks)
        mark, self._is_first = self._mark if self._is_first else b"", False
        return mark + text.getvalue().encode()


def _cells(task: TaskView, names: Mapping[UUID, str]) -> list[Any]:
    counts = task.sub_tasks
    places = names.get(task.column_id), names.get(task.cycle_id) if task.cycle_id is not None else None
    written = task._replace(
        title=_harmless(task.title),
        description=_harmless(task.description),
        labels=_harmless(",".join(task.labels)),  # no label has a comma in it
        external_id=_harmless(task.external_id),
        assigned_to_name=_harmless(task.assigned_to_name),
        completed_at=_instant(task.completed_at),
        created_at=_instant(task.created_at),
        updated_at=_instant(task.updated_at),
    )
    return [*written[:_COUNTS], *written[_COUNTS + 1 :], counts["total"], counts["done"], *places]


def _instant(instant: Any) -> Any:
    return answers.written_instant(instant) if instant is not None else None


def _harmless(text: Any) -> Any:
    # What looks as if it were escaped is, too: an import takes off one quote, and has what was there.
    return f"'{text}" if text is not None and text.lstrip("'").startswith(_FORMULA) else text
