"""Projects over HTTP."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from core.kernel.paging import Answer
from core.projects.model import ProjectChanges, ProjectStatus
from core.projects.ports import ProjectFilter
from core.projects.read_models import ProjectView
from core.projects.use_cases.projects import ProjectUseCases
from entrypoints.rest import answers, paging
from entrypoints.rest.caller import AlsoNamed, SignedInRoute, caller, container_of, expected_version
from entrypoints.rest.idempotency import answered_once
from entrypoints.rest.operations import changed_at, operation
from entrypoints.rest.refs import project_ref
from entrypoints.rest.v1.fields import Day, Description, Given, Instant, Name, Several, Shown, Text, Version

router = APIRouter(prefix="/api/v1/projects", route_class=SignedInRoute, tags=["Projects"])

ProjectId = Annotated[str, Path(description="The project's id, or a key that it has or had, in any case.")]
SORTS = Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"]


class ProjectShown(Shown):
    id: UUID
    key: str
    name: str
    description: str | None
    deadline: date | None
    status: ProjectStatus
    is_active: bool
    created_by: UUID | None
    creator_name: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class ProjectListed(ProjectShown):
    """`deleted_at` is there with `deleted=true`, and only then."""

    deleted_at: datetime | None = None


class ProgressShown(Shown):
    total_tasks: int
    completed_tasks: int
    in_progress_tasks: int
    todo_tasks: int
    progress_percentage: float


class ProjectGiven(Given):
    name: Name
    key: Annotated[Text, Field(min_length=2, max_length=10)] | None = None
    description: Description | None = None
    deadline: Day | None = None
    status: ProjectStatus = ProjectStatus.PENDING


class ProjectPatch(Given):
    """A merge patch. Read-only fields may be sent back as they were read."""

    name: Name = ""
    key: Annotated[Text, Field(min_length=2, max_length=10)] = ""
    description: Description | None = None
    deadline: Day | None = None
    status: ProjectStatus = ProjectStatus.PENDING
    is_active: bool = True
    version: Version = 1

    id: UUID | None = None
    created_by: UUID | None = None
    creator_name: Text | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None


class RestoreGiven(Given):
    version: Version | None = None


PROJECT_EXAMPLE = {
    "id": "01920000-0000-7000-8000-000000000001",
    "key": "WEB",
    "name": "Website",
    "description": "The new one",
    "deadline": "2026-12-31",
    "status": "in_progress",
    "is_active": True,
    "created_by": "01920000-0000-7000-8000-000000000002",
    "creator_name": "Ann Miller",
    "version": 1,
    "created_at": "2026-11-20T09:30:00.123456Z",
    "updated_at": "2026-11-20T09:30:00.123456Z",
}
_WRITABLE = frozenset({"name", "key", "description", "deadline", "status", "is_active"})


def projects_of(request: Request) -> ProjectUseCases:
    found: ProjectUseCases = container_of(request).project_use_cases()
    return found


@router.get(
    "",
    **operation(
        ProjectUseCases.list,
        id="listProjects",
        summary="List projects",
        shows=list[ProjectListed],
        example=[PROJECT_EXAMPLE],
        is_list=True,
    ),
)
async def list_projects(
    request: Request,
    status: Annotated[list[ProjectStatus], Several, Query()] = [],  # noqa: B006  (the framework copies it)
    is_active: Annotated[
        Literal["true", "false", "all"],
        Query(description="`false` is the archive. With `deleted`: `all`, if not given."),
    ] = "true",
    query: Annotated[
        Text | None,
        AlsoNamed(("search", "q")),
        Query(max_length=200, description="Is in the name, key or description, in any case."),
    ] = None,
    deleted: Annotated[bool, Query(description="Those that can be restored, for owners and admins.")] = False,
    sort: SORTS = "name",
    limit: paging.Limit = paging.USUAL_LIMIT,
    cursor: paging.Cursor = None,
    skip: paging.Skip = 0,
    include_total: paging.IncludeTotal = False,
) -> Response:
    any_activity = is_active == "all" or (deleted and "is_active" not in request.query_params)
    where = ProjectFilter(
        status=tuple(status),
        is_active=None if any_activity else is_active == "true",
        query=query or None,
        deleted=deleted,
    )
    page = paging.page_request(request, limit=limit, cursor=cursor, skip=skip, include_total=include_total)
    answer = await projects_of(request).list(caller(request), where=where, sort=paging.sort_of(sort), page=page)
    return paging.listed(request, answer)


@router.post(
    "",
    **operation(
        ProjectUseCases.open,
        id="openProject",
        summary="Open a project",
        status=201,
        shows=ProjectShown,
        example=PROJECT_EXAMPLE,
        body=True,
        tagged=True,
        idempotent=True,
    ),
)
async def open_project(request: Request, given: ProjectGiven) -> Response:
    actor, projects = caller(request), projects_of(request)

    def respond(answer: Answer[ProjectView]) -> Response:
        return answers.one(answer, status=201, location=f"/api/v1/projects/{answer.value.id}")

    return await answered_once(
        request,
        do=lambda once: projects.open(
            actor,
            name=given.name,
            key=given.key,
            description=given.description,
            deadline=given.deadline,
            status=given.status,
            once=once,
        ),
        again=lambda project_id: projects.get(actor, project_id),
        respond=respond,
    )


@router.get(
    "/{project_id}",
    **operation(
        ProjectUseCases.get,
        id="getProject",
        summary="Get a project",
        shows=ProjectShown,
        example=PROJECT_EXAMPLE,
        tagged=True,
    ),
)
async def get_project(request: Request, project_id: ProjectId) -> Response:
    answer = await projects_of(request).get(caller(request), project_ref(project_id))
    etag = answers.etag_of(answer.value)
    if answers.is_current(request, etag):
        return answers.not_modified(etag, answer.seq)
    return answers.one(answer)


@changed_at(
    router,
    "/{project_id}",
    **operation(
        ProjectUseCases.change,
        id="changeProject",
        changes=True,
        summary="Change a project",
        shows=ProjectShown,
        example=PROJECT_EXAMPLE,
        body=True,
        tagged=True,
    ),
)
async def change_project(request: Request, project_id: ProjectId, given: ProjectPatch) -> Response:
    sent = given.model_fields_set
    changes = ProjectChanges(
        given=frozenset(sent & _WRITABLE),
        unchanged={name: getattr(given, name) for name in sent - _WRITABLE - {"version"}},
        **{name: getattr(given, name) for name in sent & _WRITABLE},
    )
    expected = expected_version(request, in_body=given.version if "version" in sent else None)
    ref = project_ref(project_id)
    return answers.one(await projects_of(request).change(caller(request), ref, changes, expected=expected))


@router.delete(
    "/{project_id}",
    **operation(ProjectUseCases.delete, id="deleteProject", changes=True, summary="Delete a project", status=204),
)
async def delete_project(request: Request, project_id: ProjectId) -> Response:
    expected, ref = expected_version(request), project_ref(project_id)
    return answers.no_content(await projects_of(request).delete(caller(request), ref, expected=expected))


@router.post(
    "/{project_id}/restore",
    **operation(
        ProjectUseCases.restore,
        id="restoreProject",
        summary="Restore a project",
        shows=ProjectShown,
        example=PROJECT_EXAMPLE,
        changes=True,
        body=True,
        tagged=True,
        idempotent=True,
    ),
)
async def restore_project(
    request: Request, project_id: ProjectId, given: Annotated[RestoreGiven | None, Body()] = None
) -> Response:
    actor, projects, ref = caller(request), projects_of(request), project_ref(project_id)
    expected = expected_version(request, in_body=given.version if given else None)
    return await answered_once(
        request,
        do=lambda once: projects.restore(actor, ref, expected=expected, once=once),
        again=lambda restored: projects.get(actor, restored),
        respond=answers.one,
    )


@router.get(
    "/{project_id}/progress",
    **operation(
        ProjectUseCases.progress,
        id="getProjectProgress",
        summary="Get a project's progress",
        shows=ProgressShown,
        example={
            "total_tasks": 10,
            "completed_tasks": 3,
            "in_progress_tasks": 4,
            "todo_tasks": 3,
            "progress_percentage": 30.0,
        },
    ),
)
async def get_progress(request: Request, project_id: ProjectId) -> Response:
    progress, seq = await projects_of(request).progress(caller(request), project_ref(project_id))
    return answers.JsonResponse(answers.encoded(answers.as_written(progress)), headers=answers.read_headers(seq))
