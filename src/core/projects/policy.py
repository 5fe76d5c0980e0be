"""Who may do what with projects: pure functions over what was loaded, and the values that lists are filtered by."""

from dataclasses import dataclass
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.errors import Forbidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """Which projects a caller sees: those that `member_id` belongs to, or all of the company if it is None."""

    member_id: UUID | None = None


def visible_projects(actor: Actor) -> Visible:
    """Owners and admins see all projects of the company, members those that they belong to."""
    return Visible() if actor.administers else Visible(member_id=actor.user_id)


def sees_project(actor: Actor, *, is_member: bool) -> bool:
    """The same rule as `visible_projects`, asked of one project."""
    return actor.administers or is_member


def authorise_open(actor: Actor) -> None:
    """Owners and admins open projects."""
    if not actor.administers:
        raise Forbidden


def authorise_change(actor: Actor, *, fields: frozenset[str]) -> None:
    """Members change the fields of their projects, but for the key and the archive."""
    if not actor.administers and fields & {"key", "is_active"}:
        raise Forbidden


def authorise_delete(actor: Actor) -> None:
    """Owners and admins delete projects."""
    if not actor.administers:
        raise Forbidden
