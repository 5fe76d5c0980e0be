"""Answers as bytes: read models become JSON without a second model in between.

Each read model is mirrored by a msgspec structure made from its own fields, so there is one list of them. What the
structure writes is compared with the documented model in the tests.
"""

from collections.abc import Hashable, Sequence
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from core.kernel.etags import Tagged, tag
from core.kernel.paging import Answer

_encode = msgspec.json.Encoder().encode
_encode_lines = msgspec.json.Encoder().encode_lines
PRIVATE = "private, no-cache"


class JsonResponse(Response):
    """JSON that is already encoded. Skips what Starlette would guess about it."""

    media_type = "application/json"

    def __init__(self, body: bytes, *, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> None:
        self.status_code = status
        self.body = body
        self.background = None
        self.raw_headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"vary", b"Authorization, Accept-Encoding"),
            *(headers or ()),
        ]


def read_headers(seq: int, *, kept: bool = True) -> list[tuple[bytes, bytes]]:
    """What every read carries. What is read below /auth may not be `kept` by anybody."""
    return [(b"cache-control", b"private, no-cache" if kept else b"no-store"), (b"x-event-seq", str(seq).encode())]


@cache
def mirror(view: Hashable) -> Any:
    """The structure that writes a NamedTuple read model as an object."""
    kind: Any = view
    return msgspec.defstruct(kind.__name__, [(name, Any) for name in kind._fields], frozen=True)


@cache
def _instants(view: Hashable) -> tuple[int, ...]:
    kind: Any = view
    annotations = kind.__annotations__
    return tuple(place for place, name in enumerate(kind._fields) if annotations[name] in (datetime, datetime | None))


def as_written(view: Any) -> Any:
    """A read model as the structure that is written. Instants always have six digits after the second."""
    kind: Any = type(view)
    for place in _instants(kind):
        instant = view[place]
        if instant is not None and not instant.microsecond:
            view = [*view]
            for each in _instants(kind):
                if view[each] is not None:
                    view[each] = written_instant(view[each])
            break
    return mirror(kind)(*view)


def written_instant(instant: datetime) -> str:
    """RFC 3339, UTC, `Z`, six digits."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


def encoded_list(views: list[Any]) -> bytes:
    """Many read models of one kind as a JSON array."""
    if not views:
        return b"[]"
    kind: Any = type(views[0])
    write, places = mirror(kind), _instants(kind)
    # Of a single place itemgetter would pick no tuple.
    pick = itemgetter(*places) if len(places) > 1 else lambda view: [view[place] for place in places]
    for view in views:
        for instant in pick(view):
            if instant is not None and not instant.microsecond:
                return _encode([as_written(each) for each in views])
    return _encode([write(*view) for view in views])


def encoded_lines(views: Sequence[Any]) -> bytes:
    """Many read models of one kind as JSON lines."""
    return _encode_lines([as_written(view) for view in views])


def nested_list(views: list[Any]) -> msgspec.Raw:
    """The same as a part of something larger."""
    return msgspec.Raw(encoded_list(views))


def encoded(value: Any) -> bytes:
    """Anything that is made of structures, dicts and plain values."""
    return _encode(value)


def etag_of(view: Tagged) -> str:
    """The tag of a read model's present state, quoted."""
    return f'"{tag(view.version, view.embedded)}"'


def one(answer: Answer[Any], *, status: int = 200, location: str | None = None, body: bytes | None = None) -> Response:
    """A single resource with its tag."""
    view = answer.value
    headers = read_headers(answer.seq)
    headers.append((b"etag", etag_of(view).encode()))
    if location is not None:
        headers.append((b"location", location.encode()))
    return JsonResponse(body or _encode(as_written(view)), status=status, headers=headers)


def no_content(seq: int) -> Response:
    """Done, and nothing to show but the position of what was done."""
    return Response(status_code=204, headers={"X-Event-Seq": str(seq), "Cache-Control": PRIVATE})


def not_modified(etag: str, seq: int, *, kept: bool = True) -> Response:
    """The caller's copy is current."""
    headers = {
        "ETag": etag,
        "X-Event-Seq": str(seq),
        "Cache-Control": PRIVATE if kept else "no-store",
        "Vary": "Authorization, Accept-Encoding",
    }
    return Response(status_code=304, headers=headers)


def is_current(request: Request, etag: str) -> bool:
    """Whether If-None-Match names the present state; weak comparison, as RFC 9110 has it."""
    given = request.headers.get("if-none-match")
    if given is None:
        return False
    tags = {part.strip().removeprefix("W/") for part in given.split(",")}
    return etag in tags or "*" in tags
