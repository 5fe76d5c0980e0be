"""What creating, changing, moving and deleting a task is, wherever it is carried out: alone, or among many."""

from typing import NamedTuple
from uuid import UUID

from core.cycles.model import ensure_takes_tasks
from core.kernel.actor import Actor
from core.kernel.errors import ReferenceNotFound
from core.kernel.etags import ensure_current, ensure_unchanged
from core.kernel.ports import Clock, Ids
from core.projects.errors import ProjectArchived
from core.projects.policy import sees_project
from core.tasks import policy
from core.tasks.changes import NewTask, TaskChanges
from core.tasks.errors import AssigneeCannotSeeProject, TaskNotFound
from core.tasks.events import TaskUpdated
from core.tasks.fields import Status
from core.tasks.model import Board, Column, Place, Task
from core.tasks.ports import LoadedTask, TaskDesk, TaskRef
from core.tasks.read_models import TaskView
from core.tasks.use_cases.assigning import check_assignee
from core.tasks.use_cases.labelling import named, with_labels
from core.tasks.use_cases.placing import Destination, column_meant, place_at_end, place_for
from core.tasks.use_cases.recurring import recur
from core.tasks.use_cases.sub_tasks import leave_parent


class Done(NamedTuple):
    """A task as a verb left it."""

    task: Task
    assigned_to_name: str | None
    watching: bool

    @property
    def view(self) -> TaskView:
        return TaskView.of(self.task, assigned_to_name=self.assigned_to_name, watching=self.watching)


