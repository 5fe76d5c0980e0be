from uuid import UUID

from core.activity.ports import ActivityReader
from core.activity.read_models import ActivityView
from core.kernel.actor import Actor, reading
from core.kernel.errors import answers
from core.kernel.paging import Answer, CursorInvalid, Page, PageRequest, Sort
from core.realtime.policy import audible_events
from core.tasks.errors import TaskNotFound
from core.tasks.policy import visible_tasks
from core.tasks.ports import TaskRef


class ActivityUseCases:
    """Reading what was done."""

    def __init__(self, *, reader: ActivityReader) -> None:
        self._reader = reader

    @reading
    @answers(CursorInvalid)
    async def list(
        self, actor: Actor, *, project_ids: tuple[UUID, ...], sort: Sort, page: PageRequest
    ) -> Answer[Page[ActivityView]]:
        """What was done in the company, or in some of its projects: the events that the caller hears of,
        members those of their projects, with the old and new value of each field that changed.
        """
        return await self._reader.page(
            actor, audible=audible_events(actor), project_ids=project_ids, sort=sort, page=page
        )

    @reading
    @answers(TaskNotFound, CursorInvalid)
    async def of_task(self, actor: Actor, ref: TaskRef, *, sort: Sort, page: PageRequest) -> Answer[Page[ActivityView]]:
        """What was done to a task and said about it, for whoever sees the task.

        What happened while it stood in another project is shown to who sees that one too.
        """
        found, seq = await self._reader.of_task(
            actor, ref, visible=visible_tasks(actor), audible=audible_events(actor), sort=sort, page=page
        )
        if found is None:
            raise TaskNotFound
        return Answer(found, seq)
