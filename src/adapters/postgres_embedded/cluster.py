"""Making the cluster, whole or not at all, and the password of its superuser."""

import os
import secrets
import shutil
from pathlib import Path

from adapters.postgres_embedded.commands import MAJOR, Account, commands_for
from adapters.postgres_embedded.place import Place

SUPERUSER = "postgres"

# For a small application server on somebody's machine. They go to postgresql.conf, where people may change
# them.
_SETTINGS = (
    "max_connections=100",
    # With `try`, a container whose huge pages are limited to none gets its server killed by SIGBUS.
    "huge_pages=off",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_checkpoints=off",
    "log_line_prefix=%m [%p] %u ",
)
_LEAST, _MOST = 128, 1024  # megabytes
_LIMIT = Path("/sys/fs/cgroup/memory.max")


def shared_buffers(memory: int) -> str:
    """The setting for a machine with so many bytes of memory: an eighth of it, within bounds. Room is taken as pages
    are read, so that a small database stays small.
    """
    return f"shared_buffers={min(max(memory // 8 // 2**20, _LEAST), _MOST)}MB"


def _memory() -> int:
    """Bytes of memory of this machine, or of the container that it is."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = _LIMIT.read_text(encoding="ascii").strip()
    except OSError:
        return memory
    return min(memory, int(limit)) if limit.isdecimal() else memory


def make_cluster(*, place: Place, account: Account | None, lock: int) -> None:
    """Runs initdb in a folder beside, which is moved into place once it is whole. `lock` is the descriptor of
    the held lock. Raises EmbeddedPostgresFailed.
    """
    cluster = place.cluster
    if cluster.exists() and any(cluster.iterdir()):
        raise place.failed(
            "The folder is neither empty nor a PostgreSQL cluster",
            advice="Move it away, or give another FLOWTRACK_DATA_DIR. Nothing was changed.",
        )
    staging = cluster.with_name(".postgres-being-made")
    if staging.exists():  # of a start that was killed
        shutil.rmtree(staging)
    staging.mkdir(mode=0o700)
    password = staging / "password"  # a copy that the server's user may read
    _write_once(password, _password_for_a_new_cluster(place.password))
    if account is not None:
        os.chown(password, account.uid, account.gid)
        os.chown(staging, account.uid, account.gid)
    commands = commands_for(cluster=staging, account=account)
    made = staging / "cluster"
    for locale in ("C.UTF-8", "C"):
        answer = commands.run(
            "initdb",
            f"--username={SUPERUSER}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # PostgreSQL's own C.UTF-8 sorts and folds: an upgraded system library cannot reorder an index.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            f"--locale={locale}",
            *(f"--set={setting}" for setting in (*_SETTINGS, shared_buffers(_memory()))),
            cluster=made,
            # Should we be killed, an initdb that lives on keeps the lock, and the next start waits for it.
            pass_fds=(lock,),
        )
        if answer.returncode == 0 or "invalid locale" not in answer.stdout:
            break
    if answer.returncode != 0:
        raise place.failed("initdb made no cluster", advice="Mend that and start again.", said=answer.stdout)
    made.rename(cluster)
    _sync(cluster.parent)
    shutil.rmtree(staging)


def password_of(*, place: Place) -> str:
    """The superuser's password of an existing cluster. Raises EmbeddedPostgresFailed when it is lost."""
    try:
        password = place.password.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        password = ""
    if not password:
        raise place.failed(
            f"{place.password} is missing or empty, and with it the password of this cluster",
            advice="Bring it back from a backup, or move the folder away to begin with an empty database.",
        )
    return password


def refuse_another_major(*, place: Place) -> None:
    """Raises EmbeddedPostgresFailed when the cluster is of a PostgreSQL that our binaries cannot serve."""
    major = (place.cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    if major != str(MAJOR):
        raise place.failed(
            f"The cluster was made by PostgreSQL {major}, and this release brings PostgreSQL {MAJOR}",
            advice="Start the release that made it, run `flowtrack backup`, move the folder away, start this "
            f"release and run `flowtrack restore`; or serve it by a PostgreSQL {major} of your own and set "
            "FLOWTRACK_DATABASE_URL. Nothing was changed.",
        )


def _password_for_a_new_cluster(path: Path) -> str:
    """Kept from a first start that was killed, or made."""
    if path.exists():
        kept = path.read_text(encoding="ascii").strip()
        if kept:
            return kept
        path.unlink()  # killed between making and writing it
    password = secrets.token_urlsafe(32)
    _write_once(path, password)
    return password


def _write_once(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Makes a rename in this folder survive a crash of the machine."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
