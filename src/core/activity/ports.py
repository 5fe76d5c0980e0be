from typing import Protocol
from uuid import UUID

from core.activity.read_models import ActivityView
from core.kernel.actor import Actor
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.realtime.model import Audible
from core.tasks.policy import Visible
from core.tasks.ports import TaskRef


class ActivityReader(Protocol):
    """The log as people read it, by position, without the notifications that it tells of. Each call is one round trip,
    and one snapshot.
    """

    async def page(
        self, actor: Actor, *, audible: Audible, project_ids: tuple[UUID, ...], sort: Sort, page: PageRequest
    ) -> Answer[Page[ActivityView]]:
        """What the caller may hear of; of those projects alone, if any are named."""
        ...

    async def of_task(
        self, actor: Actor, ref: TaskRef, *, visible: Visible, audible: Audible, sort: Sort, page: PageRequest
    ) -> Answer[Page[ActivityView] | None]:
        """What was done to a task, and said about it, as far as the caller may hear of it; None if the task is not
        among the visible ones.
        """
        ...
