"""The real OpenID providers that tests sign in at: npm's `oidc-provider`, in a container where Docker answers, else run by
the node of a wheel. It is installed afresh each time, by npm's ordinary client.
"""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from tests import npm
from tests.servers import kind

IMAGE = "node:24-slim"
SOURCES = Path(__file__).parent / "oidc_provider"
_INSTALL = "npm install --no-package-lock --no-audit --no-fund --no-update-notifier --loglevel=error"
_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class RealProvider:
    """A provider with one client. `claims_in_token`: the address stands in the ID token, not only in the userinfo."""

    port: int
    client_id: str
    client_secret: str
    claims_in_token: bool

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.port}"


@contextmanager
def oidc_providers() -> Iterator[tuple[RealProvider, RealProvider]]:
    """Two providers that know nothing of each other."""
    ports = _free_ports(2)
    one, two = [
        RealProvider(
            port=port,
            client_id=f"flowtrack-{place}",
            client_secret=f"a secret of provider {place}",
            claims_in_token=place == 1,
        )
        for place, port in enumerate(ports)
    ]
    written = json.dumps([asdict(one), asdict(two)])
    with _in_container(written, ports) if kind() == "containers" else _beside(written):
        for each in (one, two):
            _wait_for(each.issuer)
        yield one, two


@contextmanager
def _in_container(written: str, ports: list[int]) -> Iterator[None]:
    from testcontainers.core.container import DockerContainer

    script = f"mkdir /app && cp /sources/* /app && cd /app && {_INSTALL} && exec node provider.mjs"
    container = (
        DockerContainer(IMAGE)
        .with_volume_mapping(str(SOURCES), "/sources", "ro")
        .with_env("PROVIDERS", written)
        .with_command(["sh", "-c", script])
    )
    for port in ports:
        # The same inside and outside: a provider is called what everybody reaches it by.
        container.with_bind_ports(port, port)
    with container:
        try:
            yield
        except TimeoutError as error:
            raise RuntimeError(f"the providers did not start: {container.get_logs()}") from error


@contextmanager
def _beside(written: str) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="flowtrack-oidc-") as folder:
        for source in ("package.json", "provider.mjs"):
            shutil.copy(SOURCES / source, folder)
        npm.install(Path(folder))
        environment = {**os.environ, "PROVIDERS": written}
        command = [str(npm.node()), "provider.mjs"]
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=10)


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _wait_for(issuer: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{issuer}/.well-known/openid-configuration", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise TimeoutError(issuer)
