"""Who may do what with a company."""

from core.kernel.actor import Actor, Role
from core.kernel.errors import Forbidden


def authorise_change(actor: Actor) -> None:
    """Owners and admins change the company's fields and settings."""
    if not actor.administers:
        raise Forbidden


def authorise_delete(actor: Actor) -> None:
    """Only owners delete the company."""
    if actor.role is not Role.OWNER:
        raise Forbidden
