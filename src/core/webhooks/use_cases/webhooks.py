from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from core.kernel.actor import Actor, reading
from core.kernel.errors import Fault, FieldReadOnly, Forbidden, Invalid, ReferenceNotFound, Stale, answers
from core.kernel.etags import ensure_current, ensure_unchanged
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer
from core.kernel.ports import Clock, Ids
from core.realtime.errors import EventsExpired
from core.webhooks import policy
from core.webhooks.errors import (
    SecretBeingReplaced,
    TooManyWebhooks,
    UrlRefused,
    WebhookInactive,
    WebhookNotFound,
)
from core.webhooks.model import Webhook, WebhookChanges, WebhookFields, checked
from core.webhooks.ports import OpenWebhookUnitOfWork, Sealing, WebhookReader, WebhookSecrets, WebhookUnitOfWork
from core.webhooks.read_models import NewWebhookView, WebhookView


class WebhookUseCases:
    """The addresses that hear what happens in a company."""

    def __init__(
        self,
        *,
        unit_of_work: OpenWebhookUnitOfWork,
        reader: WebhookReader,
        sealing: Sealing,
        secrets: WebhookSecrets,
        clock: Clock,
        ids: Ids,
        to_this_machine: bool,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._reader = reader
        self._sealing = sealing
        self._secrets = secrets
        self._clock = clock
        self._ids = ids
        self._to_this_machine = to_this_machine

    @reading
    @answers(Forbidden)
    async def list(self, actor: Actor) -> Answer[list[WebhookView]]:
        """The company's webhooks, the oldest first; secrets are never shown. Owners and admins may."""
        found = await self._reader.all(actor)
        # Whether they still may, only the database knows.
        policy.authorise_administration(actor)
        return found

    @reading
    @answers(Forbidden, WebhookNotFound)
    async def get(self, actor: Actor, webhook_id: UUID) -> Answer[WebhookView]:
        """One webhook; its secret is never shown. Owners and admins may."""
        webhooks, seq = await self._reader.all(actor)
        found = next((webhook for webhook in webhooks if webhook.id == webhook_id), None)
        if found is None:
            raise WebhookNotFound
        policy.authorise_administration(actor)
        return Answer(found, seq)

    @answers(Forbidden, Invalid, UrlRefused, ReferenceNotFound, TooManyWebhooks, KeyReused, InFlight)
    async def create(
        self, actor: Actor, given: Mapping[str, Any], *, once: Once | None = None
    ) -> Answer[NewWebhookView]:
        """Adds an address that hears, from now on, all that owners and admins hear, or what its filters let through.
        Owners and admins may; a company has 50 at most.

        The secret by which the receiver verifies messages is shown in this answer alone.
        """
        # Bad values are refused before anything is looked up.
        ready = checked(given, to_this_machine=self._to_this_machine)
        async with self._unit_of_work(actor, once=once) as uow:
            policy.authorise_administration(uow.actor)
            await _ensure_projects(uow, ready)
            secret = self._secrets.new()
            webhook, created = Webhook.create(
                id=self._ids.new(),
                chosen=WebhookFields(**ready),
                secret=self._sealing.seal(secret.encode()),
                count=await uow.webhooks.count(),
                by=uow.actor.user_id,
                at=self._clock.now(),
            )
            uow.webhooks.add(webhook)
            uow.record(created)
            seq = await uow.commit(made=Made(kind="webhook", id=webhook.id, version=webhook.version))
        return Answer(NewWebhookView(WebhookView.of(webhook), secret), seq)

    @answers(Forbidden, WebhookNotFound, Stale, FieldReadOnly, Invalid, UrlRefused, ReferenceNotFound)
    async def change(
        self, actor: Actor, webhook_id: UUID, changes: WebhookChanges, *, expected: int | None = None
    ) -> Answer[WebhookView]:
        """Changes a webhook. Owners and admins may.

        One that is switched on again hears what happens from then on; what it missed, it is told by a replay.
        """
        ready = checked(changes.given, to_this_machine=self._to_this_machine)
        async with self._unit_of_work(actor) as uow:
            webhook = await _loaded(uow, webhook_id)
            present = WebhookView.of(webhook)
            ensure_current(expected, present)
            ensure_unchanged(changes.unchanged, present)
            # Those that it had are left to it: a project may have gone since.
            await _ensure_projects(uow, ready, present=webhook.chosen.project_ids)
            updated = webhook.change(ready, at=self._clock.now())
            if updated is not None:
                is_on_again = "is_active" in updated.changes and webhook.chosen.is_active
                uow.webhooks.save(webhook, from_now=is_on_again)
                uow.record(updated)
            seq = await uow.commit()
        return Answer(WebhookView.of(webhook), seq)

    @answers(Forbidden, WebhookNotFound, Stale)
    async def delete(self, actor: Actor, webhook_id: UUID, *, expected: int | None = None) -> int:
        """Deletes a webhook for good: nothing more is sent to it, not even what is waiting. Owners and admins may."""
        async with self._unit_of_work(actor) as uow:
            webhook = await _loaded(uow, webhook_id)
            ensure_current(expected, WebhookView.of(webhook))
            uow.record(webhook.delete())
            uow.webhooks.remove(webhook)
            return await uow.commit()

    @answers(Forbidden, WebhookNotFound, Stale, SecretBeingReplaced, KeyReused, InFlight)
    async def rotate_secret(
        self,
        actor: Actor,
        webhook_id: UUID,
        *,
        ends_previous: bool = False,
        expected: int | None = None,
        once: Once | None = None,
    ) -> Answer[NewWebhookView]:
        """Gives a webhook a new secret, shown in this answer alone. For 24 hours messages are signed with the previous
        one as well, so that the receiver can change over, and it is not replaced again, unless `end_previous` says that
        the older of the two may end at once. Owners and admins may.
        """
        async with self._unit_of_work(actor, once=once) as uow:
            webhook = await _loaded(uow, webhook_id)
            ensure_current(expected, WebhookView.of(webhook))
            secret = self._secrets.new()
            sealed = self._sealing.seal(secret.encode())
            uow.record(webhook.rotate(sealed, at=self._clock.now(), ends_previous=ends_previous))
            uow.webhooks.save(webhook)
            seq = await uow.commit(made=Made(kind="webhook", id=webhook.id, version=webhook.version))
        return Answer(NewWebhookView(WebhookView.of(webhook), secret), seq)

    @answers(Forbidden, WebhookNotFound, WebhookInactive, Invalid, EventsExpired, KeyReused, InFlight)
    async def replay(
        self, actor: Actor, webhook_id: UUID, *, after: int, once: Once | None = None
    ) -> Answer[WebhookView]:
        """Has a webhook told again of all that happened after a position, in order, as messages of their own; what
        happens meanwhile follows once it is through. Owners and admins may.
        """
        async with self._unit_of_work(actor, once=once) as uow:
            webhook = await _loaded(uow, webhook_id)
            head = await uow.webhooks.head()
            if after > head:
                raise Invalid(faults=(Fault("no position in the log", pointer="/after"),))
            if after < head and not await uow.webhooks.goes_on(after=after):
                raise EventsExpired
            uow.record(webhook.replay(after=after))
            uow.webhooks.save(webhook)
            seq = await uow.commit(made=Made(kind="webhook", id=webhook.id, version=webhook.version))
        return Answer(WebhookView.of(webhook), seq)


async def _loaded(uow: WebhookUnitOfWork, webhook_id: UUID) -> Webhook:
    webhook = await uow.webhooks.load(webhook_id)
    if webhook is None:
        raise WebhookNotFound
    policy.authorise_administration(uow.actor)
    return webhook


async def _ensure_projects(uow: WebhookUnitOfWork, ready: Mapping[str, Any], *, present: Collection[UUID] = ()) -> None:
    named = ready.get("project_ids") or ()
    new = set(named) - set(present)
    unknown = await uow.webhooks.unknown_projects(new) if new else set()
    for place, each in enumerate(named):
        if each in unknown:
            raise ReferenceNotFound(pointer=f"/project_ids/{place}")
