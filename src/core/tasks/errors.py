from core.kernel.errors import Conflict, Fault, Invalid, NotFound


class TaskNotFound(NotFound):
    code = "task.not_found"
    title = "There is no such task, or you may not see it"


class AssigneeCannotSeeProject(Invalid):
    code = "task.assignee_cannot_see_project"
    title = "The assignee is not active, or does not see the project"

    def __init__(self) -> None:
        super().__init__(faults=(Fault("must be an active user who can see the project", pointer="/assigned_to"),))


class MoveContradicts(Invalid):
    code = "task.move_contradicts"
    title = "The parts of the move name different places"


class BoardIncomplete(Conflict):
    code = "board.category_missing"
    title = "The board has no column of that category"
