"""Who calls, by the bearer token that a request brings: an access token of a login session, or an API token."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Request

from core.auth.errors import TokenInvalid
from core.kernel.actor import Actor, NotByToken
from entrypoints.container import Container
from entrypoints.rest.limits import RequestLimits

_API_TOKEN = "ftk_"  # noqa: S105  (how one begins)


async def caller_by_any_key(request: Request) -> Actor:
    """The caller that the bearer token names, be it an access token or an API token. Raises TokenInvalid, and TooMany
    for an unknown token from an address that has used up what it may guess.
    """
    text = _bearer(request)
    if not text.startswith(_API_TOKEN):
        return await signed_in_caller(request)
    presented = _container(request).presented_token_use_cases()
    known = presented.remembered(text)
    if known is not None:
        return known
    limits: RequestLimits | None = request.app.state.limits
    if limits is not None:
        await limits.stranger(request.scope)
    return await presented.recognise(text)


@contextmanager
def forgetting_what_ended(request: Request) -> Iterator[None]:
    """An API token that the database lets in no more is unknown from then on, and so counts for its address."""
    try:
        yield
    except TokenInvalid:
        _container(request).presented_token_use_cases().forget(_bearer(request))
        raise


async def signed_in_caller(request: Request) -> Actor:
    """The caller that the access token names, also where another process signed it with a key that is new to this one.
    Raises TokenInvalid, and NotByToken for an API token.
    """
    if _bearer(request).startswith(_API_TOKEN):
        raise NotByToken
    try:
        return authenticated(request)
    except TokenInvalid:
        if not await _container(request).key_ring().learns_of(_bearer(request)):
            raise
        return authenticated(request)


def authenticated(request: Request) -> Actor:
    """The caller that the access token names. Raises TokenInvalid."""
    return _container(request).auth_use_cases().actor_of(_bearer(request))


def _bearer(request: Request) -> str:
    for name, value in request.scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            if scheme.lower() != "bearer":
                raise TokenInvalid
            return str(token.strip())
    raise TokenInvalid


def _container(request: Request) -> Container:
    found: Container = request.app.state.container
    return found
