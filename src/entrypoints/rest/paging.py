"""Lists: limits, signed cursors, and the links between pages."""

import base64
import binascii
import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from fastapi import Query, Request
from starlette.responses import Response

from core.kernel.actor import Actor
from core.kernel.paging import MOST, MOST_SKIPPED, USUAL, Answer, CursorInvalid, Page, PageRequest, Sort
from entrypoints.rest.answers import JsonResponse, encoded_list, read_headers
from entrypoints.rest.caller import caller, container_of

Limit = Annotated[int, Query(ge=1, le=MOST, description="How many items a page has at most.")]
Cursor = Annotated[str | None, Query(max_length=2000, description="The place to go on from, out of a `Link`.")]
Skip = Annotated[int, Query(ge=0, le=MOST_SKIPPED, description="How many items to leave out. Prefer `cursor`.")]
IncludeTotal = Annotated[bool, Query(description="Whether to count all items, in `X-Total-Count`.")]
USUAL_LIMIT = USUAL

_NOT_A_FILTER = frozenset({"cursor", "limit", "include_total", "skip"})


def page_request(request: Request, *, limit: int, cursor: str | None, skip: int, include_total: bool) -> PageRequest:
    """The page that is asked for. Raises CursorInvalid for a cursor that was altered, made for another question or
    another caller, or comes with `skip`.
    """
    position = None
    if cursor is not None:
        if "skip" in request.query_params:
            raise CursorInvalid("cursor and skip exclude each other")
        position = _opened(cursor, _keys(request), _question(request))
    return PageRequest(limit=limit, position=position, skip=skip, include_total=include_total)


def sort_of(given: str) -> Sort:
    """`-created_at` is by created_at, descending."""
    return Sort(field=given.removeprefix("-"), descending=given.startswith("-"))


def listed(
    request: Request,
    answer: Answer[Page[Any]],
    *,
    write: Callable[[list[Any]], bytes] = encoded_list,
    kept: bool = True,
) -> Response:
    """A page as a JSON array, with the link to the next one."""
    page, seq = answer
    headers = read_headers(seq, kept=kept)
    if page.next_position is not None:
        cursor = _sealed(page.next_position, _keys(request)[0], _question(request))
        pairs = [pair for pair in request.query_params.multi_items() if pair[0] not in ("cursor", "skip")]
        address = f"{request.scope['path']}?{urlencode([*pairs, ('cursor', cursor)])}"
        headers.append((b"link", f'<{address}>; rel="next"'.encode()))
    if page.total is not None:
        headers.append((b"x-total-count", str(page.total).encode()))
    return JsonResponse(write(page.items), headers=headers)


def _keys(request: Request) -> tuple[bytes, ...]:
    return container_of(request).cursor_keys()


def _question(request: Request) -> bytes:
    actor: Actor = caller(request)
    filters = sorted(pair for pair in request.query_params.multi_items() if pair[0] not in _NOT_A_FILTER)
    asked = b"\x1f".join(f"{name}={value}".encode("utf-8", "replace") for name, value in filters)
    path = request.scope["path"].encode("utf-8", "replace")
    return b"\x1e".join((path, actor.company_id.bytes, actor.user_id.bytes, asked))


def _sealed(position: tuple[str | int | None, str], key: bytes, question: bytes) -> str:
    body = msgspec.json.encode(position)
    signature = hmac.digest(key, question + body, sha256)[:16]
    return base64.urlsafe_b64encode(signature + body).decode().rstrip("=")


def _opened(cursor: str, keys: tuple[bytes, ...], question: bytes) -> tuple[str | int | None, str]:
    try:
        raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise CursorInvalid from error
    signature, body = raw[:16], raw[16:]
    if not any(hmac.compare_digest(signature, hmac.digest(key, question + body, sha256)[:16]) for key in keys):
        raise CursorInvalid
    return msgspec.json.decode(body, type=tuple[str | int | None, str])
