"""How each refusal about webhooks comes about; `test_refusals` carries them out."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from core.kernel.actor import System
from core.kernel.errors import FieldReadOnly, Forbidden, Invalid, ReferenceNotFound, Stale
from core.kernel.once import InFlight, KeyReused
from core.kernel.paging import PageRequest, Sort
from core.realtime.errors import EventsExpired
from core.webhooks.deliveries import Delivery
from core.webhooks.errors import (
    DeliveryNotFound,
    DeliveryUnderWay,
    SecretBeingReplaced,
    TooManyWebhooks,
    UrlRefused,
    WebhookInactive,
    WebhookNotFound,
)
from core.webhooks.model import MOST, WebhookChanges
from core.webhooks.ports import DeliveryFilter
from core.webhooks.use_cases.deliveries import DeliveryUseCases
from core.webhooks.use_cases.webhooks import WebhookUseCases
from tests.builders import an_id
from tests.builders.office import Office
from tests.contracts.steps import a_key

URL = "https://hooks.example.com/"


async def made(office: Office, **given: Any) -> Any:
    return (await office.webhooks.create(office.adam, {"url": URL, **given})).value.webhook


async def a_delivery(office: Office, webhook: Any) -> Delivery:
    view, _ = await office.deliveries.test(office.adam, webhook.id)
    return office.stored.deliveries[view.id]


def changes(**given: Any) -> WebhookChanges:
    return WebhookChanges(given=given)


Call = Callable[[Office, Any, Any, Any], Awaitable[object]]

# Every verb, by an actor, of a webhook, with a key.
BY_WEBHOOK: dict[Any, Call] = {
    WebhookUseCases.get: lambda office, by, id, once: office.webhooks.get(by, id),
    WebhookUseCases.change: lambda office, by, id, once: office.webhooks.change(by, id, changes(description="x")),
    WebhookUseCases.delete: lambda office, by, id, once: office.webhooks.delete(by, id),
    WebhookUseCases.rotate_secret: lambda office, by, id, once: office.webhooks.rotate_secret(by, id, once=once),
    WebhookUseCases.replay: lambda office, by, id, once: office.webhooks.replay(by, id, after=0, once=once),
    DeliveryUseCases.list: lambda office, by, id, once: office.deliveries.list(
        by, id, where=DeliveryFilter(), sort=Sort(field="created_at"), page=PageRequest()
    ),
    DeliveryUseCases.resend: lambda office, by, id, once: office.deliveries.resend(by, id, an_id(), once=once),
    DeliveryUseCases.test: lambda office, by, id, once: office.deliveries.test(by, id, once=once),
}
KEYED = (WebhookUseCases.rotate_secret, WebhookUseCases.replay, DeliveryUseCases.resend, DeliveryUseCases.test)


def add_to(refuses: Any) -> None:
    """Adds the scenarios."""
    for verb, call in BY_WEBHOOK.items():
        _of_all(refuses, verb, call)
    for verb in KEYED:
        _keyed(refuses, verb, BY_WEBHOOK[verb])
    _webhooks(refuses)
    _deliveries(refuses)


def _of_all(refuses: Any, verb: Any, call: Call) -> None:
    @refuses(verb, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        return call(office, office.mia, (await made(office)).id, None)

    @refuses(verb, WebhookNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return call(office, office.adam, an_id(), None)


def _keyed(refuses: Any, verb: Any, call: Call) -> None:
    @refuses(verb, InFlight)
    async def _(office: Office) -> Awaitable[object]:
        webhook = await made(office)
        await office.world.webhook_unit_of_work(office.adam, once=a_key()).__aenter__()
        return call(office, office.adam, webhook.id, a_key())

    @refuses(verb, KeyReused)
    async def _(office: Office) -> Awaitable[object]:
        webhook = await made(office)
        if verb is DeliveryUseCases.resend:
            delivery = await a_delivery(office, webhook)
            await office.deliveries.resend(office.adam, webhook.id, delivery.id, once=a_key())
        else:
            await call(office, office.adam, webhook.id, a_key())
        return call(office, office.adam, webhook.id, a_key(digest=b"other"))


def _webhooks(refuses: Any) -> None:
    @refuses(WebhookUseCases.list, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        return office.webhooks.list(office.mia)

    def create(office: Office, *, by: Any = None, once: Any = None, **given: Any) -> Awaitable[object]:
        return office.webhooks.create(by or office.adam, {"url": URL, **given}, once=once)

    @refuses(WebhookUseCases.create, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        return create(office, by=office.mia)

    @refuses(WebhookUseCases.create, Invalid)
    async def _(office: Office) -> Awaitable[object]:
        return create(office, types=["notification_created"])

    @refuses(WebhookUseCases.create, UrlRefused)
    async def _(office: Office) -> Awaitable[object]:
        return create(office, url="https://10.0.0.1/")

    @refuses(WebhookUseCases.create, ReferenceNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return create(office, project_ids=[an_id()])

    @refuses(WebhookUseCases.rotate_secret, SecretBeingReplaced)
    async def _(office: Office) -> Awaitable[object]:
        webhook = await made(office)
        await office.webhooks.rotate_secret(office.adam, webhook.id)
        return office.webhooks.rotate_secret(office.adam, webhook.id)

    @refuses(WebhookUseCases.create, TooManyWebhooks)
    async def _(office: Office) -> Awaitable[object]:
        for _ in range(MOST):
            await made(office)
        return create(office)

    @refuses(WebhookUseCases.create, KeyReused)
    async def _(office: Office) -> Awaitable[object]:
        await create(office, once=a_key())
        return create(office, once=a_key(digest=b"other"))

    @refuses(WebhookUseCases.create, InFlight)
    async def _(office: Office) -> Awaitable[object]:
        await office.world.webhook_unit_of_work(office.adam, once=a_key()).__aenter__()
        return create(office, once=a_key())

    @refuses(WebhookUseCases.change, Stale)
    async def _(office: Office) -> Awaitable[object]:
        webhook = await made(office)
        return office.webhooks.change(office.adam, webhook.id, changes(description="x"), expected=7)

    @refuses(WebhookUseCases.change, FieldReadOnly)
    async def _(office: Office) -> Awaitable[object]:
        webhook = await made(office)
        wanted = WebhookChanges(given={}, unchanged={"disabled_reason": "gone"})
        return office.webhooks.change(office.adam, webhook.id, wanted)

    @refuses(WebhookUseCases.change, Invalid)
    async def _(office: Office) -> Awaitable[object]:
        webhook = await made(office)
        return office.webhooks.change(office.adam, webhook.id, changes(types=["No such"]))

    @refuses(WebhookUseCases.change, UrlRefused)
    async def _(office: Office) -> Awaitable[object]:
        webhook = await made(office)
        return office.webhooks.change(office.adam, webhook.id, changes(url="http://hooks.example.com/"))

    @refuses(WebhookUseCases.change, ReferenceNotFound)
    async def _(office: Office) -> Awaitable[object]:
        webhook = await made(office)
        return office.webhooks.change(office.adam, webhook.id, changes(project_ids=[an_id()]))

    @refuses(WebhookUseCases.delete, Stale)
    async def _(office: Office) -> Awaitable[object]:
        return office.webhooks.delete(office.adam, (await made(office)).id, expected=7)

    @refuses(WebhookUseCases.rotate_secret, Stale)
    async def _(office: Office) -> Awaitable[object]:
        return office.webhooks.rotate_secret(office.adam, (await made(office)).id, expected=7)

    @refuses(WebhookUseCases.replay, WebhookInactive)
    async def _(office: Office) -> Awaitable[object]:
        webhook = await made(office, is_active=False)
        return office.webhooks.replay(office.adam, webhook.id, after=0)

    @refuses(WebhookUseCases.replay, Invalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.webhooks.replay(office.adam, (await made(office)).id, after=10_000)

    @refuses(WebhookUseCases.replay, EventsExpired)
    async def _(office: Office) -> Awaitable[object]:
        webhook = await made(office)
        await office.world.forget_events(office.adam.company_id, upto=1)
        return office.webhooks.replay(office.adam, webhook.id, after=0)


def _deliveries(refuses: Any) -> None:
    @refuses(DeliveryUseCases.get, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        webhook = await made(office, types=["task_created"])
        await office.task()
        await office.webhook_queue.catch_up(System())
        (delivery,) = office.stored.deliveries.values()
        return office.deliveries.get(office.mia, webhook.id, delivery.id)

    @refuses(DeliveryUseCases.get, DeliveryNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.deliveries.get(office.adam, (await made(office)).id, an_id())

    @refuses(DeliveryUseCases.resend, DeliveryNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.deliveries.resend(office.adam, (await made(office)).id, an_id())

    @refuses(DeliveryUseCases.resend, EventsExpired)
    async def _(office: Office) -> Awaitable[object]:
        webhook = await made(office, types=["task_created"])
        await office.task()
        await office.webhook_queue.catch_up(System())
        (delivery,) = office.stored.deliveries.values()
        await office.world.forget_events(office.adam.company_id, upto=office.head)
        return office.deliveries.resend(office.adam, webhook.id, delivery.id)

    @refuses(DeliveryUseCases.resend, DeliveryUnderWay)
    async def _(office: Office) -> Awaitable[object]:
        webhook = await made(office)
        delivery = await a_delivery(office, webhook)
        await office.deliveries.resend(office.adam, webhook.id, delivery.id)
        office.clock.advance(timedelta(seconds=1))
        return office.deliveries.resend(office.adam, webhook.id, delivery.id)

    @refuses(DeliveryUseCases.resend, WebhookInactive)
    async def _(office: Office) -> Awaitable[object]:
        webhook = await made(office, is_active=False)
        return office.deliveries.resend(office.adam, webhook.id, (await a_delivery(office, webhook)).id)
