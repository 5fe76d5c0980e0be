"""The file that a backup is: a ZIP archive of one member for each table, in PostgreSQL's text format, and a manifest.

The archive's comment is the manifest's digest, and the manifest holds the digest of each table, so that whatever was
cut off or altered is found before anything is restored.
"""

import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

import msgspec

FORMAT = 1
_MANIFEST = "manifest.json"
_CHUNK = 1 << 20


class ArchiveRefused(Exception):
    """A file that is no whole, unaltered backup which this release can read. The message says which of these."""


class StoredTable(msgspec.Struct, frozen=True, kw_only=True):
    """One table of an archive; `sha256` is of its rows as they are stored."""

    name: str
    columns: tuple[str, ...]
    rows: int
    sha256: str

    @property
    def member(self) -> str:
        return f"tables/{self.name}.copy"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive holds, and of which database."""

    format: int
    release: str
    revision: str
    made_at: datetime
    tables: tuple[StoredTable, ...]
    sequences: dict[str, int]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)


class ArchiveWriter:
    """An archive that is being written."""

    def __init__(self, file: BinaryIO) -> None:
        self._zip = ZipFile(file, "w", ZIP_DEFLATED)
        self._tables: list[StoredTable] = []

    def add(self, name: str, columns: tuple[str, ...], chunks: Iterable[bytes | bytearray | memoryview]) -> None:
        """Adds a table's rows, as `COPY TO` gives them: a line for each."""
        table = StoredTable(name=name, columns=columns, rows=0, sha256="")
        digest, rows = sha256(), 0
        with self._zip.open(table.member, "w", force_zip64=True) as member:
            for chunk in chunks:
                given = bytes(chunk)
                digest.update(given)
                rows += given.count(b"\n")
                member.write(given)
        self._tables.append(msgspec.structs.replace(table, rows=rows, sha256=digest.hexdigest()))

    def finish(self, *, release: str, revision: str, made_at: datetime, sequences: dict[str, int]) -> Manifest:
        """Writes the manifest, without which it is no archive."""
        manifest = Manifest(
            format=FORMAT,
            release=release,
            revision=revision,
            made_at=made_at,
            tables=tuple(self._tables),
            sequences=sequences,
        )
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
        self._zip.writestr(_MANIFEST, text)
        self._zip.comment = sha256(text).hexdigest().encode()
        self._zip.close()
        return manifest

    def give_up(self) -> None:
        """Lets go of the file, which is removed."""
        with suppress(OSError, ValueError):
            self._zip.close()


class Archive:
    """An archive that was found whole and unaltered."""

    def __init__(self, opened: ZipFile, manifest: Manifest) -> None:
        self._zip = opened
        self.manifest = manifest

    def rows(self, table: StoredTable) -> Iterator[bytes]:
        """The rows of a table, in pieces of any size. Raises ArchiveRefused if they are not what the manifest says."""
        digest = sha256()
        try:
            with self._zip.open(table.member) as member:
                while chunk := member.read(_CHUNK):
                    digest.update(chunk)
                    yield chunk
        except (BadZipFile, KeyError, EOFError, OSError, zlib.error, NotImplementedError, RuntimeError) as error:
            raise ArchiveRefused(f"The backup is damaged: {table.name} cannot be read") from error
        if digest.hexdigest() != table.sha256:
            raise ArchiveRefused(f"The backup is damaged: {table.name} is not what was backed up")


@contextmanager
def new_archive(path: Path) -> Iterator[ArchiveWriter]:
    """Writes a file of mode 0600, in place of what had its name, once it is whole and on the disk."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            archive = ArchiveWriter(file)
            try:
                yield archive
            except BaseException:
                archive.give_up()
                raise
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    folder = os.open(path.absolute().parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def opened_archive(path: Path) -> Iterator[Archive]:
    """A backup, read once from end to end. Raises ArchiveRefused."""
    try:
        opened = ZipFile(path)
    except OSError as error:
        raise ArchiveRefused(f"{path} cannot be read: {error.strerror}") from error
    except (BadZipFile, ValueError, NotImplementedError) as error:
        raise ArchiveRefused(f"{path} is no backup, or one of which the end is missing") from error
    with opened:
        archive = Archive(opened, _manifest(opened, path))
        for table in archive.manifest.tables:
            lines = sum(chunk.count(b"\n") for chunk in archive.rows(table))
            if lines != table.rows:
                raise ArchiveRefused(f"The backup is damaged: {table.name} has {lines} rows and not {table.rows}")
        yield archive


def _manifest(opened: ZipFile, path: Path) -> Manifest:
    try:
        text = opened.read(_MANIFEST)
    except KeyError as error:
        raise ArchiveRefused(f"{path} is no backup of FlowTrack") from error
    except (BadZipFile, EOFError, OSError, zlib.error, NotImplementedError, RuntimeError) as error:
        raise ArchiveRefused("The backup is damaged: its manifest cannot be read") from error
    if sha256(text).hexdigest().encode() != opened.comment:
        raise ArchiveRefused("The backup is damaged: its manifest is not the one that was written")
    try:
        format = msgspec.json.decode(text, type=dict[str, msgspec.Raw])["format"]
        if msgspec.json.decode(format, type=int) > FORMAT:
            raise ArchiveRefused("The backup was made by a newer release of FlowTrack: restore it with that one")
        return msgspec.json.decode(text, type=Manifest)
    except (msgspec.MsgspecError, KeyError) as error:
        raise ArchiveRefused(f"{path} is no backup of FlowTrack") from error
