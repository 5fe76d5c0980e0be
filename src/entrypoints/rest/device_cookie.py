"""The cookie by which a browser is known again after somebody signed in with it. It opens nothing."""

from fastapi import Request
from starlette.responses import Response

from entrypoints.rest.caller import container_of

_AGE = 400 * 24 * 3600


def kept_token(request: Request) -> str | None:
    """What the browser is known by, unverified."""
    return request.cookies.get(_name(request))


def keep(request: Request, response: Response, token: str) -> None:
    """Has the browser keep it for as long as browsers keep anything."""
    secure = _is_https(request)
    response.set_cookie(_name(request), token, max_age=_AGE, path="/", secure=secure, httponly=True, samesite="lax")


def _is_https(request: Request) -> bool:
    return container_of(request).settings().is_https


def _name(request: Request) -> str:
    return "__Host-flowtrack_device" if _is_https(request) else "flowtrack_device"
