from typing import Protocol

from core.kernel.actor import Actor
from core.kernel.paging import Answer
from core.realtime.policy import Audible
from core.realtime.read_models import Stretch


class EventReader(Protocol):
    async def after(
        self, actor: Actor, *, audible: Audible, position: int, types: tuple[str, ...], limit: int
    ) -> Answer[Stretch]:
        """The first `limit` events after a position that the caller may hear of, in order."""
        ...
