"""Whether events are what the documents promise, and nothing besides that they do not name."""

from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec
from jsonschema_rs import Draft202012Validator

from core.kernel.events import Fact
from entrypoints.events.registry import EVENTS
from entrypoints.events.schemas import body_schema, closed, event_schema


@cache
def _of_bodies(name: str) -> Draft202012Validator:
    return Draft202012Validator(closed(body_schema(EVENTS[name])), validate_formats=True)


@cache
def of_events(name: str) -> Draft202012Validator:
    return Draft202012Validator(closed(event_schema(EVENTS[name])), validate_formats=True)


def wrong_in(name: str, channel: str, body: dict[str, Any]) -> str | None:
    """What is wrong with an event of the log, None if nothing is."""
    if name not in EVENTS:
        return f"{name} is in no registry: add its module to entrypoints.events.registry"
    if channel != EVENTS[name].channel:
        return f"{name} was told on {channel}"
    validator = _of_bodies(name)
    if validator.is_valid(body):
        return None
    error = next(iter(validator.iter_errors(body)))
    return f"{name} at /{'/'.join(map(str, error.instance_path))}: {error.message}"


def wrong(events: Iterable[tuple[str, str, dict[str, Any]]]) -> list[str]:
    """What is wrong with events, given as name, channel and flat fields; each kind of mistake once."""
    return sorted({said for each in events if (said := wrong_in(*each)) is not None})


def ensure_promised(facts: Iterable[Fact]) -> None:
    """Fails for a fact of the product's that is not what the documents promise; tests have some of their own."""
    for fact in facts:
        if type(fact).__module__.startswith("core."):
            said = wrong_in(fact.event, str(fact.channel), msgspec.json.decode(msgspec.json.encode(fact.body())))
            assert said is None, said
