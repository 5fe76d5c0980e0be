from core.cycles.errors import CycleTakesNoTasks
from core.kernel.actor import Actor, reading
from core.kernel.errors import FieldReadOnly, Forbidden, Invalid, ReferenceNotFound, Stale, answers
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer, CursorInvalid, Page, PageRequest, Sort
from core.kernel.ports import Clock, Ids
from core.projects.errors import ProjectArchived
from core.tasks import policy
from core.tasks.changes import NewTask, TaskChanges
from core.tasks.errors import (
    AssigneeCannotSeeProject,
    BoardIncomplete,
    ExternalIdTaken,
    MoveContradicts,
    ParentTooDeep,
    ParentWithin,
    RecurrenceInvalid,
    TaskNotFound,
)
from core.tasks.ports import (
    OpenTaskUnitOfWork,
    TaskFilter,
    TaskReader,
    TaskRef,
)
from core.tasks.read_models import TaskTag, TaskView
from core.tasks.use_cases.placing import Destination
from core.tasks.use_cases.verbs import TaskVerbs


class TaskUseCases:
    """Creating, finding, changing, moving, completing and deleting tasks."""

    def __init__(self, *, unit_of_work: OpenTaskUnitOfWork, reader: TaskReader, clock: Clock, ids: Ids) -> None:
        self._unit_of_work = unit_of_work
        self._reader = reader
        self._verbs = TaskVerbs(clock=clock, ids=ids)

    @answers(
        ReferenceNotFound,
        AssigneeCannotSeeProject,
        CycleTakesNoTasks,
        ParentTooDeep,
        MoveContradicts,
        ProjectArchived,
        BoardIncomplete,
        ExternalIdTaken,
        RecurrenceInvalid,
        Invalid,
        KeyReused,
        InFlight,
    )
    async def create(self, actor: Actor, given: NewTask, *, once: Once | None = None) -> Answer[TaskView]:
        """Creates a task at the end of its column. Whoever sees the project may, and watches the task from then on, as
        its assignee does.

        `labels` are names of labels that there are, in any case; `external_id`, what it is called in another system, is
        its alone in the project. `recurrence` is a rule by which it comes again each time that it is done.
        """
        async with self._unit_of_work(actor, once=once) as uow:
            done = await self._verbs.create(uow, actor, given)
            task = done.task
            seq = await uow.commit(made=Made(kind="task", id=task.id, version=task.version))
        return Answer(done.view, seq)

    @reading
    @answers(CursorInvalid)
    async def list(self, actor: Actor, *, where: TaskFilter, sort: Sort, page: PageRequest) -> Answer[Page[TaskView]]:
        """The tasks that fit the filters.

        Owners and admins see all; members see their assigned tasks, or all in the project, cycle or column, or below
        the task, that they name.
        """
        visible = policy.listed_tasks(actor, names_container=where.names_container)
        return await self._reader.page(actor, visible=visible, where=where, sort=sort, page=page)

    @reading
    @answers(TaskNotFound)
    async def get(self, actor: Actor, ref: TaskRef) -> Answer[TaskView]:
        """One task, by id or key."""
        view, seq = await self._reader.one(actor, ref, visible=policy.visible_tasks(actor))
        if view is None:
            raise TaskNotFound
        return Answer(view, seq)

    @reading
    @answers(TaskNotFound)
    async def tag(self, actor: Actor, ref: TaskRef) -> Answer[TaskTag]:
        """What tells whether a copy of the task is still current."""
        found, seq = await self._reader.tag(actor, ref, visible=policy.visible_tasks(actor))
        if found is None:
            raise TaskNotFound
        return Answer(found, seq)

    @answers(
        TaskNotFound,
        Forbidden,
        Stale,
        ReferenceNotFound,
        AssigneeCannotSeeProject,
        CycleTakesNoTasks,
        ParentWithin,
        ParentTooDeep,
        MoveContradicts,
        ProjectArchived,
        BoardIncomplete,
        ExternalIdTaken,
        RecurrenceInvalid,
        FieldReadOnly,
        Invalid,
    )
    async def change(
        self, actor: Actor, ref: TaskRef, changes: TaskChanges, *, expected: int | None = None
    ) -> Answer[TaskView]:
        """Changes fields of a task. A new status or column moves it to the end of that column.

        A new project, which the caller must see, gives it a new number there; its old key goes on resolving. It leaves
        its cycle, its parent and its sub-tasks, and goes to the first column of its status, unless another is given.

        `labels` are all that it is to have; those that it had besides are taken off.

        Owners and admins may; members may if the task is assigned to or was created by them, or where the company lets
        members edit all tasks of their projects. Anybody who sees an unassigned task may take it.
        """
        async with self._unit_of_work(actor) as uow:
            done = await self._verbs.change(uow, actor, ref, changes, expected=expected)
            seq = await uow.commit()
        return Answer(done.view, seq)

    @answers(
        TaskNotFound, Forbidden, Stale, ReferenceNotFound, MoveContradicts, ProjectArchived, BoardIncomplete, Invalid
    )
    async def move(
        self, actor: Actor, ref: TaskRef, to: Destination, *, expected: int | None = None
    ) -> Answer[TaskView]:
        """Moves a card to a status, to a column, or next to another card. Whoever may edit the task may."""
        async with self._unit_of_work(actor) as uow:
            done = await self._verbs.move(uow, actor, ref, to, expected=expected)
            seq = await uow.commit()
        return Answer(done.view, seq)

    @answers(TaskNotFound, Forbidden, Stale, ProjectArchived, BoardIncomplete, KeyReused, InFlight)
    async def complete(
        self,
        actor: Actor,
        ref: TaskRef,
        *,
        completed: bool | None = None,
        expected: int | None = None,
        once: Once | None = None,
    ) -> Answer[TaskView]:
        """Completes a task, or undoes that; without the value it does whichever is not so yet.

        Whoever may edit the task may. Undoing returns the card to the column that it came from. The first time that a
        task with a `recurrence` is done, here or in any other way, its next occurrence is created.
        """
        async with self._unit_of_work(actor, once=once) as uow:
            done = await self._verbs.complete(uow, actor, ref, completed=completed, expected=expected)
            task = done.task
            seq = await uow.commit(made=Made(kind="task", id=task.id, version=task.version))
        return Answer(done.view, seq)

    @answers(TaskNotFound, Forbidden, Stale, ProjectArchived)
    async def delete(self, actor: Actor, ref: TaskRef, *, expected: int | None = None) -> int:
        """Deletes a task. Whoever may edit it may; it can be restored for 30 days.

        Its sub-tasks stand by themselves from then on.
        """
        async with self._unit_of_work(actor) as uow:
            await self._verbs.delete(uow, actor, ref, expected=expected)
            return await uow.commit()
