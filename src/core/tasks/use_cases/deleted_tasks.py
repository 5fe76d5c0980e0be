from core.kernel.actor import Actor, reading
from core.kernel.errors import Forbidden, Stale, answers
from core.kernel.etags import ensure_current
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer, CursorInvalid, Page, PageRequest, Sort
from core.kernel.ports import Clock
from core.projects.errors import ProjectArchived
from core.tasks import policy
from core.tasks.errors import BoardIncomplete, ExternalIdTaken, TaskNotDeleted, TaskNotFound
from core.tasks.model import RESTORABLE
from core.tasks.ports import LoadedDeletedTask, OpenTaskUnitOfWork, TaskFilter, TaskReader, TaskRef
from core.tasks.read_models import DeletedTask, TaskView
from core.tasks.use_cases.placing import place_at_end


class DeletedTaskUseCases:
    """Finding and restoring tasks that were deleted less than 30 days ago."""

    def __init__(self, *, unit_of_work: OpenTaskUnitOfWork, reader: TaskReader, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._reader = reader
        self._clock = clock

    @reading
    @answers(Forbidden, CursorInvalid)
    async def list(
        self, actor: Actor, *, where: TaskFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[DeletedTask]]:
        """The deleted tasks that fit the filters and can be restored. Owners and admins see them."""
        visible = policy.listed_tasks(actor, names_container=where.names_container)
        after = self._clock.now() - RESTORABLE
        found = await self._reader.deleted_page(actor, visible=visible, where=where, after=after, sort=sort, page=page)
        # Not before: it is the reader that finds out whether the caller's role is still the one in the token.
        policy.authorise_list_deleted(actor)
        return found

    @answers(
        TaskNotFound,
        Forbidden,
        Stale,
        ProjectArchived,
        TaskNotDeleted,
        BoardIncomplete,
        ExternalIdTaken,
        KeyReused,
        InFlight,
    )
    async def restore(
        self, actor: Actor, ref: TaskRef, *, expected: int | None = None, once: Once | None = None
    ) -> Answer[TaskView]:
        """Restores a task within 30 days of its deletion. Whoever may delete it may.

        It returns to its place, or to the end of its column if another card has that place, or of the first column of
        its status if its column is gone. It is unassigned if the assignee may no longer see the project, and stands by
        itself if its parent is gone.
        """
        async with self._unit_of_work(actor, once=once) as uow:
            loaded = await uow.deleted_tasks.load(ref, for_user=actor.user_id)
            now = self._clock.now()
            if (
                loaded is None
                or not policy.sees_task(uow.actor, is_member=loaded.is_member)
                or (loaded.task.deleted_at is not None and not loaded.task.is_restorable(at=now))
            ):
                raise TaskNotFound
            task, name = loaded.task, _assignee_name(loaded)
            policy.authorise_edit(uow.actor, task)
            ensure_current(expected, TaskView.of(task, assigned_to_name=name, watching=loaded.watching))
            if not loaded.project_is_active:
                raise ProjectArchived
            if task.deleted_at is None:
                raise TaskNotDeleted
            was, column = task.version, task.column_to_return_to(loaded.board)
            stays = column.id == task.column_id and not loaded.rank_is_taken
            restored = task.restore(
                place=None if stays else await place_at_end(uow, column),
                assigned_to=task.assigned_to if name is not None else None,
                cycle_is_over=loaded.cycle_is_over,
                below=loaded.parent,
                by=actor.user_id,
                at=now,
            )
            uow.deleted_tasks.restore(task, was=was)
            uow.record(restored)
            seq = await uow.commit(made=Made(kind="task", id=task.id, version=task.version))
        return Answer(TaskView.of(task, assigned_to_name=name, watching=loaded.watching), seq)


def _assignee_name(loaded: LoadedDeletedTask) -> str | None:
    """The name of the assignee, if they may still see the project."""
    assignee = loaded.assignee
    return assignee.name if assignee is not None and assignee.is_active and assignee.sees_project else None
