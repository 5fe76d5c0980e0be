"""The part of the composition root that sends webhooks. Only the container takes it up."""

import secrets
from importlib import import_module
from importlib.metadata import version
from typing import Any

from dependency_injector import containers, providers

from adapters.crypto.sealing import Sealer
from adapters.crypto.webhook_secrets import RandomWebhookSecrets
from adapters.sql.connection import Database
from adapters.sql.readers.webhooks import SqlWebhookReader
from adapters.sql.repositories.webhooks import SqlWebhookUnitOfWork
from adapters.sql.webhook_dispatch import SqlDispatches
from adapters.sql.webhook_queue import SqlEventQueues
from core.kernel.ports import Clock, Ids
from core.webhooks.deliveries import Outcome
from core.webhooks.ports import DeliveryObserver, Message
from core.webhooks.use_cases.deliveries import DeliveryUseCases
from core.webhooks.use_cases.sending import Attempts, DispatchUseCases, WebhookQueueUseCases
from core.webhooks.use_cases.webhooks import WebhookUseCases
from entrypoints.settings import Environment, Settings
from entrypoints.tracing import Tracing


def _is_for_development(settings: Settings) -> bool:
    return settings.environment is Environment.DEVELOPMENT


def _jitter() -> float:
    return secrets.randbelow(1_000) / 1_000


class LateSending:
    """Sends webhooks by what is loaded only once there is one to send: it would stay in the memory of every process."""

    def __init__(self, *, settings: Settings, sealer: Sealer, tracing: Tracing) -> None:
        self._settings = settings
        self._sealer = sealer
        self._tracing = tracing
        self._sending: Any = None

    async def send(self, message: Message, *, at: Any) -> Outcome:
        if self._sending is None:
            egress, webhooks = import_module("adapters.http.egress"), import_module("adapters.http.webhooks")
            rules = egress.EgressRules(loopback_over_http=_is_for_development(self._settings))
            guarded = egress.Egress(rules, largest=webhooks.LARGEST, seconds=webhooks.WHOLE, takes_packed=True)
            self._sending = webhooks.HttpSending(
                egress=guarded, sealer=self._sealer, version=version("flowtrack"), trace=self._tracing.traceparent
            )
        outcome: Outcome = await self._sending.send(message, at=at)
        return outcome


class WebhooksContainer(containers.DeclarativeContainer):
    """Webhooks: setting them up, queueing what happened, and sending it."""

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    sealer: providers.Dependency[Sealer] = providers.Dependency(instance_of=Sealer)
    observer: providers.Dependency[DeliveryObserver] = providers.Dependency()
    tracing: providers.Dependency[Tracing] = providers.Dependency()
    clock: providers.Dependency[Clock] = providers.Dependency()
    ids: providers.Dependency[Ids] = providers.Dependency()

    reader = providers.Singleton(SqlWebhookReader, database)
    unit_of_work = providers.Factory(SqlWebhookUnitOfWork, database, clock)
    queues = providers.Singleton(SqlEventQueues, database)
    dispatches = providers.Singleton(SqlDispatches, database)
    sending = providers.Singleton(LateSending, settings=settings, sealer=sealer, tracing=tracing)
    attempts = providers.Singleton(
        Attempts,
        dispatches=dispatches,
        sending=sending,
        observer=observer,
        tracing=tracing,
        clock=clock,
        jitter=_jitter,
    )
    use_cases = providers.Singleton(
        WebhookUseCases,
        unit_of_work=unit_of_work.provider,
        reader=reader,
        sealing=sealer,
        secrets=providers.Singleton(RandomWebhookSecrets),
        clock=clock,
        ids=ids,
        to_this_machine=providers.Callable(_is_for_development, settings),
    )
    delivery_use_cases = providers.Singleton(
        DeliveryUseCases, unit_of_work=unit_of_work.provider, reader=reader, attempts=attempts, clock=clock, ids=ids
    )
    queue_use_cases = providers.Singleton(WebhookQueueUseCases, queues=queues, clock=clock, ids=ids)
    dispatch_use_cases = providers.Singleton(
        DispatchUseCases, dispatches=dispatches, attempts=attempts, observer=observer, clock=clock, ids=ids
    )
