"""Secrets that are kept in the data folder, readable by their owner alone."""

import os
import secrets
from pathlib import Path


def kept_secret(path: Path, *, length: int = 48) -> str:
    """The secret in a file; made on the first call, of `length` random bytes, with mode 0600.

    Of several processes that start at once, one makes it and the others read it.
    """
    if not path.exists():
        fresh = _written(path, secrets.token_urlsafe(length))
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink(missing_ok=True)
    return path.read_text(encoding="utf-8").strip()


def keep_secret(path: Path, text: str) -> None:
    """Puts a text into a file of mode 0600, in place of what it held: all of it or, after a kill, nothing."""
    _written(path, text).replace(path)


def _written(path: Path, text: str) -> Path:
    """A file beside `path` that holds the text, on the disk already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return fresh
