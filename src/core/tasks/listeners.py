"""What tasks do when something happens to what they belong to."""

from datetime import datetime
from uuid import UUID

from core.kernel.events import Change
from core.projects.events import ProjectMemberRemoved
from core.tasks.events import TaskUpdated
from core.tasks.ports import AssignmentUnitOfWork, TaskUnitOfWork


async def leave_cycle(uow: TaskUnitOfWork, cycle_id: UUID, *, to: UUID | None, finished_too: bool, at: datetime) -> int:
    """Takes the unfinished tasks out of a cycle that ends, or all of them, into another one or none.

    Each has a new version and a fact of its own. Answers how many they are.
    """
    left = await uow.tasks.leave_cycle(cycle_id, to=to, finished_too=finished_too, at=at)
    changes = {"cycle_id": Change(old=cycle_id, new=to)}
    uow.record(
        *(
            TaskUpdated(task_id=task.id, project_id=task.project_id, changes=changes, version=task.version)
            for task in left
        )
    )
    return len(left)


async def release_tasks(uow: AssignmentUnitOfWork, removed: ProjectMemberRemoved, *, at: datetime) -> None:
    """Unassigns the open tasks of somebody who no longer sees their project; the project is locked by then.

    What they had done stays theirs.
    """
    for task in await uow.assignments.release(removed.user_id, project_id=removed.project_id, at=at):
        uow.record(
            TaskUpdated(
                task_id=task.task_id,
                project_id=removed.project_id,
                changes={"assigned_to": Change(old=removed.user_id, new=None)},
                version=task.version,
            )
        )
