"""The JSON Schema of each event, from the types of its fact. Made when a document is asked for, and not kept."""

import inspect
from copy import deepcopy
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from core.kernel.actor import Via
from core.kernel.events import Fact
from entrypoints.events.changed import changed_fields
from entrypoints.events.registry import CAME_LATER
from entrypoints.events.words import WORDS

Schema = dict[str, Any]


def schema_name(kind: type[Fact]) -> str:
    """What its schema is called in the documents."""
    return f"{kind.__name__}Event"


def when(kind: type[Fact]) -> str:
    """What happened, in words."""
    return " ".join((inspect.getdoc(kind) or "").split())


def is_said(kind: type[Fact]) -> bool:
    """Whether somebody wrote when it happens; a dataclass has a docstring of its own making."""
    return not when(kind).startswith(f"{kind.__name__}(")


def event_schema(kind: type[Fact]) -> Schema:
    """An event as every door shows it. Others may be added to its fields, and what was written before there were some
    of them lacks these.
    """
    flat = {name: _field(name, hint, kind) for name, hint in _hints(kind).items()}
    envelope: Schema = {
        "seq": {
            "type": "string",
            "description": "Its position in the company's log. Opaque; larger than those before it.",
        },
        "event": {"type": "string", "const": kind.event},
        "channel": {"type": "string", "const": str(kind.channel)},
        "occurred_at": {"type": "string", "format": "date-time", "description": "In UTC."},
        "actor_id": _nullable(
            {"type": "string", "format": "uuid"}, "The user who did it, null if nobody is to be named."
        ),
        "via": {"type": "string", "enum": [str(via) for via in Via], "description": "By which key it came in."},
        "project_id": _nullable({"type": "string", "format": "uuid"}, "The project, null for what belongs to none."),
        "version": _nullable({"type": "integer"}, "Null: what it is about has no version."),
    }
    return {
        "type": "object",
        "title": schema_name(kind),
        "description": when(kind),
        "required": [name for name in envelope | flat if name not in CAME_LATER.get(kind.event, ())],
        "properties": envelope | flat,
    }


def body_schema(kind: type[Fact]) -> Schema:
    """The flat fields alone, as they stand in the log."""
    flat = {name: _field(name, hint, kind) for name, hint in _hints(kind).items()}
    return {"type": "object", "required": list(flat), "properties": flat}


def closed(schema: Schema) -> Schema:
    """The same with all that it names, and nothing besides: what this release tells, not what others may."""
    found = deepcopy(schema)
    found["required"] = list(found["properties"])
    _close(found)
    return found


def _close(schema: Any) -> None:
    if isinstance(schema, dict):
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for each in schema.values():
            _close(each)
    elif isinstance(schema, list):
        for each in schema:
            _close(each)


def _hints(kind: type[Fact]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {name: hints[name] for name in kind.flat_fields()}


def _field(name: str, hint: Any, kind: type[Fact]) -> Schema:
    word = WORDS.get(name)
    if name == "changes":
        schema = _changes(kind)
    elif word is not None and word.values is not None:
        schema = {"type": "string", "enum": [str(value) for value in word.values]}
    else:
        schema = _plain(hint)
    if word is not None:
        schema["description"] = word.means
    return schema


def _changes(kind: type[Fact]) -> Schema:
    known = changed_fields(kind)
    if known is None:
        return {"type": "object", "additionalProperties": _change({})}
    return {"type": "object", "properties": {name: _change(_plain(hint)) for name, hint in known.items()}}


def _change(value: Schema) -> Schema:
    return {"type": "object", "required": ["old", "new"], "properties": {"old": value, "new": deepcopy(value)}}


def _plain(hint: Any) -> Schema:
    schema = TypeAdapter(hint).json_schema(mode="serialization")
    named = schema.pop("$defs", {})
    found: Schema = _inlined(schema, named)
    return found


def _inlined(schema: Any, named: Schema) -> Any:
    """Without references: what they lead to is small, and stands where it is meant."""
    if isinstance(schema, list):
        return [_inlined(each, named) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(named[schema["$ref"].removeprefix("#/$defs/")], named)
    # Titles and descriptions are those of classes, which are not what the field means.
    return {key: _inlined(value, named) for key, value in schema.items() if key not in ("title", "description")}


def _nullable(schema: Schema, means: str) -> Schema:
    return {"anyOf": [schema, {"type": "null"}], "description": means}
