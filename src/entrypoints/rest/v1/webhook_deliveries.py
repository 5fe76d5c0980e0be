"""What was sent to webhooks, over HTTP."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from core.kernel.actor import Actor, Role
from core.kernel.paging import Answer
from core.webhooks.deliveries import DeliveryState
from core.webhooks.ports import DeliveryFilter
from core.webhooks.read_models import DeliveryView
from core.webhooks.use_cases.deliveries import DeliveryUseCases
from core.webhooks.values import TYPE_LENGTH
from entrypoints.rest import answers, paging, refs
from entrypoints.rest.caller import SignedInRoute, caller, container_of
from entrypoints.rest.idempotency import answered_once
from entrypoints.rest.operations import operation
from entrypoints.rest.v1.fields import Several, Shown, Text
from entrypoints.rest.v1.webhooks import WebhookId

router = APIRouter(prefix="/api/v1/webhooks", route_class=SignedInRoute, tags=["Webhooks"])

DeliveryId = Annotated[str, Path(description="The delivery's id, which is its `webhook-id`.")]
SORTS = Literal["created_at", "-created_at"]


class AttemptShown(BaseModel):
    """`error` says why there was no answer; `response` is the beginning of one."""

    number: int
    at: datetime
    status: int | None
    duration_ms: int
    response: str
    error: str | None


class WebhookDeliveryShown(Shown):
    id: Annotated[UUID, Field(description="The `webhook-id` of every attempt.")]
    webhook_id: UUID
    type: Annotated[str, Field(description="The event's name, or `batch`, or `webhook.test`.")]
    project_id: UUID | None
    seqs: Annotated[list[str], Field(description="The events that it tells of.")]
    state: DeliveryState
    delayed: Annotated[bool, Field(description="It does not come in order.")]
    created_at: datetime
    next_attempt_at: datetime | None
    finished_at: datetime | None
    attempts: list[AttemptShown]


DELIVERY_EXAMPLE = {
    "id": "01920000-0000-7000-8000-000000000091",
    "webhook_id": "01920000-0000-7000-8000-000000000090",
    "type": "task_created",
    "project_id": "01920000-0000-7000-8000-000000000001",
    "seqs": ["7"],
    "state": "delivered",
    "delayed": False,
    "created_at": "2026-11-20T09:30:00.123456Z",
    "next_attempt_at": None,
    "finished_at": "2026-11-20T09:30:00.423456Z",
    "attempts": [
        {
            "number": 1,
            "at": "2026-11-20T09:30:00.423456Z",
            "status": 204,
            "duration_ms": 87,
            "response": "",
            "error": None,
        }
    ],
}
TEST_EXAMPLE = {**DELIVERY_EXAMPLE, "type": "webhook.test", "project_id": None, "seqs": []}
WAITING_EXAMPLE = {
    **DELIVERY_EXAMPLE,
    "state": "pending",
    "delayed": True,
    "next_attempt_at": "2026-11-20T09:35:00.123456Z",
    "finished_at": None,
}


def deliveries_of(request: Request) -> DeliveryUseCases:
    found: DeliveryUseCases = container_of(request).webhook_delivery_use_cases()
    return found


def _delivery(answer: Answer[DeliveryView]) -> Response:
    """A delivery, without a tag: it changes by itself."""
    body = answers.encoded(answers.as_written(answer.value))
    return answers.JsonResponse(body, headers=answers.read_headers(answer.seq))


@router.post(
    "/{webhook_id}/test",
    **operation(
        DeliveryUseCases.test,
        id="testWebhook",
        summary="Try a webhook out",
        shows=WebhookDeliveryShown,
        example=TEST_EXAMPLE,
        idempotent=True,
        limited_by="webhook_test",
    ),
)
async def try_webhook(request: Request, webhook_id: WebhookId) -> Response:
    actor, deliveries, ref = await _testing_caller(request), deliveries_of(request), refs.webhook_id(webhook_id)
    return await answered_once(
        request,
        do=lambda once: deliveries.test(actor, ref, once=once),
        again=lambda made: deliveries.get(actor, ref, made),
        respond=_delivery,
    )


@router.get(
    "/{webhook_id}/deliveries",
    **operation(
        DeliveryUseCases.list,
        id="listWebhookDeliveries",
        summary="List what was sent to a webhook",
        shows=list[WebhookDeliveryShown],
        example=[DELIVERY_EXAMPLE],
        is_list=True,
    ),
)
async def list_webhook_deliveries(
    request: Request,
    webhook_id: WebhookId,
    state: Annotated[list[DeliveryState], Several, Query()] = [],  # noqa: B006  (the framework copies it)
    type: Annotated[list[Annotated[Text, Field(max_length=TYPE_LENGTH)]], Several, Query(max_length=50)] = [],  # noqa: B006
    sort: SORTS = "-created_at",
    limit: paging.Limit = paging.USUAL_LIMIT,
    cursor: paging.Cursor = None,
    skip: paging.Skip = 0,
    include_total: paging.IncludeTotal = False,
) -> Response:
    page = paging.page_request(request, limit=limit, cursor=cursor, skip=skip, include_total=include_total)
    where, ref = DeliveryFilter(state=tuple(state), type=tuple(type)), refs.webhook_id(webhook_id)
    answer = await deliveries_of(request).list(caller(request), ref, where=where, sort=paging.sort_of(sort), page=page)
    return paging.listed(request, answer)


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/resend",
    **operation(
        DeliveryUseCases.resend,
        id="resendWebhookDelivery",
        summary="Send a message to a webhook again",
        shows=WebhookDeliveryShown,
        example=WAITING_EXAMPLE,
        idempotent=True,
    ),
)
async def resend_webhook_delivery(request: Request, webhook_id: WebhookId, delivery_id: DeliveryId) -> Response:
    actor, deliveries = caller(request), deliveries_of(request)
    ref, which = refs.webhook_id(webhook_id), refs.delivery_id(delivery_id)
    return await answered_once(
        request,
        do=lambda once: deliveries.resend(actor, ref, which, once=once),
        again=lambda made: deliveries.get(actor, ref, made),
        respond=_delivery,
    )


async def _testing_caller(request: Request) -> Actor:
    """Raises TooMany beyond the limit of messages that try webhooks out."""
    actor, limits = caller(request), request.app.state.limits
    # A member has nothing sent, and uses up nothing of the admins'.
    if limits is not None and actor.role is not Role.MEMBER:
        await limits.webhook_test(request.scope, actor)
    return actor
