from dataclasses import dataclass
from datetime import date
from uuid import UUID

from core.cycles.errors import CycleTakesNoTasks
from core.cycles.model import ensure_takes_tasks
from core.kernel import rank, text
from core.kernel.actor import Actor, reading
from core.kernel.errors import Fault, FieldReadOnly, Forbidden, Invalid, ReferenceNotFound, Stale, answers
from core.kernel.etags import ensure_current, ensure_unchanged
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer, CursorInvalid, Page, PageRequest, Sort
from core.kernel.ports import Clock, Ids
from core.kernel.rank import RanksExhausted
from core.projects.errors import ProjectArchived
from core.projects.policy import sees_project
from core.tasks import policy
from core.tasks.errors import AssigneeCannotSeeProject, BoardIncomplete, MoveContradicts, TaskNotFound
from core.tasks.model import Board, Column, Place, Priority, Status, Task, TaskChanges, end_of
from core.tasks.ports import (
    Assignee,
    LoadedTask,
    OpenTaskUnitOfWork,
    TaskFilter,
    TaskReader,
    TaskRef,
    TaskUnitOfWork,
)
from core.tasks.read_models import TaskTag, TaskView


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """What a task is made from. Without a column it goes to the first of its status."""

    project_id: UUID
    title: str
    description: str | None = None
    priority: Priority = Priority.MEDIUM
    status: Status | None = None
    column_id: UUID | None = None
    deadline: date | None = None
    assigned_to: UUID | None = None
    cycle_id: UUID | None = None

    def __post_init__(self) -> None:
        # Bad values are refused before anything is looked up.
        text.title(self.title)
        if self.description is not None:
            text.description(self.description)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where to move a card: to a status or column, or right before or after another card."""

    new_status: Status | None = None
    column_id: UUID | None = None
    before: UUID | None = None
    after: UUID | None = None


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
        MoveContradicts,
        ProjectArchived,
        BoardIncomplete,
        Invalid,
        KeyReused,
        InFlight,
    )
    async def create(self, actor: Actor, given: NewTask, *, once: Once | None = None) -> Answer[TaskView]:
        """Creates a task at the end of its column. Whoever sees the project may."""
        async with self._unit_of_work(actor, once=once) as uow:
            opening = await uow.tasks.begin(
                given.project_id, for_user=actor.user_id, assignee=given.assigned_to, cycle=given.cycle_id
            )
            if opening is None or not sees_project(uow.actor, is_member=opening.is_member):
                raise ReferenceNotFound(pointer="/project_id")
            if not opening.project_is_active:
                raise ProjectArchived
            self._check_assignee(uow.actor, given.assigned_to, opening.assignee)
            if given.cycle_id is not None:
                ensure_takes_tasks(opening.cycle, pointer="/cycle_id")
            column = _column(opening.board, status=given.status, column_id=given.column_id)
            task, created = Task.create(
                id=self._ids.new(),
                project_id=given.project_id,
                project_key=opening.project_key,
                number=opening.number,
                title=given.title,
                description=given.description,
                priority=given.priority,
                place=await self._end_of(uow, column or opening.board.first_of(Status.TODO)),
                deadline=given.deadline,
                assigned_to=given.assigned_to,
                created_by=actor.user_id,
                at=self._clock.now(),
                cycle_id=given.cycle_id,
            )
            uow.tasks.add(task)
            uow.record(created)
            seq = await uow.commit(made=Made(kind="task", id=task.id, version=task.version))
        name = opening.assignee.name if opening.assignee else None
        return Answer(TaskView.of(task, assigned_to_name=name), seq)

    @reading
    @answers(CursorInvalid)
    async def list(self, actor: Actor, *, where: TaskFilter, sort: Sort, page: PageRequest) -> Answer[Page[TaskView]]:
        """The tasks that fit the filters.

        Owners and admins see all; members see their assigned tasks, or all in the project, cycle or column that they
        name.
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
        MoveContradicts,
        ProjectArchived,
        BoardIncomplete,
        FieldReadOnly,
        Invalid,
    )
    async def change(
        self, actor: Actor, ref: TaskRef, changes: TaskChanges, *, expected: int | None = None
    ) -> Answer[TaskView]:
        """Changes fields of a task. A new status or column moves it to the end of that column.

        Owners and admins may; members may if the task is assigned to or was created by them, or where the company lets
        members edit all tasks of their projects. Anybody who sees an unassigned task may take it.
        """
        async with self._unit_of_work(actor) as uow:
            loaded = await self._load(uow, actor, ref)
            task, name = loaded.task, loaded.assigned_to_name
            policy.authorise_change(uow.actor, task, changes)
            present = TaskView.of(task, assigned_to_name=name)
            ensure_current(expected, present)
            ensure_unchanged(changes.unchanged, present)
            _ensure_open(loaded)
            if "assigned_to" in changes.given and changes.assigned_to != task.assigned_to:
                assignee = None
                if changes.assigned_to is not None:
                    assignee = await uow.tasks.assignee(
                        changes.assigned_to, project_id=task.project_id, for_user=actor.user_id
                    )
                self._check_assignee(uow.actor, changes.assigned_to, assignee)
                name = assignee.name if assignee else None
            if changes.cycle_id is not None and changes.cycle_id != task.cycle_id:
                cycle = await uow.tasks.cycle(changes.cycle_id, project_id=task.project_id)
                ensure_takes_tasks(cycle, pointer="/cycle_id")
            was, at = task.version, self._clock.now()
            updated = task.change(changes, at=at)
            column = _column(loaded.board, status=changes.status, column_id=changes.column_id)
            moved = None
            if column is not None and not _stands_in(task, column, changes):
                moved = task.move(await self._end_of(uow, column), by=actor.user_id, at=at)
            facts = [fact for fact in (updated, moved) if fact is not None]
            if facts:
                uow.tasks.save(task, was=was)
                uow.record(*facts)
            seq = await uow.commit()
        return Answer(TaskView.of(task, assigned_to_name=name), seq)

    @answers(
        TaskNotFound, Forbidden, Stale, ReferenceNotFound, MoveContradicts, ProjectArchived, BoardIncomplete, Invalid
    )
    async def move(
        self, actor: Actor, ref: TaskRef, to: Destination, *, expected: int | None = None
    ) -> Answer[TaskView]:
        """Moves a card to a status, to a column, or next to another card. Whoever may edit the task may."""
        async with self._unit_of_work(actor) as uow:
            loaded = await self._load(uow, actor, ref)
            task = loaded.task
            policy.authorise_edit(uow.actor, task)
            ensure_current(expected, TaskView.of(task, assigned_to_name=loaded.assigned_to_name))
            _ensure_open(loaded)
            place = await self._destination(uow, loaded, to)
            was = task.version
            if place is not None:
                uow.record(task.move(place, by=actor.user_id, at=self._clock.now()))
                uow.tasks.save(task, was=was)
            seq = await uow.commit()
        return Answer(TaskView.of(task, assigned_to_name=loaded.assigned_to_name), seq)

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

        Whoever may edit the task may. Undoing returns the card to the column that it came from.
        """
        async with self._unit_of_work(actor, once=once) as uow:
            loaded = await self._load(uow, actor, ref)
            task = loaded.task
            policy.authorise_edit(uow.actor, task)
            ensure_current(expected, TaskView.of(task, assigned_to_name=loaded.assigned_to_name))
            _ensure_open(loaded)
            wanted = task.status is not Status.DONE if completed is None else completed
            column = task.column_for(loaded.board, completed=wanted)
            was = task.version
            if column is not None:
                uow.record(task.move(await self._end_of(uow, column), by=actor.user_id, at=self._clock.now()))
                uow.tasks.save(task, was=was)
            seq = await uow.commit(made=Made(kind="task", id=task.id, version=task.version))
        return Answer(TaskView.of(task, assigned_to_name=loaded.assigned_to_name), seq)

    @answers(TaskNotFound, Forbidden, Stale, ProjectArchived)
    async def delete(self, actor: Actor, ref: TaskRef, *, expected: int | None = None) -> int:
        """Deletes a task. Whoever may edit it may; it can be restored for 30 days."""
        async with self._unit_of_work(actor) as uow:
            loaded = await self._load(uow, actor, ref)
            task = loaded.task
            policy.authorise_edit(uow.actor, task)
            ensure_current(expected, TaskView.of(task, assigned_to_name=loaded.assigned_to_name))
            _ensure_open(loaded)
            was = task.version
            uow.record(task.delete(by=actor.user_id, at=self._clock.now()))
            uow.tasks.save(task, was=was)
            return await uow.commit()

    # Private parts

    async def _load(self, uow: TaskUnitOfWork, actor: Actor, ref: TaskRef) -> LoadedTask:
        loaded = await uow.tasks.load(ref, for_user=actor.user_id)
        if loaded is None or not policy.sees_task(uow.actor, is_member=loaded.is_member):
            raise TaskNotFound
        return loaded

    def _check_assignee(self, actor: Actor, wanted: UUID | None, found: Assignee | None) -> None:
        if wanted is None:
            return
        visible = found is not None and (actor.administers or found.known_to_caller or found.id == actor.user_id)
        if found is None or not visible:
            raise ReferenceNotFound(pointer="/assigned_to")
        if not (found.is_active and found.sees_project):
            raise AssigneeCannotSeeProject

    async def _destination(self, uow: TaskUnitOfWork, loaded: LoadedTask, to: Destination) -> Place | None:
        """Where the card goes; None if it stands there already. Raises what `move` declares."""
        task = loaded.task
        column = _column(loaded.board, status=to.new_status, column_id=to.column_id)
        named = to.before or to.after
        if named is None:
            if column is None:
                detail = "one of new_status, column_id, before and after is needed"
                raise Invalid(faults=(Fault(detail, pointer=""),))
            if column.id == task.column_id or (to.column_id is None and column.category is task.status):
                return None
            return await self._end_of(uow, column)
        pointer = "/before" if to.before is not None else "/after"
        if to.before is not None and to.after is not None:
            raise MoveContradicts(faults=(Fault("before and after exclude each other", pointer="/after"),))
        if named == task.id:
            raise MoveContradicts(faults=(Fault("a card cannot stand next to itself", pointer=pointer),))
        return await self._next_to(uow, loaded, to, named, column)

    async def _next_to(
        self, uow: TaskUnitOfWork, loaded: LoadedTask, to: Destination, named: UUID, column: Column | None
    ) -> Place | None:
        task, pointer = loaded.task, "/before" if to.before is not None else "/after"
        for attempt in ("as it is", "spread"):
            neighbour = await uow.tasks.neighbour(named, project_id=task.project_id, moved=task.id)
            if neighbour is None:
                raise ReferenceNotFound(pointer=pointer)
            stands_in = loaded.board.column(neighbour.column_id)
            if stands_in is None:
                raise ReferenceNotFound(pointer=pointer)
            # A status names any column of its category, a column only itself.
            if to.column_id is not None and column is not None and column.id != stands_in.id:
                raise MoveContradicts(faults=(Fault("stands in another column", pointer=pointer),))
            if to.new_status is not None and stands_in.category is not to.new_status:
                raise MoveContradicts(faults=(Fault("has another status", pointer=pointer),))
            stands_there = neighbour.has_beside(task.rank, above=to.before is not None)
            if attempt == "as it is" and stands_in.id == task.column_id and stands_there:
                return None
            try:
                if to.before is not None:
                    found = rank.between(neighbour.above_rank, neighbour.rank)
                    return Place(column=stands_in, rank=found, after_id=neighbour.above_id)
                found = rank.between(neighbour.rank, neighbour.below_rank)
                return Place(column=stands_in, rank=found, after_id=named)
            except RanksExhausted:
                if attempt == "spread":
                    raise
                await self._spread(uow, stands_in.id)
        raise AssertionError("unreachable: the second attempt returns or raises")

    async def _end_of(self, uow: TaskUnitOfWork, column: Column) -> Place:
        try:
            return end_of(column)
        except RanksExhausted:
            last = await self._spread(uow, column.id)
            return Place(column=column, rank=rank.between(last, None), after_id=column.last_id)

    async def _spread(self, uow: TaskUnitOfWork, column_id: UUID) -> str | None:
        cards = await uow.tasks.order(column_id)
        ranks = rank.spread(len(cards))
        await uow.tasks.respread(list(zip(cards, ranks, strict=True)))
        return ranks[-1] if ranks else None


def _ensure_open(loaded: LoadedTask) -> None:
    if not loaded.project_is_active:
        raise ProjectArchived


def _column(board: Board, *, status: Status | None, column_id: UUID | None) -> Column | None:
    """The column that is meant; None if none is. Raises ReferenceNotFound and MoveContradicts."""
    if column_id is not None:
        column = board.column(column_id)
        if column is None:
            raise ReferenceNotFound(pointer="/column_id")
        if status is not None and column.category is not status:
            raise MoveContradicts(faults=(Fault("the column has another status", pointer="/column_id"),))
        return column
    return board.first_of(status) if status is not None else None


def _stands_in(task: Task, column: Column, changes: TaskChanges) -> bool:
    return column.id == task.column_id or (changes.column_id is None and column.category is task.status)
