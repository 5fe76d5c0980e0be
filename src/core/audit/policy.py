from core.kernel.actor import Actor
from core.kernel.errors import Forbidden


def authorise_audit(actor: Actor) -> None:
    """Owners and admins read the audit. Raises Forbidden."""
    if not actor.administers:
        raise Forbidden
