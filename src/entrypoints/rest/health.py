"""Whether the process lives, and whether it can work. Outsiders hear up or down, never why."""

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from entrypoints.rest import answers
from entrypoints.rest.caller import PublicRoute, container_of

router = APIRouter(route_class=PublicRoute, include_in_schema=False)

_NOT_CONFIGURED = "not configured"
_NO_STORE = [(b"cache-control", b"no-store")]


def _answer(is_up: bool, **parts: str) -> Response:
    body = answers.encoded({"status": "up" if is_up else "down", **parts})
    headers = list(_NO_STORE) if is_up else [*_NO_STORE, (b"retry-after", b"2")]
    return answers.JsonResponse(body, status=200 if is_up else 503, headers=headers)


@router.get("/health/live")
async def live() -> Response:
    """The process answers."""
    return _answer(True)


@router.get("/health")
@router.get("/health/ready")
async def ready(request: Request) -> Response:
    """What the process needs answers too; what it can do without is told beside it."""
    is_up, redis = await asyncio.gather(container_of(request).database().is_alive(), _redis(request))
    return _answer(is_up, database="up" if is_up else "down", redis=redis, storage="not configured")


@router.get("/health/db")
async def database(request: Request) -> Response:
    return _answer(await container_of(request).database().is_alive())


@router.get("/health/redis")
async def redis(request: Request) -> Response:
    state = await _redis(request)
    return await not_configured() if state == _NOT_CONFIGURED else _answer(state == "up")


async def _redis(request: Request) -> str:
    store = container_of(request).redis()
    if store is None:
        return _NOT_CONFIGURED
    return "up" if await store.is_alive() else "down"


@router.get("/health/storage")
async def not_configured() -> Response:
    return answers.JsonResponse(answers.encoded({"status": _NOT_CONFIGURED}), headers=_NO_STORE)
