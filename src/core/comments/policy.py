"""Who may do what with comments. Whoever sees a task reads the comments on it, and adds to them."""

from core.comments.model import Comment
from core.kernel.actor import Actor
from core.kernel.errors import Forbidden


def sees_comment(actor: Actor, *, is_member: bool) -> bool:
    """The same rule as `visible_tasks`, asked of one comment by its project's membership."""
    return actor.administers or is_member


def authorise_change(actor: Actor, comment: Comment) -> None:
    """Nobody changes what somebody else said."""
    if comment.author_id != actor.user_id:
        raise Forbidden


def authorise_delete(actor: Actor, comment: Comment) -> None:
    """Who said something takes it back; owners and admins delete any comment."""
    if not actor.administers and comment.author_id != actor.user_id:
        raise Forbidden
