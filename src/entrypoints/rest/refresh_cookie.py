"""The cookie that keeps a browser signed in, and from which pages it counts.

A browser sends it along whoever made the page, so what relies on it is done for our own pages alone, and for those
that a setting names: the browser itself says, by `Origin` or `Sec-Fetch-Site`, where a request comes from. No script
can read it, and SameSite=Lax keeps it out of other sites' forms and frames.
"""

from fastapi import Request
from starlette.responses import Response

from core.auth.errors import OriginRefused
from entrypoints.rest.caller import container_of

_AGE = 7 * 24 * 3600


def kept_token(request: Request) -> str | None:
    """The refresh token that the cookie holds. Raises OriginRefused unless an allowed page sent it."""
    token = sent_token(request)
    if token is not None and not comes_from_allowed_page(request):
        raise OriginRefused
    return token


def sent_token(request: Request) -> str | None:
    """The refresh token that the cookie holds, whoever made the page: nothing may be done by it."""
    return request.cookies.get(_name(request))


def earlier_token(request: Request) -> str | None:
    """The refresh token of whoever is signed in with the browser, for a sign-in that does without; else nothing."""
    return sent_token(request) if comes_from_allowed_page(request) else None


def comes_from_allowed_page(request: Request) -> bool:
    """Whether the browser says that a page of ours, or an allowed one, or nobody's page, sent the request."""
    settings = container_of(request).settings()
    origins = request.headers.getlist("origin")
    if origins:
        return len(origins) == 1 and origins[0] in (settings.own_origin, *settings.cors_origins)
    return request.headers.get("sec-fetch-site") in ("same-origin", "none")


def keep(request: Request, response: Response, token: str) -> None:
    """Has the browser keep a refresh token, for as long as it works unless it is used."""
    secure = _is_https(request)
    response.set_cookie(_name(request), token, max_age=_AGE, path="/", secure=secure, httponly=True, samesite="lax")


def clear(request: Request, response: Response) -> None:
    """Has the browser forget it."""
    secure = _is_https(request)
    response.delete_cookie(_name(request), path="/", secure=secure, httponly=True, samesite="lax")


def _is_https(request: Request) -> bool:
    return container_of(request).settings().is_https


def _name(request: Request) -> str:
    """With the prefix, browsers take the cookie from this host alone and by HTTPS, and refuse it on plain HTTP."""
    return "__Host-flowtrack_refresh" if _is_https(request) else "flowtrack_refresh"
