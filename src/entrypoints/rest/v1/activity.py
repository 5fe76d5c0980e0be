"""What was done, over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from core.activity.use_cases import ActivityUseCases
from entrypoints.rest import paging
from entrypoints.rest.caller import SignedInRoute, caller, container_of
from entrypoints.rest.operations import operation
from entrypoints.rest.refs import task_ref
from entrypoints.rest.v1.fields import Several, Shown

router = APIRouter(prefix="/api/v1", route_class=SignedInRoute, tags=["Events"])


class ActivityShown(Shown):
    seq: str = Field(description="Its position in the company's log. Opaque; larger than those before it.")
    user_id: UUID | None = Field(description="Who did it; null: FlowTrack itself.")
    user_name: str | None
    action: str = Field(description="What was done, such as `created`, `updated`, `moved`.")
    entity: str = Field(description="The kind of thing that it was done to, such as `task`.")
    entity_id: str | None
    task_key: str | None = Field(
        description="Of the task that it was done to or that was talked about: as it stands now, if you see it; else as"
        " the event told, if it did."
    )
    task_title: str | None
    project_id: UUID | None
    changes: dict[str, Any] = Field(
        description="Fields that changed, each as `{old, new}`; longer texts are cut after 1,000 characters, which"
        " `truncated: true` beside them says."
    )
    timestamp: datetime


ACTIVITY_EXAMPLE = {
    "seq": "7",
    "user_id": "01920000-0000-7000-8000-000000000002",
    "user_name": "Ann Miller",
    "action": "updated",
    "entity": "task",
    "entity_id": "01920000-0000-7000-8000-000000000012",
    "task_key": "WEB-12",
    "task_title": "Draw the landing page",
    "project_id": "01920000-0000-7000-8000-000000000001",
    "changes": {"priority": {"old": "medium", "new": "high"}},
    "timestamp": "2026-11-20T09:30:00.123456Z",
}


def activity_of(request: Request) -> ActivityUseCases:
    found: ActivityUseCases = container_of(request).activity_use_cases()
    return found


@router.get(
    "/activity",
    **operation(
        ActivityUseCases.list,
        id="listActivity",
        summary="Read what was done",
        shows=list[ActivityShown],
        example=[ACTIVITY_EXAMPLE],
        is_list=True,
    ),
)
async def list_activity(
    request: Request,
    project_id: Annotated[list[UUID], Several, Query(max_length=50)] = [],  # noqa: B006  (the framework copies it)
    sort: Literal["seq", "-seq"] = "-seq",
    limit: paging.Limit = paging.USUAL_LIMIT,
    cursor: paging.Cursor = None,
    skip: paging.Skip = 0,
    include_total: paging.IncludeTotal = False,
) -> Response:
    page = paging.page_request(request, limit=limit, cursor=cursor, skip=skip, include_total=include_total)
    by, projects = paging.sort_of(sort), tuple(project_id)
    answer = await activity_of(request).list(caller(request), project_ids=projects, sort=by, page=page)
    return paging.listed(request, answer)


@router.get(
    "/tasks/{task_id}/activity",
    **operation(
        ActivityUseCases.of_task,
        id="listTaskActivity",
        summary="Read what was done to a task",
        shows=list[ActivityShown],
        example=[ACTIVITY_EXAMPLE],
        is_list=True,
    ),
)
async def list_task_activity(
    request: Request,
    task_id: Annotated[str, Path(description="The task's id, or its key such as `WEB-12` in any case.")],
    sort: Literal["seq", "-seq"] = "-seq",
    limit: paging.Limit = paging.USUAL_LIMIT,
    cursor: paging.Cursor = None,
    skip: paging.Skip = 0,
    include_total: paging.IncludeTotal = False,
) -> Response:
    page = paging.page_request(request, limit=limit, cursor=cursor, skip=skip, include_total=include_total)
    by, ref = paging.sort_of(sort), task_ref(task_id)
    return paging.listed(request, await activity_of(request).of_task(caller(request), ref, sort=by, page=page))
