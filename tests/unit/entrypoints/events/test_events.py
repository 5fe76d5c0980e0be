"""The registry of events, and the documents that are made from it."""

import inspect
import json
import re
from importlib import import_module
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from core.kernel.events import Channel, Fact
from core.projects.events import ProjectDeleted
from core.tasks.events import TaskCreated, TaskUpdated
from entrypoints.cli.main import app
from entrypoints.events import registry, table
from entrypoints.events.asyncapi import asyncapi_document
from entrypoints.events.changed import CHANGED
from entrypoints.events.examples import example, example_fact, goes_out, heard_by
from entrypoints.events.registry import EVENTS, KINDS
from entrypoints.events.schemas import closed, event_schema, is_said
from entrypoints.events.webhooks import add_webhooks
from entrypoints.events.words import WORDS
from tests.event_contract import of_events, wrong_in
from tests.unit.architecture.sources import SRC

# A past tense that is irregular is named.
NOUN_AND_PAST = re.compile(r"[a-z]+(_[a-z]+)*_([a-z]+ed|left)")

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.event)


def all_facts() -> set[type[Fact]]:
    for path in (SRC / "core").rglob("events.py"):
        import_module(".".join(path.relative_to(SRC).with_suffix("").parts))
    found: set[type[Fact]] = set()
    waiting = [Fact]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if kind.__module__.startswith("core.") and isinstance(getattr(kind, "event", None), str):
            found.add(kind)
    return found


class TestRegistry:
    def test_every_fact_is_in_it(self) -> None:
        assert {kind.__qualname__ for kind in all_facts()} == {kind.__qualname__ for kind in KINDS}

    def test_no_two_have_one_name(self) -> None:
        assert len(EVENTS) == len(KINDS) > 40

    @every_kind
    def test_a_name_is_a_noun_and_a_past_tense(self, kind: type[Fact]) -> None:
        assert NOUN_AND_PAST.fullmatch(kind.event)

    @every_kind
    def test_its_channel_is_one_of_four(self, kind: type[Fact]) -> None:
        assert kind.channel in Channel and len(Channel) == 4

    @every_kind
    def test_what_stands_in_it_is_what_it_declares(self, kind: type[Fact]) -> None:
        bodies = [each for each in kind.__mro__ if each is not Fact and "body" in vars(each)]
        assert not bodies, "leave fields out by `untold`: the documents are made from the declared fields"
        assert kind.untold <= {name for each in kind.__mro__ for name in getattr(each, "__annotations__", {})}

    @every_kind
    def test_it_is_said_when_it_happens_and_what_each_field_means(self, kind: type[Fact]) -> None:
        assert is_said(kind), f"{kind.__name__} needs a docstring"
        assert [name for name in kind.flat_fields() if name not in WORDS] == [], "add them to entrypoints.events.words"
        assert ("changes" in kind.flat_fields()) == (kind in CHANGED), "add it to entrypoints.events.changed"
        assert heard_by(kind)

    @every_kind
    def test_whatever_has_a_version_tells_it(self, kind: type[Fact]) -> None:
        # Nobody edits these, or, of an order of columns, they are many.
        versionless = {"token_", "invitation_", "notification_", "columns_ordered"}
        assert ("version" in kind.flat_fields()) != any(kind.event.startswith(each) for each in versionless)


class TestSchemas:
    @every_kind
    def test_the_example_is_valid(self, kind: type[Fact]) -> None:
        shown = msgspec.json.decode(msgspec.json.encode(example(kind)))
        assert [error.message for error in of_events(kind.event).iter_errors(shown)] == []

    @every_kind
    def test_ids_are_uuids_instants_and_days_have_formats(self, kind: type[Fact]) -> None:
        for name, schema in event_schema(kind)["properties"].items():
            formats = {each.get("format") for each in _scalars(schema)}
            if name.endswith(("_id", "_ids", "_by")) or name in ("mentions", "assigned_to"):
                assert formats == {"uuid"}, name
            elif name.endswith("_at"):
                assert formats == {"date-time"}, name

    def test_nothing_that_it_does_not_name_passes(self) -> None:
        body = msgspec.to_builtins(example_fact(TaskCreated).body())
        assert wrong_in("task_created", "task_updates", body) is None
        assert "'more' was unexpected" in str(wrong_in("task_created", "task_updates", {**body, "more": 1}))
        assert '"task_key" is a required' in str(
            wrong_in("task_created", "task_updates", {name: each for name, each in body.items() if name != "task_key"})
        )
        assert "at /task_id" in str(wrong_in("task_created", "task_updates", {**body, "task_id": "12"}))
        assert "at /status" in str(wrong_in("task_created", "task_updates", {**body, "status": "sleeping"}))
        assert "was told on" in str(wrong_in("task_created", "kanban_updates", body))
        assert "in no registry" in str(wrong_in("task_slept", "task_updates", body))

    def test_what_changed_is_one_of_the_fields_that_may(self) -> None:
        body = msgspec.to_builtins(example_fact(TaskUpdated).body())
        day = {"deadline": {"old": None, "new": "2026-11-20"}}
        assert wrong_in("task_updated", "task_updates", {**body, "changes": day}) is None
        for changes in (
            {"deadline": {"old": None, "new": "soon"}},
            {"deadline": {"new": None}},
            {"rank": {"old": "a", "new": "b"}},
            {"priority": {"old": "high", "new": "highest"}},
        ):
            assert "at /changes" in str(wrong_in("task_updated", "task_updates", {**body, "changes": changes}))

    def test_what_came_later_may_be_missing(self) -> None:
        for name, fields in registry.CAME_LATER.items():
            schema = event_schema(EVENTS[name])
            assert fields.keys() <= schema["properties"].keys()
            assert not fields.keys() & set(schema["required"])
            assert fields.keys() <= set(closed(schema)["required"])

    def test_what_is_for_the_audience_alone_is_not_told(self) -> None:
        assert "members" not in event_schema(ProjectDeleted)["properties"]
        assert example_fact(ProjectDeleted).audience().named


