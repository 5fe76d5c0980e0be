"""Whether events are what the documents promise, and nothing besides that they do not name."""

from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec
import psycopg
from jsonschema_rs import Draft202012Validator

from core.kernel.events import Fact
from entrypoints.events.registry import EVENTS
from entrypoints.events.schemas import body_schema, closed, event_schema

# What only tests tell; and what has nothing but a text, by whatever name.
OF_TESTS = frozenset({"noted", "rung", "x"})
_MADE_UP = {"text"}
# Databases whose events are made up on purpose, and why.
MADE_UP_DATABASES = {
    "plans": "ten thousands of rows without bodies, for the planner",
    "flowtrack_counting": "logs of releases that told less",
}


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


def wrong_in_server(superuser_url: str) -> tuple[int, list[str]]:
    """How many events all databases of a server hold, and what is wrong with them; each kind of mistake once."""
    looked_at, found = 0, set()
    with psycopg.connect(superuser_url) as connection:
        names = [name for (name,) in connection.execute("select datname from pg_database where not datistemplate")]
    for name in sorted(set(names) - MADE_UP_DATABASES.keys()):
        with psycopg.connect(superuser_url, dbname=name) as connection:
            if connection.execute("select to_regclass('public.events')").fetchone() == (None,):
                continue
            with connection.cursor("all_events") as events:
                events.execute("select event, channel, body from events where event <> all(%s)", (list(OF_TESTS),))
                for event, channel, body in events:
                    if body.keys() == _MADE_UP:
                        continue
                    looked_at += 1
                    if (said := wrong_in(event, channel, body)) is not None:
                        found.add(f"{name}: {said}")
    return looked_at, sorted(found)


def ensure_promised(facts: Iterable[Fact]) -> None:
    """Fails for a fact that is not what the documents promise."""
    for fact in facts:
        body = msgspec.json.decode(msgspec.json.encode(fact.body()))
        if body.keys() != _MADE_UP:
            said = wrong_in(fact.event, str(fact.channel), body)
            assert said is None, said
