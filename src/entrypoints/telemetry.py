"""Logs for every process: one JSON object a line on standard output, without secrets."""

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

import msgspec

_encode = msgspec.json.Encoder(enc_hook=str).encode
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON, with whatever `extra` it was given."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({name: value for name, value in vars(record).items() if name not in _OWN})
        if record.exc_info:
            line["error"] = "".join(traceback.format_exception(*record.exc_info))
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


class AccessLog:
    """The line of each request, cheap enough for every one of them."""

    def __init__(self) -> None:
        self._write = sys.stdout.buffer.write
        self._flush = sys.stdout.buffer.flush

    def line(self, fields: dict[str, Any]) -> None:
        """Writes one line; `fields` hold nothing secret and nothing that a person typed."""
        self._write(_encode(fields) + b"\n")
        self._flush()
