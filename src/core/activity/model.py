from collections.abc import Mapping
from typing import Any, NamedTuple

TOLD = 1_000
"""So many characters of a text are told as it was and as it is: a page may be full of long ones."""

# What is told of something else than its name begins with; the field that holds that thing's id.
_OF_ANOTHER = {
    "columns_ordered": ("board", "ordered", "project_id"),
    "project_member_added": ("project", "member_added", "project_id"),
    "project_member_removed": ("project", "member_removed", "project_id"),
}


class Deed(NamedTuple):
    """What an event tells: what was done to which thing. `changes` are fields with their old and new values; where one
    of them is too long to be told, its beginning, and `truncated`.
    """

    action: str
    entity: str
    entity_id: str | None
    changes: dict[str, Any]


def deed_of(event: str, body: Mapping[str, Any]) -> Deed:
    """The deed that an event of that name and those flat fields tells; `task_moved` is that a task was moved.

    What was is what the event says by `changes`, or by fields `old_...` and `new_...`; of a move what differs.
    """
    entity, _, action = event.rpartition("_")
    entity, action, holds_id = _OF_ANOTHER.get(event, (entity, action, f"{entity}_id"))
    changes = dict(body.get("changes") or {})
    for name, old in body.items():
        field = name.removeprefix("old_")
        if field != name and f"new_{field}" in body and body[f"new_{field}"] != old:
            changes[field] = {"old": old, "new": body[f"new_{field}"]}
    return Deed(action, entity, body.get(holds_id), {name: _told(change) for name, change in changes.items()})


def task_of(body: Mapping[str, Any], now: tuple[str | None, str | None]) -> tuple[str | None, str | None]:
    """The key and the title of the task that an event is about: those that it has `now`, where one sees it, or else
    those of which the event itself tells.
    """
    key, title = now
    return (key, title) if key is not None else (body.get("task_key"), body.get("task_title"))


def _told(change: Mapping[str, Any]) -> Mapping[str, Any]:
    told = {name: value[:TOLD] if isinstance(value, str) else value for name, value in change.items()}
    return told if told == change else {**told, "truncated": True}
