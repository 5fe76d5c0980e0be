"""Secrets that are generated once and kept in the data folder, readable by their owner alone."""

import os
import secrets
from pathlib import Path


def kept_secret(path: Path, *, length: int = 48) -> str:
    """The secret in a file; made on the first call, of `length` random bytes, with mode 0600.

    Of several processes that start at once, one makes it and the others read it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    if not path.exists():
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(length))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink(missing_ok=True)
    return path.read_text(encoding="utf-8").strip()
