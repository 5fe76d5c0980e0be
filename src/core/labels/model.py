import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from core.kernel import text
from core.kernel.errors import Fault, Invalid
from core.kernel.events import Change
from core.labels.errors import TooManyLabels
from core.labels.events import LabelCreated, LabelDeleted, LabelUpdated

NAME_LENGTH = 50
MOST = 1_000
"""So many labels has a company at most."""
_COLOR = re.compile(r"#[0-9a-f]{6}\Z")


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


def checked_color(color: str | None) -> str | None:
    """A colour as `#` and six hexadecimal digits, in small letters. Raises Invalid."""
    if color is None:
        return None
    color = color.lower()
    if not _COLOR.match(color):
        raise Invalid(faults=(Fault("must be # and six hexadecimal digits, such as #1f77b4", pointer="/color"),))
    return color


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChanges:
    """Fields to change; what is not in `given` stays as it is. `unchanged` are read-only fields and the values that the
    caller takes them to have.
    """

    given: frozenset[str]
    unchanged: Mapping[str, object] = field(default_factory=dict)
    name: str = ""
    color: str | None = None

    def __post_init__(self) -> None:
        # Bad values are refused before anything is looked up.
        if "name" in self.given:
            object.__setattr__(self, "name", checked_name(self.name))
        object.__setattr__(self, "color", checked_color(self.color))


@dataclass(slots=True, kw_only=True)
class Label:
    """A word to put on tasks, the company's."""

    id: UUID
    name: str
    color: str | None
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime
    version: int = 1

    @staticmethod
    def create(
        *, id: UUID, name: str, color: str | None, count: int, by: UUID, at: datetime
    ) -> "tuple[Label, LabelCreated]":
        """A new label, beside so many others. Raises Invalid and TooManyLabels."""
        label = Label(
            id=id, name=checked_name(name), color=checked_color(color), created_by=by, created_at=at, updated_at=at
        )
        if count >= MOST:
            raise TooManyLabels
        return label, LabelCreated(
            label_id=id, name=label.name, color=label.color, created_by=by, version=label.version
        )

    def change(self, changes: LabelChanges, *, at: datetime) -> LabelUpdated | None:
        """Changes fields; None if nothing is different."""
        changed: dict[str, Change] = {}
        for name in sorted(changes.given):
            old, value = getattr(self, name), getattr(changes, name)
            if old != value:
                changed[name] = Change(old=old, new=value)
                setattr(self, name, value)
        if not changed:
            return None
        self.version += 1
        self.updated_at = at
        return LabelUpdated(label_id=self.id, changes=changed, version=self.version)

    def delete(self, *, by: UUID) -> LabelDeleted:
        """Takes the label away for good, and off all tasks."""
        return LabelDeleted(label_id=self.id, name=self.name, deleted_by=by, version=self.version + 1)
