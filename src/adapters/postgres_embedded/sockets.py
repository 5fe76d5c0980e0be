"""The folder of the server's socket: short, and closed to everybody but the server's user."""

import contextlib
import hashlib
import os
import socket
import stat
from pathlib import Path

from adapters.postgres_embedded.commands import Account
from adapters.postgres_embedded.errors import EmbeddedPostgresFailed
from adapters.postgres_embedded.place import Place

PORT = 5432  # only a part of the socket's name; the socket has a folder of its own

# Not $XDG_RUNTIME_DIR, which is emptied at logout under a server that still runs, and not $TMPDIR, which may
# be long and differs between a shell and a service. The path of a socket has room for about 100 bytes.
_HERE = Path(os.sep, "tmp")


def make_socket_folder(*, place: Place, account: Account | None) -> Path:
    """Makes the folder if it is absent. Raises EmbeddedPostgresFailed when something else stands there."""
    uid = os.geteuid() if account is None else account.uid
    name = hashlib.sha256(os.fsencode(place.cluster)).hexdigest()[:16]
    path = _HERE / f"flowtrack-{uid}-{name}"
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    try:
        # What is checked and given away is what was opened, never what a link leads to.
        opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise _refused(path, place=place) from error
    try:
        found = os.fstat(opened)
        if found.st_uid not in (uid, os.geteuid()) or stat.S_IMODE(found.st_mode) != 0o700:
            raise _refused(path, place=place)
        if account is not None:
            os.fchown(opened, account.uid, account.gid)
    finally:
        os.close(opened)
    return path


def socket_in(folder: Path) -> Path:
    return folder / f".s.PGSQL.{PORT}"


def forget_dead_socket(folder: Path) -> None:
    """Removes what a killed server left in its socket folder, unless somebody still listens there."""
    path = socket_in(folder)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
        except TimeoutError:
            pass  # somebody listens and is busy; PostgreSQL will tell who


def _refused(path: Path, *, place: Place) -> EmbeddedPostgresFailed:
    return place.failed(
        f"{path} stands where the server's socket belongs, and is not a folder of the server's user with mode 0700",
        advice="Somebody else may have made it. Look at it, remove it and start again.",
    )
