import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from typing import Final

from core.kernel.errors import Fault, Invalid
from core.search.errors import TooManyWords

LONGEST: Final = 200
MOST_WORDS: Final = 10
RANKED: Final = 1_000
"""So many of what fits are put into the order of how well they fit; what is beyond is left out, and said to be."""
READ: Final = 20_000
"""So many characters of a description or a comment are searched."""
EXCERPTED: Final = 2_000
"""The part that is shown of a description or a comment is looked for in so many of them."""
MOST_FOUND: Final = 50
"""So much is answered at most: of each thing that was found a text has to be read."""
_LONGEST_WORD = 64
_SHOWN = 240

# The same as in the migration that made the database's functions; a test compares what they say.
_MARKS = re.compile(r"[\u0300-\u036f\u0591-\u05bd\u064b-\u065f]")
_SEPARATORS = (
    r"\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7\u060c\u061b\u061f\u0964\u0965\u1680\u2000-\u2bff"
    r"\u2e00-\u2e7f\u3000-\u303f\ufe10-\ufe6f\uff00-\uff0f\uff1a-\uff20\ufff0-\uffff\U0001f000-\U0001faff"
)
# Of what is written without spaces each sign is a word.
_SIGNS = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
_WORD = re.compile(f"[{_SIGNS}]|[^{_SEPARATORS}{_SIGNS}]+")
_RUN = re.compile(f"[{_SIGNS}]+|[^{_SEPARATORS}{_SIGNS}]+")
# One letter, by where it stands in a word; and those whose stroke or ligature is no mark that could be taken off.
_ALIKE = str.maketrans(
    {"\u03c2": "\u03c3", "ß": "ss", "æ": "ae", "œ": "oe", "þ": "th"} | dict(zip("øłđðħŧı", "olddhti", strict=True))
)
_TASK_KEY = re.compile(r"[A-Za-z][A-Za-z0-9]{1,9}-[1-9][0-9]{0,8}\Z")


class Kind(StrEnum):
    """What can be found. A new kind is a row here, one of SOURCES in the reader, and triggers that write its words."""

    PROJECT = "project"
    TASK = "task"
    COMMENT = "comment"


def folded(text: str) -> str:
    """The text in no case, without accents, and with one way of writing each letter."""
    if text.isascii():
        return text.lower()
    bare = _MARKS.sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFKC", bare).lower().translate(_ALIKE)


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text: runs of letters and digits, folded."""
    return tuple(word[:_LONGEST_WORD] for word in _WORD.findall(folded(text)[: 2 * READ]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What somebody looks for: things that hold all the words, the last of which may be only begun."""

    text: str
    words: tuple[str, ...]

    @staticmethod
    def of(text: str) -> "Question":
        """Raises Invalid and TooManyWords. A text may be without any word; nothing fits it then."""
        text = text.strip()
        if not text or len(text) > LONGEST:
            raise Invalid(faults=(Fault(f"must have 1 to {LONGEST} characters", parameter="q"),))
        if len(_RUN.findall(folded(text))) > MOST_WORDS:
            raise TooManyWords
        return Question(text=text, words=words_of(text))

    @property
    def task_key(self) -> str | None:
        """The key of a task, if nothing else is asked for."""
        return self.text if _TASK_KEY.match(self.text) else None

    def finds(self, word: str) -> bool:
        """Whether a word is one that is looked for."""
        return word in self.words or word.startswith(self.words[-1:])

    def fits(self, text: str) -> bool:
        """Whether a text holds all the words."""
        *whole, begun = self.words or ("",)
        held = words_of(text[:READ])
        return bool(begun) and set(whole) <= set(held) and any(word.startswith(begun) for word in held)

    def marked(self, text: str) -> str:
        """The text for a page of HTML: escaped, on one line, and with the words that are looked for in `<mark>`."""
        shown, end = "", 0
        text = " ".join(text.split())
        for found in _WORD.finditer(text):
            if any(self.finds(word) for word in words_of(found[0])):
                shown += f"{escape(text[end : found.start()])}<mark>{escape(found[0])}</mark>"
                end = found.end()
        return shown + escape(text[end:])

    def shown(self, title: str, part: str | None) -> str:
        """What is shown of a thing, marked: a part of its text, if one of the words is in it, or else the title."""
        marked = self.marked(part) if part is not None else ""
        return marked if "<mark>" in marked else self.marked(title)


def excerpt(text: str, question: Question) -> str | None:
    """The part of a text that the first of the words stands in, among its first characters; None if none does."""
    text = unicodedata.normalize("NFC", text)
    for found in _WORD.finditer(text[:EXCERPTED]):
        if any(question.finds(word) for word in words_of(found[0])):
            first = max(found.start() - 60, 0)
            last = first + _SHOWN
            return ("…" if first else "") + text[first:last] + ("…" if last < len(text) else "")
    return None
