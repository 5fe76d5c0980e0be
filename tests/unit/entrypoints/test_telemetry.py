"""Log lines: what they hold, and what is taken out of them."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import httpx2
import pytest

from entrypoints.telemetry import JsonFormatter, Request, configure_logging, positions, present, redacted, written

JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIwMTkyIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
ID = "01920000-0000-7000-8000-000000000002"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("connection to postgresql://app:hush@db/x failed", "hush"),
        ("https://key:hush@collector:4318/v1/traces", "hush"),
        ("postgresql://app:hu@sh@db/x", "hu@sh"),
        ("Key (email)=(ann.o'hara+1@example.com) already exists", "ann"),
        ("ann@example.com", "ann"),
        (
            "psycopg.errors.X: no\nDETAIL: Failing row contains (hush).\nCONTEXT: unnamed portal with $1 = 'hush'",
            "hush",
        ),
        ("Authorization: Bearer hush", "hush"),
        ('{"password": "hush"}', "hush"),
        ("password=hush", "hush"),
        ("refresh_token=hush;", "hush"),
        (f"cannot read {JWT}", "eyJ"),
        (f"cannot read '{JWT}'", "c2ln"),
        ("$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ0c29tZXNhbHQ$RdescudvJCsgt3ub4b1dWRWJTmaaJObG", "c29tZXNhbHQ"),
    ],
)
def test_what_nobody_may_read_is_taken_out(text: str, secret: str) -> None:
    assert secret not in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        'File "/opt/flowtrack/lib/python3.11/site-packages/adapters/sql/repositories_0002/unit_of_work.py", line 42, in commit',
        f"task {ID} of company {ID}",
        "sqlalchemy.dialects.postgresql2.psycopg_and_more_of_it",
        "the database is at revision 0003, newer than this release's 0002",
        "psycopg.errors.UndefinedColumn: column t.colour does not exist",
        "http://localhost:4318/v1/traces answered 503",
    ],
)
def test_what_mends_a_defect_stays(text: str) -> None:
    assert redacted(text) == text


def logged(**extra: object) -> dict[str, object]:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    record = logging.LogRecord(
        "flowtrack.x", logging.ERROR, __file__, 1, "said %s", ("ann@example.com",), sys.exc_info()
    )
    vars(record).update(extra)
    handler.handle(record)
    return dict(json.loads(written.getvalue()))


def test_a_line_from_inside_a_request_names_it_and_its_trace() -> None:
    token = present.set(Request("of-the-request", "of-the-trace", []))
    try:
        line = logged(more=1)
    finally:
        present.reset(token)
    assert (line["request_id"], line["trace_id"], line["more"]) == ("of-the-request", "of-the-trace", 1)
    assert line["message"] == "said (address left out)"
    assert "request_id" not in logged()


def test_a_traceback_is_redacted() -> None:
    try:
        raise ValueError(f"cannot sign {JWT} of ann@example.com")
    except ValueError:
        line = logged()
    assert "ValueError: cannot sign (token left out) of (address left out)" in str(line["error"])
    assert "test_a_traceback_is_redacted" in str(line["error"])


@pytest.fixture
def all_of_it() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("all_of_it")
def test_where_requests_go_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    """The address of a webhook often is its secret."""
    configure_logging()
    answers = httpx2.MockTransport(lambda _: httpx2.Response(204))
    with httpx2.Client(transport=answers) as client:
        client.post("https://hooks.example.com/services/T0/B0/hush")
    logging.getLogger("flowtrack").info("and all else is")
    said = capsys.readouterr().out
    assert "and all else is" in said
    assert "hush" not in said


@pytest.mark.parametrize(
    ("ranges", "shown"),
    [([], ""), ([(12, 12)], "12"), ([(12, 14)], "12-14"), ([(12, 12), (15, 15), (16, 17)], "12,15-17")],
)
def test_positions_are_shown_as_few_ranges(ranges: list[tuple[int, int]], shown: str) -> None:
    assert positions(ranges) == shown


def test_what_is_written_is_of_the_present_request() -> None:
    written(1, 1)
    request = Request("of-the-request", "of-the-trace", [])
    token = present.set(request)
    try:
        written(2, 4)
    finally:
        present.reset(token)
    assert request.written == [(2, 4)]
