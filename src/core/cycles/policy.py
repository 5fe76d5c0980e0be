"""Who may do what with cycles: pure functions over what was loaded, and the values that lists are filtered by.

Whoever sees a cycle may change, start and complete it; the same people create cycles in the project.
"""

from dataclasses import dataclass
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.errors import Forbidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """Which cycles a caller sees: those of the projects that `member_id` belongs to, or all of the company if it is
    None.
    """

    member_id: UUID | None = None


def visible_cycles(actor: Actor) -> Visible:
    """Owners and admins see all cycles of the company, members those of their projects."""
    return Visible() if actor.administers else Visible(member_id=actor.user_id)


def sees_cycle(actor: Actor, *, is_member: bool) -> bool:
    """The same rule as `visible_cycles`, asked of one cycle by its project's membership."""
    return actor.administers or is_member


def authorise_delete(actor: Actor) -> None:
    """Owners and admins delete cycles."""
    if not actor.administers:
        raise Forbidden
