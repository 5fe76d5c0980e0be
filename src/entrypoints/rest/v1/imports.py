"""Imports over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from core.imports.fields import PRESETS
from core.imports.use_cases.asking import ImportUseCases, Received
from core.jobs.read_models import JobView
from core.kernel.errors import refusals_of
from core.kernel.paging import Answer
from entrypoints.rest.caller import caller, container_of
from entrypoints.rest.idempotency import answered_once, was_sent_before
from entrypoints.rest.operations import operation
from entrypoints.rest.uploads import CsvUploadRoute, digest_of, streamed
from entrypoints.rest.v1.fields import Text
from entrypoints.rest.v1.jobs import JOB_EXAMPLE, JobShown, job_body, jobs_of

router = APIRouter(prefix="/api/v1", route_class=CsvUploadRoute, tags=["Tasks and boards"])

_NOTHING = UUID(int=0)
"""The id of no file."""
_PRESETS = ", ".join(f"`{name}`" for name in PRESETS)
_import = operation(
    ImportUseCases.ask,
    id="importTasks",
    summary="Import tasks",
    status=202,
    shows=JobShown,
    example={
        **JOB_EXAMPLE,
        "state": "queued",
        "progress": {"done": 0, "total": None, "unit": "rows"},
        "started_at": None,
    },
    body=True,
    idempotent=True,
    also=refusals_of(ImportUseCases.receive),
)
_import["openapi_extra"]["requestBody"] = {
    "required": True,
    "description": "In UTF-8, the first row with the names of the columns; separated by commas, semicolons or tabs.",
    "content": {
        "text/csv": {
            "schema": {"type": "string", "maxLength": CsvUploadRoute.largest_body},
            "example": "title,status,labels\nDraw the start page,In progress,design\n",
        }
    },
}


@router.post("/tasks/import", **_import)
async def import_tasks(
    request: Request,
    project_id: UUID,
    dry_run: Annotated[bool, Query(description="Whether nothing is to be written, but told what would be.")] = False,
    mapping: Annotated[
        Text | None,
        Query(
            max_length=10_000,
            description=f"What columns mean: the name of a preset ({_PRESETS}), `column:field` pairs separated by"
            " commas, or an object in JSON. Names of columns are compared in any case.",
        ),
    ] = None,
) -> Response:
    actor, imports, jobs = caller(request), container_of(request).import_use_cases(), jobs_of(request)
    if await was_sent_before(request):
        # Answered by its key, or refused: no room is needed, and whether another could be asked for does not matter.
        received = Received(import_id=_NOTHING, size=0, digest=await digest_of(streamed(request)))
    else:
        received = await imports.receive(
            actor, project_id=project_id, mapping=mapping, dry_run=dry_run, content=streamed(request)
        )

    def respond(answer: Answer[JobView]) -> Response:
        return job_body(answer, status=202, location=f"/api/v1/jobs/{answer.value.id}")

    return await answered_once(
        request,
        do=lambda once: imports.ask(actor, received, once=once),
        again=lambda made: jobs.get(actor, made),
        respond=respond,
        content=received.digest,
    )
