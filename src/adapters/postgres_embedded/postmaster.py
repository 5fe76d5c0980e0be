"""What postmaster.pid tells about the server of a folder, and whether that is still true."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_SYSTEM_TELLS = Path("/proc/self/status")  # on Linux; macOS has only ps


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmaster:
    """The first process of a running server."""

    process: int
    sockets: Path | None  # None while it starts
    ready: bool  # it takes connections: neither starting, recovering nor stopping

    @classmethod
    def of(cls, *, cluster: Path) -> Self | None:
        """The server that works on this cluster, or None. A server that was killed leaves its file behind,
        and after a crash of the machine the process number in it may be that of any other program.
        """
        try:
            # Process, folder, start, port, socket folder, address, memory, status: the later ones come as it
            # starts.
            lines = (cluster / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return None
        if not lines or not lines[0].isdecimal() or not _works_in(process=int(lines[0]), folder=cluster):
            return None
        return cls(
            process=int(lines[0]),
            # The one that started it may have chosen another folder than we would.
            sockets=Path(lines[4]) if len(lines) > 4 and lines[4] else None,
            ready=len(lines) > 7 and lines[7].strip() == "ready",
        )


def _works_in(*, process: int, folder: Path) -> bool:
    known = Path("/proc", str(process))
    try:
        # A server works in its folder from before it writes postmaster.pid to its end; a corpse nowhere.
        return (known / "cwd").samefile(folder)
    except PermissionError:
        # Root in a container may not look, nor may the server's own user when the server has a capability.
        return _has_the_name(known / "status")
    except (FileNotFoundError, ProcessLookupError):
        return not _SYSTEM_TELLS.exists() and _has_the_name_by_ps(process)


def _has_the_name(status: Path) -> bool:
    try:
        told = status.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return told.startswith("Name:\tpostgres\n") and "\nState:\tZ" not in told


def _has_the_name_by_ps(process: int) -> bool:
    command = ["ps", "-p", str(process), "-o", "comm="]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return Path(answer.stdout.strip()).name == "postgres"
