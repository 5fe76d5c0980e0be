"""What the cells of a row say of a task: dates, priorities and labels as trackers write them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple

from core.imports.fields import Field, Meaning
from core.kernel import text
from core.kernel.errors import Invalid
from core.tasks.fields import Priority, Status, checked_external_id, checked_labels

_PRIORITIES: Final = {
    "lowest": Priority.LOW, "trivial": Priority.LOW, "minor": Priority.LOW, "low": Priority.LOW,
    "medium": Priority.MEDIUM, "normal": Priority.MEDIUM, "none": Priority.MEDIUM, "no priority": Priority.MEDIUM,
    "high": Priority.HIGH, "major": Priority.HIGH,
    "urgent": Priority.URGENT, "highest": Priority.URGENT, "critical": Priority.URGENT, "blocker": Priority.URGENT,
}  # fmt: skip
_STATUSES: Final = {
    "todo": Status.TODO, "backlog": Status.TODO, "open": Status.TODO, "new": Status.TODO, "unstarted": Status.TODO,
    "inprogress": Status.IN_PROGRESS, "doing": Status.IN_PROGRESS, "started": Status.IN_PROGRESS,
    "inreview": Status.IN_PROGRESS,
    "done": Status.DONE, "closed": Status.DONE, "completed": Status.DONE, "complete": Status.DONE,
    "resolved": Status.DONE,
}  # fmt: skip
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?\Z")
# As Jira writes it: 03/Dec/26 12:00 AM.
_NAMED_DAY = re.compile(r"(\d{1,2})[/ -]([A-Za-z]{3})[a-z]*[/ -](\d{4}|\d{2})(?:[ ,].*)?\Z")
_FORMULA = re.compile(r"'[=+\-@\t\r]")
# A label of ours may hold a semicolon; those of others come in one cell however they like.
_OWN_SEPARATORS = re.compile(",")
_SEPARATORS = re.compile(r"[,;\n]")
_LONGEST_PERSON: Final = 320
_LONGEST_STATUS: Final = text.NAME_LENGTH


class RowFault(NamedTuple):
    """What is wrong with a row; `column` as the file calls it, None where it is the row itself."""

    row: int
    column: str | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a row says of a task. None: it says nothing of that; what a task has of it stays."""

    row: int
    title: str | None = None
    description: str | None = None
    priority: Priority | None = None
    status: str | None = None
    deadline: date | None = None
    assigned_to: str | None = None
    labels: tuple[str, ...] | None = None
    external_id: str | None = None
    columns: dict[Field, str]

    def fault(self, field: Field | None, detail: str) -> RowFault:
        """Something that is wrong with what it says of a field."""
        return RowFault(self.row, self.columns.get(field) if field is not None else None, detail)


def status_of(word: str) -> Status | None:
    """The status that a word means, if it is none of a column's name."""
    return _STATUSES.get(re.sub(r"[\s_-]", "", word).casefold())


def is_blank(cells: Sequence[str]) -> bool:
    """Whether a row says nothing at all."""
    return not any(cell and not cell.isspace() for cell in cells)


def read(
    number: int, cells: Sequence[str], meanings: Sequence[Meaning], *, width: int, is_own: bool = False
) -> Draft | list[RowFault]:
    """What a row says, or what is wrong with it. `is_own`: it is written as the product exports it."""
    if len(cells) > width:
        return [RowFault(number, None, f"has {len(cells):,} cells, and the header {width:,}")]
    separators = _OWN_SEPARATORS if is_own else _SEPARATORS
    columns: dict[Field, str] = {}
    labels: list[str] = []
    found: dict[str, Any] = {}
    faults: list[RowFault] = []
    for place, name, field in meanings:
        cell = cells[place] if place < len(cells) else ""
        columns.setdefault(field, name)
        if _FORMULA.match(cell):
            # As exports write what a spreadsheet would take for a formula.
            cell = cell[1:]
        if not cell or cell.isspace() or (field in columns and found.get(field) is not None):
            continue
        columns[field] = name
        try:
            if field is Field.LABELS:
                labels.extend(each.strip() for each in separators.split(cell) if each.strip())
            else:
                found[field] = _read(field, cell)
        except Invalid as error:
            faults.append(RowFault(number, name, error.faults[0].detail))
        except ValueError as error:
            faults.append(RowFault(number, name, str(error)))
    if labels:
        try:
            found[Field.LABELS] = checked_labels(labels)
        except Invalid as error:
            faults.append(RowFault(number, columns[Field.LABELS], error.faults[0].detail))
    return faults or Draft(row=number, columns=columns, **found)


def _read(field: Field, cell: str) -> object:
    """Raises Invalid, and ValueError with what is wrong."""
    if field is Field.TITLE:
        return text.title(cell)
    if field is Field.DESCRIPTION:
        return text.description(cell)
    if field is Field.EXTERNAL_ID:
        return checked_external_id(cell)
    if field is Field.DEADLINE:
        return _day(cell.strip())
    if field is Field.PRIORITY:
        priority = _PRIORITIES.get(cell.strip().casefold())
        if priority is None:
            raise ValueError("is no priority: low, medium, high or urgent")
        return priority
    if field is Field.STATUS:
        return text.cleaned(cell, pointer="/status", most=_LONGEST_STATUS)
    return text.cleaned(cell, pointer="/assigned_to", most=_LONGEST_PERSON)


def _day(cell: str) -> date:
    try:
        if found := _DAY.match(cell):
            year, month, day = map(int, found.groups())
            return date(year, month, day)
        if found := _NAMED_DAY.match(cell):
            day, month, year = int(found[1]), _MONTHS.index(found[2].lower()) + 1, int(found[3])
            return date(year if year >= 100 else 2000 + year, month, day)
    except ValueError:
        pass
    raise ValueError("is no day; write it as 2026-12-31")
