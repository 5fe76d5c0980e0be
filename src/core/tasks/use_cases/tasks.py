from uuid import UUID

from core.cycles.errors import CycleTakesNoTasks
from core.cycles.model import ensure_takes_tasks
from core.kernel.actor import Actor, reading
from core.kernel.errors import FieldReadOnly, Forbidden, Invalid, ReferenceNotFound, Stale, answers
from core.kernel.etags import ensure_current, ensure_unchanged
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer, CursorInvalid, Page, PageRequest, Sort
from core.kernel.ports import Clock, Ids
from core.projects.errors import ProjectArchived
from core.projects.policy import sees_project
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
from core.tasks.events import TaskUpdated
from core.tasks.fields import Status
from core.tasks.model import Board, Column, Place, Task
from core.tasks.ports import (
    LoadedTask,
    OpenTaskUnitOfWork,
    TaskFilter,
    TaskReader,
    TaskRef,
    TaskUnitOfWork,
)
from core.tasks.read_models import TaskTag, TaskView
from core.tasks.use_cases.assigning import check_assignee
from core.tasks.use_cases.labelling import named, with_labels
from core.tasks.use_cases.placing import Destination, column_meant, place_at_end, place_for
from core.tasks.use_cases.recurring import recur
from core.tasks.use_cases.sub_tasks import leave_parent


