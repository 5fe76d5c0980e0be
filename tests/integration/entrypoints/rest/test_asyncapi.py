"""The AsyncAPI document of a running server, held against the schema of AsyncAPI's own, and read as a client would."""

import json
from copy import deepcopy
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from entrypoints.events.registry import EVENTS
from tests import npm
from tests.asyncapi_client import Client
from tests.integration.api import Api

# The schemas that the AsyncAPI initiative publishes (Apache-2.0).
OFFICIAL = "@asyncapi/specs@6.11.1"


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Any:
    packages = npm.install(tmp_path_factory.mktemp("asyncapi"), OFFICIAL)
    schema = json.loads((packages / "@asyncapi" / "specs" / "schemas" / "3.0.0.json").read_text())
    return jsonschema_rs.Draft7Validator(schema)


@pytest.fixture
async def document(api: Api) -> dict[str, Any]:
    answer = await api.client.get("/asyncapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "public, max-age=300"
    return dict(answer.json())


async def test_it_is_the_one_that_is_kept(document: dict[str, Any]) -> None:
    kept = Path(__file__).parents[4] / "docs" / "asyncapi" / f"{version('flowtrack')}.json"
    assert document == json.loads(kept.read_text())


async def test_it_is_what_asyncapi_expects(document: dict[str, Any], official: Any) -> None:
    assert [error.message for error in official.iter_errors(document)] == []


@pytest.mark.parametrize(
    "break_it",
    [
        lambda d: d["info"].pop("version"),
        lambda d: d["channels"]["socket"].update(unknown=1),
        lambda d: d["operations"]["streamEvents"].update(action="shout"),
        lambda d: d["components"]["messages"]["task_moved"].update(payload={"type": "card"}),
        lambda d: d["components"]["schemas"]["TaskMovedEvent"].update(required="seq"),
        lambda d: d["channels"]["socket"]["parameters"]["user_id"].update(schema={"type": "string"}),
    ],
)
async def test_what_it_would_not_expect_is_seen(document: dict[str, Any], official: Any, break_it: Any) -> None:
    broken = deepcopy(document)
    break_it(broken)
    assert not official.is_valid(broken)


async def test_a_client_reads_every_event_that_comes(document: dict[str, Any], api: Api) -> None:
    client, ann = Client(document), await api.register()
    project = await ann.project()
    task = await ann.task(project)
    changed = await ann.patch(f"/tasks/{task['id']}", {"priority": "urgent", "deadline": "2027-01-31"})
    assert changed.status_code == 200
    assert (await ann.post(f"/tasks/{task['id']}/complete", {})).status_code == 200
    assert (await ann.post(f"/tasks/{task['id']}/comments", {"body": "done"})).status_code == 201
    events = (await ann.get("/events")).json()
    assert {"company_created", "project_created", "task_created", "task_updated", "task_moved", "comment_created"} <= {
        event["event"] for event in events
    }
    for event in events:
        assert event["event"] in EVENTS
        assert client.read("stream", event, name=event["event"]) == event
        client.read("socket", {"type": "event", **event}, name=event["event"])
        delivery = {"type": event["event"], "timestamp": event["occurred_at"], "data": event}
        client.read("webhook", delivery, name=event["event"])
    with pytest.raises(jsonschema_rs.ValidationError):
        client.read("stream", {**events[0], "seq": 1}, name=events[0]["event"])
