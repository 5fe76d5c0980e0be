from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from core.kernel.audit import AuditType, Note
from core.kernel.events import Change, Channel, Concern, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookFact(Fact):
    """The admins hear of it; of its address the origin alone, since the rest may be a secret."""

    channel: ClassVar[Channel] = Channel.NOTIFICATIONS

    webhook_id: UUID
    version: int

    def notes(self) -> tuple[Note, ...]:
        details: dict[str, object] = {"event": self.event, "webhook_id": self.webhook_id}
        return (Note(type=AuditType.WEBHOOK_CHANGED, details={**details, **self.told()}),)

    def told(self) -> dict[str, object]:
        """What an auditor is told besides."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCreated(WebhookFact):
    """An admin had a program told of what happens."""

    event: ClassVar[str] = "webhook_created"

    url: str

    def told(self) -> dict[str, object]:
        return {"url": self.url}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookUpdated(WebhookFact):
    """An admin changed a webhook. Of a new secret it is only said that there is one."""

    event: ClassVar[str] = "webhook_updated"

    changes: dict[str, Change]

    def told(self) -> dict[str, object]:
        url = self.changes.get("url")
        return {"fields": sorted(self.changes), **({"url": url.new} if url is not None else {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDeleted(WebhookFact):
    """An admin removed a webhook."""

    event: ClassVar[str] = "webhook_deleted"

    url: str

    def told(self) -> dict[str, object]:
        return {"url": self.url}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDisabled(WebhookFact):
    """The installation itself switched it off: `reason` is `gone` (it answered 410) or `failing`."""

    # Of the last attempt nothing is told that the receiver wrote.

    event: ClassVar[str] = "webhook_disabled"

    url: str
    reason: str
    failing_since: datetime
    last_status: int | None
    last_error: str | None

    def told(self) -> dict[str, object]:
        return {"url": self.url, "reason": self.reason}

    def concern(self) -> Concern:
        return Concern.MAIL


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookReplayed(WebhookFact):
    """Somebody had it sent again what happened after a position."""

    event: ClassVar[str] = "webhook_replayed"

    after: str

    def told(self) -> dict[str, object]:
        return {"after": self.after}
