"""A PostgreSQL that has a small disk beside its own: real, and soon full.

A container gets it as a tmpfs. Without containers, the wheel's server runs in a mount namespace of its own, in which a
tmpfs is mounted; that needs Linux with `unshare`, and root or the right to make user namespaces.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from adapters.postgres_embedded.server import EmbeddedPostgres
from tests import servers

_SIZE = "48m"


class SmallDisk(NamedTuple):
    """A server: the URL of its superuser, and a folder on the small disk that its user owns, for a tablespace."""

    superuser_url: str
    folder: str


@contextmanager
def with_small_disk() -> Iterator[SmallDisk]:
    """A fresh server. Fails, saying what is missing, where no small disk can be had."""
    if servers.kind() == "containers":
        from testcontainers.community.postgres import PostgresContainer

        container = PostgresContainer(servers.POSTGRES, driver=None).with_tmpfs_mount(
            "/small", f"size={_SIZE},mode=0777"
        )
        with container:
            made = container.get_wrapped_container().exec_run(["mkdir", "/small/space"], user="postgres")
            assert made.exit_code == 0, made.output
            yield SmallDisk(container.get_connection_url(), "/small/space")
        return
    with tempfile.TemporaryDirectory(prefix="flowtrack-small-disk-") as folder:
        # As root, the server runs as another user, who has to walk through.
        Path(folder).chmod(0o711)
        with _in_namespace(Path(folder)) as found:
            yield found


@contextmanager
def _in_namespace(folder: Path) -> Iterator[SmallDisk]:
    unshare = shutil.which("unshare")
    if unshare is None:
        raise RuntimeError("a small disk needs Docker, or Linux with `unshare` of util-linux")
    as_user = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
    root = Path(__file__).resolve().parent.parent
    with subprocess.Popen(
        [unshare, "--mount", *as_user, sys.executable, "-m", "tests.small_disk", str(folder)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(root / "src"), str(root)))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            if not url:
                raise RuntimeError(
                    "no small disk could be mounted (what the system said stands above): run the tests as root, allow "
                    "user namespaces (sysctl kernel.unprivileged_userns_clone=1), or start Docker"
                )
            yield SmallDisk(url, str(folder / "small" / "space"))
        finally:
            process.stdin.close()


def _serve(folder: Path) -> None:
    """Runs in the namespace: mounts, serves until standard input ends, stops."""
    small = folder / "small"
    small.mkdir(mode=0o711)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=0711", "tmpfs", str(small)], check=True)
    server = EmbeddedPostgres(folder=folder / "postgres")
    url = server.start()
    try:
        (small / "space").mkdir(mode=0o700)
        if os.geteuid() == 0:
            owner = server.folder.stat()
            os.chown(small / "space", owner.st_uid, owner.st_gid)
        print(url, flush=True)
        sys.stdin.read()
    finally:
        server.stop()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
