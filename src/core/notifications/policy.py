"""A notification is its recipient's alone. What it tells of is shown to them as long as they may see it."""

from dataclasses import dataclass
from uuid import UUID

from core.kernel.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """Whose notifications; with a `member_id` those alone which tell of projects that the member belongs to."""

    user_id: UUID
    member_id: UUID | None = None


def visible_notifications(actor: Actor) -> Visible:
    """One's own. What they tell of is to be seen still: a member who left a project sees none of it here either."""
    return Visible(user_id=actor.user_id, member_id=None if actor.administers else actor.user_id)
