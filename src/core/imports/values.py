"""What the cells of a row say of a task: dates, priorities and labels as trackers write them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from core.imports.fields import Field, Meaning
from core.kernel import text
from core.kernel.days import day_in
from core.kernel.errors import Invalid
from core.tasks.fields import Priority, Status, checked_external_id, checked_labels
from core.tasks.recurrence import checked_recurrence

_PRIORITIES: Final = {
    "lowest": Priority.LOW, "trivial": Priority.LOW, "minor": Priority.LOW, "low": Priority.LOW,
    "medium": Priority.MEDIUM, "med": Priority.MEDIUM, "normal": Priority.MEDIUM, "none": Priority.MEDIUM,
    "no priority": Priority.MEDIUM,
    "high": Priority.HIGH, "major": Priority.HIGH,
    "urgent": Priority.URGENT, "highest": Priority.URGENT, "critical": Priority.URGENT, "blocker": Priority.URGENT,
    "immediate": Priority.URGENT,
}  # fmt: skip
_STATUSES: Final = {
    "todo": Status.TODO, "backlog": Status.TODO, "open": Status.TODO, "new": Status.TODO, "unstarted": Status.TODO,
    "opened": Status.TODO, "reopened": Status.TODO, "triage": Status.TODO, "planned": Status.TODO,
    "ready": Status.TODO, "notstarted": Status.TODO, "selectedfordevelopment": Status.TODO,
    "inprogress": Status.IN_PROGRESS, "doing": Status.IN_PROGRESS, "started": Status.IN_PROGRESS,
    "inreview": Status.IN_PROGRESS, "review": Status.IN_PROGRESS, "codereview": Status.IN_PROGRESS,
    "testing": Status.IN_PROGRESS, "qa": Status.IN_PROGRESS,
    "done": Status.DONE, "closed": Status.DONE, "completed": Status.DONE, "complete": Status.DONE,
    "resolved": Status.DONE, "fixed": Status.DONE, "merged": Status.DONE, "released": Status.DONE,
    "canceled": Status.DONE, "cancelled": Status.DONE, "duplicate": Status.DONE, "wontdo": Status.DONE,
    "wontfix": Status.DONE,
}  # fmt: skip
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?\Z")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:\d{2})\Z")
# As Jira writes it: 03/Dec/26 12:00 AM.
_NAMED_DAY = re.compile(r"(\d{1,2})[/ -]([A-Za-z]{3})[a-z]*[/ -](\d{4}|\d{2})(?:[ ,].*)?\Z")
_FORMULA = re.compile(r"'+[=+\-@\t\r]")
# As JavaScript does: Fri Dec 04 2026 00:00:00 GMT+0000; and Dec 4, 2026.
_MONTH_FIRST = re.compile(r"(?:[A-Za-z]{3},? )?([A-Za-z]{3})[a-z]* (\d{1,2}),? (\d{4})(?:[ ,].*)?\Z")
_NO = frozenset(("false", "no", "n", "off", "0", "-"))
# A label of ours may hold a semicolon; those of others come in one cell however they like.
_OWN_SEPARATORS = re.compile(",")
_SEPARATORS = re.compile(r"[,;\n]")
# As Trello writes a label: its color behind its name.
_COLOR = re.compile(r"\s*\((?:green|yellow|orange|red|purple|blue|sky|lime|pink|black)(?:_dark|_light)?\)\Z")
_ID_LENGTH: Final = 36
# Fields that several columns may say something of, and those that count as such.
_SEVERAL: Final = (Field.LABELS, Field.STATUS, Field.ASSIGNED_TO, Field.PARENT, Field.CYCLE)
_NAMES: Final = {
    Field.STATUS: "statuses", Field.ASSIGNED_TO: "assignees", Field.PARENT: "parents", Field.CYCLE: "cycles",
}  # fmt: skip
MOST_WORDS: Final = 10
"""So many may be a row's status, parent or cycle: each is looked for."""
_FEW: Final = (Field.STATUS, Field.PARENT, Field.CYCLE)
_FLAGS: Final = {Field.COMPLETED: "is_done", Field.ARCHIVED: "is_archived"}
_SAME: Final = {Field.ASSIGNED_IF_KNOWN: Field.ASSIGNED_TO}
_LONGEST_PERSON: Final = 320


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
    statuses: tuple[str, ...] = ()
    """What may be its status, the first that means one."""
    column: str | None = None
    """The column that it goes to if there is one called so; a status otherwise, where nothing else says one."""
    column_id: UUID | None = None
    """The column that it was exported from."""
    is_done: bool = False
    is_archived: bool = False
    deadline: date | None = None
    assignees: tuple[str, ...] = ()
    """Who may be its assignee, the first whom somebody knows."""
    needs_assignee: bool = False
    """Whether nothing comes of the row if nobody knows any of them."""
    recurrence: str | None = None
    labels: tuple[str, ...] | None = None
    cycles: tuple[str, ...] = ()
    """What may be its cycle, the first that is one."""
    id: str | None = None
    external_id: str | None = None
    parents: tuple[str, ...] = ()
    """What may be its parent, the first that is one, as they are written."""
    parent_title: str | None = None
    columns: dict[Field, str]

    @property
    def called(self) -> str | None:
        """What its task is called elsewhere."""
        return self.external_id or self.id

    @property
    def naming(self) -> Field:
        """The field that says so."""
        return Field.EXTERNAL_ID if self.external_id is not None else Field.ID

    @property
    def has_parent(self) -> bool:
        return bool(self.parents) or self.parent_title is not None

    def fault(self, field: Field | None, detail: str) -> RowFault:
        """Something that is wrong with what it says of a field."""
        return RowFault(self.row, self.columns.get(field) if field is not None else None, detail)


