"""Who may do what with tasks: pure functions over what was loaded, and the values that lists are filtered by."""

from dataclasses import dataclass
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.errors import Forbidden
from core.tasks.changes import TaskChanges
from core.tasks.model import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """Which tasks a list holds: those of the projects that `member_id` belongs to, or of all projects if it is None;
    of those, only the ones assigned to `assigned_to`, if it is given.
    """

    member_id: UUID | None = None
    assigned_to: UUID | None = None


def visible_tasks(actor: Actor) -> Visible:
    """Owners and admins see all tasks of the company, members those of their projects."""
    return Visible() if actor.administers else Visible(member_id=actor.user_id)


def listed_tasks(actor: Actor, *, names_container: bool) -> Visible:
    """A list that names no project, cycle or column shows members only the tasks assigned to them."""
    if actor.administers:
        return Visible()
    return Visible(member_id=actor.user_id, assigned_to=None if names_container else actor.user_id)


def authorise_list_deleted(actor: Actor) -> None:
    """Owners and admins see what was deleted."""
    if not actor.administers:
        raise Forbidden


def sees_task(actor: Actor, *, is_member: bool) -> bool:
    """The same rule as `visible_tasks`, asked of one task by its project's membership."""
    return actor.administers or is_member


def lists_task(actor: Actor, task: Task, *, is_member: bool, names_container: bool) -> bool:
    """The same rule as `listed_tasks`, asked of one task."""
    return actor.administers or (is_member and (names_container or task.assigned_to == actor.user_id))


def edits_task(actor: Actor, task: Task) -> bool:
    """Members edit tasks assigned to or created by them, or all of their projects where the company says so."""
    return actor.administers or actor.edits_all_project_tasks or actor.user_id in (task.assigned_to, task.created_by)


def authorise_edit(actor: Actor, task: Task) -> None:
    """Raises Forbidden unless the caller, who sees the task, may edit, move and delete it."""
    if not edits_task(actor, task):
        raise Forbidden


def authorise_change(actor: Actor, task: Task, changes: TaskChanges) -> None:
    """As `authorise_edit`, but anybody who sees an unassigned task may take it."""
    takes = task.differing(changes) == {"assigned_to"} and changes.assigned_to == actor.user_id
    if not (takes and task.assigned_to is None):
        authorise_edit(actor, task)
