"""Who may see which reports. Those of a project or a cycle are for whoever sees that."""

from core.kernel.actor import Actor
from core.kernel.errors import Forbidden


def authorise_company_reports(actor: Actor) -> None:
    """Owners and admins see how the people of the company do. Raises Forbidden."""
    if not actor.administers:
        raise Forbidden
