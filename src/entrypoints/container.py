"""The composition root: the only importer of adapters, and the only place that knows what is built from what.

It is never wired into routes: `request.app.state.container` is asked, in one function a feature.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

from dependency_injector import containers, providers
from pydantic import SecretStr

from adapters.crypto.access_tokens import JwtAccessTokens
from adapters.crypto.door_tickets import SealedDoorTickets
from adapters.crypto.key_ring import KeyRing
from adapters.crypto.passwords import Argon2Passwords
from adapters.crypto.refresh_tokens import DerivedRefreshTokens
from adapters.crypto.sealing import Sealer, Unsealable
from adapters.mail.addresses import ValidatedEmailAddresses
from adapters.postgres_embedded.commands import binaries as refuse_missing_binaries
from adapters.postgres_embedded.database import DatabaseUrls
from adapters.postgres_embedded.errors import EmbeddedPostgresFailed
from adapters.postgres_embedded.server import EmbeddedPostgres
from adapters.prometheus.metrics import MEDIA_TYPE, Metrics
from adapters.prometheus.sharing import shared_folder
from adapters.sql.archive import ArchiveRefused
from adapters.sql.audit_chain import SqlAuditChain
from adapters.sql.backing_up import BackupFailed, back_up
from adapters.sql.connection import CONNECTIONS, Database
from adapters.sql.examining import DatabaseAwayNow, DatabaseFacts, OwnerFacts, examine, examine_owner
from adapters.sql.feeds import SqlFeedReader
from adapters.sql.migration_process import MigrationFailed
from adapters.sql.observing import Observers
from adapters.sql.once_ledger import SqlOnceLedger
from adapters.sql.operating import SqlOperatorUnitOfWork
from adapters.sql.operating_tokens import SqlTokenOperatorUnitOfWork
from adapters.sql.preflight import NotReady, check_database, newest_revision
from adapters.sql.presented_tokens import SqlPresentedTokens
from adapters.sql.purging import SqlRemains
from adapters.sql.readers.audit import SqlAuditReader
from adapters.sql.readers.events import SqlEventReader
from adapters.sql.refusals import SqlAuditLog
from adapters.sql.relaying import SqlLeases, SqlLogs
from adapters.sql.restoring import RestoreRefused, restore
from adapters.sql.roles import ISOLATION, WrongRole
from adapters.sql.sealed import reseal
from adapters.sql.signing_keys import SqlSigningKeys
from adapters.sql.used_tickets import SqlUsedTickets
from adapters.system.bell import Bell
from adapters.system.clock import SystemClock
from adapters.system.ids import UuidV7Ids
from adapters.system.locks import AlreadyHeld, exclusive
from adapters.system.secret_files import keep_secret, kept_secret
from core.audit.use_cases import AuditChainUseCases, AuditUseCases
from core.auth.use_cases.signing_in import AuthUseCases
from core.operations.use_cases import OperatorUseCases, PurgeUseCases, TokenOperatorUseCases
from core.realtime.use_cases import DoorUseCases, EventUseCases, PresenceUseCases
from core.tokens.use_cases.presenting import PresentedTokenUseCases
from entrypoints.embedded_container import embedded_server, embedded_urls, migrate_database, prepare_embedded
from entrypoints.ending import end
from entrypoints.jobs_container import JobsContainer
from entrypoints.live.hub import Hub
from entrypoints.live.presence import Presence
from entrypoints.live.relay import Relay
from entrypoints.mail_container import MailContainer, mail_refusal
from entrypoints.notifications_container import NotificationsContainer
from entrypoints.oidc_container import OidcContainer, provider_skew
from entrypoints.people_container import PeopleContainer
from entrypoints.redis_container import (
    attempts_of,
    attendance_of,
    bus_of,
    rate_limits_of,
    redis_store_of,
    redis_version,
)
from entrypoints.reports_container import ReportsContainer
from entrypoints.settings import Settings
from entrypoints.telemetry import written
from entrypoints.tracing import NoTracing
from entrypoints.webhooks_container import WebhooksContainer
from entrypoints.work_container import WorkContainer

__all__ = [
    "CONNECTIONS", "ISOLATION", "AlreadyHeld", "ArchiveRefused", "BackupFailed", "Container", "DatabaseAwayNow",
    "DatabaseFacts", "DatabaseUrls", "EmbeddedPostgres", "EmbeddedPostgresFailed", "MEDIA_TYPE", "Metrics",
    "MigrationFailed", "NotReady", "OwnerFacts", "RestoreRefused", "Unsealable", "WrongRole", "back_up",
    "check_database", "embedded_server", "embedded_urls", "examine", "examine_owner", "exclusive", "keep_secret",
    "load_signing_keys",
    "mail_refusal", "make_container", "migrate_database", "newest_revision", "prepare_embedded", "provider_skew",
    "redis_version",
    "shared_counts", "shared_folder",
    "told_to_others", "present_sealer", "refuse_missing_binaries", "reseal", "restore",
]  # fmt: skip


def _events_kept(days: int | None) -> timedelta | None:
    return timedelta(days=days) if days is not None else None


def _direct_url(settings: Settings, database_url: str) -> str:
    """The database past any pooler."""
    direct = settings.direct_database_url
    return direct.get_secret_value() if direct is not None else database_url


class Container(containers.DeclarativeContainer):
    """What a serving process is made of."""

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database_url: providers.Dependency[str] = providers.Dependency(instance_of=str)
    secret_keys = providers.Callable(Settings.secret_keys, settings)

    metrics = providers.Singleton(Metrics, version=version("flowtrack"))
    tracing = providers.Singleton(NoTracing)

    clock = providers.Singleton(SystemClock)
    ids = providers.Singleton(UuidV7Ids)
    sealer = providers.Singleton(Sealer, secrets=secret_keys)
    passwords = providers.Singleton(Argon2Passwords)
    addresses = providers.Singleton(ValidatedEmailAddresses)
    access_tokens = providers.Singleton(JwtAccessTokens, issuer=settings.provided.public_url)
    refresh_tokens = providers.Singleton(DerivedRefreshTokens, sealer)
    cursor_keys = providers.Singleton(Sealer.keys_for, sealer, "flowtrack list cursors")
    idempotency_keys = providers.Singleton(Sealer.keys_for, sealer, "flowtrack idempotency")

    redis = providers.Singleton(redis_store_of, settings.provided.redis_url)
    rate_limits = providers.Singleton(rate_limits_of, redis, settings.provided.rate_limits.call())
    attempts = providers.Singleton(attempts_of, redis, sealer)
    mail_bell = providers.Singleton(Bell)

    audit_bell = providers.Singleton(Bell)
    bus = providers.Singleton(bus_of, redis)
    database = providers.Singleton(
        Database,
        url=database_url,
        prepared_statements=settings.provided.database_prepared_statements,
        observer=metrics,
        herald=bus,
        on_noted=audit_bell.provided.ring,
        on_written=providers.Object(written),
    )
    signing_keys = providers.Factory(SqlSigningKeys, database)
    key_ring = providers.Singleton(KeyRing, store=signing_keys, sealer=sealer, tokens=access_tokens, clock=clock)
    once_ledger = providers.Factory(SqlOnceLedger, database)
    presented_tokens = providers.Singleton(SqlPresentedTokens, database)
    event_reader = providers.Singleton(SqlEventReader, database)
    audit_reader = providers.Singleton(SqlAuditReader, database)
    audit_log = providers.Singleton(SqlAuditLog, database, clock)
    audit_chain = providers.Singleton(SqlAuditChain, database, sealer)

    people = providers.Container(
        PeopleContainer,
        settings=settings,
        database=database,
        sealer=sealer,
        clock=clock,
        ids=ids,
        attempts=attempts,
        passwords=passwords,
        addresses=addresses,
        access_tokens=access_tokens,
        refresh_tokens=refresh_tokens,
        presented_tokens=presented_tokens,
        mail_bell=mail_bell,
    )
    auth_use_cases: providers.Provider[AuthUseCases] = people.auth_use_cases
    second_step_use_cases = people.second_step_use_cases
    acceptance_use_cases = people.acceptance_use_cases
    user_use_cases = people.user_use_cases
    api_token_use_cases = people.api_token_use_cases
    presented_token_use_cases: providers.Provider[PresentedTokenUseCases] = people.presented_token_use_cases
    invitation_use_cases = people.invitation_use_cases
    session_use_cases = people.session_use_cases
    recovery_use_cases = people.recovery_use_cases
    email_use_cases = people.email_use_cases
    factor_use_cases = people.factor_use_cases
    unlocking_use_cases = people.unlocking_use_cases
    company_use_cases = people.company_use_cases
    mail = providers.Container(
        MailContainer,
        settings=settings,
        database=database,
        link_tokens=people.link_tokens,
        letter_limits=people.letter_limits,
        clock=clock,
        ids=ids,
    )
    digest_use_cases = mail.digest_use_cases
    mail_use_cases = mail.use_cases
    oidc = providers.Container(
        OidcContainer,
        settings=settings,
        database=database,
        clock=clock,
        ids=ids,
        sealer=sealer,
        addresses=addresses,
        access_tokens=access_tokens,
        refresh_tokens=refresh_tokens,
    )
    oidc_connection_use_cases = oidc.connection_use_cases
    email_domain_use_cases = oidc.domain_use_cases
    oidc_login_use_cases = oidc.login_use_cases
    work = providers.Container(WorkContainer, database=database, clock=clock, ids=ids)
    project_use_cases = work.project_use_cases
    cycle_use_cases = work.cycle_use_cases
    member_use_cases = work.member_use_cases
    task_use_cases = work.task_use_cases
    bulk_use_cases = work.bulk_use_cases
    export_use_cases = work.export_use_cases
    deleted_task_use_cases = work.deleted_task_use_cases
    column_use_cases = work.column_use_cases
    board_use_cases = work.board_use_cases
    label_use_cases = work.label_use_cases
    comment_use_cases = work.comment_use_cases
    watch_use_cases = work.watch_use_cases
    activity_use_cases = work.activity_use_cases
    reports = providers.Container(ReportsContainer, database=database, clock=clock)
    report_use_cases = reports.report_use_cases
    counting_use_cases = reports.counting_use_cases
    search_use_cases = work.search_use_cases
    notifications = providers.Container(NotificationsContainer, database=database, clock=clock, ids=ids)
    inbox_use_cases = notifications.inbox_use_cases
    telling_use_cases = notifications.telling_use_cases
    notification_bell = notifications.bell
    jobs = providers.Container(
        JobsContainer,
        database=database,
        url=providers.Callable(_direct_url, settings, database_url),
        clock=clock,
        ids=ids,
    )
    # Rung when something happened that webhooks may hear of, and when messages of it are queued.
    webhook_bell = providers.Singleton(Bell)
    queued_bell = providers.Singleton(Bell)
    webhooks = providers.Container(
        WebhooksContainer,
        settings=settings,
        database=database,
        sealer=sealer,
        observer=metrics,
        tracing=tracing,
        clock=clock,
        ids=ids,
    )
    webhook_use_cases = webhooks.use_cases
    webhook_delivery_use_cases = webhooks.delivery_use_cases
    webhook_queue_use_cases = webhooks.queue_use_cases
    webhook_dispatch_use_cases = webhooks.dispatch_use_cases
    import_use_cases = jobs.import_use_cases
    job_queue = jobs.queue
    job_use_cases = jobs.use_cases
    job_run_use_cases = jobs.run_use_cases
    event_use_cases = providers.Singleton(EventUseCases, reader=event_reader)
    door_use_cases = providers.Singleton(
        DoorUseCases, reader=event_reader, tickets=providers.Singleton(SealedDoorTickets, sealer),
        used=providers.Singleton(SqlUsedTickets, database), clock=clock, ids=ids,
    )  # fmt: skip
    feed_reader = providers.Singleton(SqlFeedReader, database)
    attendance = providers.Singleton(attendance_of, redis)
    presence_use_cases = providers.Singleton(PresenceUseCases, reader=event_reader, attendance=attendance)
    presence = providers.Singleton(Presence, attendance=attendance, feeds=feed_reader, bus=bus)
    hub = providers.Singleton(Hub, feeds=feed_reader, bus=bus, attendant=presence, observer=metrics, tracing=tracing)
    relay = providers.Singleton(
        Relay, logs=providers.Singleton(SqlLogs, database), leases=providers.Singleton(SqlLeases, database), bus=bus,
        holder=providers.Callable(uuid4), observer=metrics,
    )  # fmt: skip

    audit_use_cases = providers.Singleton(AuditUseCases, reader=audit_reader, log=audit_log, clock=clock)
    audit_chain_use_cases = providers.Singleton(AuditChainUseCases, chain=audit_chain, clock=clock)

    remains = providers.Factory(SqlRemains, database)
    operator_unit_of_work = providers.Factory(SqlOperatorUnitOfWork, database)
    token_operator_use_cases = providers.Singleton(
        TokenOperatorUseCases, unit_of_work=providers.Factory(SqlTokenOperatorUnitOfWork, database).provider,
        texts=people.api_token_texts, clock=clock, ids=ids,
    )  # fmt: skip
    purge_use_cases = providers.Singleton(
        PurgeUseCases, remains=remains, clock=clock,
        events_kept=providers.Callable(_events_kept, settings.provided.events_keep_days),
    )  # fmt: skip
    operator_use_cases = providers.Singleton(
        OperatorUseCases,
        unit_of_work=operator_unit_of_work.provider,
        passwords=passwords,
        addresses=addresses,
        clock=clock,
        ids=ids,
    )


def with_kept_secret(settings: Settings) -> Settings:
    """The settings with a secret key: the given one, else one that is generated and kept in the data folder."""
    if settings.secret_key is not None:
        return settings
    return settings.model_copy(update={"secret_key": SecretStr(kept_secret(settings.data_dir / "secret-key"))})


def present_sealer(settings: Settings) -> Sealer | None:
    """What opens the stored secrets; None where no key was given, and none was generated yet."""
    if settings.secret_key is None and not (settings.data_dir / "secret-key").exists():
        return None
    return Sealer(secrets=with_kept_secret(settings).secret_keys())


def make_container(
    settings: Settings, *, database_url: str, shared_metrics: Path | None = None, traced: bool = False
) -> Container:
    """A container for one process, not yet connected to anything.

    Several processes may share a folder for their metrics; `traced` if requests will be, should the settings say so.
    """
    container = Container()
    container.settings.override(with_kept_secret(settings))
    container.database_url.override(database_url)
    container.metrics.add_kwargs(shared=shared_metrics)
    if traced and settings.traces_endpoint:
        _trace(container, settings)
    return container


def _trace(container: Container, settings: Settings) -> None:
    """Puts spans around requests, use cases and what is asked of the database."""
    # By name, and only now: OpenTelemetry would stay in the memory of every process that does not need it.
    tracing = import_module("adapters.opentelemetry.tracing").OtlpTracing(
        endpoint=settings.traces_endpoint,
        service=settings.otel_service_name,
        version=version("flowtrack"),
        sampler=settings.otel_traces_sampler,
        ratio=settings.otel_traces_sampler_arg,
    )
    container.tracing.override(tracing)
    container.database.add_kwargs(observer=Observers(container.metrics(), tracing), trace=tracing.traceparent)
    for name, provider in container.providers.items():
        if name.endswith("_use_cases") and isinstance(provider, providers.Singleton):
            provider.set_provides(tracing.traced(provider.provides))


@asynccontextmanager
async def shared_counts(container: Container) -> AsyncIterator[None]:
    """As long as it is open, this process shares what it counts with the others, if a Redis is configured."""
    redis = container.redis()
    if redis is None:
        yield
        return
    sharing = asyncio.create_task(container.rate_limits().share())
    try:
        yield
    finally:
        await end([sharing])
        await redis.close()


@asynccontextmanager
async def told_to_others(container: Container) -> AsyncIterator[None]:
    """As long as it is open, other processes hear of what is committed here, and this one of theirs."""
    carrying = asyncio.create_task(container.bus().carry(), name="bus")
    try:
        yield
    finally:
        await end([carrying])
        redis = container.redis()
        if redis is not None:
            await redis.close()


async def load_signing_keys(container: Container) -> None:
    """Reads the keys that sign access tokens; the first process makes the first one. Raises Unsealable."""
    await container.key_ring().load()
