from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from core.cycles.errors import CycleTakesNoTasks
from core.kernel.actor import Actor, reading
from core.kernel.errors import FieldReadOnly, Forbidden, Invalid, ReferenceNotFound, Refusal, Stale, answers
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer
from core.kernel.ports import Clock, Ids
from core.projects.errors import ProjectArchived
from core.tasks import policy
from core.tasks.batches import Needs, OpenBatchUnitOfWork
from core.tasks.errors import (
    MOST_TEXT,
    AssigneeCannotSeeProject,
    BoardIncomplete,
    BulkFailed,
    BulkTooLong,
    ExternalIdTaken,
    MoveContradicts,
    ParentTooDeep,
    ParentWithin,
    RecurrenceInvalid,
    TaskNotFound,
)
from core.tasks.ports import TaskReader
from core.tasks.read_models import TaskView
from core.tasks.use_cases.bulk_operations import CreateTask, Operation
from core.tasks.use_cases.verbs import TaskVerbs
from core.tasks.use_cases.workspace import Workspace

OF_ONE_OPERATION = (
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
"""What a single operation may be refused by: what the same verb alone is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationResult:
    """What came of an operation: the task as it left it, None if that was deleted; or why it was refused."""

    operation: Operation | None
    task: TaskView | None = None
    refused: Refusal | None = None


Results = tuple[OperationResult, ...]


class BulkUseCases:
    """Doing many things to tasks at once. After each `part` of so many operations, what came of it is written, while
    the next ones are worked out.
    """

    def __init__(
        self, *, unit_of_work: OpenBatchUnitOfWork, reader: TaskReader, clock: Clock, ids: Ids, part: int = 250
    ) -> None:
        self._unit_of_work = unit_of_work
        self._reader = reader
        self._ids = ids
        self._part = part
        self._verbs = TaskVerbs(clock=clock, ids=ids)

    @answers(BulkFailed, BulkTooLong, KeyReused, InFlight)
    async def carry_out(
        self,
        actor: Actor,
        operations: Sequence[Operation | Refusal],
        *,
        atomic: bool,
        outline: Callable[[Results], bytes],
        once: Once | None = None,
    ) -> Answer[Results]:
        """Creates, changes, moves and deletes up to 1,000 tasks in one transaction, one operation after the other.

        Each is what it is alone, by the same rules, with the same events, and is refused for the same reasons; it finds
        what those before it did. `ref` is what a task is called within the batch: `{"ref": "..."}` stands for its id
        in later operations.

        With `atomic`, nothing is done if any operation is refused, and `errors` says by pointers which were; at most
        100 are told. Without it, what is refused is left out, and the rest is done.
        """
        needs = Needs()
        for operation in operations:
            if not isinstance(operation, Refusal):
                operation.add_to(needs)
        async with self._unit_of_work(actor, once=once) as uow:
            gathered = await uow.batches.gather(needs, for_user=actor.user_id)
            desk = Workspace(gathered, actor=uow.actor, cards=uow.batches.cards)
            made: dict[str, UUID] = {}
            done: list[OperationResult] = []
            refused: dict[int, Refusal] = {}
            for place, operation in enumerate(operations):
                if place and place % self._part == 0 and not (atomic and refused):
                    await uow.batches.begin_to_write(desk.outcome())
                result = await self._attempt(desk, actor, operation, made)
                done.append(result)
                if result.refused is not None:
                    refused[place] = result.refused
            if atomic and refused:
                raise BulkFailed(refused)
            results = tuple(done)
            if sum(_length(each.task) for each in results if each.task is not None) > MOST_TEXT:
                raise BulkTooLong
            uow.batches.write(desk.outcome())
            uow.record(*desk.facts)
            whole = None
            if once is not None:
                whole = Made(kind="tasks", id=self._ids.new(), version=1, outline=outline(results))
            seq = await uow.commit(made=whole)
        return Answer(results, seq)

    @reading
    @answers()
    async def again(self, actor: Actor, task_ids: Sequence[UUID]) -> Answer[dict[UUID, TaskView]]:
        """Those of the tasks that the caller sees, as they are now.

        Each is shown as often as it is named; one with which that would be too much text is left out.
        """
        views, seq = await self._reader.those(actor, task_ids, visible=policy.visible_tasks(actor))
        often, room, shown = Counter(task_ids), MOST_TEXT, {}
        for view in views:
            length = often[view.id] * _length(view)
            if length <= room:
                room -= length
                shown[view.id] = view
        return Answer(shown, seq)

    async def _attempt(
        self, desk: Workspace, actor: Actor, operation: Operation | Refusal, made: dict[str, UUID]
    ) -> OperationResult:
        if isinstance(operation, Refusal):
            return OperationResult(operation=None, refused=operation)
        desk.attempt()
        try:
            done = await operation.carry_out(self._verbs, desk, actor, made)
        except OF_ONE_OPERATION as refused:
            desk.take_back()
            return OperationResult(operation=operation, refused=refused)
        if isinstance(operation, CreateTask) and operation.ref is not None and done is not None:
            made[operation.ref] = done.task.id
        return OperationResult(operation=operation, task=done.view if done is not None else None)


def _length(view: TaskView) -> int:
    return len(view.description or "")
