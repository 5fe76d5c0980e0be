"""The cookie by which a browser remembers the sign-in at a provider that it has begun. It is sealed, and lives as long
as signing in may take.

SameSite=Lax: the provider sends the browser back from another site, by a link; no other site's form or frame gets it.
"""

from fastapi import Request
from starlette.responses import Response

from core.oidc.model import STATE_LIFE
from entrypoints.rest.caller import container_of

_LONGEST = 4000


def kept_state(request: Request) -> str | None:
    """What the browser remembers, still sealed."""
    found = request.cookies.get(_name(request))
    return found if found is not None and len(found) <= _LONGEST else None


def keep(request: Request, response: Response, sealed_state: str) -> None:
    """Has the browser remember it."""
    age = int(STATE_LIFE.total_seconds())
    secure = _is_https(request)
    response.set_cookie(
        _name(request), sealed_state, max_age=age, path="/", secure=secure, httponly=True, samesite="lax"
    )


def clear(request: Request, response: Response) -> None:
    """Has the browser forget it."""
    response.delete_cookie(_name(request), path="/", secure=_is_https(request), httponly=True, samesite="lax")


def _is_https(request: Request) -> bool:
    return container_of(request).settings().is_https


def _name(request: Request) -> str:
    return "__Host-flowtrack_oidc" if _is_https(request) else "flowtrack_oidc"
