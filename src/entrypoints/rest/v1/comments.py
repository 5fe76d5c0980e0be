"""Comments over HTTP, and watching tasks."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Request
from pydantic import Field
from starlette.responses import Response

from core.comments.model import BODY_LENGTH, CommentChanges
from core.comments.read_models import CommentView
from core.comments.use_cases import CommentUseCases
from core.kernel.paging import Answer
from core.watching.use_cases import WatchUseCases
from entrypoints.rest import answers, paging
from entrypoints.rest.caller import SignedInRoute, caller, container_of, expected_version
from entrypoints.rest.idempotency import answered_once
from entrypoints.rest.operations import changed_at, operation
from entrypoints.rest.refs import comment_id as comment_ref
from entrypoints.rest.refs import task_ref
from entrypoints.rest.v1.fields import Given, Instant, Shown, Text, Version

router = APIRouter(prefix="/api/v1", route_class=SignedInRoute, tags=["Labels and comments"])

CommentId = Annotated[str, Path(description="The comment's id.")]
TaskId = Annotated[str, Path(description="The task's id, or its key such as `WEB-12` in any case.")]
Body = Annotated[
    Text,
    Field(
        min_length=1, max_length=BODY_LENGTH, description="Markdown, stored as written. `@username` mentions a user."
    ),
]


class MentionShown(Shown):
    id: UUID
    name: str


class CommentShown(Shown):
    id: UUID
    task_id: UUID
    parent_id: Annotated[UUID | None, Field(description="The comment that it answers.")]
    author_id: UUID | None
    author_name: str | None
    body: str
    mentions: Annotated[list[MentionShown], Field(description="The users whom it mentions.")]
    deleted: Annotated[bool, Field(description="It was answered and then deleted: its place is left, not its text.")]
    version: int
    created_at: datetime
    updated_at: datetime


class CommentGiven(Given):
    body: Body
    parent_id: Annotated[UUID | None, Field(description="The comment on the same task that it answers.")] = None


class MentionGiven(Given):
    id: Annotated[UUID, Field(strict=False)]
    name: Text


class CommentPatch(Given):
    """A merge patch. Read-only fields may be sent back as they were read."""

    body: Body = ""
    version: Version = 1

    id: UUID | None = None
    task_id: UUID | None = None
    parent_id: UUID | None = None
    author_id: UUID | None = None
    author_name: Text | None = None
    mentions: list[MentionGiven] | None = None
    deleted: bool | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None


COMMENT_EXAMPLE = {
    "id": "01920000-0000-7000-8000-000000000051",
    "task_id": "01920000-0000-7000-8000-000000000012",
    "parent_id": None,
    "author_id": "01920000-0000-7000-8000-000000000002",
    "author_name": "Ann Miller",
    "body": "Which of the three is it, @ben?",
    "mentions": [{"id": "01920000-0000-7000-8000-000000000005", "name": "Ben Okafor"}],
    "deleted": False,
    "version": 1,
    "created_at": "2026-11-20T09:30:00.123456Z",
    "updated_at": "2026-11-20T09:30:00.123456Z",
}
_WRITABLE = frozenset({"body"})


def comments_of(request: Request) -> CommentUseCases:
    found: CommentUseCases = container_of(request).comment_use_cases()
    return found


def watching_of(request: Request) -> WatchUseCases:
    found: WatchUseCases = container_of(request).watch_use_cases()
    return found


@router.get(
    "/tasks/{task_id}/comments",
    **operation(
        CommentUseCases.list,
        id="listComments",
        summary="List the comments on a task",
        shows=list[CommentShown],
        example=[COMMENT_EXAMPLE],
        is_list=True,
    ),
)
async def list_comments(
    request: Request,
    task_id: TaskId,
    sort: Literal["created_at", "-created_at"] = "created_at",
    limit: paging.Limit = paging.USUAL_LIMIT,
    cursor: paging.Cursor = None,
    skip: paging.Skip = 0,
    include_total: paging.IncludeTotal = False,
) -> Response:
    page = paging.page_request(request, limit=limit, cursor=cursor, skip=skip, include_total=include_total)
    ref = task_ref(task_id)
    answer = await comments_of(request).list(caller(request), ref, sort=paging.sort_of(sort), page=page)
    return paging.listed(request, answer)


@router.post(
    "/tasks/{task_id}/comments",
    **operation(
        CommentUseCases.create,
        id="createComment",
        summary="Comment on a task",
        status=201,
        shows=CommentShown,
        example=COMMENT_EXAMPLE,
        body=True,
        tagged=True,
        idempotent=True,
    ),
)
async def create_comment(request: Request, task_id: TaskId, given: CommentGiven) -> Response:
    actor, comments, ref = caller(request), comments_of(request), task_ref(task_id)

    def respond(answer: Answer[CommentView]) -> Response:
        return answers.one(answer, status=201, location=f"/api/v1/comments/{answer.value.id}")

    return await answered_once(
        request,
        do=lambda once: comments.create(actor, ref, body=given.body, parent_id=given.parent_id, once=once),
        again=lambda made: comments.get(actor, made),
        respond=respond,
    )


@router.get(
    "/comments/{comment_id}",
    **operation(
        CommentUseCases.get,
        id="getComment",
        summary="Get a comment",
        shows=CommentShown,
        example=COMMENT_EXAMPLE,
        tagged=True,
    ),
)
async def get_comment(request: Request, comment_id: CommentId) -> Response:
    answer = await comments_of(request).get(caller(request), comment_ref(comment_id))
    etag = answers.etag_of(answer.value)
    if answers.is_current(request, etag):
        return answers.not_modified(etag, answer.seq)
    return answers.one(answer)


@changed_at(
    router,
    "/comments/{comment_id}",
    **operation(
        CommentUseCases.change,
        id="changeComment",
        changes=True,
        summary="Change a comment",
        shows=CommentShown,
        example=COMMENT_EXAMPLE,
        body=True,
        tagged=True,
    ),
)
async def change_comment(request: Request, comment_id: CommentId, given: CommentPatch) -> Response:
    sent = given.model_fields_set
    unchanged = {name: getattr(given, name) for name in sent - _WRITABLE - {"version"}}
    if given.mentions is not None:
        unchanged["mentions"] = [mention.model_dump() for mention in given.mentions]
    changes = CommentChanges(given=frozenset(sent & _WRITABLE), unchanged=unchanged, body=given.body)
    expected = expected_version(request, in_body=given.version if "version" in sent else None)
    ref = comment_ref(comment_id)
    return answers.one(await comments_of(request).change(caller(request), ref, changes, expected=expected))


@router.delete(
    "/comments/{comment_id}",
    **operation(CommentUseCases.delete, id="deleteComment", changes=True, summary="Delete a comment", status=204),
)
async def delete_comment(request: Request, comment_id: CommentId) -> Response:
    expected, ref = expected_version(request), comment_ref(comment_id)
    return answers.no_content(await comments_of(request).delete(caller(request), ref, expected=expected))


@router.put(
    "/tasks/{task_id}/watch",
    **operation(WatchUseCases.watch, id="watchTask", summary="Watch a task", status=204),
)
async def watch_task(request: Request, task_id: TaskId) -> Response:
    return answers.no_content(await watching_of(request).watch(caller(request), task_ref(task_id)))


@router.delete(
    "/tasks/{task_id}/watch",
    **operation(WatchUseCases.unwatch, id="unwatchTask", summary="Watch a task no more", status=204),
)
async def unwatch_task(request: Request, task_id: TaskId) -> Response:
    return answers.no_content(await watching_of(request).unwatch(caller(request), task_ref(task_id)))