def status_of(word: str) -> Status | None:
    """The status that a word means, if it is none of a column's name."""
    return _STATUSES.get(re.sub(r"[\s_'\u2019-]", "", word).casefold())


def own_id(word: str | None) -> UUID | None:
    """The id of a task of ours that a word may be."""
    if word is None or len(word) != _ID_LENGTH:
        return None
    try:
        return UUID(word)
    except ValueError:
        return None


def in_our_form(word: str) -> str:
    """What may be an id of ours as we write it, and anything else as it is."""
    return str(own_id(word) or word)


def is_blank(cells: Sequence[str]) -> bool:
    """Whether a row says nothing at all."""
    return not any(cell and not cell.isspace() for cell in cells)


def read(
    number: int,
    cells: Sequence[str],
    meanings: Sequence[Meaning],
    *,
    width: int,
    is_own: bool = False,
    time_zone: str = "UTC",
) -> Draft | list[RowFault]:
    """What a row says, or what is wrong with it. `is_own`: it is written as the product exports it; `time_zone`: where
    it is which day at the instants that others export.
    """
    if len(cells) > width:
        return [RowFault(number, None, f"has {len(cells):,} cells, and the header {width:,}")]
    separators = _OWN_SEPARATORS if is_own else _SEPARATORS
    columns: dict[Field, str] = {}
    several: dict[Field, list[str]] = {field: [] for field in _SEVERAL}
    found: dict[str, Any] = {}
    faults: list[RowFault] = []
    for place, name, meant in meanings:
        cell = cells[place] if place < len(cells) else ""
        is_lenient, field = meant is Field.ASSIGNED_IF_KNOWN, _SAME.get(meant, meant)
        columns.setdefault(field, name)
        if cell.startswith("'") and _FORMULA.match(cell):
            # As exports write what a spreadsheet would take for a formula.
            cell = cell[1:]
        if not cell or cell.isspace() or found.get(field) is not None:
            continue
        if not several.get(field):
            columns[field] = name
        try:
            if field is Field.LABELS:
                parts = (each.strip() for each in separators.split(cell))
                several[field].extend(each if is_own else _COLOR.sub("", each) or each for each in parts if each)
            elif field is Field.STATUS:
                _add(several[field], text.cleaned(cell, pointer="/status", most=text.NAME_LENGTH))
            elif field is Field.ASSIGNED_TO:
                several[field].extend(_people(cell, are_several=is_lenient))
                found["needs_assignee"] = found.get("needs_assignee", False) or not is_lenient
            elif field is Field.PARENT:
                _add(several[field], checked_external_id(cell))
            elif field is Field.CYCLE:
                _add(several[field], text.cleaned(cell, pointer="/cycle", most=text.NAME_LENGTH))
            elif field in (Field.COMPLETED, Field.ARCHIVED):
                found[_FLAGS[field]] = cell.strip().casefold() not in _NO
            elif field is Field.COLUMN_ID:
                found[field] = own_id(cell.strip())
            elif field is Field.DEADLINE:
                found[field] = _day(cell.strip(), time_zone)
            else:
                found[field] = _read(field, cell)
        except Invalid as error:
            faults.append(RowFault(number, name, error.faults[0].detail))
        except ValueError as error:
            faults.append(RowFault(number, name, str(error)))
    if found.get("is_archived"):
        return Draft(row=number, columns=columns, is_archived=True)
    if several[Field.LABELS]:
        try:
            found[Field.LABELS] = checked_labels(several[Field.LABELS])
        except Invalid as error:
            faults.append(RowFault(number, columns[Field.LABELS], error.faults[0].detail))
    faults.extend(
        RowFault(number, columns[field], f"there are more than {MOST_WORDS} that differ for this field")
        for field in _FEW
        if len(several[field]) > MOST_WORDS
    )
    if is_own and Field.ID in found:
        # It was exported, perhaps from where others are than here.
        found["needs_assignee"] = False
    for field, name in _NAMES.items():
        found[name] = tuple(several[field])
    return faults or Draft(row=number, columns=columns, **found)


