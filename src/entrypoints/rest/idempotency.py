"""The Idempotency-Key: a POST that is sent twice happens once."""

import hmac
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import TypeVar
from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from core.kernel.errors import ChangedMeanwhile, Conflict, Invalid, NotFound, Refusal, Stale
from core.kernel.once import AlreadyAnswered, InFlight, KeyReused, Made, Once, Refused
from core.kernel.paging import Answer
from entrypoints.rest.caller import caller, container_of
from entrypoints.rest.errors import MEDIA_TYPE, ResultGone, problem

HEADER = "Idempotency-Key"
View = TypeVar("View")


async def was_sent_before(request: Request) -> bool:
    """Whether the request's key was used before; for bodies that are too large to be kept only to learn that. Raises
    InFlight.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return False
    once = Once(key=key, method=request.method, path=request.scope["path"], digest=b"")
    return await container_of(request).once_ledger().knows(caller(request), once)


async def answered_once(
    request: Request,
    *,
    do: Callable[[Once | None], Awaitable[Answer[View]]],
    respond: Callable[[Answer[View]], Response],
    again: Callable[[UUID], Awaitable[Answer[View]]] | None = None,
    respond_again: Callable[[Answer[View], Made], Response] | None = None,
    again_of_many: Callable[[Made], Awaitable[Response]] | None = None,
    content: bytes | None = None,
) -> Response:
    """Carries a request out, or answers it again if its key was used before.

    `again` reads what the first request made, as the caller may see it now, by its id; `respond_again` answers it where
    the status depends on what was made. Where many things were made, `again_of_many` does both. `content` stands for a
    body that was read already. Rule refusals (409 and 422) are kept as well; others are not: trying again may help.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return respond(await do(None))
    body = content if content is not None else await request.body()
    payload = body + b"\x00" + request.scope["query_string"]
    keys = container_of(request).idempotency_keys()
    digest, *earlier = (hmac.digest(each, payload, sha256) for each in keys)
    once = Once(key=key, method=request.method, path=request.scope["path"], digest=digest, earlier=tuple(earlier))
    try:
        return respond(await _done(request, once, do))
    except AlreadyAnswered as before:
        if isinstance(before.outcome, Made) and again_of_many is not None:
            response = await again_of_many(before.outcome)
        elif isinstance(before.outcome, Made):
            assert again is not None, "what was made is read by one of the two"
            try:
                answer = await again(before.outcome.id)
            except NotFound as gone:
                raise ResultGone from gone
            response = respond_again(answer, before.outcome) if respond_again is not None else respond(answer)
        else:
            response = _refused_again(before.outcome)
        response.headers["Idempotency-Replayed"] = "true"
        response.headers["X-Event-Seq"] = str(before.seq)
        return response


async def _done(request: Request, once: Once, do: Callable[[Once | None], Awaitable[Answer[View]]]) -> Answer[View]:
    try:
        return await do(once)
    except (InFlight, KeyReused, ChangedMeanwhile):
        # These pass: the same request may succeed later.
        raise
    except (Conflict, Invalid, NotFound, Stale) as refusal:
        is_kept = isinstance(refusal, Conflict | Invalid)
        refused = _written(request, refusal) if is_kept else None
        await container_of(request).once_ledger().refused(caller(request), once, refused)
        raise


def _written(request: Request, refusal: Refusal) -> Refused:
    written = problem(request, refusal)
    return Refused(status=written.status_code, problem=bytes(written.body))


def _refused_again(outcome: Refused) -> Response:
    return Response(outcome.problem, outcome.status, {"Cache-Control": "no-store"}, MEDIA_TYPE)
