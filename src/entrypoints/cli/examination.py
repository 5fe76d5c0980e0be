"""What the checks of `flowtrack doctor` look at. Nothing is started, made or changed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from core.operations.read_models import Finding, Verdict
from entrypoints.container import (
    DatabaseAwayNow,
    DatabaseFacts,
    DatabaseUrls,
    EmbeddedPostgresFailed,
    OwnerFacts,
    embedded_server,
    embedded_urls,
    examine,
    examine_owner,
    present_sealer,
)
from entrypoints.settings import Environment, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What the checks look at. `facts` and `owner` are None where nobody could be asked; `away` says why."""

    settings: Settings
    facts: DatabaseFacts | None = None
    owner: OwnerFacts | None = None
    away: str = ""
    owner_away: str = ""
    embedded_stands: bool = False

    @property
    def is_production(self) -> bool:
        return self.settings.environment is Environment.PRODUCTION


Check = Callable[[Examination], Iterator[Finding]]


def examination(settings: Settings) -> Examination:
    """Asks the database, once for all checks. The embedded server is asked if it runs, and not started."""
    urls, stands = _urls(settings)
    if urls is None:
        return Examination(settings=settings, embedded_stands=stands)
    facts = owner = None
    away = owner_away = ""
    try:
        facts = examine(urls.application, sealer=present_sealer(settings))
    except DatabaseAwayNow as error:
        away = str(error)
    if urls.owner:
        try:
            owner = examine_owner(urls.owner)
        except DatabaseAwayNow as error:
            owner_away = str(error)
    return Examination(settings=settings, facts=facts, owner=owner, away=away, owner_away=owner_away)


def _urls(settings: Settings) -> tuple[DatabaseUrls | None, bool]:
    """The database's URLs, and whether the embedded server stands still."""
    if settings.database_url is not None:
        owner = settings.migration_database_url
        application = settings.database_url.get_secret_value()
        return DatabaseUrls(owner=owner.get_secret_value() if owner else "", application=application), False
    try:
        return embedded_urls(settings), not embedded_server(settings).is_running()
    except (EmbeddedPostgresFailed, OSError):
        return None, True


def ok(said: str) -> Finding:
    return Finding(verdict=Verdict.OK, said=said)


def warning(said: str, fix: str) -> Finding:
    return Finding(verdict=Verdict.WARNING, said=said, fix=fix)


def failed(said: str, fix: str) -> Finding:
    return Finding(verdict=Verdict.FAILED, said=said, fix=fix)


def is_of_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
