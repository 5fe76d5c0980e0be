from core.kernel.actor import Actor, reading
from core.kernel.errors import answers
from core.kernel.paging import Answer
from core.realtime.errors import PositionInvalid
from core.realtime.policy import audible_events
from core.realtime.ports import EventReader
from core.realtime.read_models import Stretch


class EventUseCases:
    """Reading the event log."""

    def __init__(self, *, reader: EventReader) -> None:
        self._reader = reader

    @reading
    @answers(PositionInvalid)
    async def after(self, actor: Actor, *, position: int, types: tuple[str, ...], limit: int) -> Answer[Stretch]:
        """The events after a position that the caller may see, in order: everything that happened in their projects,
        or in the whole company for owners and admins, and what names them.
        """
        answer = await self._reader.after(
            actor, audible=audible_events(actor), position=position, types=types, limit=limit
        )
        if position > answer.seq:
            raise PositionInvalid
        return answer
