from datetime import datetime

from core.kernel.events import Change
from core.projects.events import ProjectMemberRemoved
from core.tasks.events import TaskUpdated
from core.tasks.ports import AssignmentUnitOfWork


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
