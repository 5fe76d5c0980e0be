"""Traces as a collector gets them: a server process, and a collector that it sends to."""

import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from entrypoints.settings import Settings
from tests.integration.conftest import TestDatabase
from tests.integration.entrypoints.cli.collecting import Collector, Span, collecting
from tests.integration.entrypoints.cli.serving import PASSWORD, Serving, over, serving

SERVER, CLIENT, INTERNAL, FAILED = 2, 3, 1, 2
QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "100"}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def shared(test_database: TestDatabase, settings: Settings) -> dict[str, str]:
    return over(test_database, settings)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, shared: dict[str, str], collector: Collector) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("traced")
    with serving(folder, **shared, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **QUICK) as found:
        found.start()
        yield found


@pytest.fixture(scope="module")
def token(server: Serving) -> str:
    return server.register(f"traced-{secrets.token_hex(4)}@example.com")


class Caller:
    """Somebody whose own span asks."""

    def __init__(self, *, sampled: bool = True) -> None:
        self.trace_id, self.span_id = secrets.token_hex(16), secrets.token_hex(8)
        self.traceparent = f"00-{self.trace_id}-{self.span_id}-{'01' if sampled else '00'}"


def tree(spans: list[Span], parent_id: str) -> list[object]:
    """Names, and below each the names of its children."""
    return [(span.name, tree(spans, span.id)) for span in spans if span.parent_id == parent_id]


def test_a_list_is_one_tree_from_the_route_to_the_statement_below_the_callers_span(
    server: Serving, collector: Collector, token: str
) -> None:
    caller = Caller()
    status, _, headers = server.ask("GET", "/api/v1/tasks?limit=3", token=token, traceparent=caller.traceparent)
    assert status == 200
    spans = collector.trace(caller.trace_id, root="GET /api/v1/tasks")
    assert collector.paths == {"/v1/traces"}
    ((route, ((verb, ((statements, below),)),)),) = tree(spans, caller.span_id)  # type: ignore[misc]
    assert (route, verb, below) == ("GET /api/v1/tasks", "TaskUseCases.list", [])
    opening, query = statements.split("; ")
    assert opening == "SELECT open_company"
    assert query.startswith("SELECT ") and "tasks" in query.split()
    assert len(spans) == 3
    root, use_case, sql = spans
    assert (root.kind, use_case.kind, sql.kind) == (SERVER, INTERNAL, CLIENT)
    assert {span.service for span in spans} == {"flowtrack"}
    assert root.attributes["http.route"] == "/api/v1/tasks"
    assert root.attributes["http.response.status_code"] == 200
    assert root.attributes["flowtrack.request_id"] == headers["x-request-id"]
    assert sql.attributes["db.system.name"] == "postgresql"
    assert sql.attributes["db.operation.batch.size"] == 2
    assert root.began <= use_case.began <= sql.began < sql.ended <= use_case.ended <= root.ended


def test_a_create_is_one_tree_with_each_of_its_round_trips(server: Serving, collector: Collector, token: str) -> None:
    _, project, _ = server.ask("POST", "/api/v1/projects", {"name": "Traced"}, token=token)
    caller = Caller()
    body = {"project_id": project["id"], "title": "A title that stays out of traces"}
    status, _, _ = server.ask("POST", "/api/v1/tasks", body, token=token, traceparent=caller.traceparent)
    assert status == 201
    spans = collector.trace(caller.trace_id, root="POST /api/v1/tasks")
    ((route, ((verb, round_trips),)),) = tree(spans, caller.span_id)  # type: ignore[misc]
    assert (route, verb) == ("POST /api/v1/tasks", "TaskUseCases.create")
    first, last = (name for name, _ in round_trips)
    assert first.startswith("BEGIN; SELECT open_company; UPDATE projects")
    assert last == "INSERT tasks; UPDATE event_sequences, INSERT events; COMMIT"


