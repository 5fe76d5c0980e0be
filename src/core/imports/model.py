from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from core.imports.errors import FileMalformed
from core.imports.fields import PRESETS, Field, Meaning, meanings
from core.imports.rows import Row, header, rows
from core.imports.values import RowFault, is_blank
from core.jobs.model import JobError

LARGEST_FILE: Final = 200 * 1024 * 1024
MOST_FAULTS: Final = 100
"""So many are shown; the others are counted."""
MOST_NAMES: Final = 100
ROWS_AT_ONCE: Final = 500
"""So many are written in a step."""
ROWS_READ_AT_ONCE: Final = 20_000
"""So many are read in a step, the blank ones too: whoever else is served by the process waits for no more."""
CHUNK: Final = 256 * 1024
"""A file is kept in pieces of this size, the last one smaller."""


class Phase(StrEnum):
    """A file is read twice: whether it can be read at all, and then to write what it says; once more where it says of
    what its rows are sub-tasks, which may stand behind them.
    """

    CHECKING = "checking"
    WRITING = "writing"
    LINKING = "linking"


@dataclass(slots=True, kw_only=True)
class TaskImport:
    """A file whose rows become tasks of a project, and how far it is read: `offset` bytes, `row` the next one.

    `width` is how many columns its header has. Its id is that of the job as which it is carried out.
    """

    id: UUID
    project_id: UUID
    mapping: dict[str, Field]
    dry_run: bool
    created_at: datetime
    time_zone: str = "UTC"
    size: int = 0
    phase: Phase = Phase.CHECKING
    delimiter: str = ""
    columns: tuple[Meaning, ...] = ()
    ignored: tuple[str, ...] = ()
    width: int = 0
    begin: int = 0
    offset: int = 0
    row: int = 1
    total: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    archived: int = 0
    linked: int = 0
    fault_count: int = 0
    faults: list[RowFault] = field(default_factory=list)
    new_labels: list[str] = field(default_factory=list)

    def check(self, piece: bytes) -> bool:
        """Reads rows of a piece that begins at `offset`; says whether those were the last. Raises FileMalformed."""
        is_last = self.offset + len(piece) >= self.size
        begin = 0
        if self.row == 1:
            cells, self.delimiter, begin = header(piece, is_last=is_last)
            self.columns, self.width = meanings(cells, self.mapping), len(cells)
            known = {each.place for each in self.columns}
            self.ignored = tuple(
                name.strip()[:100] for place, name in enumerate(cells) if place not in known and name.strip()
            )[:MOST_NAMES]
            self.begin, self.row = begin, 2
        end, until = begin, self.row + ROWS_READ_AT_ONCE
        for row in rows(piece[begin:], first=self.row, delimiter=self.delimiter, is_last=is_last):
            self.row, end = row.number + 1, begin + row.end
            if self.row == until:
                break
        self.offset += end
        if self.offset < self.size:
            return False
        self.total = self.row - 2
        self._begin(Phase.WRITING)
        return True

    def _begin(self, phase: Phase) -> None:
        self.phase, self.offset, self.row = phase, self.begin, 2

    def next_rows(self, piece: bytes) -> list[Row]:
        """The next rows out of a piece that begins at `offset`: at most as many as are written at once, and the blank
        ones among them.
        """
        is_last = self.offset + len(piece) >= self.size
        found: list[Row] = []
        written = 0
        for row in rows(piece, first=self.row, delimiter=self.delimiter, is_last=is_last):
            found.append(row)
            written += not is_blank(row.cells)
            if written == ROWS_AT_ONCE or len(found) == ROWS_READ_AT_ONCE:
                break
        return found

    def advance(self, read: Sequence[Row]) -> None:
        """Notes that those rows are done."""
        self.offset += read[-1].end
        self.row = read[-1].number + 1
        if self.phase is Phase.WRITING and self.row - 2 >= self.total and self.says_parents:
            self._begin(Phase.LINKING)

    def leave(self) -> None:
        """Counts a row of which nothing comes since it was put away where it is from."""
        self.skipped += 1
        self.archived += 1

    def skip(self, faults: Sequence[RowFault]) -> None:
        """Counts a row of which nothing comes."""
        self.skipped += 1
        self.note(*faults)

    def note(self, *faults: RowFault) -> None:
        """Notes what is wrong with a row."""
        self.fault_count += len(faults)
        self.faults.extend(faults)

    def put_in_order(self, known: int) -> None:
        """Puts what was noted behind the first so many into the order of the rows, and forgets what is not shown."""
        self.faults[known:] = sorted(self.faults[known:], key=lambda fault: fault.row)[: MOST_FAULTS - known]

    @property
    def is_own(self) -> bool:
        """Whether columns mean what they do in the product's own exports."""
        return self.mapping == PRESETS["flowtrack"]

    @property
    def says_parents(self) -> bool:
        """Whether a column says what its rows are sub-tasks of."""
        return any(column.field in (Field.PARENT, Field.PARENT_TITLE) for column in self.columns)

    @property
    def says_titles_of_parents(self) -> bool:
        """Whether a column says so by their titles."""
        return any(column.field is Field.PARENT_TITLE for column in self.columns)

    @property
    def done(self) -> int:
        """How many rows are done."""
        if self.phase is Phase.LINKING:
            return self.total
        return self.row - 2 if self.phase is Phase.WRITING else 0

    @property
    def is_over(self) -> bool:
        """Whether all rows are done."""
        return self.phase is not Phase.CHECKING and self.row - 2 >= self.total

    def report(self) -> dict[str, Any]:
        """What came of it; what would have, if nothing was to be written."""
        return {
            "dry_run": self.dry_run,
            "rows": self.done,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "linked": self.linked,
            "skipped": self.skipped,
            "archived": self.archived,
            "error_count": self.fault_count,
            "errors": [fault._asdict() for fault in self.faults],
            "label_count": len(self.new_labels),
            "labels": self.new_labels[:MOST_NAMES],
            "ignored_columns": list(self.ignored),
        }


def malformed(refused: FileMalformed) -> JobError:
    """Why a job fails whose file cannot be read."""
    return JobError(refused.code, refused.detail)