class TaskVerbs:
    """The verbs themselves. Who calls them opens the desk, and keeps what was done or takes it back.

    `actor` is who asked; who they are now, the desk knows once something was loaded.
    """

    def __init__(self, *, clock: Clock, ids: Ids) -> None:
        self._clock = clock
        self._ids = ids

    async def create(self, desk: TaskDesk, actor: Actor, given: NewTask) -> Done:
        """Raises what `TaskUseCases.create` answers."""
        opening = await desk.tasks.begin(
            given.project_id,
            for_user=actor.user_id,
            assignee=given.assigned_to,
            cycle=given.cycle_id,
            parent=given.parent_id,
            labels=given.labels,
            into=given.column_id or given.status or Status.TODO,
        )
        if opening is None or not sees_project(desk.actor, is_member=opening.is_member):
            raise ReferenceNotFound(pointer="/project_id")
        if not opening.project_is_active:
            raise ProjectArchived
        check_assignee(desk.actor, given.assigned_to, opening.assignee)
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
            place=await place_at_end(desk, column or opening.board.first_of(Status.TODO)),
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
        desk.tasks.add(task)
        if labels:
            desk.tasks.label(task.id, on=labels, off=())
        desk.record(created)
        if task.status is Status.DONE:
            await recur(desk, task, ids=self._ids, at=task.created_at)
        return Done(task, opening.assignee.name if opening.assignee else None, watching=True)

    async def change(
        self, desk: TaskDesk, actor: Actor, ref: TaskRef, changes: TaskChanges, *, expected: int | None
    ) -> Done:
        """Raises what `TaskUseCases.change` answers."""
        labels = changes.labels if "labels" in changes.given else None
        loaded = await load_visible(desk, actor, ref, also=changes.project_id, labels=labels)
        task, name, board = loaded.task, loaded.assigned_to_name, loaded.board
        policy.authorise_change(desk.actor, task, changes)
        watching, present = loaded.watching, shown(loaded)
        ensure_current(expected, present)
        ensure_unchanged(changes.unchanged, present)
        ensure_open(loaded)
        # What is sent back as it was read says nothing of where the card is to go.
        changes = with_labels(changes, loaded)
        changes = changes.narrowed(task.differing(changes))
        transferred = None
        if changes.project_id is not None:
            transferred, board = await self._transfer(desk, actor, loaded, changes)
            await leave_parent(desk, task, at=self._clock.now())
        if "assigned_to" in changes.given:
            assignee = None
            if changes.assigned_to is not None:
                assignee = await desk.tasks.assignee(
                    changes.assigned_to, project_id=task.project_id, for_user=actor.user_id
                )
            check_assignee(desk.actor, changes.assigned_to, assignee)
            name = assignee.name if assignee else None
            watching |= changes.assigned_to == actor.user_id
        if changes.cycle_id is not None:
            cycle = await desk.tasks.cycle(changes.cycle_id, project_id=task.project_id)
            ensure_takes_tasks(cycle, pointer="/cycle_id")
        if changes.parent_id is not None:
            lineage = await desk.tasks.lineage(changes.parent_id, project_id=task.project_id, of=task.id)
            if lineage is None:
                raise ReferenceNotFound(pointer="/parent_id")
            lineage.ensure_fits()
        was, at = present.version, self._clock.now()
        before, recurred_at = task.labels, task.recurred_at
        updated = task.change(changes, at=at)
        if task.recurred_at != recurred_at:
            desk.recurrences.renew(task)
        column = column_meant(board, status=changes.status, column_id=changes.column_id)
        moved = None
        if transferred is None and column is not None and not _stands_in(task, column, changes):
            moved = task.move(await place_at_end(desk, column), by=actor.user_id, at=at)
        facts = [fact for fact in (transferred, updated, moved) if fact is not None]
        desk.record(*facts)
        if task.status is Status.DONE and present.status != Status.DONE:
            await recur(desk, task, ids=self._ids, at=at)
        if transferred is not None:
            desk.tasks.transfer(task, was=was, from_project=present.project_id, from_number=present.number)
        elif facts:
            desk.tasks.save(task, was=was)
        if task.labels != before:
            on, off = set(task.labels) - set(before), set(before) - set(task.labels)
            desk.tasks.label(
                task.id,
                on=tuple(label for label in loaded.labels if label.name in on),
                off=tuple(label for label in loaded.labels if label.name in off),
            )
        return Done(task, name, watching)

    async def move(self, desk: TaskDesk, actor: Actor, ref: TaskRef, to: Destination, *, expected: int | None) -> Done:
        """Raises what `TaskUseCases.move` answers."""
        loaded = await load_visible(desk, actor, ref, beside=to.beside)
        self._ensure_editable(desk, loaded, expected)
        place = await place_for(desk, loaded, to)
        if place is not None:
            await self._put(desk, loaded.task, place)
        return Done(loaded.task, loaded.assigned_to_name, loaded.watching)

    async def complete(
        self, desk: TaskDesk, actor: Actor, ref: TaskRef, *, completed: bool | None, expected: int | None
    ) -> Done:
        """Raises what `TaskUseCases.complete` answers."""
        loaded = await load_visible(desk, actor, ref)
        self._ensure_editable(desk, loaded, expected)
        task = loaded.task
        wanted = task.status is not Status.DONE if completed is None else completed
        column = task.column_for(loaded.board, completed=wanted)
        if column is not None:
            await self._put(desk, task, await place_at_end(desk, column))
        return Done(task, loaded.assigned_to_name, loaded.watching)

    async def delete(self, desk: TaskDesk, actor: Actor, ref: TaskRef, *, expected: int | None) -> None:
        """Raises what `TaskUseCases.delete` answers."""
        loaded = await load_visible(desk, actor, ref)
        task = loaded.task
        self._ensure_editable(desk, loaded, expected)
        was, at = task.version, self._clock.now()
        desk.record(task.delete(by=actor.user_id, at=at))
        desk.tasks.save(task, was=was)
        await leave_parent(desk, task, at=at)

    def _ensure_editable(self, desk: TaskDesk, loaded: LoadedTask, expected: int | None) -> None:
        policy.authorise_edit(desk.actor, loaded.task)
        ensure_current(expected, shown(loaded))
        ensure_open(loaded)

    async def _put(self, desk: TaskDesk, task: Task, place: Place) -> None:
        was, was_done, at = task.version, task.status is Status.DONE, self._clock.now()
        desk.record(task.move(place, by=desk.actor.user_id, at=at))
        if task.status is Status.DONE and not was_done:
            await recur(desk, task, ids=self._ids, at=at)
        desk.tasks.save(task, was=was)

    async def _transfer(
        self, desk: TaskDesk, actor: Actor, loaded: LoadedTask, changes: TaskChanges
    ) -> tuple[TaskUpdated, Board]:
        """Takes the task to the project that the changes name; answers the board that it stands on then."""
        task, target = loaded.task, changes.project_id
        assert target is not None
        # One that is restored just now was not locked in its turn, and to lock it now could be a deadlock.
        if not loaded.also_is_locked:
            raise ReferenceNotFound(pointer="/project_id")
        # Somebody else who gets the task is asked about afterwards, as ever.
        stays = "assigned_to" not in changes.given or changes.assigned_to == task.assigned_to
        opening = await desk.tasks.begin(target, for_user=actor.user_id, assignee=task.assigned_to if stays else None)
        if opening is None or not sees_project(desk.actor, is_member=opening.is_member):
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
            place=await place_at_end(desk, column or opening.board.first_of(task.status)),
            members=await desk.tasks.project_members(task.project_id),
            at=self._clock.now(),
        )
        return transferred, opening.board


async def load_visible(
    desk: TaskDesk,
    actor: Actor,
    ref: TaskRef,
    *,
    also: UUID | None = None,
    beside: UUID | None = None,
    labels: tuple[str, ...] | None = None,
) -> LoadedTask:
    """A task to change, if the caller sees it. Raises TaskNotFound."""
    loaded = await desk.tasks.load(ref, for_user=actor.user_id, also=also, beside=beside, labels=labels)
    if loaded is None or not policy.sees_task(desk.actor, is_member=loaded.is_member):
        raise TaskNotFound
    return loaded


def shown(loaded: LoadedTask) -> TaskView:
    """The task as it was loaded."""
    return TaskView.of(loaded.task, assigned_to_name=loaded.assigned_to_name, watching=loaded.watching)


def ensure_open(loaded: LoadedTask) -> None:
    """Raises ProjectArchived."""
    if not loaded.project_is_active:
        raise ProjectArchived


def _stands_in(task: Task, column: Column, changes: TaskChanges) -> bool:
    return column.id == task.column_id or (changes.column_id is None and column.category is task.status)
