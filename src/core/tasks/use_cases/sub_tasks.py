"""What becomes of the sub-tasks of a task that goes away."""

from datetime import datetime

from core.kernel.events import Change
from core.tasks.events import TaskUpdated
from core.tasks.model import Task
from core.tasks.ports import TaskDesk


async def leave_parent(desk: TaskDesk, task: Task, *, at: datetime) -> None:
    """Makes the sub-tasks of a task stand by themselves; each has a new version, and a fact of its own."""
    if not task.sub_tasks_total:
        return
    changes = {"parent_id": Change(old=task.id, new=None)}
    desk.record(
        *(
            TaskUpdated(task_id=orphan.id, project_id=orphan.project_id, changes=changes, version=orphan.version)
            for orphan in await desk.tasks.leave_parent(task.id, at=at)
        )
    )
    task.sub_tasks_total = task.sub_tasks_done = 0