class TaskUseCases:
    """Creating, finding, changing, moving, completing and deleting tasks."""

    def __init__(self, *, unit_of_work: OpenTaskUnitOfWork, reader: TaskReader, clock: Clock, ids: Ids) -> None:
        self._unit_of_work = unit_of_work
        self._reader = reader
        self._clock = clock
        self._ids = ids

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
            opening = await uow.tasks.begin(
                given.project_id,
                for_user=actor.user_id,
                assignee=given.assigned_to,
                cycle=given.cycle_id,
                parent=given.parent_id,
                labels=given.labels,
                into=given.column_id or given.status or Status.TODO,
            )
            if opening is None or not sees_project(uow.actor, is_member=opening.is_member):
                raise ReferenceNotFound(pointer="/project_id")
            if not opening.project_is_active:
                raise ProjectArchived
            check_assignee(uow.actor, given.assigned_to, opening.assignee)
            if given.cycle_id is not None:
                ensure_takes_tasks(opening.cycle, pointer="/cycle_id")
            if given.parent_id is not None:
                if opening.parent is None:
                    raise ReferenceNotFound(pointer="/parent_id")
                opening.parent.ensure_fits()
            labels = named(given.labels, opening.labels)
            column = column_meant(opening.board, status=given.status, column_id=given.column_id)
            task, created = Task.create(
                id=self._ids.new(),
                project_id=given.project_id,
                project_key=opening.project_key,
                number=opening.number,
                title=given.title,
                description=given.description,
                priority=given.priority,
                place=await place_at_end(uow, column or opening.board.first_of(Status.TODO)),
                deadline=given.deadline,
                assigned_to=given.assigned_to,
                created_by=actor.user_id,
                at=self._clock.now(),
                cycle_id=given.cycle_id,
                parent_id=given.parent_id,
                labels=labels,
                external_id=given.external_id,
                recurrence=given.recurrence,
            )
            uow.tasks.add(task)
            if labels:
                uow.tasks.label(task.id, on=labels, off=())
            uow.record(created)
            if task.status is Status.DONE:
                await recur(uow, task, ids=self._ids, at=task.created_at)
            seq = await uow.commit(made=Made(kind="task", id=task.id, version=task.version))
        name = opening.assignee.name if opening.assignee else None
        return Answer(TaskView.of(task, assigned_to_name=name, watching=True), seq)

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
            labels = changes.labels if "labels" in changes.given else None
            loaded = await self._load(uow, actor, ref, also=changes.project_id, labels=labels)
            task, name, board = loaded.task, loaded.assigned_to_name, loaded.board
            policy.authorise_change(uow.actor, task, changes)
            watching = loaded.watching
            present = TaskView.of(task, assigned_to_name=name, watching=watching)
            ensure_current(expected, present)
            ensure_unchanged(changes.unchanged, present)
            _ensure_open(loaded)
            # What is sent back as it was read says nothing of where the card is to go.
            changes = with_labels(changes, loaded)
            changes = changes.narrowed(task.differing(changes))
            transferred = None
            if changes.project_id is not None:
                transferred, board = await self._transfer(uow, loaded, changes)
                await leave_parent(uow, task, at=self._clock.now())
            if "assigned_to" in changes.given:
                assignee = None
                if changes.assigned_to is not None:
                    assignee = await uow.tasks.assignee(
                        changes.assigned_to, project_id=task.project_id, for_user=actor.user_id
                    )
                check_assignee(uow.actor, changes.assigned_to, assignee)
                name = assignee.name if assignee else None
                watching |= changes.assigned_to == actor.user_id
            if changes.cycle_id is not None:
                cycle = await uow.tasks.cycle(changes.cycle_id, project_id=task.project_id)
                ensure_takes_tasks(cycle, pointer="/cycle_id")
            if changes.parent_id is not None:
                lineage = await uow.tasks.lineage(changes.parent_id, project_id=task.project_id, of=task.id)
                if lineage is None:
                    raise ReferenceNotFound(pointer="/parent_id")
                lineage.ensure_fits()
            was, at = present.version, self._clock.now()
            before = task.labels
            updated = task.change(changes, at=at)
            column = column_meant(board, status=changes.status, column_id=changes.column_id)
            moved = None
            if transferred is None and column is not None and not _stands_in(task, column, changes):
                moved = task.move(await place_at_end(uow, column), by=actor.user_id, at=at)
            facts = [fact for fact in (transferred, updated, moved) if fact is not None]
            uow.record(*facts)
            if task.status is Status.DONE and present.status != Status.DONE:
                await recur(uow, task, ids=self._ids, at=at)
            if transferred is not None:
                uow.tasks.transfer(task, was=was, from_project=present.project_id, from_number=present.number)
            elif facts:
                uow.tasks.save(task, was=was)
            if task.labels != before:
                on, off = set(task.labels) - set(before), set(before) - set(task.labels)
                uow.tasks.label(
                    task.id,
                    on=tuple(label for label in loaded.labels if label.name in on),
                    off=tuple(label for label in loaded.labels if label.name in off),
                )
            seq = await uow.commit()
        return Answer(TaskView.of(task, assigned_to_name=name, watching=watching), seq)

    @answers(
        TaskNotFound, Forbidden, Stale, ReferenceNotFound, MoveContradicts, ProjectArchived, BoardIncomplete, Invalid
    )
    async def move(
        self, actor: Actor, ref: TaskRef, to: Destination, *, expected: int | None = None
    ) -> Answer[TaskView]:
        """Moves a card to a status, to a column, or next to another card. Whoever may edit the task may."""
        async with self._unit_of_work(actor) as uow:
            loaded = await self._load(uow, actor, ref, beside=to.beside)
            task = loaded.task
            policy.authorise_edit(uow.actor, task)
            ensure_current(expected, _shown(loaded))
            _ensure_open(loaded)
            place = await place_for(uow, loaded, to)
            if place is not None:
                await self._move(uow, task, place)
            seq = await uow.commit()
        return Answer(_shown(loaded), seq)

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
            loaded = await self._load(uow, actor, ref)
            task = loaded.task
            policy.authorise_edit(uow.actor, task)
            ensure_current(expected, _shown(loaded))
            _ensure_open(loaded)
            wanted = task.status is not Status.DONE if completed is None else completed
            column = task.column_for(loaded.board, completed=wanted)
            if column is not None:
                await self._move(uow, task, await place_at_end(uow, column))
            seq = await uow.commit(made=Made(kind="task", id=task.id, version=task.version))
        return Answer(_shown(loaded), seq)

    @answers(TaskNotFound, Forbidden, Stale, ProjectArchived)
    async def delete(self, actor: Actor, ref: TaskRef, *, expected: int | None = None) -> int:
        """Deletes a task. Whoever may edit it may; it can be restored for 30 days.

        Its sub-tasks stand by themselves from then on.
        """
        async with self._unit_of_work(actor) as uow:
            loaded = await self._load(uow, actor, ref)
            task = loaded.task
            policy.authorise_edit(uow.actor, task)
            ensure_current(expected, _shown(loaded))
            _ensure_open(loaded)
            was, at = task.version, self._clock.now()
            uow.record(task.delete(by=actor.user_id, at=at))
            uow.tasks.save(task, was=was)
            await leave_parent(uow, task, at=at)
            return await uow.commit()

    # Private parts

    async def _load(
        self,
        uow: TaskUnitOfWork,
        actor: Actor,
        ref: TaskRef,
        *,
        also: UUID | None = None,
        beside: UUID | None = None,
        labels: tuple[str, ...] | None = None,
    ) -> LoadedTask:
        loaded = await uow.tasks.load(ref, for_user=actor.user_id, also=also, beside=beside, labels=labels)
        if loaded is None or not policy.sees_task(uow.actor, is_member=loaded.is_member):
            raise TaskNotFound
        return loaded

    async def _move(self, uow: TaskUnitOfWork, task: Task, place: Place) -> None:
        was, was_done, at = task.version, task.status is Status.DONE, self._clock.now()
        uow.record(task.move(place, by=uow.actor.user_id, at=at))
        if task.status is Status.DONE and not was_done:
            await recur(uow, task, ids=self._ids, at=at)
        uow.tasks.save(task, was=was)

    async def _transfer(
        self, uow: TaskUnitOfWork, loaded: LoadedTask, changes: TaskChanges
    ) -> tuple[TaskUpdated, Board]:
        """Takes the task to the project that the changes name; answers the board that it stands on then."""
        task, target = loaded.task, changes.project_id
        assert target is not None
        # One that is restored just now was not locked in its turn, and to lock it now could be a deadlock.
        if not loaded.also_is_locked:
            raise ReferenceNotFound(pointer="/project_id")
        # Somebody else who gets the task is asked about afterwards, as ever.
        stays = "assigned_to" not in changes.given or changes.assigned_to == task.assigned_to
        opening = await uow.tasks.begin(
            target, for_user=uow.actor.user_id, assignee=task.assigned_to if stays else None
        )
        if opening is None or not sees_project(uow.actor, is_member=opening.is_member):
            raise ReferenceNotFound(pointer="/project_id")
        if not opening.project_is_active:
            raise ProjectArchived
        assignee = opening.assignee
        if assignee is not None and not (assignee.is_active and assignee.sees_project):
            raise AssigneeCannotSeeProject
        column = column_meant(opening.board, status=changes.status, column_id=changes.column_id)
        transferred = task.transfer(
            project_id=target,
            project_key=opening.project_key,
            number=opening.number,
            place=await place_at_end(uow, column or opening.board.first_of(task.status)),
            members=await uow.tasks.project_members(task.project_id),
            at=self._clock.now(),
        )
        return transferred, opening.board


def _shown(loaded: LoadedTask) -> TaskView:
    return TaskView.of(loaded.task, assigned_to_name=loaded.assigned_to_name, watching=loaded.watching)


def _ensure_open(loaded: LoadedTask) -> None:
    if not loaded.project_is_active:
        raise ProjectArchived


def _stands_in(task: Task, column: Column, changes: TaskChanges) -> bool:
    return column.id == task.column_id or (changes.column_id is None and column.category is task.status)
