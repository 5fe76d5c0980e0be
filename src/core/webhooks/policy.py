"""Who may do what with webhooks: owners and admins everything, and nobody else sees them."""

from core.kernel.actor import Actor
from core.kernel.errors import Forbidden


def authorise_administration(actor: Actor) -> None:
    """Owners and admins see and change them: a webhook hears what they hear."""
    if not actor.administers:
        raise Forbidden
