from uuid import UUID

from core.auth.errors import SessionEnded, TokenInvalid
from core.kernel.actor import Actor, NotByToken, reading
from core.kernel.errors import Forbidden, answers, concerning
from core.kernel.paging import Answer
from core.kernel.ports import Clock, Ids
from core.realtime.errors import (
    EventsExpired,
    PositionInvalid,
    TicketExpired,
    TicketInvalid,
    TicketMisplaced,
    TicketUsed,
)
from core.realtime.model import ANY_SIZE, TICKET_LIFE, Purpose, Ticket
from core.realtime.policy import audible_events, authorise_doors
from core.realtime.ports import Attendance, EventReader, TicketTexts, UsedTickets
from core.realtime.read_models import EventView, Stretch


class EventUseCases:
    """Reading the event log."""

    def __init__(self, *, reader: EventReader) -> None:
        self._reader = reader

    @reading
    @answers(PositionInvalid, EventsExpired)
    async def after(
        self, actor: Actor, *, position: int, types: tuple[str, ...], limit: int, most_bytes: int = ANY_SIZE
    ) -> Answer[Stretch]:
        """The events after a position that the caller may see, in order: everything that happened in their projects,
        or in the whole company for owners and admins, and what names them.
        """
        events: list[EventView] = []
        examined, audible = position, audible_events(actor)
        while True:
            found, head = await self._reader.after(
                actor,
                audible=audible,
                position=examined,
                types=types,
                limit=limit - len(events),
                most_bytes=most_bytes,
            )
            if position > head:
                raise PositionInvalid
            if found.is_expired:
                raise EventsExpired
            events += found.events
            examined = found.examined
            if len(events) >= limit or examined >= head or (events and most_bytes < ANY_SIZE):
                return Answer(Stretch(events, examined), head)


class PresenceUseCases:
    """Seeing who is online."""

    def __init__(self, *, reader: EventReader, attendance: Attendance) -> None:
        self._reader = reader
        self._attendance = attendance

    @reading
    @answers()
    async def present(self, actor: Actor) -> Answer[list[UUID]]:
        """Who has a socket or a stream open at this moment, or had one a few seconds ago, of those whom one may see:
        all users to owners and admins, to members themselves and whoever shares a project with them.
        """
        return await self._reader.seen(actor, among=await self._attendance.online(actor.company_id))


class DoorUseCases:
    """Opening the doors that stay open: sockets and streams."""

    def __init__(self, *, reader: EventReader, tickets: TicketTexts, used: UsedTickets, clock: Clock, ids: Ids) -> None:
        self._reader = reader
        self._tickets = tickets
        self._used = used
        self._clock = clock
        self._ids = ids

    @reading
    @answers(Forbidden)
    async def open(self, actor: Actor, *, user_id: UUID) -> int:
        """Where the log stands at the moment when a user's own door opens."""
        answer = await self._reader.head(actor)
        authorise_doors(actor, user_id)
        return answer.seq

    @reading
    @answers(PositionInvalid, EventsExpired)
    async def stream(self, actor: Actor, *, position: int | None = None) -> int:
        """What happens, as it happens, to whoever may see it, in order, from a position on: server-sent events, whose
        `id` is the position to go on from when the connection breaks. A comment every 15 seconds shows that it lives.
        It ends with the login session, by an event named `end`; whoever reads too slowly is told so and comes again.
        """
        if position is None:
            return (await self._reader.head(actor)).seq
        is_kept, head = await self._reader.is_kept(actor, position=position)
        if position > head:
            raise PositionInvalid
        if not is_kept:
            raise EventsExpired
        return head

    @reading
    @answers(NotByToken)
    async def issue(self, actor: Actor, *, purpose: Purpose) -> str:
        """A ticket for one socket or stream, instead of a token in its address: it works once, within 60 seconds, for
        the caller, as long as their login session lasts.
        """
        actor.signed_in  # noqa: B018  (raises)
        await self._reader.head(actor)
        ticket = Ticket(id=self._ids.new(), purpose=purpose, actor=actor, expires_at=self._clock.now() + TICKET_LIFE)
        return self._tickets.issue(ticket)

    @answers(TicketInvalid, TicketExpired, TicketUsed, TicketMisplaced, SessionEnded, TokenInvalid)
    async def redeem(self, text: str, *, purpose: Purpose) -> Actor:
        """Whoever a ticket was issued to. It is used up by this, in all processes."""
        ticket = self._tickets.read(text)
        if ticket is None:
            raise TicketInvalid
        with concerning(account_id=ticket.actor.account_id, company_id=ticket.actor.company_id):
            if ticket.purpose is not purpose:
                raise TicketMisplaced
            if self._clock.now() >= ticket.expires_at:
                raise TicketExpired
            if not await self._used.use(ticket):
                raise TicketUsed
        return ticket.actor
