from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from core.kernel import text
from core.kernel.events import Change, Channel
from core.webhooks.errors import SecretBeingReplaced, TooManyWebhooks, WebhookInactive
from core.webhooks.events import (
    WebhookCreated,
    WebhookDeleted,
    WebhookDisabled,
    WebhookReplayed,
    WebhookUpdated,
)
from core.webhooks.values import checked_types, checked_url, origin_of

MOST: Final = 50
"""So many webhooks has a company at most."""
DESCRIPTION_LENGTH: Final = 500
OVERLAP: Final = timedelta(hours=24)
"""How long messages are signed with a replaced secret too."""
OPENS_AFTER: Final = 10
"""So many failures in a row, and nothing is sent for a while."""
GIVES_UP_AFTER: Final = timedelta(days=3)
"""An address that did nothing but fail for so long is switched off."""
_FIRST_REST: Final = timedelta(minutes=1)
_LONGEST_REST: Final = timedelta(hours=1)
_DOUBLINGS: Final = 6

FIELDS: Final = ("url", "description", "types", "channels", "project_ids", "is_active")


class DisabledReason(StrEnum):
    """Why the installation itself switched a webhook off."""

    GONE = "gone"
    FAILING = "failing"


class WebhookState(StrEnum):
    """`failing`: after failures in a row nothing is sent but a try now and then."""

    ACTIVE = "active"
    FAILING = "failing"
    PAUSED = "paused"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookFields:
    """What of a webhook is chosen. An empty filter lets everything through; `project_ids` lets through what happens in
    those projects, and nothing of the company as a whole.
    """

    url: str
    description: str = ""
    types: tuple[str, ...] = ()
    channels: tuple[Channel, ...] = ()
    project_ids: tuple[UUID, ...] = ()
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookChanges:
    """Fields to change, by their names. `unchanged` are read-only fields and the values that the caller takes them to
    have.
    """

    given: Mapping[str, object]
    unchanged: Mapping[str, object] = field(default_factory=dict)


def checked(given: Mapping[str, object], *, to_this_machine: bool) -> dict[str, Any]:
    """Fields of a webhook in the form that is kept. Raises Invalid, naming the field, and UrlRefused."""
    found = dict(given)
    if "url" in found:
        found["url"] = checked_url(str(found["url"]), to_this_machine=to_this_machine)
    if "description" in found:
        found["description"] = text.cleaned(str(found["description"]), pointer="/description", most=DESCRIPTION_LENGTH)
    if "types" in found:
        types = found["types"]
        assert isinstance(types, list | tuple)
        found["types"] = checked_types(tuple(types))
    for name in ("channels", "project_ids"):
        if name in found:
            several = found[name]
            assert isinstance(several, list | tuple)
            found[name] = tuple(sorted(set(several)))
    return found


