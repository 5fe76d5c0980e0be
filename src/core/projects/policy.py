"""Who may do what with projects: pure functions over what was loaded, and the values that lists are filtered by."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core.kernel.actor import Actor, Role
from core.kernel.errors import Forbidden
from core.projects.model import RESTORABLE, Project


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


def sees_every_project(role: Role) -> bool:
    """Owners and admins see a project whether they belong to it or not."""
    return role is not Role.MEMBER


def finds_to_restore(actor: Actor, project: Project, *, is_member: bool, at: datetime) -> bool:
    """Deleted projects exist for owners and admins alone, and for 30 days; others for whoever sees them."""
    if project.deleted_at is None:
        return sees_project(actor, is_member=is_member)
    return actor.administers and at - project.deleted_at < RESTORABLE


def sees_addresses(actor: Actor) -> bool:
    """Owners and admins see the e-mail addresses of a project's members; members see names."""
    return actor.administers


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


def authorise_restore(actor: Actor) -> None:
    """Whoever may delete a project may restore it, and see what can be restored."""
    authorise_delete(actor)


def authorise_members(actor: Actor) -> None:
    """Owners and admins say who belongs to a project."""
    if not actor.administers:
        raise Forbidden
