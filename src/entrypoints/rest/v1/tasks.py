"""Tasks and boards over HTTP."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query, Request
from msgspec.structs import asdict
from starlette.responses import Response

from core.kernel.actor import Actor
from core.kernel.errors import Forbidden
from core.kernel.paging import Answer
from core.tasks.changes import NewTask, TaskChanges
from core.tasks.fields import Priority, Status
from core.tasks.ports import TaskFilter
from core.tasks.read_models import DeletedTask, TaskView
from core.tasks.use_cases.deleted_tasks import DeletedTaskUseCases
from core.tasks.use_cases.placing import Destination
from core.tasks.use_cases.tasks import TaskUseCases
from entrypoints.rest import answers, paging
from entrypoints.rest.caller import AlsoNamed, SignedInRoute, caller, container_of, expected_version
from entrypoints.rest.idempotency import answered_once
from entrypoints.rest.operations import changed_at, operation
from entrypoints.rest.refs import task_ref
from entrypoints.rest.v1.fields import Day, Given, Instant, Several, Text, Version
from entrypoints.rest.v1.task_fields import (
    TASK_EXAMPLE,
    WRITABLE,
    ExternalId,
    LabelName,
    TaskGiven,
    TaskPatch,
    TaskShown,
)

router = APIRouter(prefix="/api/v1", route_class=SignedInRoute, tags=["Tasks and boards"])

TaskId = Annotated[str, Path(description="The task's id, or its key such as `WEB-12` in any case.")]
SORTS = Literal[
    "created_at",
    "-created_at",
    "updated_at",
    "-updated_at",
    "deadline",
    "-deadline",
    "priority",
    "-priority",
    "number",
    "-number",
    "position",
    "-position",
]


CalledElsewhere = Annotated[
    ExternalId | None,
    Query(description="What it is called in another system, exactly so: one task of a project at most."),
]


class MoveGiven(Given):
    new_status: Status | None = None
    column_id: UUID | None = None
    before: UUID | None = None
    after: UUID | None = None
    version: Version | None = None


class CompleteGiven(Given):
    completed: bool | None = None
    version: Version | None = None


class RestoreGiven(Given):
    version: Version | None = None


def tasks_of(request: Request) -> TaskUseCases:
    found: TaskUseCases = container_of(request).task_use_cases()
    return found


def deleted_tasks_of(request: Request) -> DeletedTaskUseCases:
    found: DeletedTaskUseCases = container_of(request).deleted_task_use_cases()
    return found


def task_filter(
    actor: Actor,
    *,
    project_id: list[UUID],
    cycle_id: list[Any],
    column_id: list[UUID],
    status: list[Status],
    priority: list[Priority],
    assigned_to: list[Any],
    created_by: list[Any],
    parent_id: list[Any],
    label: list[str],
    deadline_before: date | None,
    deadline_after: date | None,
    updated_after: datetime | None,
    external_id: str | None,
    query: str | None,
) -> TaskFilter:
    """What a query names, where `me` is the caller and `none` what is null."""
    people: dict[object, UUID | None] = {"me": actor.user_id, "none": None}
    return TaskFilter(
        project_id=tuple(project_id),
        cycle_id=tuple(each if isinstance(each, UUID) else None for each in cycle_id),
        column_id=tuple(column_id),
        status=tuple(status),
        priority=tuple(priority),
        assigned_to=tuple(each if isinstance(each, UUID) else people[each] for each in assigned_to),
        created_by=tuple(each if isinstance(each, UUID) else actor.user_id for each in created_by),
        parent_id=tuple(each if isinstance(each, UUID) else None for each in parent_id),
        label=tuple(label),
        deadline_before=deadline_before,
        deadline_after=deadline_after,
        updated_after=updated_after,
        external_id=external_id,
        query=query or None,
    )


@router.get(
    "/tasks",
    **operation(
        TaskUseCases.list,
        id="listTasks",
        summary="List tasks",
        shows=list[TaskShown],
        example=[TASK_EXAMPLE],
        is_list=True,
        also=[Forbidden],
    ),
)
async def list_tasks(
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
    deleted: Annotated[bool, Query(description="Deleted tasks that can be restored, for owners and admins.")] = False,
    sort: SORTS = "-created_at",
    limit: paging.Limit = paging.USUAL_LIMIT,
    cursor: paging.Cursor = None,
    skip: paging.Skip = 0,
    include_total: paging.IncludeTotal = False,
) -> Response:
    actor = caller(request)
    where = task_filter(
        actor,
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
    page = paging.page_request(request, limit=limit, cursor=cursor, skip=skip, include_total=include_total)
    if deleted:
        found = await deleted_tasks_of(request).list(actor, where=where, sort=paging.sort_of(sort), page=page)
        return paging.listed(request, found, write=_deleted_body)
    answer = await tasks_of(request).list(actor, where=where, sort=paging.sort_of(sort), page=page)
    return paging.listed(request, answer)


@router.post(
    "/tasks",
    **operation(
        TaskUseCases.create,
        id="createTask",
        summary="Create a task",
        status=201,
        shows=TaskShown,
        example=TASK_EXAMPLE,
        body=True,
        tagged=True,
        idempotent=True,
    ),
)
async def create_task(request: Request, given: TaskGiven) -> Response:
    actor, tasks = caller(request), tasks_of(request)
    fields = {name: getattr(given, name) for name in TaskGiven.model_fields}
    new = NewTask(**{**fields, "labels": tuple(given.labels)})

    def respond(answer: Answer[TaskView]) -> Response:
        return answers.one(answer, status=201, location=f"/api/v1/tasks/{answer.value.id}")

    return await answered_once(
        request,
        do=lambda once: tasks.create(actor, new, once=once),
        again=lambda task_id: tasks.get(actor, task_id),
        respond=respond,
    )


@router.get(
    "/tasks/{task_id}",
    **operation(
        TaskUseCases.get, id="getTask", summary="Get a task", shows=TaskShown, example=TASK_EXAMPLE, tagged=True
    ),
)
async def get_task(request: Request, task_id: TaskId) -> Response:
    actor, tasks, ref = caller(request), tasks_of(request), task_ref(task_id)
    if "if-none-match" in request.headers:
        found, seq = await tasks.tag(actor, ref)
        etag = answers.etag_of(found)
        if answers.is_current(request, etag):
            return answers.not_modified(etag, seq)
    return answers.one(await tasks.get(actor, ref))


@changed_at(
    router,
    "/tasks/{task_id}",
    **operation(
        TaskUseCases.change,
        id="changeTask",
        changes=True,
        summary="Change a task",
        shows=TaskShown,
        example=TASK_EXAMPLE,
        body=True,
        tagged=True,
    ),
)
async def change_task(request: Request, task_id: TaskId, given: TaskPatch) -> Response:
    sent = given.model_fields_set
    fields = {name: getattr(given, name) for name in sent & WRITABLE}
    if "labels" in fields:
        # Null takes all of them off, as it clears any other field.
        fields["labels"] = tuple(given.labels or ())
    unchanged = {name: getattr(given, name) for name in sent - WRITABLE - {"version"}}
    if given.sub_tasks is not None:
        unchanged["sub_tasks"] = given.sub_tasks.model_dump()
    changes = TaskChanges(given=frozenset(sent & WRITABLE), unchanged=unchanged, **fields)
    expected = expected_version(request, in_body=given.version if "version" in sent else None)
    return answers.one(await tasks_of(request).change(caller(request), task_ref(task_id), changes, expected=expected))


@router.delete(
    "/tasks/{task_id}",
    **operation(TaskUseCases.delete, id="deleteTask", changes=True, summary="Delete a task", status=204),
)
async def delete_task(request: Request, task_id: TaskId) -> Response:
    expected = expected_version(request)
    return answers.no_content(await tasks_of(request).delete(caller(request), task_ref(task_id), expected=expected))


@router.post(
    "/tasks/{task_id}/restore",
    **operation(
        DeletedTaskUseCases.restore,
        id="restoreTask",
        changes=True,
        summary="Restore a deleted task",
        shows=TaskShown,
        example=TASK_EXAMPLE,
        body=True,
        tagged=True,
        idempotent=True,
    ),
)
async def restore_task(
    request: Request, task_id: TaskId, given: Annotated[RestoreGiven | None, Body()] = None
) -> Response:
    actor, ref = caller(request), task_ref(task_id)
    expected = expected_version(request, in_body=given.version if given else None)
    return await answered_once(
        request,
        do=lambda once: deleted_tasks_of(request).restore(actor, ref, expected=expected, once=once),
        again=lambda made: tasks_of(request).get(actor, made),
        respond=answers.one,
    )


@router.patch(
    "/tasks/{task_id}/move",
    **operation(
        TaskUseCases.move,
        id="moveTask",
        changes=True,
        summary="Move a card",
        shows=TaskShown,
        example=TASK_EXAMPLE,
        body=True,
        tagged=True,
    ),
)
async def move_task(request: Request, task_id: TaskId, given: MoveGiven) -> Response:
    to = Destination(new_status=given.new_status, column_id=given.column_id, before=given.before, after=given.after)
    expected = expected_version(request, in_body=given.version)
    return answers.one(await tasks_of(request).move(caller(request), task_ref(task_id), to, expected=expected))


@router.post(
    "/tasks/{task_id}/complete",
    **operation(
        TaskUseCases.complete,
        id="completeTask",
        changes=True,
        summary="Complete a task, or undo that",
        shows=TaskShown,
        example=TASK_EXAMPLE,
        body=True,
        tagged=True,
        idempotent=True,
    ),
)
async def complete_task(
    request: Request, task_id: TaskId, given: Annotated[CompleteGiven | None, Body()] = None
) -> Response:
    actor, tasks, ref = caller(request), tasks_of(request), task_ref(task_id)
    given = given or CompleteGiven()
    expected = expected_version(request, in_body=given.version)
    return await answered_once(
        request,
        do=lambda once: tasks.complete(actor, ref, completed=given.completed, expected=expected, once=once),
        again=lambda made: tasks.get(actor, made),
        respond=answers.one,
    )


def _deleted_body(tasks: list[DeletedTask]) -> bytes:
    shown = (
        {**asdict(answers.as_written(task)), "deleted_at": answers.written_instant(deleted_at)}
        for task, deleted_at in tasks
    )
    return answers.encoded(list(shown))
