from core.kernel.errors import Fault, Invalid, NotFound


class SpanInvalid(Invalid):
    code = "audit.span_invalid"
    title = "The span of time ends before it begins"

    def __init__(self) -> None:
        super().__init__(faults=(Fault("must be later than `from`", parameter="to"),))


class NobodyFound(NotFound):
    code = "audit.nobody_found"
    title = "There is no such company, or nobody of that name or address in it"
