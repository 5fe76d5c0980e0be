"""What the filters of a list of tasks are to its statement: its shape, and parameters."""

import re
from typing import Any

from adapters.sql.readers.task_lists import BY_ID, BY_WORD
from core.labels.model import folded
from core.tasks.policy import Visible
from core.tasks.ports import TaskFilter

_IN_KEY, _IN_NUMBER = re.compile("[a-z0-9]+", re.ASCII | re.IGNORECASE), re.compile("[0-9]+")


def filter_values(where: TaskFilter, visible: Visible) -> tuple[frozenset[str], dict[str, Any]]:
    """The shape of a filter, and the parameters for it."""
    shape: set[str] = set()
    values: dict[str, Any] = {}
    for name in (*BY_ID, *BY_WORD):
        wanted = getattr(where, name)
        given = [value for value in wanted if value is not None]
        if len(given) < len(wanted):
            shape.add(f"{name} none")
        if given:
            alone = len(given) == 1
            shape.add(f"{name} is" if alone else f"{name} among")
            values[name] = given[0] if alone else given
    for name in ("deadline_before", "deadline_after", "updated_after"):
        bound = getattr(where, name)
        if bound is not None:
            shape.add(name)
            values[name] = bound
    if where.label:
        names = list({folded(name): None for name in where.label})
        shape.add("label is" if len(names) == 1 else "label among")
        values["label"] = names[0] if len(names) == 1 else names
    if where.external_id is not None:
        shape.add("external_id")
        values["external_id"] = where.external_id
    if where.query:
        shape.add("query")
        values["query"] = where.query
        # Of a key like `WEB-12`.
        head, dash, tail = where.query.partition("-")
        if (not head or _IN_KEY.fullmatch(head)) and (not tail or _IN_NUMBER.fullmatch(tail)):
            if dash:
                shape.add("query across key")
                values |= {"query_head": head + dash, "query_tail": tail}
            else:
                shape |= {"query in key", "query in number"} if _IN_NUMBER.fullmatch(head) else {"query in key"}
    if visible.assigned_to is not None:
        shape.add("mine")
        values["mine"] = visible.assigned_to
    if visible.member_id is not None:
        shape.add("member_id")
        values["member_id"] = visible.member_id
    return frozenset(shape), values
