"""Who may be given a task."""

from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.errors import ReferenceNotFound
from core.tasks.errors import AssigneeCannotSeeProject
from core.tasks.ports import Assignee


def check_assignee(actor: Actor, wanted: UUID | None, found: Assignee | None) -> None:
    """Raises ReferenceNotFound for whom the caller does not know, AssigneeCannotSeeProject for who cannot have it."""
    if wanted is None:
        return
    visible = found is not None and (actor.administers or found.known_to_caller or found.id == actor.user_id)
    if found is None or not visible:
        raise ReferenceNotFound(pointer="/assigned_to")
    if not (found.is_active and found.sees_project):
        raise AssigneeCannotSeeProject
