"""What `flowtrack doctor` looks at: a function and a row of CHECKS for each. Nothing is started, made or changed."""

import errno
import json
import os
import shutil
import socket
import stat
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from core.operations.read_models import Finding, Verdict
from entrypoints.container import (
    ISOLATION,
    DatabaseAwayNow,
    DatabaseFacts,
    DatabaseUrls,
    EmbeddedPostgresFailed,
    OwnerFacts,
    embedded_server,
    embedded_urls,
    examine,
    examine_owner,
    newest_revision,
    present_sealer,
    refuse_missing_binaries,
)
from entrypoints.settings import SECRET_LENGTH, Environment, Settings, secret_files

_CLOCKS_MAY_DIFFER = 2.0  # seconds
_CLOCKS_MUST_NOT_DIFFER = 30.0  # seconds
_LITTLE_SPACE = 1_000_000_000  # bytes
_NO_SPACE = 100_000_000  # bytes
_SECRETS_IN_DATA = (
    "secret-key", "database-owner-password", "database-app-password", "postgres-password", "demo-login",
)  # fmt: skip


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


def production(given: Examination) -> Iterator[Finding]:
    """What `serve` would refuse."""
    refusals = list(given.settings.unsafe())
    for refusal in refusals:
        said, _, fix = refusal.partition(". ")
        yield failed(said, fix or "set it as said")
    if not refusals:
        yield ok(f"nothing is refused in {given.settings.environment}")


def files_of_secrets(_: Examination) -> Iterator[Finding]:
    named = secret_files()
    for variable, path in sorted(named.items()):
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield warning(f"the file that {variable} names is readable by others", f'chmod 600 "${variable}"')
        else:
            yield ok(f"the file that {variable} names is its owner's alone")
    if not named:
        yield ok("no setting names a file")


def data_folder(given: Examination) -> Iterator[Finding]:
    folder = given.settings.data_dir.absolute()
    standing = _standing(folder)
    if not standing.is_dir() or not os.access(standing, os.W_OK | os.X_OK):
        yield failed(f"{folder} cannot be written to", f"chown {os.geteuid()} '{standing}', or set FLOWTRACK_DATA_DIR")
        return
    if standing != folder:
        yield ok(f"{folder} is made at the first start")
        return
    if folder.stat().st_mode & 0o022 and not folder.stat().st_mode & stat.S_ISVTX:
        yield warning(f"{folder} can be written to by others", f"chmod go-w '{folder}'")
    open_ones = [name for name in _SECRETS_IN_DATA if _is_open(folder / name)]
    for name in open_ones:
        yield failed(f"{folder / name} is readable by others", f"chmod 600 '{folder / name}'")
    if not open_ones:
        yield ok(f"{folder} can be written to, and its secrets are its owner's alone")


def disk(given: Examination) -> Iterator[Finding]:
    free = shutil.disk_usage(_standing(given.settings.data_dir.absolute())).free
    said = f"{free / 1e9:.1f} GB are free for the data folder"
    fix = "make room there, or set FLOWTRACK_DATA_DIR to a folder on another disk"
    if free < _NO_SPACE:
        yield failed(said, fix)
    elif free < _LITTLE_SPACE:
        yield warning(said, fix)
    else:
        yield ok(said)


def secret_key(given: Examination) -> Iterator[Finding]:
    settings = given.settings
    if settings.secret_key is None:
        kept = settings.data_dir.absolute() / "secret-key"
        # In production this was refused already.
        yield ok(f"kept in {kept}" if kept.exists() else f"generated into {kept} at the first start")
        return
    length = len(settings.secret_key.get_secret_value())
    if length < SECRET_LENGTH:
        yield warning(
            f"FLOWTRACK_SECRET_KEY has {length} characters, and production takes no less than {SECRET_LENGTH}",
            "FLOWTRACK_SECRET_KEY=$(openssl rand -base64 48), FLOWTRACK_SECRET_KEY_PREVIOUS=<the present one>, then "
            "`flowtrack rekey`",
        )
    else:
        yield ok(f"FLOWTRACK_SECRET_KEY has {length} characters")
    if settings.secret_key_previous == settings.secret_key:
        yield warning("FLOWTRACK_SECRET_KEY_PREVIOUS is the present key", "leave FLOWTRACK_SECRET_KEY_PREVIOUS out")