class TestWebhooks:
    def test_each_event_that_goes_out_has_an_entry(self) -> None:
        document: dict[str, Any] = {}
        add_webhooks(document)
        named = {kind.event for kind in KINDS if goes_out(kind)}
        assert set(document["webhooks"]) == {*named, "batch", "webhook.test"}
        ids = [entry["post"]["operationId"] for entry in document["webhooks"].values()]
        assert len(ids) == len(set(ids))

    def test_what_is_for_named_users_alone_stays_inside(self) -> None:
        alone = {kind.event for kind in KINDS if not goes_out(kind)}
        assert alone == {kind.event for kind in KINDS if kind.event.startswith("notification")}


class TestAsyncapi:
    def test_every_message_has_an_example_that_is_valid(self) -> None:
        document = msgspec.json.decode(msgspec.json.encode(asyncapi_document()))
        schemas = {"components": {"schemas": document["components"]["schemas"]}}
        for name, message in document["components"]["messages"].items():
            (shown,) = message["examples"]
            # JSON Schema's references are resolved within the schema itself.
            validator = _validator({**message["payload"], **schemas})
            assert [error.message for error in validator.iter_errors(shown["payload"])] == [], name

    def test_every_reference_leads_somewhere(self) -> None:
        document = msgspec.json.decode(msgspec.json.encode(asyncapi_document()))
        found = re.findall(r'"\$ref":"#/([^"]+)"', msgspec.json.encode(document).decode())
        assert len(found) > 300
        for reference in set(found):
            place: Any = document
            for part in reference.split("/"):
                place = place[part]

    def test_every_event_comes_by_socket_and_stream(self) -> None:
        channels = asyncapi_document()["channels"]
        moments = {"stream_ready", "stream_end", "stream_presence", "stream_job_progress"}
        assert set(EVENTS) | moments == set(channels["stream"]["messages"])
        assert {f"frame_{name}" for name in EVENTS} <= set(channels["socket"]["messages"])
        assert channels["socket"]["address"] == "/ws/notifications/{user_id}"

    def test_nothing_is_made_before_it_is_asked_for(self) -> None:
        """The schemas would lie in the memory of every process."""
        for module in (registry, table):
            assert not [
                name for name, value in vars(module).items() if isinstance(value, dict) and "properties" in value
            ]
        assert not hasattr(event_schema, "cache_info") and not hasattr(asyncapi_document, "cache_info")


def _validator(schema: dict[str, Any]) -> Any:
    from jsonschema_rs import Draft202012Validator

    return Draft202012Validator(schema, validate_formats=True)


def _scalars(schema: dict[str, Any]) -> list[dict[str, Any]]:
    if "anyOf" in schema:
        return [each for option in schema["anyOf"] if option != {"type": "null"} for each in _scalars(option)]
    return _scalars(schema["items"]) if "items" in schema else [schema]


def test_the_command_prints_document_and_table() -> None:
    printed = CliRunner().invoke(app, ["asyncapi"])
    assert printed.exit_code == 0
    assert json.loads(printed.output) == msgspec.json.decode(msgspec.json.encode(asyncapi_document()))
    assert CliRunner().invoke(app, ["asyncapi", "--table"]).output == table.event_table()


def test_modules_are_listed_once() -> None:
    assert len(set(map(inspect.getfile, registry.MODULES))) == len(registry.MODULES)
