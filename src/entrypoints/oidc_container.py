"""The part of the composition root that signs people in at providers. Only the container takes it up."""

from importlib import import_module
from typing import Any

from dependency_injector import containers, providers

from adapters.crypto.login_secrets import RandomLoginSecrets
from adapters.crypto.sealing import PurposeSealer, Sealer
from adapters.sql.connection import Database
from adapters.sql.linking import SqlLinkingUnitOfWork
from adapters.sql.readers.oidc import SqlOidcReader
from adapters.sql.repositories.oidc import SqlOidcUnitOfWork
from adapters.system.clock import SystemClock
from core.auth.ports import AccessTokens, RefreshTokens
from core.kernel.ports import Clock, Ids
from core.oidc.use_cases.connections import OidcConnectionUseCases
from core.oidc.use_cases.domains import EmailDomainUseCases
from core.oidc.use_cases.logins import OidcLoginUseCases
from core.users.ports import EmailAddresses
from entrypoints.settings import Environment, Settings


def _is_for_development(settings: Settings) -> bool:
    return settings.environment is Environment.DEVELOPMENT


# By name, and only once somebody comes by a provider, or a domain is to be proved: what speaks HTTP, and what asks the
# DNS, would stay in the memory of every process, with 3 MB each.


def _egress(settings: Settings) -> Any:
    room = import_module("adapters.http.egress")
    rules = room.EgressRules(networks=settings.oidc_private_networks, loopback_over_http=_is_for_development(settings))
    return room.Egress(rules)


def _discovery(**given: Any) -> Any:
    return import_module("adapters.oidc.discovery").Discovery(**given)


def _clients(**given: Any) -> Any:
    return import_module("adapters.oidc.providers").AuthlibProviders(**given)


def _domain_records() -> Any:
    return import_module("adapters.dns.records").DnsDomainRecords()


def _returning(settings: Settings) -> str:
    return f"{settings.public_url}/api/v1/auth/oidc"


async def provider_skew(settings: Settings, issuer: str) -> float | None:
    """How many seconds a provider's clock is ahead of ours, if it says. Raises ProviderAway and ProviderUnusable."""
    provider = await _discovery(
        egress=_egress(settings), clock=SystemClock(), plain_http=_is_for_development(settings)
    ).provider(issuer)
    return provider.skew.total_seconds() if provider.skew is not None else None


class OidcContainer(containers.DeclarativeContainer):
    """What speaks to providers, and what it is made of."""

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    clock: providers.Dependency[Clock] = providers.Dependency()
    ids: providers.Dependency[Ids] = providers.Dependency()
    sealer: providers.Dependency[Sealer] = providers.Dependency(instance_of=Sealer)
    addresses: providers.Dependency[EmailAddresses] = providers.Dependency()
    access_tokens: providers.Dependency[AccessTokens] = providers.Dependency()
    refresh_tokens: providers.Dependency[RefreshTokens] = providers.Dependency()

    login_secrets = providers.Singleton(RandomLoginSecrets)
    domain_records = providers.Singleton(_domain_records)
    egress = providers.Singleton(_egress, settings)
    plain_http = providers.Callable(_is_for_development, settings)
    discovery = providers.Singleton(_discovery, egress=egress, clock=clock, plain_http=plain_http)
    clients = providers.Singleton(
        _clients,
        discovery=discovery,
        egress=egress,
        clock=clock,
        returning=providers.Callable(_returning, settings),
    )
    reader = providers.Singleton(SqlOidcReader, database)
    unit_of_work = providers.Factory(SqlOidcUnitOfWork, database, clock)
    linking_unit_of_work = providers.Factory(SqlLinkingUnitOfWork, database)
    connection_use_cases = providers.Singleton(
        OidcConnectionUseCases,
        unit_of_work=unit_of_work.provider,
        reader=reader,
        sealing=sealer,
        addresses=addresses,
        clock=clock,
        ids=ids,
        plain_http=plain_http,
    )
    domain_use_cases = providers.Singleton(
        EmailDomainUseCases,
        unit_of_work=unit_of_work.provider,
        linking=linking_unit_of_work.provider,
        reader=reader,
        records=domain_records,
        secrets=login_secrets,
        addresses=addresses,
        clock=clock,
        ids=ids,
    )
    login_use_cases = providers.Singleton(
        OidcLoginUseCases,
        linking=linking_unit_of_work.provider,
        providers=clients,
        instance_providers=settings.provided.instance_providers.call(),
        sealing=sealer,
        states=providers.Singleton(PurposeSealer, sealer, purpose="flowtrack oidc states"),
        secrets=login_secrets,
        addresses=addresses,
        access_tokens=access_tokens,
        refresh_tokens=refresh_tokens,
        clock=clock,
        ids=ids,
        redirects=settings.provided.oidc_redirects.call(),
    )
