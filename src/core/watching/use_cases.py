from core.kernel.actor import Actor
from core.kernel.errors import answers
from core.tasks import policy
from core.tasks.errors import TaskNotFound
from core.tasks.ports import TaskRef
from core.watching.ports import OpenWatcherUnitOfWork, Watched, WatcherUnitOfWork


class WatchUseCases:
    """Watching tasks, and leaving that off. It is the caller's own affair: no event tells it."""

    def __init__(self, *, unit_of_work: OpenWatcherUnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    @answers(TaskNotFound)
    async def watch(self, actor: Actor, ref: TaskRef) -> int:
        """Makes the caller watch a task. Whoever sees it may, in an archived project too; it may be said again."""
        async with self._unit_of_work(actor) as uow:
            task = await self._find(uow, actor, ref)
            uow.watchers.watch(task.id, {actor.user_id})
            return await uow.commit()

    @answers(TaskNotFound)
    async def unwatch(self, actor: Actor, ref: TaskRef) -> int:
        """Makes the caller watch a task no more, though they created it, or it is assigned to them. It may be said
        again. Whoever comments on it afterwards, or is mentioned there or given the task, watches it again.
        """
        async with self._unit_of_work(actor) as uow:
            task = await self._find(uow, actor, ref)
            uow.watchers.unwatch(task.id, actor.user_id)
            return await uow.commit()

    async def _find(self, uow: WatcherUnitOfWork, actor: Actor, ref: TaskRef) -> Watched:
        task = await uow.watchers.find(ref, for_user=actor.user_id)
        if task is None or not policy.sees_task(uow.actor, is_member=task.is_member):
            raise TaskNotFound
        return task