def public_url(given: Examination) -> Iterator[Finding]:
    url = given.settings.public_url
    fix = "FLOWTRACK_PUBLIC_URL=https://flowtrack.example.com"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        yield failed("FLOWTRACK_PUBLIC_URL cannot be read as a URL", fix)
        return
    if parts.scheme not in ("http", "https") or not host:
        yield failed("FLOWTRACK_PUBLIC_URL is not http:// or https:// with a host", fix)
    elif parts.username or parts.password or parts.query or parts.fragment or parts.path:
        yield failed("FLOWTRACK_PUBLIC_URL holds more than a scheme, a host and a port", fix)
    elif _is_of_this_machine(host) and given.is_production:
        yield warning(f"browsers elsewhere do not reach {host}", fix)
    elif parts.scheme == "http" and not _is_of_this_machine(host):
        yield warning("passwords and tokens travel in clear: FLOWTRACK_PUBLIC_URL is http://", fix)
    else:
        yield ok(url)


def cors_origins(given: Examination) -> Iterator[Finding]:
    for origin in given.settings.cors_origins:
        parts = urlsplit(origin)
        is_origin = parts.scheme in ("http", "https") and parts.hostname and not (parts.path or parts.query)
        if not is_origin or parts.username:
            yield failed(
                "an entry of FLOWTRACK_CORS_ORIGINS is no origin, which is a scheme, a host and perhaps a port",
                "FLOWTRACK_CORS_ORIGINS=https://app.example.com,https://other.example.com:8443",
            )
            return
    yield ok(f"{len(given.settings.cors_origins)} origins of other browser applications")


def port(given: Examination) -> Iterator[Finding]:
    host, number = given.settings.host, given.settings.port
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE and _is_ours(number):
            yield ok(f"a FlowTrack answers at port {number}")
        elif error.errno == errno.EADDRINUSE:
            yield failed(
                f"another program listens at port {number}", f"set PORT, or stop it: ss -ltnp 'sport = :{number}'"
            )
        elif error.errno == errno.EACCES:
            yield failed(f"port {number} is for root", "PORT=8000, behind a proxy")
        else:
            yield failed(f"nobody can listen at {host}: {error.strerror}", "FLOWTRACK_HOST=0.0.0.0")
        return
    yield ok(f"port {number} of {host} is free")


def embedded(given: Examination) -> Iterator[Finding]:
    settings = given.settings
    if not settings.is_embedded:
        yield ok("not meant: FLOWTRACK_DATABASE_URL names a server")
        return
    try:
        refuse_missing_binaries()
    except EmbeddedPostgresFailed as error:
        yield failed(str(error), "pip install 'flowtrack[embedded]', or set FLOWTRACK_DATABASE_URL")
        return
    yield ok("it stands still, and was not asked: `flowtrack serve` starts it" if given.embedded_stands else "it runs")


def database(given: Examination) -> Iterator[Finding]:
    facts = given.facts
    if facts is None:
        if given.away:
            yield failed(
                f"the database cannot be asked: {given.away}",
                "start it, or mend FLOWTRACK_DATABASE_URL: postgresql://role:password@host:5432/database",
            )
        else:
            yield ok("not asked, since it does not run")
        return
    if facts.is_old:
        yield failed(f"PostgreSQL {facts.major} is too old", "upgrade to PostgreSQL 15 to 18")
    elif not facts.is_known_major:
        yield warning(f"PostgreSQL {facts.major} is newer than this release knows", "use PostgreSQL 15 to 18")
    else:
        yield ok(f"PostgreSQL {facts.major} answers")


def role(given: Examination) -> Iterator[Finding]:
    if (facts := given.facts) is None:
        return
    if facts.refused_role:
        said, _, fix = facts.refused_role.partition(": ")
        yield failed(said, fix)
    else:
        yield ok(f"{facts.role} is bound by the tenant wall")