def test_a_refusal_is_told_by_its_code_and_is_no_failure(server: Serving, collector: Collector, token: str) -> None:
    caller = Caller()
    path = "/api/v1/tasks/01920000-0000-7000-8000-000000000000"
    assert server.ask("GET", path, token=token, traceparent=caller.traceparent)[0] == 404
    spans = collector.trace(caller.trace_id, root="GET /api/v1/tasks/{task_id}")
    root = next(span for span in spans if span.kind == SERVER)
    verb = next(span for span in spans if span.name == "TaskUseCases.get")
    assert root.attributes["flowtrack.refusal"] == verb.attributes["flowtrack.refusal"] == "task.not_found"
    assert {span.status for span in spans}.isdisjoint({FAILED})


def test_a_caller_who_does_not_trace_is_not_traced(server: Serving, collector: Collector, token: str) -> None:
    silent, heard = Caller(sampled=False), Caller()
    for caller in (silent, heard):
        assert server.ask("GET", "/api/v1/projects", token=token, traceparent=caller.traceparent)[0] == 200
    collector.trace(heard.trace_id, root="GET /api/v1/projects")
    assert [span for span in collector.spans if span.trace_id == silent.trace_id] == []


def test_log_lines_carry_the_trace(server: Serving, token: str) -> None:
    caller, silent = Caller(), Caller(sampled=False)
    for each in (caller, silent):
        server.ask("GET", "/api/v1/auth/me", token=token, traceparent=each.traceparent, X_Request_ID=each.span_id)
    deadline = time.monotonic() + 60
    while silent.span_id not in server.log() and time.monotonic() < deadline:
        time.sleep(0.01)
    lines = [json.loads(line) for line in server.log().splitlines()]
    found = {line["request_id"]: line["trace_id"] for line in lines if "request_id" in line}
    assert found[caller.span_id] == caller.trace_id
    assert found[silent.span_id] == silent.trace_id


def test_no_secret_and_no_address_is_in_any_span(server: Serving, collector: Collector) -> None:
    email, caller = f"private-{secrets.token_hex(4)}@example.com", Caller()
    token = server.register(email)
    given = {"email": email, "password": PASSWORD}
    _, signed_in, headers = server.ask("POST", "/api/v1/auth/login", {**given, "return_refresh_token": True})
    refresh_token = signed_in["refresh_token"]
    server.ask("POST", "/api/v1/auth/login", {"email": email, "password": "wrong but 2 private"})
    server.ask("POST", "/api/v1/auth/refresh", {"refresh_token": refresh_token})
    server.ask("POST", "/api/v1/auth/register", {**given, "name": "Private Person"})
    server.ask("GET", "/api/v1/tasks?cursor=private-cursor", token=token)
    server.ask("GET", "/api/v1/private-path")
    server.ask("GET", "/api/v1/auth/me", token=token, traceparent=caller.traceparent, Cookie="a=private-cookie")
    collector.trace(caller.trace_id, root="GET /api/v1/auth/me")
    sent = b"\n".join(collector.bodies)
    assert b"AuthUseCases.login" in sent
    cookie = headers["set-cookie"].partition("=")[2].partition(";")[0]
    for secret in (email, "example.com", PASSWORD, token, refresh_token, cookie, "wrong but", "private", "Private"):
        assert secret.encode() not in sent, secret


def test_what_is_not_yet_sent_goes_out_when_the_server_stops(tmp_path: Path, shared: dict[str, str]) -> None:
    with collecting() as collector:
        settings = {
            "OTEL_SERVICE_NAME": "ours",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/elsewhere",
            "OTEL_BSP_SCHEDULE_DELAY": "600000",
        }
        with serving(tmp_path, **shared, **settings) as server:
            server.start()
            caller = Caller()
            server.ask("GET", "/health/live", traceparent=caller.traceparent)
            assert collector.spans == []
            assert server.stop() == 0
        (span,) = collector.trace(caller.trace_id, root="GET /health/live", within=0.1)
        assert (span.service, collector.paths) == ("ours", {"/elsewhere"})


def test_a_collector_that_is_away_neither_hinders_requests_nor_the_end(tmp_path: Path, shared: dict[str, str]) -> None:
    # Nobody listens on the port of discarding.
    with serving(tmp_path, **shared, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", **QUICK) as server:
        server.start()
        for _ in range(20):
            assert server.ask("GET", "/health/ready")[0] == 200
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 5
