"""One trace from a request to whoever hears of its event: a server process, a collector, a receiver, an open stream."""

import http.client
import json
import queue
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest

from entrypoints.settings import Settings
from tests.integration.conftest import TestDatabase
from tests.integration.entrypoints.cli.collecting import Collector, Span, collecting
from tests.integration.entrypoints.cli.serving import Serving, over, serving
from tests.integration.entrypoints.cli.test_traces import QUICK, Caller

CLIENT, CONSUMER = 3, 5
BOUND = 90.0


class Heard:
    """What a receiver of webhooks was sent: the headers and the event of each message."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/secret-path"
        self.messages: queue.Queue[tuple[dict[str, str], Any]] = queue.Queue()

    def next(self, title: str) -> tuple[dict[str, str], Any]:
        while True:
            headers, said = self.messages.get(timeout=BOUND)
            if said["data"].get("task_title") == title:
                return headers, said["data"]


@contextmanager
def hearing() -> Iterator[Heard]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.messages.put(({name.lower(): each for name, each in self.headers.items()}, json.loads(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        heard = Heard(server.server_port)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield heard
        finally:
            server.shutdown()
            thread.join(timeout=60)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, test_database: TestDatabase, settings: Settings, collector: Collector
) -> Iterator[Serving]:
    folder: Path = tmp_path_factory.mktemp("joined")
    shared = over(test_database, settings)
    with serving(folder, **shared, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **QUICK) as found:
        found.start()
        yield found


@pytest.fixture(scope="module")
def heard() -> Iterator[Heard]:
    with hearing() as found:
        yield found


class Office:
    """Somebody with a project, a webhook and an open stream."""

    def __init__(self, server: Serving, heard: Heard) -> None:
        self.server = server
        self.token = server.register(f"joined-{secrets.token_hex(4)}@example.com")
        self.project_id = self.post("projects", {"name": "Joined"})["id"]
        self.webhook_id = self.post("webhooks", {"url": heard.url, "types": ["task_created"]})["id"]
        self.stream = http.client.HTTPConnection("127.0.0.1", server.port, timeout=BOUND)
        self.stream.request("GET", "/api/v1/events/stream", headers={"Authorization": f"Bearer {self.token}"})
        self.lines = self.stream.getresponse()
        self.until(b"event: ready")

    def until(self, line: bytes) -> None:
        while not (found := self.lines.readline()).startswith(line):
            assert found, "the stream ended"

    def post(self, path: str, body: dict[str, Any], **headers: str) -> Any:
        status, made, _ = self.server.ask("POST", f"/api/v1/{path}", body, token=self.token, **headers)
        assert status in {200, 201}, made
        return made

    def task(self, caller: Caller, title: str, **headers: str) -> None:
        headers |= {"traceparent": caller.traceparent, "X-Request-ID": caller.span_id}
        self.post("tasks", {"project_id": self.project_id, "title": title}, **headers)


@pytest.fixture(scope="module")
def office(server: Serving, heard: Heard) -> Iterator[Office]:
    found = Office(server, heard)
    yield found
    found.stream.close()


def logged(server: Serving, **wanted: object) -> dict[str, Any]:
    """The log line that has these."""
    deadline = time.monotonic() + BOUND
    while time.monotonic() < deadline:
        # The last line may be half written.
        for line in server.log().split("\n")[:-1]:
            found: dict[str, Any] = json.loads(line) if line.startswith("{") else {}
            if wanted.items() <= found.items():
                return found
        time.sleep(0.05)
    raise AssertionError(f"no line with {wanted}:\n{server.log()[-3000:]}")


def remembered(database: TestDatabase, title: str) -> str | None:
    with psycopg.connect(database.superuser) as connection:
        found = connection.execute("select trace from events where body ->> 'task_title' = %s", [title]).fetchall()
    ((trace,),) = found
    return None if trace is None else str(trace)


def one(spans: list[Span], name: str) -> Span:
    (found,) = (span for span in spans if span.name == name)
    return found


def test_one_trace_goes_from_a_request_to_the_event_the_doors_and_the_receiver(
    office: Office, heard: Heard, collector: Collector, test_database: TestDatabase
) -> None:
    caller, title = Caller(), f"Draw {secrets.token_hex(4)}"
    office.task(caller, title)
    headers, event = heard.next(title)
    office.until(b"event: task_created")

    spans = collector.trace(caller.trace_id, root="webhook deliver", within=BOUND)
    passed_on = one(collector.trace(caller.trace_id, root="events pass on", within=BOUND), "events pass on")
    verb, sent = one(spans, "TaskUseCases.create"), one(spans, "webhook deliver")
    assert remembered(test_database, title) == f"00-{caller.trace_id}-{verb.id}-01"
    assert (sent.parent_id, sent.kind, passed_on.parent_id, passed_on.kind) == (verb.id, CLIENT, verb.id, CONSUMER)
    assert headers["traceparent"] == f"00-{caller.trace_id}-{sent.id}-01"
    assert sent.attributes == {
        "flowtrack.company_id": sent.attributes["flowtrack.company_id"],
        "flowtrack.webhook_id": office.webhook_id,
        "flowtrack.delivery_id": headers["webhook-id"],
        "flowtrack.event": "task_created",
        "flowtrack.events": 1,
        "flowtrack.attempt": 1,
        "flowtrack.outcome": "delivered",
        "http.response.status_code": 204,
    }
    assert b"secret-path" not in b"".join(collector.bodies)

    line = logged(office.server, request_id=caller.span_id)
    assert (line["event_seq"], line["trace_id"]) == (event["seq"], caller.trace_id)
    attempt = logged(office.server, delivery_id=headers["webhook-id"])
    assert (attempt["event_seq"], attempt["trace_id"]) == (event["seq"], caller.trace_id)
    assert (attempt["attempt"], attempt["outcome"], attempt["status"]) == (1, "delivered", 204)


def test_no_door_shows_the_trace(office: Office, heard: Heard) -> None:
    caller, title = Caller(), f"Hide {secrets.token_hex(4)}"
    office.task(caller, title)
    _, event = heard.next(title)
    assert "trace" not in event
    _, events, _ = office.server.ask("GET", "/api/v1/events?after=0", token=office.token)
    assert all("trace" not in each for each in events)
    assert caller.trace_id not in json.dumps([event, events])


def test_events_written_with_a_key_or_by_the_dozen_remember_it_too(office: Office, test_database: TestDatabase) -> None:
    caller, title = Caller(), f"Keyed {secrets.token_hex(4)}"
    office.task(caller, title, Idempotency_Key=secrets.token_hex(8))
    assert str(remembered(test_database, title)).startswith(f"00-{caller.trace_id}-")
    many = Caller()
    titles = [f"One of many {secrets.token_hex(4)}" for _ in range(7)]
    operations = [{"op": "create", "project_id": office.project_id, "title": title} for title in titles]
    office.post("tasks/bulk", {"operations": operations}, traceparent=many.traceparent, X_Request_ID=many.span_id)
    for title in titles:
        assert str(remembered(test_database, title)).startswith(f"00-{many.trace_id}-")
    first, last = map(int, logged(office.server, request_id=many.span_id)["event_seq"].split("-"))
    assert last - first == 6


def test_the_events_of_notifications_are_in_the_trace_of_what_they_tell(
    office: Office, test_database: TestDatabase
) -> None:
    password = "just for the 1st time"
    given = {"name": "Bea Bloom", "email": f"bea-{secrets.token_hex(4)}@example.com", "password": password}
    bea = office.post("users", given)["id"]
    caller = Caller()
    office.post(f"projects/{office.project_id}/members/{bea}", {}, traceparent=caller.traceparent)
    deadline = time.monotonic() + BOUND
    question = "select trace from events where event = 'notification_created' and %s = any(named)"
    with psycopg.connect(test_database.superuser, autocommit=True) as connection:
        while not (found := connection.execute(question, [bea]).fetchall()):
            assert time.monotonic() < deadline, "nobody was told"
            time.sleep(0.05)
    assert str(found[0][0]).startswith(f"00-{caller.trace_id}-")


def test_what_is_not_traced_is_remembered_by_nothing_but_its_position(
    office: Office, heard: Heard, test_database: TestDatabase
) -> None:
    caller, title = Caller(sampled=False), f"Silent {secrets.token_hex(4)}"
    office.task(caller, title)
    headers, event = heard.next(title)
    assert remembered(test_database, title) is None
    assert "traceparent" not in headers
    assert logged(office.server, request_id=caller.span_id)["event_seq"] == event["seq"]
    attempt = logged(office.server, delivery_id=headers["webhook-id"])
    assert (attempt["event_seq"], "trace_id" in attempt) == (event["seq"], False)


def test_a_read_wrote_nothing(office: Office) -> None:
    caller = Caller()
    office.server.ask("GET", "/api/v1/projects", token=office.token, X_Request_ID=caller.span_id)
    assert "event_seq" not in logged(office.server, request_id=caller.span_id)
