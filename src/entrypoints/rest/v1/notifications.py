"""Notifications over HTTP."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from core.kernel.once import Once
from core.kernel.paging import Answer
from core.notifications.model import ByMail, Kind, PreferenceChanges
from core.notifications.read_models import EXCERPT, PreferencesView
from core.notifications.use_cases.inbox import InboxUseCases
from entrypoints.rest import answers, paging
from entrypoints.rest.caller import SignedInRoute, caller, container_of, expected_version
from entrypoints.rest.idempotency import answered_once
from entrypoints.rest.operations import changed_at, operation
from entrypoints.rest.refs import notification_id as notification_ref
from entrypoints.rest.v1.fields import Given, Instant, Shown, Version

router = APIRouter(prefix="/api/v1/notifications", route_class=SignedInRoute, tags=["Notifications"])

NotificationId = Annotated[str, Path(description="The notification's id.")]


class NotificationShown(Shown):
    id: UUID
    kind: Kind
    position: str = Field(description="Its own position in the company's log, for `read-all`. Opaque.")
    seq: str | None = Field(description="The position of what it tells of; null: a deadline, which is no event.")
    event: str | None = Field(description="The event that it tells of.")
    actor_id: UUID | None = Field(description="Who did it.")
    actor_name: str | None
    project_id: UUID | None = Field(description="The project, or the one that the task is in now.")
    project_name: str | None
    task_id: UUID | None
    task_key: str | None
    task_title: str | None
    comment_id: UUID | None
    comment_excerpt: str | None = Field(
        description=f"The first {EXCERPT} characters of the comment as it is now; null once it was deleted."
    )
    task_count: int = Field(description="How many tasks were given at once; where they are several, none is named.")
    deadline: date | None = Field(description="The deadline that is near.")
    created_at: datetime
    read_at: datetime | None


NOTIFICATION_EXAMPLE = {
    "id": "01920000-0000-7000-8000-000000000091",
    "kind": "assigned",
    "position": "8",
    "seq": "7",
    "event": "task_updated",
    "actor_id": "01920000-0000-7000-8000-000000000002",
    "actor_name": "Ann Miller",
    "project_id": "01920000-0000-7000-8000-000000000001",
    "project_name": "Website",
    "task_id": "01920000-0000-7000-8000-000000000012",
    "task_key": "WEB-1",
    "task_title": "Draw the front page",
    "comment_id": None,
    "comment_excerpt": None,
    "task_count": 1,
    "deadline": None,
    "created_at": "2026-11-20T09:30:00.123456Z",
    "read_at": None,
}


class ReadAll(Given):
    up_to: (
        Annotated[
            str,
            Field(
                pattern=r"^[0-9]{1,18}$",
                description="A position of the log, such as the `X-Event-Seq` of the list that was looked at.",
            ),
        ]
        | None
    ) = None


class PreferenceShown(Shown):
    inbox: bool
    mail: ByMail


class PreferencesShown(Shown):
    assigned: PreferenceShown
    mentioned: PreferenceShown
    commented: PreferenceShown
    deadline_near: PreferenceShown
    added_to_project: PreferenceShown
    version: int
    created_at: datetime
    updated_at: datetime


class PreferencePatch(Given):
    inbox: bool = True
    mail: Annotated[ByMail, Field(strict=False)] = ByMail.OFF


class PreferencesPatch(Given):
    """A merge patch. Read-only fields may be sent back as they were read."""

    assigned: PreferencePatch = PreferencePatch()
    mentioned: PreferencePatch = PreferencePatch()
    commented: PreferencePatch = PreferencePatch()
    deadline_near: PreferencePatch = PreferencePatch()
    added_to_project: PreferencePatch = PreferencePatch()
    version: Version = 1

    created_at: Instant | None = None
    updated_at: Instant | None = None


_AT_FIRST = {"inbox": True, "mail": "off"}
PREFERENCES_EXAMPLE = {
    **{str(kind): _AT_FIRST for kind in Kind},
    "mentioned": {"inbox": True, "mail": "daily"},
    "version": 2,
    "created_at": "2026-11-20T09:30:00.123456Z",
    "updated_at": "2026-11-20T09:30:00.123456Z",
}


def inbox_of(request: Request) -> InboxUseCases:
    found: InboxUseCases = container_of(request).inbox_use_cases()
    return found


@router.get(
    "",
    **operation(
        InboxUseCases.list,
        id="listNotifications",
        summary="List my notifications",
        shows=list[NotificationShown],
        example=[NOTIFICATION_EXAMPLE],
        is_list=True,
    ),
)
async def list_notifications(
    request: Request,
    unread: Annotated[bool | None, Query(description="`true`: those that were not read; `false`: the others.")] = None,
    sort: Literal["seq", "-seq"] = "-seq",
    limit: paging.Limit = paging.USUAL_LIMIT,
    cursor: paging.Cursor = None,
    skip: paging.Skip = 0,
    include_total: paging.IncludeTotal = False,
) -> Response:
    page = paging.page_request(request, limit=limit, cursor=cursor, skip=skip, include_total=include_total)
    answer = await inbox_of(request).list(caller(request), unread=unread, sort=paging.sort_of(sort), page=page)
    return paging.listed(request, answer)


@router.post(
    "/read-all",
    **operation(
        InboxUseCases.read_all,
        id="readAllNotifications",
        summary="Mark my notifications as read",
        status=204,
        body=True,
        idempotent=True,
    ),
)
async def read_all_notifications(request: Request, given: ReadAll | None = None) -> Response:
    actor, inbox = caller(request), inbox_of(request)
    up_to = int(given.up_to) if given is not None and given.up_to is not None else None

    async def read(once: Once | None) -> Answer[None]:
        return Answer(None, await inbox.read_all(actor, up_to=up_to, once=once))

    return await _marked(request, read)


@router.post(
    "/{notification_id}/read",
    **operation(
        InboxUseCases.read,
        id="readNotification",
        summary="Mark a notification as read",
        status=204,
        idempotent=True,
    ),
)
async def read_notification(request: Request, notification_id: NotificationId) -> Response:
    actor, inbox, ref = caller(request), inbox_of(request), notification_ref(notification_id)

    async def read(once: Once | None) -> Answer[None]:
        return Answer(None, await inbox.read(actor, ref, once=once))

    return await _marked(request, read)


async def _marked(request: Request, read: Any) -> Response:
    async def again(_: UUID) -> Answer[None]:
        # There is nothing to show of it but its position, which is remembered.
        return Answer(None, 0)

    return await answered_once(request, do=read, again=again, respond=lambda done: answers.no_content(done.seq))


@router.get(
    "/preferences",
    **operation(
        InboxUseCases.preferences,
        id="getNotificationPreferences",
        summary="Get what I am told of",
        shows=PreferencesShown,
        example=PREFERENCES_EXAMPLE,
        tagged=True,
    ),
)
async def get_notification_preferences(request: Request) -> Response:
    answer = await inbox_of(request).preferences(caller(request))
    etag = answers.etag_of(answer.value)
    if answers.is_current(request, etag):
        return answers.not_modified(etag, answer.seq)
    return _preferences(answer)


@changed_at(
    router,
    "/preferences",
    **operation(
        InboxUseCases.change_preferences,
        id="changeNotificationPreferences",
        changes=True,
        summary="Change what I am told of",
        shows=PreferencesShown,
        example=PREFERENCES_EXAMPLE,
        body=True,
        tagged=True,
    ),
)
async def change_notification_preferences(request: Request, given: PreferencesPatch) -> Response:
    sent = given.model_fields_set
    changes = PreferenceChanges(
        of={
            kind: {name: getattr(given_kind, name) for name in given_kind.model_fields_set}
            for kind in Kind
            if str(kind) in sent and (given_kind := getattr(given, str(kind)))
        },
        unchanged={name: getattr(given, name) for name in sent & {"created_at", "updated_at"}},
    )
    expected = expected_version(request, in_body=given.version if "version" in sent else None)
    return _preferences(await inbox_of(request).change_preferences(caller(request), changes, expected=expected))


def _preferences(answer: Answer[PreferencesView]) -> Response:
    view = answer.value
    body: dict[str, Any] = {str(kind): getattr(view, str(kind))._asdict() for kind in Kind}
    body |= {
        "version": view.version,
        "created_at": answers.written_instant(view.created_at),
        "updated_at": answers.written_instant(view.updated_at),
    }
    return answers.one(answer, body=answers.encoded(body))
