"""Webhooks over HTTP, and what was sent to them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Path, Request
from pydantic import Field
from starlette.responses import Response

from core.kernel.events import Channel
from core.kernel.paging import Answer
from core.webhooks.model import DESCRIPTION_LENGTH, FIELDS, DisabledReason, WebhookChanges, WebhookState
from core.webhooks.read_models import NewWebhookView, WebhookView
from core.webhooks.use_cases.webhooks import WebhookUseCases
from core.webhooks.values import MOST_PROJECTS, MOST_TYPES, URL_LENGTH
from entrypoints.rest import answers, refs
from entrypoints.rest.caller import SignedInRoute, caller, container_of, expected_version
from entrypoints.rest.idempotency import answered_once
from entrypoints.rest.operations import changed_at, operation
from entrypoints.rest.v1.event_types import TOLD
from entrypoints.rest.v1.fields import Given, Instant, Shown, Text, Version

router = APIRouter(prefix="/api/v1/webhooks", route_class=SignedInRoute, tags=["Webhooks"])

WebhookId = Annotated[str, Path(description="The webhook's id.")]
Url = Annotated[
    Text,
    Field(min_length=1, max_length=URL_LENGTH, description="Where to messages are sent, by https, on no odd port."),
]
Description = Annotated[Text, Field(max_length=DESCRIPTION_LENGTH)]


Types = Annotated[
    list[TOLD],
    Field(max_length=MOST_TYPES, description="Names of events; none: all of them."),
]
Channels = Annotated[list[Channel], Field(max_length=len(Channel), description="None: all of them.")]
Projects = Annotated[
    list[UUID],
    Field(
        max_length=MOST_PROJECTS,
        description="What happens in these projects alone; none: in all of them, and in the company as a whole.",
    ),
]


class WebhookShown(Shown):
    id: UUID
    url: str
    description: str
    types: list[str]
    channels: list[Channel]
    project_ids: list[UUID]
    is_active: bool
    state: WebhookState
    disabled_reason: DisabledReason | None
    disabled_at: datetime | None
    failing_since: datetime | None
    replaying_after: Annotated[str | None, Field(description="How far it was told of the past again.")]
    previous_secret_until: datetime | None
    created_by: UUID | None
    version: int
    created_at: datetime
    updated_at: datetime


class NewWebhookShown(WebhookShown):
    secret: Annotated[str | None, Field(description="Shown once, and null when this is answered again.")]


class WebhookGiven(Given):
    url: Url
    description: Description = ""
    types: Types = []
    channels: Channels = []
    project_ids: Projects = []
    is_active: bool = True


class WebhookPatch(Given):
    """A merge patch. Read-only fields may be sent back as they were read."""

    url: Url = ""
    description: Description = ""
    types: Types = []
    channels: Channels = []
    project_ids: Projects = []
    is_active: bool = True
    version: Version = 1

    id: UUID | None = None
    state: WebhookState | None = None
    disabled_reason: DisabledReason | None = None
    disabled_at: Instant | None = None
    failing_since: Instant | None = None
    replaying_after: Annotated[Text, Field(max_length=18)] | None = None
    previous_secret_until: Instant | None = None
    created_by: UUID | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None


class RotationGiven(Given):
    end_previous: Annotated[
        bool,
        Field(
            description="Whether, where two secrets sign already, the older one ends at once, and the one that is"
            " replaced now signs for 24 hours more; else that is refused."
        ),
    ] = False
    version: Version | None = None


class ReplayGiven(Given):
    after: Annotated[str, Field(pattern=r"^[0-9]{1,18}$", description="A `seq`: what happened after it is sent again.")]


WEBHOOK_EXAMPLE = {
    "id": "01920000-0000-7000-8000-000000000090",
    "url": "https://hooks.miller.example/flowtrack",
    "description": "The build board",
    "types": ["task_created", "task_moved"],
    "channels": [],
    "project_ids": [],
    "is_active": True,
    "state": "active",
    "disabled_reason": None,
    "disabled_at": None,
    "failing_since": None,
    "replaying_after": None,
    "previous_secret_until": None,
    "created_by": "01920000-0000-7000-8000-000000000002",
    "version": 1,
    "created_at": "2026-11-20T09:30:00.123456Z",
    "updated_at": "2026-11-20T09:30:00.123456Z",
}
NEW_WEBHOOK_EXAMPLE = {**WEBHOOK_EXAMPLE, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}


def webhooks_of(request: Request) -> WebhookUseCases:
    found: WebhookUseCases = container_of(request).webhook_use_cases()
    return found


def _given(given: WebhookGiven | WebhookPatch) -> dict[str, Any]:
    sent = given.model_fields_set & set(FIELDS)
    return {name: tuple(value) if isinstance(value := getattr(given, name), list) else value for name in sent}


def _new(answer: Answer[NewWebhookView], *, status: int) -> Response:
    webhook, secret = answer.value
    body = answers.encoded({**_written(webhook), "secret": secret})
    location = f"/api/v1/webhooks/{webhook.id}" if status == 201 else None
    return answers.one(Answer(webhook, answer.seq), status=status, location=location, body=body)


def _written(webhook: WebhookView) -> dict[str, Any]:
    return {
        name: answers.written_instant(value) if isinstance(value, datetime) else value
        for name, value in webhook._asdict().items()
    }


@router.get(
    "",
    **operation(
        WebhookUseCases.list,
        id="listWebhooks",
        summary="List webhooks",
        shows=list[WebhookShown],
        example=[WEBHOOK_EXAMPLE],
    ),
)
async def list_webhooks(request: Request) -> Response:
    found, seq = await webhooks_of(request).list(caller(request))
    return answers.JsonResponse(answers.encoded_list(found), headers=answers.read_headers(seq))


@router.post(
    "",
    **operation(
        WebhookUseCases.create,
        id="createWebhook",
        summary="Add a webhook",
        status=201,
        shows=NewWebhookShown,
        example=NEW_WEBHOOK_EXAMPLE,
        body=True,
        tagged=True,
        idempotent=True,
    ),
)
async def create_webhook(request: Request, given: WebhookGiven) -> Response:
    actor, webhooks = caller(request), webhooks_of(request)

    async def again(webhook_id: UUID) -> Answer[NewWebhookView]:
        webhook, seq = await webhooks.get(actor, webhook_id)
        return Answer(NewWebhookView(webhook), seq)

    return await answered_once(
        request,
        do=lambda once: webhooks.create(actor, _given(given), once=once),
        again=again,
        respond=lambda answer: _new(answer, status=201),
    )


@router.get(
    "/{webhook_id}",
    **operation(
        WebhookUseCases.get,
        id="getWebhook",
        summary="Get a webhook",
        shows=WebhookShown,
        example=WEBHOOK_EXAMPLE,
        tagged=True,
    ),
)
async def get_webhook(request: Request, webhook_id: WebhookId) -> Response:
    answer = await webhooks_of(request).get(caller(request), refs.webhook_id(webhook_id))
    etag = answers.etag_of(answer.value)
    if answers.is_current(request, etag):
        return answers.not_modified(etag, answer.seq)
    return answers.one(answer)


@changed_at(
    router,
    "/{webhook_id}",
    **operation(
        WebhookUseCases.change,
        id="changeWebhook",
        changes=True,
        summary="Change a webhook",
        shows=WebhookShown,
        example=WEBHOOK_EXAMPLE,
        body=True,
        tagged=True,
    ),
)
async def change_webhook(request: Request, webhook_id: WebhookId, given: WebhookPatch) -> Response:
    sent = given.model_fields_set
    changes = WebhookChanges(
        given=_given(given),
        unchanged={name: getattr(given, name) for name in sent - set(FIELDS) - {"version"}},
    )
    expected = expected_version(request, in_body=given.version if "version" in sent else None)
    ref = refs.webhook_id(webhook_id)
    return answers.one(await webhooks_of(request).change(caller(request), ref, changes, expected=expected))


@router.delete(
    "/{webhook_id}",
    **operation(WebhookUseCases.delete, id="deleteWebhook", changes=True, summary="Delete a webhook", status=204),
)
async def delete_webhook(request: Request, webhook_id: WebhookId) -> Response:
    expected, ref = expected_version(request), refs.webhook_id(webhook_id)
    return answers.no_content(await webhooks_of(request).delete(caller(request), ref, expected=expected))


@router.post(
    "/{webhook_id}/rotate-secret",
    **operation(
        WebhookUseCases.rotate_secret,
        id="rotateWebhookSecret",
        changes=True,
        summary="Give a webhook a new secret",
        shows=NewWebhookShown,
        example={**NEW_WEBHOOK_EXAMPLE, "version": 2, "previous_secret_until": "2026-11-21T09:30:00.123456Z"},
        body=True,
        tagged=True,
        idempotent=True,
    ),
)
async def rotate_webhook_secret(
    request: Request, webhook_id: WebhookId, given: Annotated[RotationGiven | None, Body()] = None
) -> Response:
    actor, webhooks, ref = caller(request), webhooks_of(request), refs.webhook_id(webhook_id)
    given = given or RotationGiven()
    ends, expected = given.end_previous, expected_version(request, in_body=given.version)

    async def again(made: UUID) -> Answer[NewWebhookView]:
        webhook, seq = await webhooks.get(actor, made)
        return Answer(NewWebhookView(webhook), seq)

    return await answered_once(
        request,
        do=lambda once: webhooks.rotate_secret(actor, ref, ends_previous=ends, expected=expected, once=once),
        again=again,
        respond=lambda answer: _new(answer, status=200),
    )


@router.post(
    "/{webhook_id}/replay",
    **operation(
        WebhookUseCases.replay,
        id="replayWebhook",
        summary="Send again what happened after a position",
        shows=WebhookShown,
        example={**WEBHOOK_EXAMPLE, "replaying_after": "7"},
        body=True,
        tagged=True,
        idempotent=True,
    ),
)
async def replay_webhook(request: Request, webhook_id: WebhookId, given: ReplayGiven) -> Response:
    actor, webhooks, ref = caller(request), webhooks_of(request), refs.webhook_id(webhook_id)
    return await answered_once(
        request,
        do=lambda once: webhooks.replay(actor, ref, after=int(given.after), once=once),
        again=lambda made: webhooks.get(actor, made),
        respond=answers.one,
    )
