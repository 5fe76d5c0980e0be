from collections.abc import Mapping

from core.kernel.errors import Conflict, Fault, Invalid, NotFound, Refusal

MOST_FAULTS = 100
"""So many of its faults a batch is told at most."""

MOST_TEXT = 10 * 2**20
"""So many characters the descriptions of the tasks that a batch answers have at most, each as often as it is shown."""


class TaskNotFound(NotFound):
    code = "task.not_found"
    title = "There is no such task, or you may not see it"


class AssigneeCannotSeeProject(Invalid):
    code = "task.assignee_cannot_see_project"
    title = "The assignee is not active, or does not see the project"

    def __init__(self) -> None:
        super().__init__(faults=(Fault("must be an active user who can see the project", pointer="/assigned_to"),))


class ParentWithin(Invalid):
    code = "task.parent_within"
    title = "A task cannot be a sub-task of itself, or of one below it"

    def __init__(self) -> None:
        super().__init__(faults=(Fault("is the task itself, or one of its sub-tasks", pointer="/parent_id"),))


class ParentTooDeep(Invalid):
    code = "task.too_deep"
    title = "Sub-tasks stand 5 deep at most"

    def __init__(self) -> None:
        super().__init__(faults=(Fault("more than 5 tasks would stand above a sub-task", pointer="/parent_id"),))


class RecurrenceInvalid(Invalid):
    code = "task.recurrence_invalid"
    title = "The recurrence is no rule by which days come again"


class ExternalIdTaken(Conflict):
    code = "task.external_id_taken"
    title = "Another task of the project has that external_id"


class MoveContradicts(Invalid):
    code = "task.move_contradicts"
    title = "The parts of the move name different places"


class TaskNotDeleted(Conflict):
    code = "task.not_deleted"
    title = "The task was not deleted, so there is nothing to restore"


class ColumnNotFound(NotFound):
    code = "column.not_found"
    title = "There is no such column, or you may not see it"


class ColumnNotEmpty(Conflict):
    code = "column.not_empty"
    title = "The column holds cards; say with move_to where they go"


class TooManyRecurring(Conflict):
    code = "column.too_many_recurring"
    title = "More than 500 cards of the column would recur at once; move some of them first"


class TooManyColumns(Conflict):
    code = "board.too_many_columns"
    title = "A board has 50 columns at most"


class BoardIncomplete(Conflict):
    code = "board.category_missing"
    title = "The board has no column of that category"


class BulkTooLong(Invalid):
    """Nothing of the batch was done."""

    code = "bulk.too_long"
    title = "The descriptions of the tasks that the batch would answer are longer than 10 Mi characters; do it in parts"

    def __init__(self) -> None:
        super().__init__(faults=(Fault("would answer too much text", pointer="/operations"),))


class BulkFailed(Invalid):
    """`refused` are what was refused, by the places of the operations. Nothing of the batch was done."""

    code = "bulk.failed"
    title = "Nothing was done, since an operation of the batch was refused"

    def __init__(self, refused: Mapping[int, Refusal]) -> None:
        faults = [
            Fault(fault.detail, pointer=f"/operations/{index}{fault.pointer or ''}", code=refusal.code)
            for index, refusal in refused.items()
            for fault in refusal.faults or (Fault(refusal.detail),)
        ]
        super().__init__(faults=tuple(faults[:MOST_FAULTS]))
        self.refused = refused
