"""Who knocks at a door that stays open, by the token that they hold."""

from core.auth.errors import TokenInvalid
from core.kernel.actor import Actor
from core.tokens.errors import ScopeMissing
from core.tokens.model import Scope
from core.tokens.policy import grants
from entrypoints.container import Container

_API_TOKEN = "ftk_"  # noqa: S105  (how one begins)


async def actor_of(container: Container, token: str) -> Actor:
    """The holder of an access token, or of an API token that may read events. Raises TokenInvalid, ScopeMissing.

    That the login session is still open, the database says when the door is opened.
    """
    if not token.startswith(_API_TOKEN):
        try:
            return container.auth_use_cases().actor_of(token)
        except TokenInvalid:
            if not await container.key_ring().learns_of(token):
                raise
            return container.auth_use_cases().actor_of(token)
    presented = container.presented_token_use_cases()
    actor = presented.remembered(token) or await presented.recognise(token)
    assert actor.scopes is not None
    if not grants(actor.scopes, Scope.EVENTS_READ):
        raise ScopeMissing(Scope.EVENTS_READ)
    presented.used(actor)
    return actor
