"""An example of each event, made from its fact as the log makes it."""

from typing import Any, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec

from core.kernel.events import Audience, Fact
from entrypoints.events.changed import CHANGED
from entrypoints.events.words import NAMED, WORDS

ENVELOPE: dict[str, Any] = {
    "seq": "7",
    "occurred_at": "2026-11-20T09:30:00.123456Z",
    "actor_id": "01920000-0000-7000-8000-000000000002",
    "via": "session",
    "project_id": None,
    "version": None,
}
_SOMEBODY = UUID("01920000-0000-7000-8000-000000000099")
# Of fields that nothing is said about.
_MADE_UP: tuple[tuple[type, Any], ...] = (
    (UUID, _SOMEBODY),
    (str, ""),
    (bool, False),
    (int, 1),
    (tuple, ()),
    (dict, {}),
)


def example_fact(kind: type[Fact]) -> Fact:
    """A fact of that kind."""
    hints = get_type_hints(kind)
    told = {name: _value(name, hints[name], kind) for name in kind.flat_fields()}
    untold = dict.fromkeys(kind.untold, (_SOMEBODY,))
    made: Any = kind
    fact: Fact = made(**told, **untold)
    return fact


def example(kind: type[Fact]) -> dict[str, Any]:
    """The event as every door shows it."""
    body: dict[str, Any] = msgspec.to_builtins(example_fact(kind).body())
    return {**ENVELOPE, "event": kind.event, "channel": str(kind.channel), **body}


def audience(kind: type[Fact]) -> Audience:
    """Who may hear of such a fact."""
    return example_fact(kind).audience()


def goes_out(kind: type[Fact]) -> bool:
    """Whether webhooks get it: what is for named users alone stays inside."""
    heard = audience(kind)
    return heard.admins or heard.everyone or heard.project_id is not None


def heard_by(kind: type[Fact]) -> str:
    """Who hears of it, in words."""
    fact, heard = example_fact(kind), audience(kind)
    who = []
    if heard.everyone:
        who.append("every user")
    elif heard.project_id is not None:
        who.append("who sees the project")
    elif heard.admins:
        who.append("owners and admins")
    for name, words in NAMED.items():
        value = getattr(fact, name, None)
        ids = value if isinstance(value, tuple) else (value,)
        if heard.named and set(heard.named) & set(ids):
            who.append(words)
    return ", and ".join(who)


def _value(name: str, hint: Any, kind: type[Fact]) -> Any:
    if name == "changes":
        return dict(CHANGED[kind].example) if kind in CHANGED else {}
    if name in WORDS:
        return msgspec.convert(WORDS[name].example, hint, strict=False)
    kinds = {get_origin(each) or each for each in (hint, *get_args(hint))}
    return next((value for each, value in _MADE_UP if each in kinds), None)
