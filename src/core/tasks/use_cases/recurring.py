"""What is done, and is to be done again."""

from datetime import datetime
from uuid import UUID

from core.kernel.days import day_in
from core.kernel.ports import Ids
from core.tasks.fields import Status
from core.tasks.model import Column, Place, Task
from core.tasks.ports import TaskDesk
from core.tasks.use_cases.placing import ranks_at_end

MOST_RECURRING = 500
"""So many cards of a column recur at once: a second or so."""


async def recur(desk: TaskDesk, *done: Task, ids: Ids, at: datetime, into: UUID | None = None) -> None:
    """Makes the next occurrences of tasks of one project that are done now, at the end of the first column to do.

    Only of those that have a rule, and had no next occurrence before. An assignee who may not have it any more is left
    out. `into` is that column where it is another one than was read. What was written of the tasks themselves is to
    follow, as the cards of the column may be given other ranks here.
    """
    again = [task for task in done if task.may_recur]
    if not again:
        return
    begun = await desk.recurrences.begin(again, into=into)
    column, after_id = begun.column, begun.column.last_id
    ranks = await ranks_at_end(desk, column.id, last=column.last_rank, count=len(again))
    for place, (task, rank) in enumerate(zip(again, ranks, strict=True)):
        labels = tuple(label for label in begun.labels if label.name in task.labels)
        made = task.recur(
            id=ids.new(),
            project_key=begun.project_key,
            number=begun.number + place,
            place=Place(column=Column(id=column.id, category=Status.TODO), rank=rank, after_id=after_id),
            assigned_to=task.assigned_to if task.assigned_to in begun.able else None,
            today=day_in(begun.time_zone, at),
            labels=labels,
            by=desk.actor.user_id,
            at=at,
        )
        if made is None:
            continue
        following, created = made
        desk.tasks.add(following)
        if labels:
            desk.tasks.label(following.id, on=labels, off=())
        desk.record(created)
        after_id = following.id
    desk.recurrences.keep([task for task in again if not task.may_recur])
