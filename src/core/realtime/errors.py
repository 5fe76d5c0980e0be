from core.kernel.errors import Fault, Invalid


class PositionInvalid(Invalid):
    code = "events.position_invalid"
    title = "That is no position in this company's event log"

    def __init__(self) -> None:
        super().__init__(faults=(Fault("no position in the log", parameter="after"),))