@dataclass(slots=True, kw_only=True)
class Webhook:
    """An address that hears what happens in a company.

    Secrets are sealed; `previous_secret`, empty if there is none, signs too until `previous_until`. It hears what comes
    after `after_seq`; one that is told of the past again is at `behind_seq`, and hears nothing new until it is through.
    """

    id: UUID
    chosen: WebhookFields
    secret: bytes = field(repr=False)
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime
    previous_secret: bytes = field(default=b"", repr=False)
    previous_until: datetime | None = None
    disabled_reason: DisabledReason | None = None
    disabled_at: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    open_until: datetime | None = None
    after_seq: int = 0
    behind_seq: int | None = None
    version: int = 1

    @staticmethod
    def create(
        *, id: UUID, chosen: WebhookFields, secret: bytes, count: int, by: UUID, at: datetime
    ) -> "tuple[Webhook, WebhookCreated]":
        """A new webhook beside so many others. Raises TooManyWebhooks."""
        if count >= MOST:
            raise TooManyWebhooks
        webhook = Webhook(id=id, chosen=chosen, secret=secret, created_by=by, created_at=at, updated_at=at)
        return webhook, WebhookCreated(webhook_id=id, url=origin_of(chosen.url), version=1)

    @property
    def state(self) -> WebhookState:
        if not self.chosen.is_active:
            return WebhookState.DISABLED if self.disabled_reason is not None else WebhookState.PAUSED
        return WebhookState.FAILING if self.failures >= OPENS_AFTER else WebhookState.ACTIVE

    def secrets(self, *, at: datetime) -> tuple[bytes, ...]:
        """The sealed secrets that sign at a time, the present one first."""
        is_live = self.previous_until is not None and at < self.previous_until and bool(self.previous_secret)
        return (self.secret, self.previous_secret) if is_live else (self.secret,)

    def change(self, changes: Mapping[str, object], *, at: datetime) -> WebhookUpdated | None:
        """Changes fields; None if nothing is different. One that is switched on again begins anew, with no failures."""
        changed = {
            name: Change(old=getattr(self.chosen, name), new=value)
            for name, value in sorted(changes.items())
            if getattr(self.chosen, name) != value
        }
        if not changed:
            return None
        present = {name: getattr(self.chosen, name) for name in FIELDS}
        self.chosen = WebhookFields(**{**present, **{name: each.new for name, each in changed.items()}})
        if "is_active" in changed and self.chosen.is_active:
            self.disabled_reason, self.disabled_at, self.behind_seq = None, None, None
        if "url" in changed or "is_active" in changed:
            self.succeed()
        self.version, self.updated_at = self.version + 1, at
        if "url" in changed:
            changed["url"] = Change(old=origin_of(present["url"]), new=origin_of(self.chosen.url))
        return WebhookUpdated(webhook_id=self.id, changes=changed, version=self.version)

    def rotate(self, secret: bytes, *, at: datetime, ends_previous: bool = False) -> WebhookUpdated:
        """Takes a new secret; for a day messages are signed with the one before as well. Raises SecretBeingReplaced
        within that day, unless the one before that is to end at once (`ends_previous`): whoever verifies by it was
        promised the whole of its day, and two sign at most.
        """
        if len(self.secrets(at=at)) > 1 and not ends_previous:
            raise SecretBeingReplaced(
                f"Until {self.previous_until:%Y-%m-%dT%H:%M:%SZ} two secrets sign;"
                ' {"end_previous": true} ends the older one at once.'
            )
        self.previous_secret, self.previous_until = self.secret, at + OVERLAP
        self.secret = secret
        self.version, self.updated_at = self.version + 1, at
        return WebhookUpdated(webhook_id=self.id, changes={"secret": Change(old=None, new=None)}, version=self.version)

    def replay(self, *, after: int) -> WebhookReplayed:
        """Has it told again of all that happened after a position, and then of what follows. Raises WebhookInactive."""
        if not self.chosen.is_active:
            raise WebhookInactive
        self.behind_seq = after
        return WebhookReplayed(webhook_id=self.id, after=str(after), version=self.version)

    def delete(self) -> WebhookDeleted:
        """Ends it for good."""
        self.secret = self.previous_secret = b""
        return WebhookDeleted(webhook_id=self.id, url=origin_of(self.chosen.url), version=self.version + 1)

    def succeed(self) -> None:
        """Something arrived."""
        self.failures, self.failing_since, self.open_until = 0, None, None

    def fail(
        self, *, at: datetime, is_gone: bool = False, status: int | None = None, error: str | None = None
    ) -> WebhookDisabled | None:
        """Something did not arrive: the receiver answered with a status, or there was an error. After ten failures in a
        row nothing is sent for a minute, then one at a time, after each that fails with a longer rest; after three days
        of nothing else, or when it said that it is gone, it is switched off.
        """
        self.failures += 1
        self.failing_since = self.failing_since or at
        if self.failures >= OPENS_AFTER:
            rest = _FIRST_REST * 2 ** min(self.failures - OPENS_AFTER, _DOUBLINGS)
            self.open_until = at + min(rest, _LONGEST_REST)
        if is_gone:
            return self._disable(DisabledReason.GONE, at=at, status=status, error=error)
        # Two failures days apart, with nothing sent between them, tell little.
        if self.failures >= OPENS_AFTER and at - self.failing_since >= GIVES_UP_AFTER:
            return self._disable(DisabledReason.FAILING, at=at, status=status, error=error)
        return None

    def _disable(
        self, reason: DisabledReason, *, at: datetime, status: int | None, error: str | None
    ) -> WebhookDisabled | None:
        if not self.chosen.is_active:
            return None
        present = {name: getattr(self.chosen, name) for name in FIELDS}
        self.chosen = WebhookFields(**{**present, "is_active": False})
        self.disabled_reason, self.disabled_at = reason, at
        self.version, self.updated_at = self.version + 1, at
        return WebhookDisabled(
            webhook_id=self.id,
            url=origin_of(self.chosen.url),
            reason=str(reason),
            failing_since=self.failing_since or at,
            last_status=status,
            last_error=error,
            version=self.version,
        )
