"""Who may do what with labels. They are the whole company's: every user sees them all, and makes new ones."""

from core.kernel.actor import Actor
from core.kernel.errors import Forbidden
from core.labels.model import Label


def authorise_change(actor: Actor, label: Label) -> None:
    """Owners and admins change labels, and whoever made one changes that."""
    if not actor.administers and label.created_by != actor.user_id:
        raise Forbidden


def authorise_delete(actor: Actor) -> None:
    """Owners and admins delete labels."""
    if not actor.administers:
        raise Forbidden
