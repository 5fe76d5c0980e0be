"""The operations of a batch: the verbs of tasks, each with what it names."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.errors import Fault, Invalid, ReferenceNotFound
from core.tasks.batches import Needs
from core.tasks.changes import NewTask, TaskChanges
from core.tasks.ports import TaskDesk, TaskRef
from core.tasks.use_cases.placing import Destination
from core.tasks.use_cases.verbs import Done, TaskVerbs

Value = TypeVar("Value")
Made = Mapping[str, UUID]
"""The tasks that earlier operations of the batch made, by what they called them."""


class BatchRef(NamedTuple):
    """A task that an earlier operation of the batch made, by what that called it."""

    name: str

    def among(self, made: Made, *, pointer: str) -> UUID:
        """The task's id. Raises ReferenceNotFound."""
        if self.name not in made:
            raise ReferenceNotFound(pointer=pointer)
        return made[self.name]


def _target(task: TaskRef | BatchRef, made: Made) -> TaskRef:
    if isinstance(task, BatchRef):
        return task.among(made, pointer="/id")
    return task


def _outside(task: TaskRef | BatchRef) -> set[TaskRef]:
    return set() if isinstance(task, BatchRef) else {task}


def _given(value: Value | None) -> tuple[Value, ...]:
    return () if value is None else (value,)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTask:
    """`ref` is what later operations call the task; `below` its parent, if that is one of the batch."""

    given: NewTask
    ref: str | None = None
    below: BatchRef | None = None

    def add_to(self, needs: Needs) -> None:
        """Adds what the operation names."""
        given = self.given
        needs.projects.add(given.project_id)
        needs.labels.update(given.labels)
        if given.parent_id is not None:
            needs.parents.add(given.parent_id)
        if given.assigned_to is not None:
            needs.assignees.add(given.assigned_to)
        if given.cycle_id is not None:
            needs.cycles.add(given.cycle_id)
        if given.external_id is not None:
            needs.external_ids.add(given.external_id)

    async def carry_out(self, verbs: TaskVerbs, desk: TaskDesk, actor: Actor, made: Made) -> Done:
        """Raises what `TaskUseCases.create` answers."""
        if self.ref is not None and self.ref in made:
            raise Invalid(faults=(Fault("names another task of the batch", pointer="/ref"),))
        given = self.given
        if self.below is not None:
            given = replace(given, parent_id=self.below.among(made, pointer="/parent_id"))
        return await verbs.create(desk, actor, given)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTask:
    """`below` is the new parent, if that is one of the batch."""

    task: TaskRef | BatchRef
    changes: TaskChanges
    below: BatchRef | None = None
    expected: int | None = None

    def add_to(self, needs: Needs) -> None:
        """Adds what the operation names."""
        target, changes = _outside(self.task), self.changes
        needs.targets.update(target)
        if changes.project_id is not None:
            needs.projects.add(changes.project_id)
            needs.leaving.update(target)
            needs.transferred.update(target)
        if "parent_id" in changes.given:
            needs.reparented.update(target)
            needs.parents.update(_given(changes.parent_id))
        if "labels" in changes.given:
            needs.labels.update(changes.labels)
        if changes.recurrence is not None:
            needs.recurring.update(target)
        needs.assignees.update(_given(changes.assigned_to))
        needs.cycles.update(_given(changes.cycle_id))
        needs.external_ids.update(_given(changes.external_id))

    async def carry_out(self, verbs: TaskVerbs, desk: TaskDesk, actor: Actor, made: Made) -> Done:
        """Raises what `TaskUseCases.change` answers."""
        task, changes = _target(self.task, made), self.changes
        if self.below is not None:
            changes = replace(changes, parent_id=self.below.among(made, pointer="/parent_id"))
        return await verbs.change(desk, actor, task, changes, expected=self.expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveTask:
    """`before` or `after` is the card next to which it goes, if that is one of the batch."""

    task: TaskRef | BatchRef
    to: Destination
    before: BatchRef | None = None
    after: BatchRef | None = None
    expected: int | None = None

    def add_to(self, needs: Needs) -> None:
        """Adds what the operation names."""
        needs.targets.update(_outside(self.task))
        needs.beside.update(_given(self.to.beside))

    async def carry_out(self, verbs: TaskVerbs, desk: TaskDesk, actor: Actor, made: Made) -> Done:
        """Raises what `TaskUseCases.move` answers."""
        task, to = _target(self.task, made), self.to
        if self.before is not None:
            to = replace(to, before=self.before.among(made, pointer="/before"))
        if self.after is not None:
            to = replace(to, after=self.after.among(made, pointer="/after"))
        return await verbs.move(desk, actor, task, to, expected=self.expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTask:
    task: TaskRef | BatchRef
    expected: int | None = None

    def add_to(self, needs: Needs) -> None:
        """Adds what the operation names."""
        needs.targets.update(_outside(self.task))
        needs.leaving.update(_outside(self.task))

    async def carry_out(self, verbs: TaskVerbs, desk: TaskDesk, actor: Actor, made: Made) -> None:
        """Raises what `TaskUseCases.delete` answers."""
        await verbs.delete(desk, actor, _target(self.task, made), expected=self.expected)


Operation = CreateTask | ChangeTask | MoveTask | DeleteTask
