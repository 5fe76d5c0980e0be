"""Files in pieces: whatever the pieces are, the rows are the same, and nothing of a file is taken for what it is not."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.imports.errors import FileMalformed
from core.imports.rows import LARGEST_FIELD, LARGEST_ROW, header, rows

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=20)


def read_in_pieces(content: bytes, size: int) -> list[list[str]]:
    """The rows of a file of which no more than so many bytes are looked at, if that is enough for one."""
    found: list[list[str]] = []
    at = 0
    while at < len(content):
        reach = size
        while True:
            piece = content[at : at + reach]
            is_last = at + reach >= len(content)
            got = list(rows(piece, first=len(found) + 1, delimiter=",", is_last=is_last))
            if got or is_last:
                break
            reach *= 2
        found.extend(row.cells for row in got)
        at += got[-1].end if got else len(piece)
    return found


class TestRows:
    @given(st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=12), st.integers(1, 60))
    def test_they_do_not_depend_on_the_pieces(self, wanted: list[list[str]], size: int) -> None:
        text = io.StringIO()
        csv.writer(text, quoting=csv.QUOTE_ALL).writerows(wanted)
        assert read_in_pieces(text.getvalue().encode(), size) == wanted

    def test_numbers_and_ends_are_told_and_lines_within_quotes_are_none(self) -> None:
        content = b'a,b\n"x\ny",z\nlast'
        found = list(rows(content, first=2, delimiter=",", is_last=True))
        assert [(row.number, row.cells, row.end) for row in found] == [
            (2, ["a", "b"], 4), (3, ["x\ny", "z"], 12), (4, ["last"], 16),
        ]  # fmt: skip
        assert [row.end for row in rows(content, first=2, delimiter=",", is_last=False)] == [4, 12]
        assert list(rows(b'"open\nand', first=1, delimiter=",", is_last=False)) == []

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b'a\n"b', "Row 2: a quoted field is not closed."),
            (b'"a"b\n', "Row 1: text follows a quoted field; a quote inside of one is doubled."),
            (b"a\n\xff\n", "Row 2: is not in UTF-8."),
            (b"a\n\x00\n", "Row 2: holds NUL; the file is no CSV, or not in UTF-8."),
            (b"a\rb\n", "Row 1: ends with a carriage return alone; lines end with a newline."),
            (b"x" * (LARGEST_FIELD + 1) + b"\n", f"Row 1: a field has more than {LARGEST_FIELD:,} characters."),
            (b"a\n" + b"x," * LARGEST_ROW, "Row 2: is larger than 1 MiB."),
        ],
    )
    def test_what_is_no_csv_is_named_by_row(self, content: bytes, said: str) -> None:
        with pytest.raises(FileMalformed) as refused:
            list(rows(content, first=1, delimiter=",", is_last=True))
        assert refused.value.detail == said

    def test_a_row_that_does_not_end_in_a_piece_is_too_large(self) -> None:
        with pytest.raises(FileMalformed):
            list(rows(b"a\n" + b"x" * (LARGEST_ROW + 1), first=1, delimiter=",", is_last=False))


class TestHeader:
    @pytest.mark.parametrize(
        ("content", "wanted"),
        [
            (b"\xef\xbb\xbfa,b\n1,2\n", (["a", "b"], ",", 7)),
            (b"a;b;c,d\r\n", (["a", "b", "c,d"], ";", 9)),
            (b"a\tb\n", (["a", "b"], "\t", 4)),
            (b'"a\nb",c\n', (["a\nb", "c"], ",", 8)),
            (b"alone", (["alone"], ",", 5)),
        ],
    )
    def test_it_says_what_separates_and_where_it_ends(self, content: bytes, wanted: tuple[list[str], str, int]) -> None:
        assert header(content, is_last=True) == wanted