def _add(words: list[str], word: str) -> None:
    """Keeps a word that is not there, and of those too many only one, by which it is known that there are."""
    if len(words) <= MOST_WORDS and word not in words:
        words.append(word)


def _people(cell: str, *, are_several: bool) -> list[str]:
    """Whom a cell names, or, where it may name several, each of them. Raises Invalid."""
    whole = text.cleaned(cell, pointer="/assigned_to", most=_LONGEST_PERSON)
    parts = [each.strip() for each in _SEPARATORS.split(whole)] if are_several else []
    return [whole, *(each for each in parts if each and each != whole)]


def _read(field: Field, cell: str) -> object:
    """Raises Invalid, and ValueError with what is wrong."""
    if field in (Field.TITLE, Field.PARENT_TITLE):
        return text.title(cell)
    if field is Field.DESCRIPTION:
        return text.description(cell)
    if field is Field.EXTERNAL_ID:
        return checked_external_id(cell)
    if field is Field.ID:
        return in_our_form(checked_external_id(cell))
    if field is Field.COLUMN:
        return text.cleaned(cell, pointer="/column", most=text.NAME_LENGTH)
    if field is Field.RECURRENCE:
        return checked_recurrence(cell)
    priority = _PRIORITIES.get(cell.strip().casefold())
    if priority is None:
        raise ValueError("is no priority: low, medium, high or urgent")
    return priority


def _day(cell: str, time_zone: str) -> date:
    """The day that a cell names; of an instant the day that it is there. Midnight in UTC is how a day is written."""
    try:
        if _INSTANT.match(cell):
            at = datetime.fromisoformat(cell).astimezone(UTC)
            is_midnight = not (at.hour or at.minute or at.second or at.microsecond)
            return at.date() if is_midnight else day_in(time_zone, at)
        if found := _DAY.match(cell):
            year, month, day = map(int, found.groups())
            return date(year, month, day)
        if found := _NAMED_DAY.match(cell):
            day, month, year = int(found[1]), _MONTHS.index(found[2].lower()) + 1, int(found[3])
            return date(year if year >= 100 else 2000 + year, month, day)
        if found := _MONTH_FIRST.match(cell):
            return date(int(found[3]), _MONTHS.index(found[1].lower()) + 1, int(found[2]))
    except (ValueError, OverflowError):
        pass
    raise ValueError("is no day; write it as 2026-12-31")