def revision(given: Examination) -> Iterator[Finding]:
    if (facts := given.facts) is None:
        return
    needed = newest_revision()
    if facts.revision is None or facts.revision < needed:
        yield failed(
            f"the database is at revision {facts.revision or 'none'}, and {needed} is needed", "flowtrack migrate"
        )
    elif facts.revision > needed:
        yield warning(
            f"the database is at revision {facts.revision}, newer than this release's {needed}", "upgrade this process"
        )
    else:
        yield ok(f"the database is at revision {needed}")


def isolation(given: Examination) -> Iterator[Finding]:
    if (facts := given.facts) is None:
        return
    if facts.isolation != ISOLATION:
        yield failed(f"{facts.role} starts with {facts.isolation}, and reads need {ISOLATION}", "flowtrack migrate")
    else:
        yield ok(f"transactions begin as {ISOLATION}")


def clock(given: Examination) -> Iterator[Finding]:
    if (facts := given.facts) is None:
        return
    ahead = facts.seconds_ahead
    said = f"the database's clock is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    fix = "keep the time by NTP on both: timedatectl set-ntp true"
    if abs(ahead) > _CLOCKS_MUST_NOT_DIFFER:
        yield failed(said, fix)
    elif abs(ahead) > _CLOCKS_MAY_DIFFER:
        yield warning(said, fix)
    else:
        yield ok("the database's clock and this machine's agree")


def migration_role(given: Examination) -> Iterator[Finding]:
    owner = given.owner
    if owner is None:
        if given.owner_away:
            yield failed(f"the migrating role cannot ask: {given.owner_away}", "mend FLOWTRACK_MIGRATION_DATABASE_URL")
        elif not given.settings.is_embedded:
            yield ok("FLOWTRACK_MIGRATION_DATABASE_URL is not set: migrate, backup and restore elsewhere")
        return
    found = []
    if not owner.makes_roles:
        found.append(
            failed(f"{owner.role} may not make roles", f'as a superuser: alter role "{owner.role}" createrole')
        )
    if not owner.owns_tables:
        found.append(
            failed(f"{owner.role} does not own the tables", "name their owner in FLOWTRACK_MIGRATION_DATABASE_URL")
        )
    if given.facts is not None and given.facts.place != owner.place:
        found.append(
            failed(
                "FLOWTRACK_DATABASE_URL and FLOWTRACK_MIGRATION_DATABASE_URL name two databases",
                "name the same host and database in both",
            )
        )
    if owner.hidden_from_backups:
        found.append(warning("a backup would not see all tables", "flowtrack migrate"))
    yield from found or [ok(f"{owner.role} migrates and makes backups")]


def sealed_secrets(given: Examination) -> Iterator[Finding]:
    if (facts := given.facts) is None:
        return
    opened = facts.opening
    if opened is None:
        yield ok("nothing is sealed yet, or there is no secret key yet")
        return
    for column, count in opened.closed.items():
        yield failed(
            f"{count} of {column} cannot be opened with FLOWTRACK_SECRET_KEY",
            "set FLOWTRACK_SECRET_KEY, or FLOWTRACK_SECRET_KEY_PREVIOUS, to the key that this database was made with; "
            "where it is lost, `flowtrack rekey --rotate-signing-key` makes a new signing key",
        )
    if opened.previous:
        yield warning(f"{opened.previous} stored secrets are sealed with the previous key", "flowtrack rekey")
    elif not opened.closed:
        yield ok(f"all {opened.present} stored secrets open with the present key")


CHECKS: tuple[tuple[str, Check], ...] = (
    ("production", production),
    ("files of secrets", files_of_secrets),
    ("data folder", data_folder),
    ("disk", disk),
    ("secret key", secret_key),
    ("public URL", public_url),
    ("CORS origins", cors_origins),
    ("port", port),
    ("embedded database", embedded),
    ("database", database),
    ("database role", role),
    ("revision", revision),
    ("isolation", isolation),
    ("clocks", clock),
    ("migration role", migration_role),
    ("sealed secrets", sealed_secrets),
)


def _standing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(each for each in (folder, *folder.parents) if each.exists())


def _is_open(path: Path) -> bool:
    return path.exists() and bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def _is_of_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_ours(number: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{number}/health/live", timeout=3) as answer:
            return bool(json.loads(answer.read(1000)) == {"status": "up"})
    except (OSError, ValueError, urllib.error.URLError):
        return False
