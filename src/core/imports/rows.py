"""Reading a file piece by piece: rows as RFC 4180 has them, in bounded memory whatever the file holds."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from core.imports.errors import FileMalformed

LARGEST_ROW: Final = 1024 * 1024
LARGEST_FIELD: Final = 131_072
_DELIMITERS = ",;\t"
_BOM = b"\xef\xbb\xbf"

# For all of the process; what it is anyway, said so that nobody else's change of it changes what is refused here.
csv.field_size_limit(LARGEST_FIELD)


class Row(NamedTuple):
    """A row: its number in the file, the header being 1; its cells; and how far it is read with it, in bytes."""

    number: int
    cells: list[str]
    end: int


@dataclass(slots=True)
class _Lines:
    """The whole lines of a piece as text; `at` is how far they were read, `ran_out` whether more was wanted."""

    piece: bytes
    is_last: bool
    row: int
    at: int = 0
    begun_at: int = 0
    ran_out: bool = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        end = self.piece.find(b"\n", self.at) + 1
        if not end and self.is_last:
            end = len(self.piece)
        if not end or end == self.at:
            self.ran_out = True
            raise StopIteration
        line = self.piece[self.at : end]
        self.at = end
        if end - self.begun_at > LARGEST_ROW:
            raise FileMalformed(f"Row {self.row}: is larger than 1 MiB.")
        if b"\x00" in line:
            raise FileMalformed(f"Row {self.row}: holds NUL; the file is no CSV, or not in UTF-8.")
        try:
            return line.decode()
        except UnicodeDecodeError:
            raise FileMalformed(f"Row {self.row}: is not in UTF-8.") from None


def rows(piece: bytes, *, first: int, delimiter: str, is_last: bool) -> Iterator[Row]:
    """The whole rows of a piece of a file that begins with a row of that number; what is left belongs to the next
    piece. Raises FileMalformed, which says in which row. Pieces are larger than the largest row, but for the last.
    """
    lines = _Lines(piece, is_last, first)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            if lines.ran_out and not is_last:
                break
            raise FileMalformed(f"Row {lines.row}: {_said(error)}.") from None
        if lines.ran_out and not is_last:
            break
        yield Row(lines.row, cells, lines.at)
        lines.row, lines.begun_at = lines.row + 1, lines.at
    if not is_last and len(piece) - lines.begun_at > LARGEST_ROW:
        raise FileMalformed(f"Row {lines.row}: is larger than 1 MiB.")


def header(piece: bytes, *, is_last: bool) -> tuple[list[str], str, int]:
    """The first row of a file, what separates its cells, and where the second row begins. Raises FileMalformed."""
    begin = len(_BOM) if piece.startswith(_BOM) else 0
    line = piece[begin:].split(b"\n", 1)[0]
    delimiter = max(_DELIMITERS, key=lambda each: line.count(each.encode()))
    row = next(rows(piece[begin:], first=1, delimiter=delimiter, is_last=is_last), None)
    if row is None:
        raise FileMalformed("Row 1: is not whole.")
    return row.cells, delimiter, begin + row.end


def _said(error: csv.Error) -> str:
    words = str(error)
    if "field limit" in words:
        return f"a field has more than {LARGEST_FIELD:,} characters"
    if "unexpected end" in words:
        return "a quoted field is not closed"
    if "new-line" in words:
        return "ends with a carriage return alone; lines end with a newline"
    return "text follows a quoted field; a quote inside of one is doubled"
