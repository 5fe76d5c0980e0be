import unicodedata
from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from core.kernel import text
from core.kernel.errors import Fault, Invalid

NAME_LENGTH = 50


class LabelName(NamedTuple):
    """A label as tasks bear it."""

    id: UUID
    name: str


def checked_name(name: str, *, pointer: str = "/name") -> str:
    """A name of 1 to 50 characters on one line, without a comma: filters of lists separate names by it.

    Raises Invalid.
    """
    name = text.cleaned(name, pointer=pointer, most=NAME_LENGTH, least=1)
    if any(each in name for each in "\n\t,"):
        raise Invalid(faults=(Fault("must be on one line, without a comma", pointer=pointer),))
    return name


def folded(name: str) -> str:
    """The name in no case and one way of composing letters: labels whose names fold alike are one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name.strip()).casefold())


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Names as a task shows them."""
    return tuple(sorted(names, key=lambda name: (folded(name), name)))
