"""Where the cluster stands and what stands beside it; every failure names it."""

from dataclasses import dataclass
from pathlib import Path

from adapters.postgres_embedded.errors import EmbeddedPostgresFailed

_LAST_LINES = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder for a cluster, and the files beside it, which hold what must not be in it."""

    folder: Path

    @property
    def cluster(self) -> Path:
        """The folder, links followed: PostgreSQL and the socket folder's name need its one true path."""
        return self.folder.resolve()

    @property
    def parent(self) -> Path:
        return self.folder.absolute().parent

    @property
    def password(self) -> Path:
        return self.parent / "postgres-password"

    @property
    def log(self) -> Path:
        return self.parent / "postgres.log"

    @property
    def lock(self) -> Path:
        return self.parent / "postgres.lock"

    def failed(self, problem: str, *, advice: str, said: str | None = None) -> EmbeddedPostgresFailed:
        """The exception to raise. `said` is what PostgreSQL said to us; without it, its log is quoted."""
        if said is None:
            try:
                said = self.log.read_text(encoding="utf-8", errors="replace")
            except OSError:
                said = ""
        last = "\n".join(f"    {line}" for line in said.splitlines()[-_LAST_LINES:])
        heard = f" PostgreSQL said last:\n{last}\n(the log is {self.log})\n" if last else " "
        return EmbeddedPostgresFailed(f"{problem}. Folder: {self.folder}.{heard}{advice}")
