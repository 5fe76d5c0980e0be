"""The page that Prometheus reads. Whoever may not read it is told that there is none."""

import hmac
from ipaddress import ip_address

from fastapi import APIRouter, Request
from starlette.responses import Response

from entrypoints.container import MEDIA_TYPE
from entrypoints.rest.caller import PageRoute, container_of
from entrypoints.rest.errors import RequestRefused

# A proxy on this machine is a loopback peer that speaks for everybody; these tell it.
_OF_PROXIES = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"})


class MetricsRoute(PageRoute):
    """A route for those who hold the token; without one, for those on this machine itself."""

    async def _answer(self, request: Request) -> Response:
        if not _may_read(request):
            raise RequestRefused(404)
        return await super()._answer(request)


router = APIRouter(route_class=MetricsRoute, include_in_schema=False)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """All metrics of all server processes."""
    container = container_of(request)
    page = await container.metrics().page(container.database().occupancy)
    return Response(page, headers={"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"})


def _may_read(request: Request) -> bool:
    token, headers = container_of(request).settings().metrics_token, request.scope["headers"]
    if token is None:
        return _is_here(request) and not any(name in _OF_PROXIES for name, _ in headers)
    wanted = b"bearer " + token.get_secret_value().encode()
    for name, value in headers:
        if name == b"authorization":
            scheme, _, given = value.partition(b" ")
            return hmac.compare_digest(scheme.lower() + b" " + given.strip(), wanted)
    return False


def _is_here(request: Request) -> bool:
    try:
        address = ip_address(request.client.host) if request.client is not None else None
    except ValueError:
        return False
    if address is None:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
