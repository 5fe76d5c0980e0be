"""What columns mean: by what the product itself exports, by what other trackers export, or as somebody says."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from core.imports.errors import FileMalformed, MappingInvalid
from core.kernel import text
from core.kernel.errors import Invalid

MOST_COLUMNS: Final = 1_000
NAME_LENGTH: Final = 200


class Field(StrEnum):
    """What a column may hold."""

    # As that of the text which it is: dictionaries of fields are asked for each cell of a file.
    __hash__ = str.__hash__

    TITLE = "title"
    DESCRIPTION = "description"
    PRIORITY = "priority"
    STATUS = "status"
    COLUMN = "column"
    """The name of a column of the board, which goes before a status."""
    COLUMN_ID = "column_id"
    """The column that it was exported from: by it one knows whether `column` or `status` was edited since."""
    DEADLINE = "deadline"
    ASSIGNED_TO = "assigned_to"
    ASSIGNED_IF_KNOWN = "assigned_to_if_known"
    """As the one before; whom nobody knows is told, and left out, where the other refuses the row."""
    COMPLETED = "completed"
    """Whether it is done, by whatever the cell holds."""
    ARCHIVED = "archived"
    """Whether it was put away; then nothing comes of the row."""
    RECURRENCE = "recurrence"
    PARENT = "parent"
    """The `external_id` or `id` of the task that it is a sub-task of, which may stand anywhere in the file."""
    PARENT_TITLE = "parent_title"
    """The title of the one row of the file that it is a sub-task of."""
    CYCLE = "cycle"
    """The name or id of a cycle; without one that takes tasks the row is taken all the same."""
    LABELS = "labels"
    ID = "id"
    """What a row is called within its file; its `external_id`, if it says no other. Of ours, the task that it is."""
    EXTERNAL_ID = "external_id"


# Names are compared in any case. Of several columns for one field, the first that is not empty counts; of those for the
# status, the assignee, the parent and the cycle the first that means one; labels of all of them are put together.
# Whoever comes from elsewhere brings tasks of people who left long ago, so for others' exports these are left out
# rather than the task.
# Of what is archived nothing comes, so no file without a mapping loses rows by a column that happens to be called so.
_BY_NAME: Final[frozenset[Field]] = frozenset(Field) - {Field.ARCHIVED}
_OWN: dict[str, Field] = {name.value: name for name in Field if name in _BY_NAME} | {
    "assignee": Field.ASSIGNED_TO,
    "assigned_to_name": Field.ASSIGNED_TO,
    "parent_id": Field.PARENT,
    "cycle_id": Field.CYCLE,
    "label": Field.LABELS,
    "due date": Field.DEADLINE,
}
PRESETS: Final[dict[str, dict[str, Field]]] = {
    "flowtrack": _OWN,
    "jira": {
        "issue key": Field.EXTERNAL_ID,
        "issue id": Field.ID,
        "summary": Field.TITLE,
        "description": Field.DESCRIPTION,
        "status": Field.STATUS,
        "status category": Field.STATUS,
        "priority": Field.PRIORITY,
        "due date": Field.DEADLINE,
        "assignee": Field.ASSIGNED_IF_KNOWN,
        "labels": Field.LABELS,
        "parent id": Field.PARENT,
        "parent": Field.PARENT,
        "parent key": Field.PARENT,
    },
    "linear": {
        "id": Field.EXTERNAL_ID,
        "title": Field.TITLE,
        "description": Field.DESCRIPTION,
        "status": Field.STATUS,
        "priority": Field.PRIORITY,
        "due date": Field.DEADLINE,
        "assignee": Field.ASSIGNED_IF_KNOWN,
        "labels": Field.LABELS,
        "parent issue": Field.PARENT,
    },
    "asana": {
        "task id": Field.EXTERNAL_ID,
        "name": Field.TITLE,
        "notes": Field.DESCRIPTION,
        "section/column": Field.STATUS,
        "completed at": Field.COMPLETED,
        "priority": Field.PRIORITY,
        "due date": Field.DEADLINE,
        "assignee": Field.ASSIGNED_IF_KNOWN,
        "assignee email": Field.ASSIGNED_IF_KNOWN,
        "tags": Field.LABELS,
        "parent task": Field.PARENT_TITLE,
    },
    "trello": {
        "card id": Field.EXTERNAL_ID,
        "card name": Field.TITLE,
        "card description": Field.DESCRIPTION,
        "list name": Field.STATUS,
        "due date": Field.DEADLINE,
        "due complete": Field.COMPLETED,
        "archived": Field.ARCHIVED,
        "members": Field.ASSIGNED_IF_KNOWN,
        "labels": Field.LABELS,
    },
    "github": {
        "url": Field.EXTERNAL_ID,
        "title": Field.TITLE,
        "body": Field.DESCRIPTION,
        "status": Field.STATUS,
        "state": Field.STATUS,
        "priority": Field.PRIORITY,
        "assignees": Field.ASSIGNED_IF_KNOWN,
        "labels": Field.LABELS,
    },
    "gitlab": {
        "url": Field.EXTERNAL_ID,
        "title": Field.TITLE,
        "description": Field.DESCRIPTION,
        "state": Field.STATUS,
        "due date": Field.DEADLINE,
        "assignee": Field.ASSIGNED_IF_KNOWN,
        "assignee username": Field.ASSIGNED_IF_KNOWN,
        "labels": Field.LABELS,
    },
}


# What says which task a row makes or changes.
_NAMING: Final = {Field.TITLE, Field.EXTERNAL_ID, Field.ID}


class Meaning(NamedTuple):
    """A column of a file: where it stands, what it is called there, and which field it is."""

    place: int
    name: str
    field: Field


def checked_mapping(mapping: str | None) -> dict[str, Field]:
    """Columns and their fields, as `mapping` says: nothing (what the product exports), the name of a preset, an object
    in JSON, or `column:field` pairs separated by commas. Raises MappingInvalid.
    """
    if mapping is None or not mapping.strip():
        return dict(_OWN)
    mapping = mapping.strip()
    preset = PRESETS.get(mapping.lower())
    if preset is not None:
        return dict(preset)
    pairs = _of_json(mapping) if mapping.startswith("{") else _of_pairs(mapping)
    found: dict[str, Field] = {}
    for column, field in pairs:
        try:
            name = text.cleaned(column, pointer="", most=NAME_LENGTH, least=1).casefold()
        except Invalid as error:
            raise MappingInvalid(f"the name of a column {error.faults[0].detail}") from None
        if name in found:
            raise MappingInvalid(f"the column {column.strip()[:50]!r} is given twice")
        try:
            found[name] = Field(field.strip())
        except ValueError:
            raise MappingInvalid(f"{field.strip()[:50]!r} is no field; there are {', '.join(Field)}") from None
    if not _NAMING & set(found.values()):
        raise MappingInvalid("no column is the title")
    return found


def _of_json(mapping: str) -> list[tuple[str, str]]:
    try:
        given = json.loads(mapping, object_pairs_hook=list)
    except (ValueError, RecursionError):
        raise MappingInvalid("is no well-formed JSON") from None
    if not all(isinstance(field, str) for _, field in given):
        raise MappingInvalid("each column has the name of one field")
    return [(column, field) for column, field in given]


def _of_pairs(mapping: str) -> list[tuple[str, str]]:
    if ":" not in mapping:
        raise MappingInvalid(f"there is no preset {mapping[:50]!r}; there are {', '.join(PRESETS)}")
    # A column's name may hold a colon itself; no field's does.
    found = [each.rpartition(":") for each in mapping.split(",")]
    return [(column, field) for column, _, field in found]


def meanings(header: Sequence[str], mapping: Mapping[str, Field]) -> tuple[Meaning, ...]:
    """What the columns of a file mean. Raises FileMalformed."""
    if len(header) > MOST_COLUMNS:
        raise FileMalformed(f"Row 1: has more than {MOST_COLUMNS:,} columns.")
    found = []
    for place, name in enumerate(header):
        field = mapping.get(name.replace("\r\n", "\n").strip().casefold())
        if field is not None:
            found.append(Meaning(place, name.strip()[:NAME_LENGTH], field))
    if not _NAMING & {each.field for each in found}:
        wanted = ", ".join(repr(name) for name, field in mapping.items() if field is Field.TITLE)
        raise FileMalformed(f"Row 1: no column is the title; it is looked for as {wanted or 'nothing'}.")
    return tuple(found)
