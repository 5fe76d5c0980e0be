"""The AsyncAPI document of each release is kept, what a newer one takes away is shown, and the table of events is true."""

import json
from copy import deepcopy
from importlib.metadata import version
from typing import Any

import pytest

from entrypoints.events.asyncapi import asyncapi_document
from entrypoints.events.table import event_table
from tests.asyncapi_changes import breaking_changes
from tests.unit.architecture.sources import ROOT

KEPT = ROOT / "docs/asyncapi"
# What was taken away on purpose, and announced; each with the release that did it.
ANNOUNCED: set[str] = set()


def kept(name: str) -> dict[str, Any]:
    return dict(json.loads((KEPT / f"{name}.json").read_text()))


@pytest.fixture(scope="module")
def present() -> dict[str, Any]:
    return dict(json.loads(json.dumps(asyncapi_document())))


def test_the_document_of_this_release_is_kept(present: dict[str, Any]) -> None:
    assert kept(version("flowtrack")) == present, "run `make asyncapi`"


def test_the_table_of_events_is_what_the_code_tells() -> None:
    assert (ROOT / "docs/events.md").read_text() == event_table(), "run `make asyncapi`"


@pytest.mark.parametrize("release", sorted(path.stem for path in KEPT.glob("*.json")))
def test_nothing_is_taken_away_from_whoever_relies_on_an_earlier_release(release: str, present: dict[str, Any]) -> None:
    assert [each for each in breaking_changes(kept(release), present) if each not in ANNOUNCED] == []


class TestTheComparison:
    """Each way to break a client is seen."""

    @pytest.mark.parametrize(
        ("break_it", "words"),
        [
            (lambda d: d["channels"].pop("stream"), "the channel stream is gone"),
            (lambda d: d["channels"]["socket"].update(address="/elsewhere"), "the channel socket is elsewhere"),
            (lambda d: d["operations"].pop("streamEvents"), "the operation streamEvents is gone"),
            (lambda d: d["operations"]["streamEvents"]["messages"].pop(), "the message stream_job_progress is gone"),
            (lambda d: _event(d)["properties"].pop("task_key"), "no longer has task_key"),
            (lambda d: _event(d)["required"].remove("task_key"), "may now lack task_key"),
            (lambda d: _event(d)["properties"]["task_key"].update(type="integer"), "may now be integer"),
            (lambda d: _event(d)["properties"]["task_key"].update(type=["string", "null"]), "may now be null"),
            (lambda d: _frame(d)["required"].append("since"), "now needs since"),
            (lambda d: _frame(d)["properties"].pop("channels"), "no longer takes channels"),
        ],
    )
    def test_is_not_blind(self, present: dict[str, Any], break_it: Any, words: str) -> None:
        broken = deepcopy(present)
        break_it(broken)
        assert any(words in each for each in breaking_changes(present, broken)), breaking_changes(present, broken)

    def test_lets_things_be_added(self, present: dict[str, Any]) -> None:
        more = deepcopy(present)
        _event(more)["properties"]["new"] = {"type": "string"}
        _event(more)["required"].append("new")
        _frame(more)["properties"]["new"] = {"type": "string"}
        more["channels"]["new"] = more["channels"]["stream"]
        assert breaking_changes(present, more) == []


def _event(document: dict[str, Any]) -> Any:
    return document["components"]["schemas"]["TaskCreatedEvent"]


def _frame(document: dict[str, Any]) -> Any:
    return document["components"]["schemas"]["Subscribe"]
