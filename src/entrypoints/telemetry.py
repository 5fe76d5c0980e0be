"""Logs for every process: one JSON object a line on standard output, without secrets."""

import logging
import re
import sys
import traceback
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

_encode = msgspec.json.Encoder(enc_hook=str).encode
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}

# What a traceback of ours may quote and nobody writes on purpose: what PostgreSQL was given, a URL's password,
# addresses, and long unbroken tokens. Ids are no secret.
_QUOTED = (
    (re.compile(r"^(DETAIL|CONTEXT|HINT): .*$", re.MULTILINE), r"\1: (left out)"),
    (re.compile(r"//[^/\s]*:\S*@"), "//(left out)@"),
    (re.compile(r"(?i)\b(bearer|\w*(?:password|secret|token)\w*[\"']?\s*[=:])\s*\S+"), r"\1 (left out)"),
    (re.compile(r"\$argon2\S+"), "(hash left out)"),
    (re.compile(r"[^\s@\"<>()=,;:]+@[^\s@'\"<>()=,;:]+\.[^\s@'\"<>()=,;:]+"), "(address left out)"),
    (re.compile(r"\beyJ[\w-]+(?:\.[\w-]+)+"), "(token left out)"),
    (
        re.compile(
            r"(?<![\w/.-])(?![0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b)(?=[\w-]*\d)[\w-]{24,}(?:\.[\w-]{8,})*"
        ),
        "(token left out)",
    ),
)


class Request(NamedTuple):
    """The request in which something is logged."""

    request_id: str
    trace_id: str
    written: list[tuple[int, int]]
    """The positions of the events that it wrote: the first and the last of each transaction."""


present: ContextVar[Request | None] = ContextVar("present", default=None)


def written(first: int, last: int) -> None:
    """Events were committed, at positions from the first to the last: by the present request, if there is one."""
    request = present.get()
    if request is not None:
        request.written.append((first, last))


def positions(ranges: Iterable[tuple[int, int]]) -> str:
    """Ranges of positions, in order, as a line shows them: `12`, `12-14`, `12,15-16`."""
    joined: list[tuple[int, int]] = []
    for first, last in ranges:
        goes_on = bool(joined) and joined[-1][1] + 1 == first
        joined.append((joined.pop()[0] if goes_on else first, last))
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in joined)


def redacted(text: str) -> str:
    """The text without what it may quote of a request or of the settings."""
    for pattern, instead in _QUOTED:
        text = pattern.sub(instead, text)
    return text


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON, with whatever `extra` it was given."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
        }
        request = present.get()
        if request is not None:
            line.update(request_id=request.request_id, trace_id=request.trace_id)
        line.update({name: value for name, value in vars(record).items() if name not in _OWN})
        if record.exc_info:
            line["error"] = redacted("".join(traceback.format_exception(*record.exc_info)))
        return _encode(line).decode()


def configure_logging() -> None:
    """Sends every log of the process to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # The pool logs each attempt to reach a database that is away; the first of them says enough.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    # A line for each request that leaves, with its address; that of a webhook often is all that keeps strangers out.
    logging.getLogger("httpx2").setLevel(logging.WARNING)


class AccessLog:
    """The line of each request, cheap enough for every one of them."""

    def __init__(self) -> None:
        self._write = sys.stdout.buffer.write
        self._flush = sys.stdout.buffer.flush

    def line(self, fields: dict[str, Any]) -> None:
        """Writes one line; `fields` hold nothing secret and nothing that a person typed."""
        self._write(_encode(fields) + b"\n")
        self._flush()
