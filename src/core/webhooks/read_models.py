from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from core.kernel.events import Channel
from core.webhooks.deliveries import DeliveryState
from core.webhooks.model import DisabledReason, Webhook, WebhookState


class WebhookView(NamedTuple):
    """A webhook as a screen shows it, without secrets. `replaying_after` is how far it was told of the past again."""

    id: UUID
    url: str
    description: str
    types: tuple[str, ...]
    channels: tuple[Channel, ...]
    project_ids: tuple[UUID, ...]
    is_active: bool
    state: WebhookState
    disabled_reason: DisabledReason | None
    disabled_at: datetime | None
    failing_since: datetime | None
    replaying_after: str | None
    previous_secret_until: datetime | None
    created_by: UUID | None
    version: int
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def of(webhook: Webhook) -> "WebhookView":
        chosen = webhook.chosen
        return WebhookView(
            id=webhook.id,
            url=chosen.url,
            description=chosen.description,
            types=chosen.types,
            channels=chosen.channels,
            project_ids=chosen.project_ids,
            is_active=chosen.is_active,
            state=webhook.state,
            disabled_reason=webhook.disabled_reason,
            disabled_at=webhook.disabled_at,
            failing_since=webhook.failing_since,
            replaying_after=str(webhook.behind_seq) if webhook.behind_seq is not None else None,
            previous_secret_until=webhook.previous_until,
            created_by=webhook.created_by,
            version=webhook.version,
            created_at=webhook.created_at,
            updated_at=webhook.updated_at,
        )

    @property
    def embedded(self) -> tuple[str, ...]:
        """What changes by itself, as messages arrive or do not."""
        return (str(self.state), str(self.failing_since), str(self.replaying_after))


class NewWebhookView(NamedTuple):
    """A webhook and its new secret, which is shown once."""

    webhook: WebhookView
    secret: str | None = None


class DeliveryView(NamedTuple):
    """A message to a webhook; `attempts` are dicts of number, at, status, duration_ms, response and error."""

    id: UUID
    webhook_id: UUID
    type: str
    project_id: UUID | None
    seqs: tuple[str, ...]
    state: DeliveryState
    delayed: bool
    created_at: datetime
    next_attempt_at: datetime | None
    finished_at: datetime | None
    attempts: tuple[dict[str, Any], ...]
