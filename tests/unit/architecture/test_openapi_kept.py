"""The OpenAPI document of each release is kept, and what a newer one takes away is shown."""

import json
from copy import deepcopy
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from entrypoints.rest.app import make_document
from tests.openapi_changes import breaking_changes

KEPT = Path(__file__).parents[3] / "docs/openapi"
# What was taken away on purpose, and announced by Deprecation and Sunset; each with the release that did it.
ANNOUNCED: set[str] = {
    # A service user has no address, and before 0.2.0 there were no service users.
    "the answer, email may now be null",
    "the answer, user, email may now be null",
    # It was read-only and never null, so that null was refused before, too.
    "the body, project_id no longer takes null",
}


def kept(name: str) -> dict[str, Any]:
    return dict(json.loads((KEPT / f"{name}.json").read_text()))


@pytest.fixture(scope="module")
def present() -> dict[str, Any]:
    return dict(json.loads(json.dumps(make_document())))


def test_the_document_of_this_release_is_kept(present: dict[str, Any]) -> None:
    assert kept(version("flowtrack")) == present, "run `make openapi`"


@pytest.mark.parametrize("release", sorted(path.stem for path in KEPT.glob("*.json")))
def test_nothing_is_taken_away_from_whoever_relies_on_an_earlier_release(release: str, present: dict[str, Any]) -> None:
    found = [each for each in breaking_changes(kept(release), present) if each.partition(": ")[2] not in ANNOUNCED]
    assert found == []


class TestTheComparison:
    """Each way to break a client is seen."""

    @pytest.mark.parametrize(
        ("break_it", "words"),
        [
            (lambda d: d["paths"].pop("/api/v1/tasks"), "GET /api/v1/tasks is gone"),
            (lambda d: d["paths"]["/api/v1/tasks"].pop("post"), "POST /api/v1/tasks is gone"),
            (lambda d: _create(d)["responses"].pop("201"), "no longer answers 201"),
            (lambda d: _create(d).update(operationId="other"), "its operationId"),
            (lambda d: _list(d)["parameters"].pop(0), "the parameter"),
            (lambda d: _list(d)["parameters"].append(_required_parameter()), "is new and required"),
            (lambda d: _schema(d, "TaskGiven")["properties"].pop("title"), "no longer takes title"),
            (lambda d: _schema(d, "TaskGiven")["required"].append("priority"), "now needs priority"),
            (lambda d: _schema(d, "TaskGiven")["properties"]["title"].update(maxLength=9), "tighter maxLength"),
            (lambda d: _schema(d, "Priority")["enum"].remove("urgent"), "no longer takes 'urgent'"),
            (lambda d: _schema(d, "TaskShown")["properties"].pop("key"), "no longer has key"),
            (lambda d: _schema(d, "TaskShown")["required"].remove("key"), "may now lack key"),
            (lambda d: _schema(d, "TaskShown")["properties"]["number"].update(type="string"), "may now be string"),
            (lambda d: _schema(d, "TaskShown")["properties"]["key"].update(type=["string", "null"]), "may now be null"),
            (lambda d: _create(d)["responses"]["201"]["headers"].pop("ETag"), "the header ETag is gone"),
            (lambda d: _codes(d).remove("task.move_contradicts"), "the code task.move_contradicts is gone"),
            (lambda d: d["webhooks"].pop("task_moved"), "the webhook task_moved is gone"),
            (lambda d: d["webhooks"]["task_moved"]["post"]["parameters"].pop(), "header webhook-signature is gone"),
            (lambda d: _schema(d, "TaskMovedEvent")["properties"].pop("after_id"), "data no longer has after_id"),
            (lambda d: _schema(d, "TaskMovedEvent")["required"].remove("moved_by"), "data may now lack moved_by"),
        ],
    )
    def test_is_not_blind(self, present: dict[str, Any], break_it: Any, words: str) -> None:
        broken = deepcopy(present)
        break_it(broken)
        assert any(words in each for each in breaking_changes(present, broken)), breaking_changes(present, broken)

    def test_lets_things_be_added(self, present: dict[str, Any]) -> None:
        assert breaking_changes(present, present) == []
        more = deepcopy(present)
        _schema(more, "TaskShown")["properties"]["new"] = {"type": "string"}
        _schema(more, "TaskGiven")["properties"]["new"] = {"type": "string"}
        _schema(more, "Priority")["enum"].append("none")
        _list(more)["parameters"].append({"name": "new", "in": "query", "schema": {"type": "string"}})
        more["paths"]["/api/v1/new"] = {"get": _list(more)}
        assert breaking_changes(present, more) == []


def _create(document: dict[str, Any]) -> Any:
    return document["paths"]["/api/v1/tasks"]["post"]


def _list(document: dict[str, Any]) -> Any:
    return document["paths"]["/api/v1/tasks"]["get"]


def _schema(document: dict[str, Any], name: str) -> Any:
    return document["components"]["schemas"][name]


def _codes(document: dict[str, Any]) -> Any:
    media = _create(document)["responses"]["422"]["content"]["application/problem+json"]
    return media["schema"]["allOf"][1]["properties"]["code"]["enum"]


def _required_parameter() -> dict[str, Any]:
    return {"name": "new", "in": "query", "required": True, "schema": {"type": "string"}}
