from core.kernel.errors import Conflict, Fault, Invalid, NotFound


class CycleNotFound(NotFound):
    code = "cycle.not_found"
    title = "There is no such cycle, or you may not see it"


class AnotherCycleActive(Conflict):
    code = "cycle.another_active"
    title = "Another cycle of the project is active: complete that one first"


class CycleNotPlanned(Conflict):
    code = "cycle.not_planned"
    title = "Only a planned cycle can be started"


class CycleNotActive(Conflict):
    code = "cycle.not_active"
    title = "Only the active cycle can be completed"


class CycleActive(Conflict):
    code = "cycle.active"
    title = "An active cycle cannot be deleted: complete it first"


class CycleTakesNoTasks(Invalid):
    """Named as the cycle of a task, or as the one to carry tasks over to."""

    code = "cycle.completed"
    title = "The cycle is completed: no task can be put into it"

    def __init__(self, *, pointer: str) -> None:
        super().__init__(faults=(Fault("must be a planned or active cycle", pointer=pointer),))
