"""Who may do what with API tokens, and what a token is good for: pure functions."""

from collections.abc import Collection
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.errors import Forbidden
from core.tokens.errors import HolderInactive, HolderIsPerson
from core.users import policy as users
from core.users.model import User, UserKind

_READ, _WRITE = ":read", ":write"


def grants(scopes: Collection[str], needed: str) -> bool:
    """Whether a token with those scopes may do what needs that one. Who may change a thing may see it."""
    return needed in scopes or (needed.endswith(_READ) and needed.removesuffix(_READ) + _WRITE in scopes)


def authorise_look(actor: Actor, user_id: UUID) -> None:
    """Everybody lists and revokes their own tokens, owners and admins those of all."""
    if not actor.administers and actor.user_id != user_id:
        raise Forbidden


def authorise_issue(actor: Actor, holder: User) -> None:
    """Owners and admins make tokens for service users, owners alone for one who is an owner; nobody for a person.

    Raises Forbidden, HolderIsPerson, HolderInactive.
    """
    users.authorise_role(actor, holder.role)
    ensure_may_hold(holder)


def ensure_may_hold(holder: User) -> None:
    """Raises HolderIsPerson, HolderInactive, unless somebody else may give the user a token."""
    if holder.kind is not UserKind.SERVICE:
        raise HolderIsPerson
    if not holder.is_active:
        raise HolderInactive
