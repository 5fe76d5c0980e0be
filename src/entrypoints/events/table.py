"""The table of all events, for people."""

from typing import get_args, get_type_hints

from core.kernel.events import Fact
from entrypoints.events.changed import changed_fields
from entrypoints.events.examples import goes_out, heard_by
from entrypoints.events.registry import CAME_LATER, KINDS
from entrypoints.events.schemas import when
from entrypoints.events.words import WORDS

_HEAD = """\
# Events

Every event that there is, with the channel that it is told on, who hears of it, and its own fields. This page is made
by `make asyncapi` from the types that are written to the log, and a test holds the two against each other.

Each has `seq`, `event`, `channel`, `occurred_at`, `actor_id`, `via`, `project_id` and `version` besides: the position,
the name, the topic, when, who (null if nobody is to be named), by which key (`session`, `token`, `system`), the project
(null for what belongs to none), and the version that the thing which the event is about has after it (null for what has
no version). Ids are UUIDs, instants RFC 3339 in UTC, days dates; `?` marks what may be null. Owners and admins hear of
everything that is not for others alone. *W* marks what webhooks get. Within v1 events, fields and values are only
added.

The same by types: [asyncapi/](asyncapi), `/asyncapi.json` of a running server, and `webhooks` in `/openapi.json`.

| event | channel | when | heard by | own fields | |
|---|---|---|---|---|---|
"""
_LATER = """\
The log keeps what earlier releases wrote. Events from before a release lack the fields that it added:

"""
_ENVELOPE = ("project_id", "version")


def event_table() -> str:
    """The page, as Markdown."""
    rows = "".join(_row(kind) for kind in KINDS)
    used = sorted({name for kind in KINDS for name in kind.flat_fields() if name in WORDS})
    words = "".join(f"| `{name}` | {_means(name)} |\n" for name in used)
    later = "".join(
        f"- `{name}`: {', '.join(f'`{field}` ({release})' for field, release in fields.items())}\n"
        for name, fields in CAME_LATER.items()
    )
    return f"{_HEAD}{rows}\n{_LATER}{later}\n## Fields\n\n| field | what it means |\n|---|---|\n{words}"


def _row(kind: type[Fact]) -> str:
    own = ", ".join(_field(kind, name) for name in kind.flat_fields() if name not in _ENVELOPE)
    out = "W" if goes_out(kind) else ""
    return f"| `{kind.event}` | `{kind.channel}` | {when(kind)} | {heard_by(kind)} | {own} | {out} |\n"


def _field(kind: type[Fact], name: str) -> str:
    if name == "changes":
        known = changed_fields(kind)
        of = ", ".join(f"`{each}`" for each in known) if known else "any field"
        return f"`changes` of {of}"
    return f"`{name}`?" if type(None) in get_args(get_type_hints(kind)[name]) else f"`{name}`"


def _means(name: str) -> str:
    word = WORDS[name]
    values = f" One of {', '.join(f'`{value}`' for value in word.values)}." if word.values is not None else ""
    return f"{word.means}{values}"
