from core.kernel.errors import Fault, Gone, Invalid, TooMany, Unauthenticated


class PositionInvalid(Invalid):
    code = "events.position_invalid"
    title = "That is no position in this company's event log"

    def __init__(self) -> None:
        super().__init__(faults=(Fault("no position in the log", parameter="after"),))


class EventsExpired(Gone):
    """What happened after a position is partly gone: who goes on from there would miss it without noticing."""

    code = "events.expired"
    title = "The log no longer goes back to that position; read anew what you show, and go on from its X-Event-Seq"


class TicketRefused(Unauthenticated):
    code = "ticket.refused"
    title = "The ticket opens nothing"


class TicketInvalid(TicketRefused):
    code = "ticket.invalid"
    title = "The ticket is malformed or forged"


class TicketExpired(TicketRefused):
    code = "ticket.expired"
    title = "The ticket is older than it may be; ask for another"


class TicketUsed(TicketRefused):
    code = "ticket.used"
    title = "The ticket was used before; each opens one door, once"


class TicketMisplaced(TicketRefused):
    code = "ticket.misplaced"
    title = "The ticket opens another door than this"


class TooManyDoors(TooMany):
    code = "doors.too_many"
    title = "As many sockets and streams are open as one user may have; close one"
